"""The comparison of a model with classical dictionaries: figures against oracles, events, the file of atoms."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA, sparse_encode
from sklearn.linear_model import LogisticRegression

from sparse_coding import errors
from sparse_coding.analysis import evaluation, matching, probe
from sparse_coding.data import datasets, sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.dictionaries import atom_files, baselines
from sparse_coding.dictionaries.baselines import Entry, Ground, Progress
from sparse_coding.models import weights
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs.baselines import Method
from testing.core_library import Ask, Prepare

ALL: tuple[Method, ...] = ("ksvd", "minibatch", "pca", "raw")
LINES = ["model", "model.truncated", "ksvd", "minibatch", "pca", "pca.truncated", "raw"]


@pytest.fixture(scope="module")
def ground(trained: TrainedModel, digits: Dataset) -> Ground:
    return baselines.load(trained, digits, fit_rows=500)


@pytest.fixture(scope="module")
def table(ground: Ground) -> dict[str, Entry]:
    return entries(ground)


@pytest.fixture(scope="module")
def model_of(ask: Ask, prepare: Prepare, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TrainedModel]:
    """An untrained model of a dataset."""

    def make(dataset: Dataset, /, **parts: Any) -> TrainedModel:
        asked = ask(**parts)
        state, data = prepare(asked, dataset)
        path = tmp_path_factory.mktemp("model") / "weights.safetensors"
        weights.write(path, state.autoencoder, asked, data.preprocessing)
        return weights.read(path)

    return make


def entries(ground: Ground, methods: Sequence[Method] = ALL, **asked: Any) -> dict[str, Entry]:
    events = baselines.compare(ground, methods, **{"iterations": 2, **asked})
    return {event.method: event for event in events if isinstance(event, Entry)}


def centred(ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """The rows fitted on and the held-out ones, both less the mean of the former, in float64."""
    fit = ground.fit.double().numpy()
    test = ground.model.preprocessing.to_inputs(ground.test.rows).double().numpy()
    return fit - fit.mean(0), test - fit.mean(0)


def figures(errors_left: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Both figures of a reconstruction, written out."""
    return {
        "mse": pytest.approx((errors_left**2).mean(), rel=1e-4),
        "explained_variance": pytest.approx(1 - (errors_left**2).sum() / ((rows - rows.mean(0)) ** 2).sum(), rel=1e-4),
    }


def test_the_lines_of_the_table_and_what_is_in_each(table: dict[str, Entry]) -> None:
    assert list(table) == LINES
    documents = {method: entry.document() for method, entry in table.items()}
    everything = documents["ksvd"].keys()
    assert all(document.keys() == everything for document in documents.values())
    empty = {
        method: {name for name, value in document.items() if value is None} for method, document in documents.items()
    }
    assert empty["raw"] == everything - {"method", "probe_accuracy", "probe_columns"}
    assert empty["model"] == empty["model.truncated"] == {"matched_cosine", "filled_atoms"}
    assert empty["pca"] == empty["pca.truncated"] == {"filled_atoms"}
    assert not any(empty[method] for method in LINES[2:4])


def test_the_model_stands_there_with_the_figures_that_it_was_published_with(
    table: dict[str, Entry], ground: Ground
) -> None:
    known = evaluation.evaluate(ground.model.autoencoder, ground.model.preprocessing, ground.test)
    assert table["model"].mse == known.mse
    assert table["model"].explained_variance == known.explained_variance
    assert table["model"].left_out == known.dead_latents
    assert table["model"].l0 == 12, "a sigmoid is never zero"
    assert ground.k == round(known.l0)


def test_the_truncated_model_decodes_its_largest_latents(table: dict[str, Entry], ground: Ground) -> None:
    x = ground.model.prepare(ground.test.rows.numpy())
    codes = ground.model.encode(x)
    for row in codes:
        row[np.argsort(-row, kind="stable")[ground.k :]] = 0
    entry = table["model.truncated"]
    assert entry.mse == pytest.approx(((ground.model.decode(codes) - x) ** 2).mean(), rel=1e-5)
    assert entry.l0 == ground.k
    assert entry.dictionary is table["model"].dictionary


