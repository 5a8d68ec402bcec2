"""What a linear classifier can read from codes: accuracy of a logistic regression on all latents, or on k of them.

Knows arrays and labels; not where they come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from sparse_coding import errors
from sparse_coding.analysis import linear_models
from sparse_coding.analysis.linear_models import Classifier
from sparse_coding.data import variation

MAX_ROWS: Final = 10_000
"""Training rows that a probe is fitted on at most."""
MAX_NAMED: Final = 10
"""Classes that a remark names."""
MAX_CLASSES: Final = 100
"""A probe's time grows with the classes."""
KS: Final = (1, 2, 5)
"""Latents that a k-sparse probe may look at."""
MAX_ITERATIONS: Final = 1000
"""Steps of lbfgs; standardised columns need a few tens to hundreds."""

FORMULAS: Final[Mapping[str, str]] = {"accuracy": "probe.logistic", "k_sparse": "probe.k_sparse"}
VERSIONS: Final[Mapping[str, int]] = {"probe.logistic": 2, "probe.k_sparse": 2}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


def accuracy(
    train: Float[np.ndarray, "m f"],
    train_labels: Int[np.ndarray, " m"],
    test: Float[np.ndarray, "n f"],
    test_labels: Int[np.ndarray, " n"],
) -> float:
    """`probe.logistic`: share of test rows whose class a logistic regression on the training rows names.

    Multinomial, lbfgs, C = 1, on columns standardised by the training rows. Those that vary over the training rows by
    no more than rounding are left out.
    Raises `UnsuitableLabels` unless the training rows are of 2 to `MAX_CLASSES` classes.
    """
    require_classes(train_labels)
    train, test = _varying(train, test)
    fitted = _fit(train, train_labels)
    return float(np.mean(fitted.predict(test) == test_labels))


def k_sparse(
    train: Float[np.ndarray, "m f"],
    train_labels: Int[np.ndarray, " m"],
    test: Float[np.ndarray, "n f"],
    test_labels: Int[np.ndarray, " n"],
) -> dict[int, float]:
    """`probe.k_sparse` for each k of `KS`: how well k columns distinguish single classes from the rest (chance: 0.5).

    For each class the k columns with the largest difference between its mean and that of the other rows, in magnitude
    (Gurnee et al. 2023), and on them a logistic regression with classes weighted alike; its balanced accuracy on the
    test rows is averaged over the classes of which there are training and test rows. NaN if there is none of those.
    Raises `UnsuitableLabels` as `accuracy` does.
    """
    require_classes(train_labels)
    train, test = _varying(train, test)
    scores: dict[int, list[float]] = {k: [] for k in KS}
    for each in _separable(train_labels, test_labels).tolist():
        inside, wanted = train_labels == each, test_labels == each
        ranked = most_different(train, inside)
        for k, found in scores.items():
            columns = ranked[:k]
            fitted = _fit(train[:, columns], inside, "balanced")
            found.append(linear_models.balanced_accuracy(wanted, fitted.predict(test[:, columns])))
    return {k: float(np.mean(found)) if found else np.nan for k, found in scores.items()}


def most_different(rows: Float[np.ndarray, "m f"], inside: Bool[np.ndarray, " m"]) -> Int64[np.ndarray, " f"]:
    """Columns by falling |mean over the rows `inside` - mean over the others|; of equals the lower index first."""
    difference = np.abs(rows[inside].mean(0, dtype=np.float64) - rows[~inside].mean(0, dtype=np.float64))
    return np.argsort(-difference, kind="stable")


