"""Truncation of codes: errors with only the m largest latents, and with one latent at a time set to 0.

Rows are decoded one by one in bounded batches, so that a row's curve does not depend on other rows. Knows no splits and
no charts. Errors are each row's `mse.mean`, in scaled units.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from sparse_coding import errors
from sparse_coding.models import weights
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import feasibility
from sparse_coding.specs.training import Mlp

TOLERANCE: Final = 0.1
"""An error within 10 % of the full code's counts as sufficient: the tutorial's question."""

MAX_NUMBERS: Final = 2**28
"""Most rows x latents x widest layer of one analysis: some seconds on two processor cores."""

MOST_IMPORTANT: Final = 16
"""Number of latents that are listed as the most important ones."""

BATCH_NUMBERS: Final = 2**22
"""Most rows x widest layer of one batch: 16 MiB of float32 per layer."""

FORMULAS: Final = {  # number -> formula id
    "mse": "truncated_mse",
    "sufficient_latents": "sufficient_latents",
    "importance": "latent_importance",
}
VERSIONS: Final[Mapping[str, int]] = {"truncated_mse": 2, "sufficient_latents": 2, "latent_importance": 2}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True, eq=False)
class Truncation:
    """The curve of every row, and the importance of each latent."""

    mse: Float32[np.ndarray, "rows steps"]
    """`truncated_mse`: each row's error with its m largest latents, for m = 0 ... n; the last is the full code's."""
    importance: Float64[np.ndarray, " n_latents"]
    """`latent_importance`: rise of the error when one latent is set to 0, mean over the rows."""

    @property
    def mean(self) -> Float64[np.ndarray, " steps"]:
        """The mean over the rows."""
        return np.asarray(self.mse.mean(axis=0, dtype=np.float64))

    def document(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "num_samples": len(self.mse),
            "latents_kept": list(range(self.mse.shape[1])),
            "mse": {"mean": self.mean.tolist(), **_quartiles(self.mse)},
            "full_mse": float(self.mean[-1]),
            "sufficient_latents": int(sufficient(self.mean[None])[0]),
            "sufficient_latents_of_rows": _quartiles(sufficient(self.mse)),
            "tolerance": TOLERANCE,
            "importance": self.importance.tolist(),
            "most_important": np.argsort(-self.importance, kind="stable")[:MOST_IMPORTANT].tolist(),
            "formulas": FORMULAS,
        }


def analyse(model: TrainedModel, rows: Float32[np.ndarray, "rows d"]) -> Truncation:
    """The truncation of rows in raw units, at least one. Raises `WrongWidth`."""
    return Truncation(curves(model, rows), importance(model, rows))


def curves(model: TrainedModel, rows: Float32[np.ndarray, "rows d"]) -> Float32[np.ndarray, "rows steps"]:
    """Each row's error with its m largest latents, for m = 0 ... n_latents; of equal latents the lower index stays.

    If all nonzero latents are included, the error is that of `TrainedModel.reconstruct` to the last bit, because the
    code is not decoded again. Raises `WrongWidth`.
    """
    full, of_rows = _errors(model, rows, _truncated)
    result = np.repeat(full[:, None], model.n_latents + 1, axis=1)
    for curve, (_, found) in zip(result, of_rows, strict=True):
        curve[: len(found)] = found
    return result


def importance(model: TrainedModel, rows: Float32[np.ndarray, "rows d"]) -> Float64[np.ndarray, " n_latents"]:
    """Rise of the error when each latent in turn is set to 0, mean over the rows; negative if the error falls.

    A latent that is 0 on a row changes nothing there and is not decoded. Raises `WrongWidth`.
    """
    full, of_rows = _errors(model, rows, _silenced)
    rise = np.zeros(model.n_latents)
    for before, (latents, found) in zip(full.astype(np.float64), of_rows, strict=True):
        rise[latents] += found - before
    return rise / len(rows)


def truncated(codes: Float32[np.ndarray, "B n"], kept: int) -> Float32[np.ndarray, "B n"]:
    """The codes with all but their `kept` largest latents set to 0; of equals, the lower index stays."""
    ranks = np.argsort(np.argsort(-codes, axis=1, kind="stable"), axis=1)
    return np.where(ranks < kept, codes, np.float32(0))


def strip(
    model: TrainedModel, rows: Float32[np.ndarray, "B d"], kept: Sequence[int]
) -> Float32[np.ndarray, "B steps d"]:
    """Reconstructions of rows, in raw units, from the largest latents of each: one per number in `kept`.

    Raises `WrongWidth`.
    """
    codes = model.encode(rows)
    return np.stack([model.decode(truncated(codes, count)) for count in kept], axis=1)


def sufficient(curves: Float32[np.ndarray, "B steps"] | Float64[np.ndarray, "B steps"]) -> Int64[np.ndarray, " B"]:
    """`sufficient_latents` of each curve: the smallest m from which on no error is more than 10 % above the last."""
    # from the end, because a curve need not fall: the first m within 10 % can be followed by errors above it
    doubles = curves.astype(np.float64)
    above = doubles > (1 + TOLERANCE) * doubles[:, -1:]
    behind_the_last = above.shape[1] - np.argmax(above[:, ::-1], axis=1)
    return np.where(above.any(axis=1), behind_the_last, 0)


def fitting(model: Mlp, n_inputs: int, rows: int) -> int:
    """How many of `rows` rows `MAX_NUMBERS` allows. Raises `TooManyRows` if it does not allow a single one."""
    of_one = model.n_latents * max(feasibility.layer_widths(model, n_inputs))
    if of_one > MAX_NUMBERS:
        raise errors.TooManyRows(
            f"Truncation decodes a row once for every latent: latents times widest layer may be {MAX_NUMBERS:,}; "
            f"they are {of_one:,} in this model."
        )
    return min(rows, MAX_NUMBERS // of_one)


def _widest(model: TrainedModel) -> int:
    return max(feasibility.layer_widths(model.spec.model, model.n_inputs))


def _quartiles(values: np.ndarray) -> dict[str, Any]:
    """Quartiles over the first axis, with linear interpolation."""
    names = ("lower_quartile", "median", "upper_quartile")
    return dict(zip(names, np.percentile(values.astype(np.float64), (25, 50, 75), axis=0).tolist(), strict=True))


Variants = Callable[[Tensor, Tensor], Tensor]
"""A code [n] and some of its latents [b] -> codes [b, n], one for each latent."""


def _errors(
    model: TrainedModel, rows: np.ndarray, variants: Variants
) -> tuple[np.ndarray, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """The errors of the full codes; and for each row its nonzero latents, largest first, with their errors."""
    device = next(model.autoencoder.parameters()).device
    codes, full = torch.from_numpy(model.encode(rows)).to(device), model.reconstruct(rows)[1]
    x = model.preprocessing.to_inputs(torch.from_numpy(np.array(rows)).to(device))
    return full, (_of_row(model, *row, variants) for row in zip(codes, x, strict=True))


@torch.inference_mode()
def _of_row(model: TrainedModel, code: Tensor, x: Tensor, variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    latents = torch.argsort(code, descending=True, stable=True)[: int(torch.count_nonzero(code))]
    found = [
        weights.row_mse(model.autoencoder.decode(variants(code, some)), x[None])
        for some in torch.split(latents, max(1, BATCH_NUMBERS // _widest(model)))
    ]
    return latents.cpu().numpy(), torch.cat(found).cpu().numpy()


def _truncated(code: Tensor, latents: Tensor) -> Tensor:
    """For each of the latents, the code without it and without all smaller ones."""
    order = torch.argsort(code, descending=True, stable=True)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device)
    return torch.where(ranks < ranks[latents][:, None], code, 0)


def _silenced(code: Tensor, latents: Tensor) -> Tensor:
    """For each of the latents, the code without it."""
    return torch.where(torch.arange(len(code), device=code.device) == latents[:, None], 0, code)