@pytest.mark.parametrize("method", ["ksvd", "minibatch"])
def test_learned_dictionaries_code_the_held_out_rows_with_k_atoms(
    table: dict[str, Entry], ground: Ground, method: str
) -> None:
    entry = table[method]
    assert entry.dictionary is not None
    assert (entry.n_atoms, entry.left_out) == (12, 0)
    atoms = entry.dictionary.atoms.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-5)
    _, rows = centred(ground)
    codes = sparse_encode(rows, atoms, algorithm="omp", n_nonzero_coefs=ground.k)
    assert {"mse": entry.mse, "explained_variance": entry.explained_variance} == figures(rows - codes @ atoms, rows)
    assert entry.l0 == ground.k
    assert entry.mse is not None
    assert entry.mse < 0.7 * (rows**2).mean()


def test_principal_components_are_those_of_scikit_learn(table: dict[str, Entry], ground: Ground) -> None:
    fit, rows = centred(ground)
    expected = PCA(12, svd_solver="full").fit(fit)
    codes = expected.transform(rows)
    full, truncated = table["pca"], table["pca.truncated"]
    assert {"mse": full.mse, "explained_variance": full.explained_variance} == figures(
        rows - codes @ expected.components_, rows
    )
    for row in codes:
        row[np.argsort(-np.abs(row), kind="stable")[ground.k :]] = 0
    assert {"mse": truncated.mse, "explained_variance": truncated.explained_variance} == figures(
        rows - codes @ expected.components_, rows
    )
    assert (full.l0, truncated.l0) == (12, ground.k)
    assert full.mutual_coherence == pytest.approx(0, abs=1e-5)
    assert full.dictionary is truncated.dictionary


@pytest.mark.slow
def test_the_best_linear_code_of_so_many_dimensions_is_that_of_pca(ground: Ground) -> None:
    """On the rows that are fitted, no dictionary of as many atoms can do better than all components."""
    fit, _ = centred(ground)
    least = (np.linalg.svd(fit, compute_uv=False)[12:] ** 2).sum() / fit.size
    for method in ("ksvd", "minibatch"):
        own = entries(ground, (method,))[method].dictionary
        assert own is not None
        solution = np.linalg.lstsq(own.atoms.T.astype(np.float64), fit.T)[0]
        assert ((fit.T - own.atoms.T @ solution) ** 2).mean() >= least


def test_atoms_are_matched_with_the_models(table: dict[str, Entry], ground: Ground) -> None:
    own = matching.dictionary(ground.model).atoms
    for method in ("ksvd", "minibatch", "pca"):
        entry = table[method]
        assert entry.dictionary is not None
        expected = matching.match(own, entry.dictionary.atoms)
        assert entry.dictionary.pairs.tolist() == [list(pair[:2]) for pair in expected.pairs]
        assert entry.document()["matched_cosine"] == pytest.approx(expected.mean)
    assert table["model"].dictionary is not None
    assert not len(table["model"].dictionary.pairs)


def test_probes_are_fitted_on_the_rows_that_dictionaries_were_fitted_on(
    table: dict[str, Entry], ground: Ground, digits: Dataset
) -> None:
    train, test = digits.split("train"), digits.split("test")
    assert train.labels is not None
    assert test.labels is not None
    labels = train.labels[sampling.of_learned(ground.model.spec.dataset, digits, 500).indices]
    x, y = ground.fit.numpy(), ground.model.preprocessing.to_inputs(ground.test.rows).numpy()
    assert table["raw"].probe_accuracy == probe.accuracy(x, labels, y, test.labels)
    fit, rows = ground.model.encode(x), ground.model.encode(y)
    assert table["model"].probe_accuracy == probe.accuracy(fit, labels, rows, test.labels)
    assert all(entry.probe_accuracy is not None and entry.probe_accuracy > 0.3 for entry in table.values())


def test_mutual_coherence_by_hand() -> None:
    atoms = np.array([[2.0, 0], [0, 1], [-3, 4], [0, 0]])
    assert baselines.mutual_coherence(atoms) == pytest.approx(0.8)
    assert baselines.mutual_coherence(atoms[[0, 1, 3]]) == 0
    assert baselines.mutual_coherence(np.array([[1.0, 2], [-2, -4]])) == pytest.approx(1)
    assert baselines.mutual_coherence(atoms[:1]) is None


