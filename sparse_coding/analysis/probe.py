"""Linear probes: accuracy of a logistic regression on all latents of codes, or on k of them.

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
"""Most training rows that a probe is fitted on."""
MAX_NAMED: Final = 10
"""Most classes that a remark names."""
MAX_CLASSES: Final = 100
"""Most classes of a probe, whose duration grows with them."""
KS: Final = (1, 2, 5)
"""Numbers of latents that a k-sparse probe uses."""
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
    """`probe.logistic`: share of test rows whose class a logistic regression predicts correctly.

    Multinomial, lbfgs, C = 1, on columns standardised with the training rows. Columns that do not vary over them by
    more than rounding are left out: standardised, they would be noise of variance 1.
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

    For each class, a logistic regression with balanced class weights on the k columns with the largest absolute
    difference between its mean and that of the other rows (Gurnee et al. 2023). Its balanced accuracy on the test rows
    is averaged over the classes that have training and test rows; NaN without any. Balanced, because one class against
    the rest is rare: predicting the rest for every row would score 0.9 with ten classes.
    Raises `UnsuitableLabels` as `accuracy` does.
    """
    require_classes(train_labels)
    train, test = _varying(train, test)
    scores: dict[int, list[float]] = {k: [] for k in KS}
    for each in _separable(train_labels, test_labels).tolist():
        inside, inside_test = train_labels == each, test_labels == each
        ranked = most_different(train, inside)
        for k, found in scores.items():
            columns = ranked[:k]
            fitted = _fit(train[:, columns], inside, "balanced")
            found.append(linear_models.balanced_accuracy(inside_test, fitted.predict(test[:, columns])))
    return {k: float(np.mean(found)) if found else np.nan for k, found in scores.items()}


def most_different(rows: Float[np.ndarray, "m f"], inside: Bool[np.ndarray, " m"]) -> Int64[np.ndarray, " f"]:
    """Columns by falling |mean over the rows `inside` - mean over the others|; of equals the lower index first."""
    difference = np.abs(rows[inside].mean(0, dtype=np.float64) - rows[~inside].mean(0, dtype=np.float64))
    return np.argsort(-difference, kind="stable")


def principal_components(
    train: Float[np.ndarray, "m f"], test: Float[np.ndarray, "n f"], most: int
) -> tuple[Float64[np.ndarray, "m c"], Float64[np.ndarray, "n c"]]:
    """Both arrays in the coordinates of the training rows' first principal components.

    There are c = min(most, f, m - 1) of them, or fewer: components along which the training rows do not vary by more
    than rounding are left out.
    """
    components = fit_components(train, most)
    return components.coordinates(train), components.coordinates(test)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components: a mean, and orthonormal axes by falling variance."""

    mean: Float64[np.ndarray, " f"]
    axes: Float64[np.ndarray, "c f"]

    def coordinates(self, rows: Float[np.ndarray, "n f"]) -> Float64[np.ndarray, "n c"]:
        """The coordinates of the rows along the axes."""
        with linear_models.one_thread():
            found: np.ndarray = (rows.astype(np.float64) - self.mean) @ self.axes.T
        return found


def fit_components(rows: Float[np.ndarray, "m f"], most: int) -> Components:
    """scikit-learn's PCA: at most `most` components, only those along which the rows vary by more than rounding."""
    # with at least as many rows as columns, the covariance is the smaller matrix; `full` is an SVD of the rows
    count, width = rows.shape
    solver: Literal["covariance_eigh", "full"] = "covariance_eigh" if width <= count else "full"
    mean = rows.mean(axis=0, dtype=np.float64)
    # centred here, because the solver's covariance of rows far from 0 would cancel
    centred = rows.astype(np.float64) - mean
    # at most count - 1: centred rows span one dimension less, and the last component would be rounding
    axes, values = linear_models.pca(centred, max(1, min(most, width, count - 1)), solver)
    kept = int(np.count_nonzero(values > variation.least_singular_value(rows, values)))
    return Components(mean, axes[:kept])


def columns_used(train: Float[np.ndarray, "m f"]) -> int:
    """Number of columns that a probe uses: those that vary over the training rows by more than rounding."""
    return int(variation.varying_columns(train).sum())


def _varying(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays with 0 in the columns that do not vary over the training rows: their coefficients are then 0."""
    if not train.shape[1]:  # a column of zeros leaves only the intercept, which predicts the most frequent class
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    varying = variation.varying_columns(train)
    return (train, test) if varying.all() else (np.where(varying, train, 0), np.where(varying, test, 0))


def remarks(
    train_labels: Int[np.ndarray, " m"], test_labels: Int[np.ndarray, " n"], classes: Sequence[str]
) -> list[str]:
    """Remarks about classes that only the rows fitted on have, or only the rows scored."""
    unknown, unscored = np.setdiff1d(test_labels, train_labels), np.setdiff1d(train_labels, test_labels)
    found = []
    if len(unknown):
        rows = int(np.isin(test_labels, unknown).sum())
        found.append(
            f"{rows} of the {len(test_labels)} rows scored have classes that no row fitted on has, so they cannot be "
            f"predicted correctly: {_named(unknown, classes)}."
        )
    if len(unscored):
        found.append(f"No row scored has one of these classes that rows fitted on have: {_named(unscored, classes)}.")
    return found


def _named(numbers: np.ndarray, classes: Sequence[str]) -> str:
    names = ", ".join(classes[number] for number in numbers[:MAX_NAMED])
    return names if len(numbers) <= MAX_NAMED else f"{names} and {len(numbers) - MAX_NAMED} more"


def require_classes(labels: Int[np.ndarray, " m"]) -> None:
    """Raises `UnsuitableLabels` unless there are 2 to `MAX_CLASSES` classes among the rows."""
    classes = len(np.unique(labels))
    if not 2 <= classes <= MAX_CLASSES:
        raise errors.UnsuitableLabels(
            f"A probe needs 2 to {MAX_CLASSES} classes; the {len(labels)} training rows that it would be fitted on "
            f"have {classes}."
        )


def _separable(train_labels: np.ndarray, test_labels: np.ndarray) -> np.ndarray:
    """Classes with training and test rows; none if all test rows have one class, as no row is then outside of it."""
    tested = np.unique(test_labels)
    return np.intersect1d(train_labels, tested) if len(tested) > 1 else tested[:0]


def _fit(rows: np.ndarray, labels: np.ndarray, weighting: Literal["balanced"] | None = None) -> Classifier:
    # in float64, so that rounding does not decide where lbfgs stops
    doubles = rows.astype(np.float64)
    return linear_models.logistic(doubles, labels, max_iterations=MAX_ITERATIONS, weighting=weighting)
