"""How selective a model's latents are for the classes of its dataset: measured once for each split, cached."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from service.analyses.analysis import Analysis, ArrayForm
from service.analyses.subjects import Subject
from service.answers.selectivity import LISTED, SelectiveLatent, SelectivityAnswer
from service.answers.split import Latents, SplitName
from sparse_coding.analysis import selectivity, sparsity
from sparse_coding.analysis.selectivity import Selectivity
from sparse_coding.data import sampling
from sparse_coding.errors import NoLabels, TooManyRows

MAX_MEANS: Final = 2**22
"""Classes x latents of one answer."""
FORMULAS: Final = {
    "selectivity": selectivity.FORMULAS["selectivity"],
    "class_mean": selectivity.FORMULAS["class_means"],
}
"""Of a latent that is listed."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The selectivity of a model's latents, with the classes and the rows that it was measured on."""

    model: str
    split: SplitName
    classes: tuple[str, ...]
    num_samples: int
    found: Selectivity

    def item(self, latent: int) -> SelectiveLatent:
        """One latent that is not silent."""
        preferred = self.found.preferred[latent]
        return SelectiveLatent(
            latent=latent,
            selectivity=float(self.found.index[latent]),
            preferred_class=self.classes[preferred],
            class_mean=float(self.found.class_means[preferred, latent]),
        )

    def answer(self) -> SelectivityAnswer:
        """Everything that was measured."""
        found = self.found
        silent = np.flatnonzero(found.silent).tolist()
        return SelectivityAnswer(
            model=self.model,
            split=self.split,
            num_samples=self.num_samples,
            classes=list(self.classes),
            class_means=found.class_means,
            selectivity=found.index,
            preferred_class=[
                None if is_silent else preferred
                for preferred, is_silent in zip(found.preferred.tolist(), found.silent.tolist(), strict=True)
            ],
            mean_selectivity=found.mean,
            silent_latents=Latents(count=len(silent), indices=silent),
            most_selective=[self.item(latent) for latent in found.most(LISTED).tolist()],
            least_selective=[self.item(latent) for latent in found.least(LISTED).tolist()],
            per_class={
                name: latents.tolist() for name, latents in zip(self.classes, found.by_class(LISTED), strict=True)
            },
            formulas=selectivity.FORMULAS,
        )


def analysis(subject: Subject, split: SplitName) -> Analysis[Selectivity]:
    """The selectivity on as many rows of a split as fit.

    Raises `NoLabels`, and `TooManyRows` where the table of means would be too large.
    """
    labels, classes = _labelled(subject, split)
    rows = subject.fitting(len(labels))

    def measure() -> Selectivity:
        chosen = sampling.draw(len(labels), rows, labels)
        codes = sparsity.encode_all(subject.model, chosen.of(subject.dataset.split(split).rows))
        return selectivity.analyse(codes, chosen.of(labels), len(classes))

    inputs = {**subject.identity, "split": split, "rows": rows}
    return Analysis("selectivity", inputs, selectivity.VERSIONS, ArrayForm(Selectivity), measure)


def measured(subject: Subject, split: SplitName, found: Selectivity) -> Measured:
    """What was found, with what it was found on."""
    labels, classes = _labelled(subject, split)
    return Measured(subject.reference, split, classes, subject.fitting(len(labels)), found)


def _labelled(subject: Subject, split: SplitName) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of the split's rows, and the names of the classes."""
    labels, classes = subject.dataset.split(split).labels, subject.dataset.classes
    if labels is None or classes is None:
        raise NoLabels(f"selectivity needs the class of every row; the dataset has no labels in its {split} split")
    if (means := len(classes) * subject.n_latents) > MAX_MEANS:
        raise TooManyRows(f"classes times latents may be {MAX_MEANS}; they are {means} for this model")
    return labels, classes