def test_mutual_coherence_of_many_atoms_is_that_of_the_whole_gram_matrix() -> None:
    atoms = np.random.default_rng(0).normal(size=(2500, 8))
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    cosines = np.abs(unit @ unit.T) - np.eye(2500)
    assert baselines.mutual_coherence(atoms) == pytest.approx(cosines.max())


def test_there_are_places_to_stop_between_the_steps_of_every_method(ground: Ground) -> None:
    events = list(baselines.compare(ground, ALL, iterations=2))
    steps = {method: list(group) for method, group in itertools.groupby(events, _main_part)}
    assert list(steps) == ["model", *ALL]
    for method, own in steps.items():
        counted = [event.step for event in own if isinstance(event, Progress)]
        assert counted == list(range(len(counted))), method
        assert {event.steps for event in own if isinstance(event, Progress)} <= {len(counted), len(counted) - 1}
    assert len(steps["minibatch"]) == 1 + 2 * 2 + 1, "500 rows in batches of 256, twice"


def _main_part(event: Progress | Entry) -> str:
    return event.method.partition(".")[0]


def test_leaving_the_loop_is_stopping(ground: Ground) -> None:
    events = baselines.compare(ground, ("minibatch",), iterations=1000)
    assert [event.method for event in itertools.islice(events, 6)] == [
        "model", "model", "model", "model.truncated", "minibatch", "minibatch"
    ]  # fmt: skip


