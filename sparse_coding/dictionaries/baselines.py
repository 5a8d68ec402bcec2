"""Comparison of a model with K-SVD, scikit-learn's mini-batch dictionary learning, PCA and raw inputs.

All methods code the same rows, in the model's scaled units. It is an iterator that can be left at every event. Knows no
clock and no queue. Loads scikit-learn, which is slow to load.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from sklearn.decomposition import MiniBatchDictionaryLearning
from torch import Tensor
from torch.nn import functional

from sparse_coding import errors
from sparse_coding.analysis import evaluation, matching, probe
from sparse_coding.analysis.evaluation import HeldOut, HeldOutRows
from sparse_coding.analysis.matching import Dictionary
from sparse_coding.data import batches, sampling, variation
from sparse_coding.data.datasets import Dataset, Split
from sparse_coding.dictionaries import atom_files, ksvd, pursuit
from sparse_coding.dictionaries.atom_files import Atoms
from sparse_coding.models import objectives
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs.baselines import Method

FIT_ROWS: Final = 10_000
ITERATIONS: Final = 10
SEED: Final = 42

MAX_LATENTS: Final = 4096
"""Largest model that is compared: the Gram matrix grows with the square of the atoms, the matching with the cube."""

MINIBATCH_ROWS: Final = 256
"""scikit-learn's default."""

PENALTY: Final = 0.14
"""L1 weight of the mini-batch learner as a share of the rows' root mean square length.

Relative, because the lasso's weight has the units of the rows. For centred digits of 28 x 28, whose length is about 7,
it is scikit-learn's default of 1. For digits of 8 x 8, a third of it and three times as much both gave a larger error.
"""

FORMULAS: Final[Mapping[str, str | list[str]]] = {
    "mse": objectives.MSE_MEAN,
    "explained_variance": "explained_variance.centred",
    "l0": "l0.nonzero",
    "k": "l0.rounded",
    "left_out": ["dead_latents", "unused_atoms"],  # of the model, of dictionaries
    "mutual_coherence": "mutual_coherence",
    "matched_cosine": matching.PW_MCC,
    "probe_accuracy": probe.FORMULAS["accuracy"],
    "codes": pursuit.OMP,
    "ksvd": ksvd.KSVD,
}


@dataclass(frozen=True)
class Progress:
    """A point where the comparison can stop: `step` of the `steps` of one method are done."""

    method: str
    step: int
    steps: int


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of the table; None for figures that the method does not have."""

    method: str
    """`model`, `model.truncated`, `ksvd`, `minibatch`, `pca`, `pca.truncated` or `raw`."""
    mse: float | None = None
    """`mse.mean` on the held-out rows, in scaled units."""
    explained_variance: float | None = None
    l0: float | None = None
    """`l0.nonzero`: mean number of coefficients per row that are not zero."""
    mutual_coherence: float | None = None
    n_atoms: int | None = None
    """All atoms, including those left out."""
    left_out: int | None = None
    """Dead latents of the model; for a dictionary, atoms that no held-out row uses."""
    filled_atoms: int | None = None
    """Atoms that started as random directions, for lack of distinct rows; only for learned dictionaries."""
    probe_accuracy: float | None = None
    probe_columns: int | None = None
    """Columns of the codes that vary over the rows that the probe is fitted on; it uses only these."""
    dictionary: Atoms | None = None
    """None for raw inputs; a truncated code has the dictionary of the full code."""

    def document(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "method": self.method,
            "mse": self.mse,
            "explained_variance": self.explained_variance,
            "l0": self.l0,
            "mutual_coherence": self.mutual_coherence,
            "atoms": self.n_atoms,
            "left_out": self.left_out,
            "filled_atoms": self.filled_atoms,
            "matched_cosine": self.dictionary.mean_cosine if self.dictionary is not None else None,
            "probe_accuracy": self.probe_accuracy,
            "probe_columns": self.probe_columns,
        }


@dataclass(frozen=True, eq=False)
class Ground:
    """The rows that all methods are fitted and measured on, and the model's figures. Rows are scaled inputs."""

    model: TrainedModel
    fit: Float32[Tensor, "m d"]
    fit_labels: Int64[np.ndarray, " m"] | None
    rows_chosen: sampling.Rule
    """How the rows that are fitted on were sampled from those that the model learned from."""
    centre: Float32[Tensor, " d"]
    """Mean of the rows that are fitted on."""
    test: HeldOutRows
    test_labels: Int64[np.ndarray, " n"] | None
    classes: tuple[str, ...]
    """Names of the classes that the labels index."""
    measured: HeldOut
    dictionary: Dictionary
    """The model's, with its dead latents, in scaled units."""

    @property
    def k(self) -> int:
        """`l0.rounded`: the model's rounded `l0.threshold`, but at least 1 and at most min(n_latents, d)."""
        # as many coefficients as the model uses; more than d atoms are never linearly independent
        return min(max(1, round(self.measured.l0)), self.model.n_latents, self.model.n_inputs)

    @property
    def centred(self) -> Float32[Tensor, "m d"]:
        """The rows that are fitted on minus their mean; 0 in inputs that do not vary by more than rounding."""
        varying = variation.varies(self.fit.amin(0), self.fit.amax(0))
        return torch.where(varying, self.fit - self.centre, 0.0)

    @property
    def probe_rows(self) -> int | None:
        """Training rows that a probe is fitted on; None without labels."""
        return None if self.fit_labels is None or self.test_labels is None else min(len(self.fit), probe.MAX_ROWS)

    @property
    def remarks(self) -> list[str]:
        """Remarks about classes that only the rows that the probes are fitted on have, or only those scored."""
        if self.fit_labels is None or self.test_labels is None:
            return []
        return probe.remarks(self.fit_labels[self.probed], self.test_labels, self.classes)

    @property
    def probed(self) -> Int64[np.ndarray, " p"]:
        """Which of the rows that are fitted on a probe is fitted on; they need labels."""
        return sampling.draw(len(self.fit), probe.MAX_ROWS, self.fit_labels).indices

    @property
    def live(self) -> Bool[np.ndarray, " n_latents"]:
        """Latents that are active on some held-out row."""
        alive: np.ndarray = (self.measured.highest > evaluation.THRESHOLD).numpy()
        return alive


