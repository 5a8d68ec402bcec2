"""scikit-learn's linear models behind typed functions: the one module of `analysis` that imports it.

scikit-learn takes seconds of processor time to load, and most users of `analysis` fit nothing. It is therefore imported
when the first model is fitted.
"""

import functools
import warnings
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Shaped


@runtime_checkable
class Classifier(Protocol):
    """A fitted classifier."""

    def predict(self, rows: Float64[np.ndarray, "n f"]) -> Shaped[np.ndarray, " n"]:
        """The class of each row."""


def logistic(
    rows: Float64[np.ndarray, "m f"],
    labels: Shaped[np.ndarray, " m"],
    *,
    max_iterations: int,
    weighting: Literal["balanced"] | None = None,
) -> Classifier:
    """A logistic regression (multinomial, lbfgs, C = 1) on standardised columns.

    Standardised, because C = 1 penalises a coefficient in the units of its column, so that latents of small activations
    would count less; and because lbfgs needs many more steps for columns of different scales. `balanced` gives every
    class the same total weight.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=1, max_iter=max_iterations, class_weight=weighting)
    # a fit that reaches the limit of iterations is used as it is
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted: Classifier = make_pipeline(StandardScaler(), regression).fit(rows, labels)
    return fitted


def balanced_accuracy(labels: Shaped[np.ndarray, " n"], predicted: Shaped[np.ndarray, " n"]) -> float:
    """The mean over the classes of the share of their rows that is predicted correctly."""
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(labels, predicted))


def pca(
    centred: Float64[np.ndarray, "m f"], components: int, solver: Literal["covariance_eigh", "full"]
) -> tuple[Float64[np.ndarray, "c f"], Float64[np.ndarray, " c"]]:
    """Orthonormal axes of falling variance, and the singular value along each."""
    from sklearn.decomposition import PCA

    fitted = PCA(components, svd_solver=solver)
    with one_thread(), np.errstate(invalid="ignore", divide="ignore"):
        fitted.fit(centred)
    return fitted.components_, fitted.singular_values_


def one_thread() -> AbstractContextManager[Any]:
    """Limit matrix products to one thread.

    The products of these fits are so small that threads mostly wait for each other: with more threads than idle cores,
    a fit took seconds instead of 20 ms.
    """
    limited: AbstractContextManager[Any] = _matrix_libraries().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _matrix_libraries() -> Any:
    """The matrix libraries of this process; scikit-learn's must be loaded before they can be found."""
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