def principal_components(
    train: Float[np.ndarray, "m f"], test: Float[np.ndarray, "n f"], most: int
) -> tuple[Float64[np.ndarray, "m c"], Float64[np.ndarray, "n c"]]:
    """Both in the coordinates of the training rows' first principal components.

    There are c = min(most, f, m - 1) of them, or fewer: those along which the training rows do not vary by more than
    rounding are left out.
    """
    components = fit_components(train, most)
    return components.coordinates(train), components.coordinates(test)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components: a mean and orthonormal axes, of falling variance."""

    mean: Float64[np.ndarray, " f"]
    axes: Float64[np.ndarray, "c f"]

    def coordinates(self, rows: Float[np.ndarray, "n f"]) -> Float64[np.ndarray, "n c"]:
        """The rows along the axes."""
        with linear_models.one_thread():
            found: np.ndarray = (rows.astype(np.float64) - self.mean) @ self.axes.T
        return found


def fit_components(rows: Float[np.ndarray, "m f"], most: int) -> Components:
    """scikit-learn's PCA: at most `most` components, all of which the rows vary along by more than rounding."""
    count, width = rows.shape
    solver: Literal["covariance_eigh", "full"] = "covariance_eigh" if width <= count else "full"
    mean = rows.mean(axis=0, dtype=np.float64)
    # centring takes one dimension away: the last of `count` components would be rounding, scaled up to variance 1
    centred = rows.astype(np.float64) - mean  # before it is fitted, as the covariance of far rows cancels
    axes, values = linear_models.pca(centred, max(1, min(most, width, count - 1)), solver)
    kept = int(np.count_nonzero(values > variation.least_singular_value(rows, values)))
    return Components(mean, axes[:kept])


def columns_used(train: Float[np.ndarray, "m f"]) -> int:
    """Columns that a probe looks at: those that vary over the training rows by more than rounding."""
    return int(variation.varying_columns(train).sum())


def _varying(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with 0 in the columns that do not vary over the training rows: their coefficients are then 0."""
    if not train.shape[1]:  # nothing varies: a column of zeros leaves the intercept, which is the most frequent class
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    varying = variation.varying_columns(train)
    return (train, test) if varying.all() else (np.where(varying, train, 0), np.where(varying, test, 0))


def remarks(
    train_labels: Int[np.ndarray, " m"], test_labels: Int[np.ndarray, " n"], classes: Sequence[str]
) -> list[str]:
    """What to mind where the rows fitted on and those scored are not of the same classes."""
    unknown, unscored = np.setdiff1d(test_labels, train_labels), np.setdiff1d(train_labels, test_labels)
    found = []
    if len(unknown):
        rows = int(np.isin(test_labels, unknown).sum())
        found.append(
            f"{rows} of the {len(test_labels)} rows scored are of classes that no row fitted on is of, so that none of "
            f"them can be named right: {_named(unknown, classes)}."
        )
    if len(unscored):
        found.append(f"No row scored is of these classes that the probe was fitted on: {_named(unscored, classes)}.")
    return found


def _named(numbers: np.ndarray, classes: Sequence[str]) -> str:
    names = ", ".join(classes[number] for number in numbers[:MAX_NAMED])
    return names if len(numbers) <= MAX_NAMED else f"{names} and {len(numbers) - MAX_NAMED} more"


def require_classes(labels: Int[np.ndarray, " m"]) -> None:
    """Raises `UnsuitableLabels` unless there are 2 to `MAX_CLASSES` classes among the rows."""
    classes = len(np.unique(labels))
    if not 2 <= classes <= MAX_CLASSES:
        raise errors.UnsuitableLabels(
            f"A probe tells 2 to {MAX_CLASSES} classes apart; the {len(labels)} training rows it would be fitted on "
            f"are of {classes}."
        )


def _separable(train_labels: np.ndarray, test_labels: np.ndarray) -> np.ndarray:
    """Classes of which there are rows of both kinds, unless all test rows are of one class."""
    tested = np.unique(test_labels)
    return np.intersect1d(train_labels, tested) if len(tested) > 1 else tested[:0]


def _fit(rows: np.ndarray, labels: np.ndarray, weighting: Literal["balanced"] | None = None) -> Classifier:
    doubles = rows.astype(np.float64)
    return linear_models.logistic(doubles, labels, max_iterations=MAX_ITERATIONS, weighting=weighting)