@torch.inference_mode()
def load(model: TrainedModel, dataset: Dataset, fit_rows: int = FIT_ROWS) -> Ground:
    """Load the model's dataset for the comparison: at most `fit_rows` of the rows that the model learned from.

    Raises `SpecDoesNotFit` for more than `MAX_LATENTS` latents, `WrongWidth` for another model's dataset.
    """
    if model.n_latents > MAX_LATENTS:
        raise errors.SpecDoesNotFit(
            f"Models of at most {MAX_LATENTS} latents are compared with dictionaries; this one has {model.n_latents}."
        )
    train, test = dataset.split("train"), dataset.split("test")
    chosen = sampling.of_learned(model.spec.dataset, dataset, fit_rows)
    raw, held_out = _raw(model, train.rows[chosen.indices]), _raw(model, test.rows)
    fit = model.preprocessing.to_inputs(raw)
    on = evaluation.hold_out(raw, held_out, model.preprocessing)
    return Ground(
        model=model,
        fit=fit,
        fit_labels=_labels(train, chosen.indices),
        rows_chosen=chosen.rule,
        centre=fit.mean(0, dtype=torch.float64).float(),
        test=on,
        test_labels=_labels(test, slice(None)),
        classes=dataset.classes or (),
        measured=evaluation.evaluate(model.autoencoder, model.preprocessing, on),
        dictionary=_in_scaled_units(model),
    )


def _raw(model: TrainedModel, stored: np.ndarray) -> Tensor:
    device = next(model.autoencoder.parameters()).device
    return torch.from_numpy(np.array(model.preprocessing.rows(stored))).to(device)


def _labels(split: Split, rows: np.ndarray | slice) -> np.ndarray | None:
    return None if split.labels is None else np.array(split.labels[rows])


def _in_scaled_units(model: TrainedModel) -> Dictionary:
    own, span = matching.dictionary(model), model.preprocessing.span
    return own if span is None else Dictionary(own.atoms / span.cpu().numpy(), own.kind)


def compare(
    ground: Ground, methods: Sequence[Method], *, iterations: int = ITERATIONS, seed: int = SEED
) -> Iterator[Progress | Entry]:
    """Yield the table's lines as they are finished, and between them points to stop; the model comes first, twice.

    Its second line keeps only the k largest latents of each code: a sigmoid code is never zero, so that its full code
    uses all latents and cannot be compared with codes of k coefficients.
    """
    yield from _model(ground)
    for method in methods:
        match method:
            case "ksvd":
                yield from _ksvd(ground, iterations, seed)
            case "minibatch":
                yield from _minibatch(ground, iterations, seed)
            case "pca":
                yield from _pca(ground)
            case "raw":
                yield from _raw_inputs(ground)


