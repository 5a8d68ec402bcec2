"""Evaluation of a network on held-out rows: one pass in fixed chunks, sums in float64, one read at the end.

Errors are in scaled units. Knows the formulas' ids; not how the network was trained.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float32, Float64, Int64, Shaped
from torch import Tensor

from sparse_coding.data import batches, variation
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import objectives
from sparse_coding.models.autoencoder import Autoencoder

THRESHOLD: Final = 0.1
"""A latent is active on a row when its activation is strictly above this: the tutorial's number."""

INACTIVE_BELOW: Final = 0.01
"""A latent that is active on a smaller share of the rows counts as inactive: the tutorial's 1 %."""

COLLAPSED_AT: Final = 0.99
"""A network whose error is at least this share of the mean image's error counts as no better than the mean image."""

FORMULAS: Final = {
    "mse": objectives.MSE_MEAN,
    "sse_row": objectives.SSE_ROW,
    "explained_variance": "explained_variance.centred",
    "l0": "l0.threshold",
    "population_sparsity": "population_sparsity",
    "lifetime_sparsity": "lifetime_sparsity",
    "inactive_latents": "inactive_latents",
    "dead_latents": "dead_latents",
}


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Rows to measure on, in the device's memory, and the errors of constant predictors on them."""

    rows: Shaped[Tensor, "n d"]
    """As they are stored after resizing: uint8 or float32."""
    variation: float
    """sum (x - mean(x))^2 over these rows, with the mean per input: the squared error of the best constant predictor.

    0 if it is no more than rounding.
    """
    mean_row_mse: float
    """`mse.mean` of predicting the mean of the training rows for every row."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The sums of one pass over held-out rows."""

    rows: int
    squared_error: float
    """sum (r - x)^2 over all rows and inputs."""
    n_inputs: int
    variation: float
    active_rows: Int64[Tensor, " n_latents"]
    """For each latent, the number of rows on which it is active."""
    highest: Float32[Tensor, " n_latents"]
    """For each latent, its largest activation."""

    @property
    def mse(self) -> float:
        """`mse.mean`."""
        return self.squared_error / (self.rows * self.n_inputs)

    @property
    def sse_row(self) -> float:
        """`sse.row`."""
        return self.squared_error / self.rows

    @property
    def explained_variance(self) -> float | None:
        """`explained_variance.centred`: 1 - sum (x - r)^2 / sum (x - mean(x))^2; None if the rows do not vary."""
        # centred: relative to sum x^2, predicting the mean already scores high if the mean is far from 0, and relative
        # to the variance of the errors, a constant offset costs nothing
        return 1 - self.squared_error / self.variation if self.variation > 0 else None

    @property
    def l0(self) -> float:
        """`l0.threshold`: mean number of active latents per row."""
        return int(self.active_rows.sum()) / self.rows

    @property
    def lifetime_sparsity(self) -> Float64[Tensor, " n_latents"]:
        """Per latent, the share of rows on which it is active."""
        return self.active_rows.double() / self.rows

    @property
    def inactive_latents(self) -> int:
        """Latents that are active on less than 1 % of the rows."""
        return int((self.lifetime_sparsity < INACTIVE_BELOW).sum())

    @property
    def dead_latents(self) -> int:
        """Latents that are active on none of the rows."""
        return int((self.highest <= THRESHOLD).sum())


@torch.inference_mode()
def evaluate(autoencoder: Autoencoder, preprocessing: Preprocessing, held_out: HeldOutRows) -> HeldOut:
    """Evaluate a network in one pass over the rows, on the device where they are."""
    # sums stay on the device: reading one waits until all work before it is done
    device = held_out.rows.device
    squared = torch.zeros((), dtype=torch.float64, device=device)
    active = torch.zeros(autoencoder.n_latents, dtype=torch.int64, device=device)
    highest = torch.full((autoencoder.n_latents,), -torch.inf, device=device)
    for chunk, count in batches.chunks(held_out.rows):
        x = preprocessing.to_inputs(chunk)
        reconstruction, code = autoencoder(x)
        squared += (reconstruction - x)[:count].square_().sum(dtype=torch.float64)
        active += (code[:count] > THRESHOLD).sum(0)
        highest = torch.maximum(highest, code[:count].amax(0))
    rows, width = held_out.rows.shape
    return HeldOut(rows, float(squared), width, held_out.variation, active.cpu(), highest.cpu().float())


@torch.inference_mode()
def hold_out(train: Shaped[Tensor, "m d"], test: Shaped[Tensor, "n d"], preprocessing: Preprocessing) -> HeldOutRows:
    """The test rows with the errors of two constant predictors: their own mean, and the training rows' mean."""
    # two passes, the mean first: sum x^2 - n mean^2 cancels where the mean is large against the spread
    centre, learned = _mean(test, preprocessing), _mean(train, preprocessing)
    total, learned_error = 0.0, 0.0
    for chunk, count in batches.chunks(test):
        x = preprocessing.to_inputs(chunk)[:count].double()
        total += float((x - centre).square().sum())
        learned_error += float((x - learned).square().sum())
    # the squared error of equal rows whose values were each rounded to float32
    rounding = len(test) * float((variation.ROUNDINGS * variation.EPSILON * centre).square().sum())
    return HeldOutRows(test, total if total > rounding else 0.0, learned_error / test.numel())


def _mean(rows: Shaped[Tensor, "n d"], preprocessing: Preprocessing) -> Float64[Tensor, " d"]:
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    for chunk, count in batches.chunks(rows):
        total += preprocessing.to_inputs(chunk)[:count].sum(0, dtype=torch.float64)
    return total / len(rows)


def summary(measured: HeldOut, held_out: HeldOutRows) -> dict[str, Any]:
    """The figures of a finished run as JSON values: those of the tutorial's analysis, over all held-out rows."""
    reason = _collapse(measured, held_out)
    return {
        "mse": measured.mse,
        "sse_row": measured.sse_row,
        "explained_variance": measured.explained_variance,
        "l0": measured.l0,
        "population_sparsity": measured.l0 / len(measured.highest),
        "lifetime_sparsity": float(measured.lifetime_sparsity.mean()),
        "inactive_latents": measured.inactive_latents,
        "dead_latents": measured.dead_latents,
        "num_samples": measured.rows,
        "threshold": THRESHOLD,
        "collapsed": reason is not None,
        "collapsed_reason": reason,
    }


def _collapse(measured: HeldOut, held_out: HeldOutRows) -> str | None:
    if measured.dead_latents == len(measured.highest):
        return f"All {len(measured.highest)} latents are dead: none exceeds {THRESHOLD} on any held-out row."
    if measured.mse >= COLLAPSED_AT * held_out.mean_row_mse:
        return (
            f"The held-out error of {measured.mse:.4g} is not below {COLLAPSED_AT:.0%} of the "
            f"{held_out.mean_row_mse:.4g} of predicting the mean of the training rows for every row."
        )
    return None