def test_only_what_was_asked_for_is_compared_in_that_order(ground: Ground) -> None:
    assert list(entries(ground, ("raw", "ksvd"))) == ["model", "model.truncated", "raw", "ksvd"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table(ground: Ground, table: dict[str, Entry]) -> None:
    again = entries(ground)
    assert [entry.document() for entry in again.values()] == [entry.document() for entry in table.values()]
    other = entries(ground, ("ksvd", "minibatch"), seed=7)
    assert all(other[method].mse != table[method].mse for method in ("ksvd", "minibatch"))


def test_the_summary_says_on_what_the_figures_rest(ground: Ground, table: dict[str, Entry]) -> None:
    documents = [entry.document() | {"seconds": 1.5} for entry in table.values()]
    summary = baselines.summary(ground, documents)
    assert summary["entries"] == documents
    assert {name: summary[name] for name in ("k", "dictionary", "fit_rows", "probe_rows", "num_samples")} == {
        "k": ground.k,
        "dictionary": "difference",
        "fit_rows": 500,
        "probe_rows": 500,
        "num_samples": 360,
    }
    assert summary["error_units"] == "raw"
    assert summary["formulas"]["mutual_coherence"] == "mutual_coherence"
    assert summary["formulas"]["k"] == "l0.rounded", "not l0.threshold: it may have been raised to 1"
    assert summary["formulas"]["left_out"] == ["dead_latents", "unused_atoms"]


def test_rows_that_the_model_never_learned_from_are_not_fitted_on(
    digits: Dataset, model_of: Callable[..., TrainedModel]
) -> None:
    model = model_of(digits, dataset={"train_limit": 300, "validation_fraction": 0.1})
    assert len(baselines.load(model, digits).fit) == 270


def test_errors_and_atoms_are_in_scaled_units(digits: Dataset, model_of: Callable[..., TrainedModel]) -> None:
    model = model_of(digits, dataset={"scaling": "minmax"}, model={"hidden": [], "output": "identity"})
    ground = baselines.load(model, digits, fit_rows=400)
    assert ground.dictionary.kind == "decoder"
    columns = next(model.autoencoder.decoder.parameters()).detach().numpy().T
    np.testing.assert_allclose(ground.dictionary.atoms, columns, rtol=1e-4, atol=1e-6)
    found = entries(ground, ("pca",))
    _, rows = centred(ground)
    assert found["pca"].mse is not None
    assert found["pca"].mse < (rows**2).mean()
    assert baselines.summary(ground, [])["error_units"] == "scaled"


def test_dead_latents_are_left_out_of_the_models_dictionary(
    digits: Dataset, model_of: Callable[..., TrainedModel]
) -> None:
    model = model_of(digits, sparsity={"kind": "none"})
    last = list(model.autoencoder.encoder.parameters())[-2:]
    with torch.no_grad():
        for parameter in last:
            parameter[[2, 5]] = 0
    ground = baselines.load(model, digits, fit_rows=300)
    entry = entries(ground, ("pca",))["model"]
    assert entry.dictionary is not None
    assert not {2, 5} & set(entry.dictionary.indices.tolist())
    assert (entry.n_atoms, entry.left_out) == (12, 12 - len(entry.dictionary.atoms))
    np.testing.assert_array_equal(entry.dictionary.atoms, matching.dictionary(model).atoms[entry.dictionary.indices])


def test_a_model_without_live_latents_is_compared_all_the_same(
    digits: Dataset, model_of: Callable[..., TrainedModel], tmp_path: Path
) -> None:
    model = model_of(digits, sparsity={"kind": "none"})
    with torch.no_grad():
        for parameter in list(model.autoencoder.encoder.parameters())[-2:]:
            parameter.zero_()
    ground = baselines.load(model, digits, fit_rows=300)
    assert ground.k == 1
    found = entries(ground, ("ksvd", "pca"))
    assert (found["model"].left_out, found["model"].mutual_coherence) == (12, None)
    assert found["ksvd"].document()["matched_cosine"] is None
    path = tmp_path / "atoms.safetensors"
    baselines.write(path, ground, list(found.values()))
    tensors, document = atom_files.read(path)
    assert sorted(tensors) == ["atoms.ksvd", "atoms.pca"]
    assert document["indices"]["model"] == []


@pytest.mark.parametrize("rows", [1, 5])
def test_fewer_rows_than_atoms_and_rows_that_do_not_vary(
    rows: int, dataset_of: Callable[..., Dataset], model_of: Callable[..., TrainedModel]
) -> None:
    """Random directions fill K-SVD up; rows that do not vary have no component; without labels there is no probe."""
    dataset = dataset_of(np.full((rows, 7), 0.25, np.float32), np.linspace(0, 1, 14, dtype=np.float32).reshape(2, 7))
    model = model_of(dataset, training={"batch_size": 1})
    found = entries(baselines.load(model, dataset))
    assert list(found) == LINES
    assert found["ksvd"].n_atoms == found["minibatch"].n_atoms == 12
    assert found["ksvd"].filled_atoms == found["minibatch"].filled_atoms == 12
    assert found["pca"].n_atoms == 0
    assert all(entry.probe_accuracy is None for entry in found.values())
    assert all(np.isfinite(entry.mse) for entry in found.values() if entry.mse is not None)


@pytest.fixture(scope="module")
def forty(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """40 training rows of 64 inputs: centred, they are of rank 39."""
    train, test = digits.split("train"), digits.split("test")
    assert train.labels is not None
    path = tmp_path_factory.mktemp("forty") / "rows"
    labels = {"train_labels": np.array(train.labels[:40]), "test_labels": test.labels}
    datasets.write(path, train=np.array(train.rows[:40]), test=test.rows, **labels)
    return datasets.open(path)


def test_components_of_fewer_rows_than_inputs_are_those_that_vary(
    forty: Dataset, model_of: Callable[..., TrainedModel]
) -> None:
    """numpy's singular vectors and scikit-learn's regression: 0.002998 and 0.539; with a 40th component 0.11."""
    model = model_of(forty, model={"n_latents": 64}, training={"batch_size": 8})
    found = entries(baselines.load(model, forty), ["pca"])["pca"]
    train, test = forty.split("train"), forty.split("test")
    fit, rows = (split.rows.reshape(len(split.rows), -1) / 255 for split in (train, test))
    mean = fit.mean(0)
    axes = np.linalg.svd(fit - mean)[2][:39]
    codes, coded = (fit - mean) @ axes.T, (rows - mean) @ axes.T
    left = rows - mean - coded @ axes
    assert (found.n_atoms, found.probe_columns) == (39, 39)
    assert found.mse == pytest.approx((left**2).mean(), rel=1e-4)
    assert found.mse == pytest.approx(0.002998, abs=1e-6)
    spread = codes.std(0)
    regression = LogisticRegression(C=1, max_iter=1000).fit(codes / spread, train.labels)
    assert found.probe_accuracy == pytest.approx(regression.score(coded / spread, test.labels), abs=1.5 / 360)
    assert found.probe_accuracy == pytest.approx(0.539, abs=0.01)


def test_sorted_rows_are_fitted_on_in_all_their_classes(
    digits: Dataset, tmp_path: Path, model_of: Callable[..., TrainedModel]
) -> None:
    train, test = digits.split("train"), digits.split("test")
    assert train.labels is not None
    order = np.argsort(train.labels, kind="stable")
    datasets.write(
        tmp_path / "sorted",
        train=train.rows[order],
        test=test.rows,
        train_labels=train.labels[order],
        test_labels=test.labels,
    )
    dataset = datasets.open(tmp_path / "sorted")
    loaded = baselines.load(model_of(dataset), dataset, fit_rows=500)
    assert loaded.fit_labels is not None
    assert np.bincount(loaded.fit_labels).min() >= 48
    assert loaded.rows_chosen == baselines.summary(loaded, [])["rows_chosen"] == "stratified"
    accuracy = entries(loaded, ["raw"])["raw"].probe_accuracy
    assert accuracy is not None
    assert accuracy > 0.85


def test_classes_that_only_one_side_has_are_remarked(tmp_path: Path, model_of: Callable[..., TrainedModel]) -> None:
    rows, labels = np.random.default_rng(0).random((160, 6), np.float32), np.arange(160) % 4
    here, there = labels != 3, labels != 0
    datasets.write(
        tmp_path / "rows",
        train=rows[here],
        test=rows[there],
        train_labels=labels[here],
        test_labels=labels[there],
        classes=["a", "b", "c", "d"],
    )
    dataset = datasets.open(tmp_path / "rows")
    only_scored, only_fitted = baselines.summary(baselines.load(model_of(dataset), dataset), [])["remarks"]
    assert only_scored.startswith("40 of the 120 rows scored have classes that no row fitted on has")
    assert only_scored.endswith(": d.")
    assert only_fitted.endswith(": a.")


def test_equal_classes_are_not_remarked(ground: Ground) -> None:
    assert baselines.summary(ground, [])["remarks"] == []


def test_labels_of_one_class_are_no_probe(tmp_path: Path, model_of: Callable[..., TrainedModel]) -> None:
    rows = np.random.default_rng(0).random((80, 6), np.float32)
    labels = np.zeros(80, np.int64)
    datasets.write(tmp_path / "rows", train=rows, test=rows, train_labels=labels, test_labels=labels)
    dataset = datasets.open(tmp_path / "rows")
    assert entries(baselines.load(model_of(dataset), dataset), ("raw",))["raw"].probe_accuracy is None


def test_a_wide_model_is_refused(digits: Dataset, model_of: Callable[..., TrainedModel]) -> None:
    with pytest.raises(errors.SpecDoesNotFit, match=r"at most 4096 latents .* has 4097"):
        baselines.load(model_of(digits, model={"n_latents": 4097, "hidden": []}), digits)


def test_atoms_survive_their_file(ground: Ground, table: dict[str, Entry], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        baselines.write(path, ground, list(table.values()))
    assert first.read_bytes() == second.read_bytes()
    tensors, document = atom_files.read(first)
    assert document["image_shape"] == [1, 8, 8]
    assert document["methods"] == ["model", "ksvd", "minibatch", "pca"]
    assert document["n_latents"] == 12
    for method in document["methods"]:
        own = table[method].dictionary
        assert own is not None
        np.testing.assert_array_equal(tensors[f"atoms.{method}"], own.atoms)
        assert document["indices"][method] == own.indices.tolist()
        if method != "model":
            np.testing.assert_array_equal(tensors[f"pairs.{method}"], own.pairs)
            np.testing.assert_array_equal(tensors[f"cosines.{method}"], own.cosines)