def summary(ground: Ground, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A finished comparison as JSON values; `entries` are the documents of its lines."""
    return {
        "k": ground.k,
        "entries": list(entries),
        "dictionary": ground.dictionary.kind,
        "fit_rows": len(ground.fit),
        "rows_chosen": ground.rows_chosen,
        "probe_rows": ground.probe_rows,
        "remarks": ground.remarks,
        "num_samples": ground.measured.rows,
        "threshold": evaluation.THRESHOLD,
        "error_units": ground.model.preprocessing.error_units,
        "formulas": dict(FORMULAS),
    }


def write(path: Path, ground: Ground, entries: Sequence[Entry]) -> None:
    """The dictionaries of a finished comparison in one file, which `atom_files` reads."""
    own = {entry.method: entry.dictionary for entry in entries if entry.dictionary is not None}
    whole = {method: dictionary for method, dictionary in own.items() if not method.endswith(".truncated")}
    shape = ground.model.preprocessing.image_shape
    atom_files.write(path, whole, image_shape=shape, n_latents=ground.model.n_latents)


# The methods.


def _model(ground: Ground) -> Iterator[Progress | Entry]:
    yield Progress("model", 0, 2)
    network = ground.model.autoencoder
    own = _dictionary(ground, ground.dictionary.atoms, ground.live, matched=False)
    yield Entry("model", **_score(ground, network.encode, network.decode).figures, **own)
    yield Progress("model", 1, 2)
    truncated = _score(ground, lambda x: _largest(network.encode(x), ground.k), network.decode)
    yield Entry("model.truncated", **truncated.figures, **own)


def _ksvd(ground: Ground, iterations: int, seed: int) -> Iterator[Progress | Entry]:
    yield Progress("ksvd", 0, iterations)
    fit = ksvd.start(ground.centred, ground.model.n_latents, ground.k, seed)
    for done in ksvd.iterations(fit, iterations):
        yield Progress("ksvd", done.iteration, iterations)
    yield _of_sparse_codes(ground, "ksvd", fit.atoms, fit.filled)


def _minibatch(ground: Ground, passes: int, seed: int) -> Iterator[Progress | Entry]:
    """Fit with as many passes over the rows as K-SVD makes, from the same initial atoms: only the methods differ."""
    rows, step, steps = ground.centred, 0, passes * math.ceil(len(ground.fit) / MINIBATCH_ROWS)
    first, filled = ksvd.first_atoms(rows, ground.model.n_latents, seed)
    learner = MiniBatchDictionaryLearning(
        ground.model.n_latents,
        alpha=max(PENALTY * float(rows.square().sum(1).mean().sqrt()), np.finfo(np.float32).tiny),
        dict_init=_doubles(first),
        random_state=seed,
    )
    for number in range(passes):
        for batch in batches.shuffled(rows, batches.order(len(rows), seed, number), MINIBATCH_ROWS):
            yield Progress("minibatch", step, steps)
            with _quiet():
                learner.partial_fit(_doubles(batch))
            step += 1
    yield Progress("minibatch", steps, steps)
    atoms = torch.from_numpy(np.array(learner.components_)).to(rows)
    yield _of_sparse_codes(ground, "minibatch", functional.normalize(atoms), filled)


def _pca(ground: Ground) -> Iterator[Progress | Entry]:
    yield Progress("pca", 0, 2)
    with _quiet():
        fitted = probe.fit_components(ground.fit.cpu().numpy(), ground.model.n_latents)
    atoms = torch.from_numpy(fitted.axes).to(ground.fit)

    def encode(x: Tensor) -> Tensor:
        return (x - ground.centre) @ atoms.t()

    def decode(codes: Tensor) -> Tensor:
        return codes @ atoms + ground.centre

    own = _dictionary(ground, atoms.cpu().numpy(), np.ones(len(atoms), bool))
    yield Entry("pca", **_score(ground, encode, decode).figures, **own)
    yield Progress("pca", 1, 2)
    truncated = _score(ground, lambda x: _largest(encode(x), ground.k), decode)
    yield Entry("pca.truncated", **truncated.figures, **own)


def _raw_inputs(ground: Ground) -> Iterator[Progress | Entry]:
    yield Progress("raw", 0, 1)
    codes = _score(ground, lambda x: x, lambda x: x)
    yield Entry("raw", probe_accuracy=codes.probe_accuracy, probe_columns=codes.probe_columns)


def _of_sparse_codes(ground: Ground, method: str, atoms: Tensor, filled: int) -> Entry:
    """The line of a dictionary whose codes come from matching pursuit with k coefficients, the model's rounded L0."""
    score = _score(
        ground,
        lambda x: pursuit.omp(x - ground.centre, atoms, ground.k),
        lambda codes: codes @ atoms + ground.centre,
    )
    used: np.ndarray = (score.codes != 0).any(0)
    return Entry(method, **score.figures, **_dictionary(ground, atoms.cpu().numpy(), used), filled_atoms=filled)


def _largest(codes: Tensor, k: int) -> Tensor:
    """The codes with all but the k coefficients of largest magnitude set to 0; of equals, the lower index stays."""
    largest = codes.abs().argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(codes).scatter_(1, largest, codes.gather(1, largest))


def _doubles(rows: Tensor) -> np.ndarray:
    array: np.ndarray = rows.double().cpu().numpy()
    return array


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore scikit-learn's warnings about paths that end early and rows that do not vary: neither matters here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# How well they do.


@dataclass(frozen=True, eq=False)
class _Score:
    """The figures of one way to code the held-out rows."""

    mse: float
    explained_variance: float | None
    codes: Float32[np.ndarray, "n f"]
    probe_accuracy: float | None
    probe_columns: int | None

    @property
    def figures(self) -> dict[str, Any]:
        return {
            "mse": self.mse,
            "explained_variance": self.explained_variance,
            "l0": int(np.count_nonzero(self.codes)) / len(self.codes),
            "probe_accuracy": self.probe_accuracy,
            "probe_columns": self.probe_columns,
        }


@torch.inference_mode()
def _score(ground: Ground, encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor]) -> _Score:
    """Code the held-out rows once, in the chunks of `evaluation`, so that the model's error is that of its run."""
    squared, codes = torch.zeros((), dtype=torch.float64, device=ground.fit.device), []
    for chunk, count in batches.chunks(ground.test.rows):
        x = ground.model.preprocessing.to_inputs(chunk)
        code = encode(x)
        squared += (decode(code) - x)[:count].square_().sum(dtype=torch.float64)
        codes.append(code[:count].cpu().numpy())
    found = replace(ground.measured, squared_error=float(squared))
    everything = np.concatenate(codes)
    return _Score(found.mse, found.explained_variance, everything, *_probed(ground, encode, everything))


def _probed(ground: Ground, encode: Callable[[Tensor], Tensor], test: np.ndarray) -> tuple[float | None, int | None]:
    """`probe.logistic` on codes, and the columns used; None without labels or with unsuitable ones."""
    if ground.probe_rows is None or ground.fit_labels is None or ground.test_labels is None:
        return None, None
    chosen = ground.probed
    rows = torch.split(ground.fit[torch.from_numpy(chosen).to(ground.fit.device)], batches.CHUNK_ROWS)
    codes = np.concatenate([encode(chunk).cpu().numpy() for chunk in rows])
    try:
        accuracy = probe.accuracy(codes, ground.fit_labels[chosen], test, ground.test_labels)
    except errors.UnsuitableLabels:
        return None, None
    return accuracy, probe.columns_used(codes)


def _dictionary(ground: Ground, atoms: np.ndarray, used: np.ndarray, *, matched: bool = True) -> dict[str, Any]:
    """The fields of an entry that describe its dictionary; only the atoms in `used` are stored and compared."""
    # an atom that no row uses says nothing about the data, and would lower the matched cosines
    kept = atoms[used]
    pairs = matching.match(ground.dictionary.atoms[ground.live], kept).pairs if matched else ()
    return {
        "mutual_coherence": mutual_coherence(kept),
        "n_atoms": len(atoms),
        "left_out": int((~used).sum()),
        "dictionary": Atoms(
            atoms=kept,
            indices=np.flatnonzero(used),
            pairs=np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2),
            cosines=np.array([pair.cosine for pair in pairs], np.float64),
        ),
    }


def mutual_coherence(atoms: Float[np.ndarray, "n d"]) -> float | None:
    """`mutual_coherence`: the largest |cosine| between two atoms; None for fewer than two. A zero atom has cosine 0.

    Matching pursuit with k atoms recovers a code for certain if the coherence is below 1 / (2 k - 1) (Tropp 2004).
    """
    if len(atoms) < 2:
        return None
    # normalised again in float64, and in chunks, because the whole Gram matrix of many atoms is large
    unit = functional.normalize(torch.from_numpy(atoms).double(), eps=np.finfo(np.float64).tiny)
    largest = 0.0
    for start, some in zip(range(0, len(unit), batches.CHUNK_ROWS), torch.split(unit, batches.CHUNK_ROWS), strict=True):
        cosines = (some @ unit.t()).abs()
        cosines.diagonal(start).zero_()
        largest = max(largest, float(cosines.max()))
    return min(largest, 1.0)
