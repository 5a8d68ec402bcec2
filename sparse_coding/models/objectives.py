"""The loss that training minimises: mse.mean + weight * penalty. Each formula has an id that results carry.

B rows, d inputs, n latents; code h, reconstruction r, input x. Calling a penalty gives its value without the weight;
`with_gradient` adds its derivatives with respect to h, which broadcast to the shape of h. The codes of several networks
may be stacked along a first dimension: then there is one value for each. Knows no networks and no optimisers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from sparse_coding.specs.sparsity import L1, Kl, NoPenalty

MSE_MEAN: Final = "mse.mean"
SSE_ROW: Final = "sse.row"

RATE_MARGIN: Final = 1e-8
"""Rates are clamped to [1e-8, 1 - 1e-8]: the tutorial's epsilon. At 0 and at 1 the divergence is infinite."""

Scalar = Float[Tensor, ""]
Code = Float[Tensor, "*networks B n"]
Value = Float[Tensor, "*networks"]
Rates = Float[Tensor, "*networks n"]
ByCode = Float[Tensor, "*networks #B #n"]


def mse_mean(r: Float[Tensor, "B d"], x: Float[Tensor, "B d"]) -> Scalar:
    """`mse.mean`: sum (r - x)^2 / (B d). The tutorial's code."""
    return (r - x).square().mean()


def sse_row(r: Float[Tensor, "B d"], x: Float[Tensor, "B d"]) -> Scalar:
    """`sse.row`: sum (r - x)^2 / B. The tutorial's text."""
    return (r - x).square().sum() / len(x)


@dataclass(frozen=True)
class Nothing:
    """`none`: 0. The tutorial's standard autoencoder, the dense reference."""

    id: str = "none"

    def __call__(self, h: Code) -> Value:
        return h.new_zeros(h.shape[:-2])

    def with_gradient(self, h: Code) -> tuple[Value, ByCode]:
        return self(h), h.new_zeros(*h.shape[:-2], 1, 1)


@dataclass(frozen=True)
class L1Mean:
    """`l1.mean`: sum abs(h) / (B n). The tutorial's code."""

    id: str = "l1.mean"

    def __call__(self, h: Code) -> Value:
        return h.abs().mean((-2, -1))

    def with_gradient(self, h: Code) -> tuple[Value, ByCode]:
        # the subgradient 0 at h = 0, as autograd has it: latents that are off are not pushed by the penalty
        return self(h), h.sign() / (h.shape[-2] * h.shape[-1])


@dataclass(frozen=True)
class L1Sum:
    """`l1.sum`: sum abs(h) / B. The tutorial's text, which sums over latents: n times `l1.mean`."""

    id: str = "l1.sum"

    def __call__(self, h: Code) -> Value:
        return h.abs().sum((-2, -1)) / h.shape[-2]

    def with_gradient(self, h: Code) -> tuple[Value, ByCode]:
        return self(h), h.sign() / h.shape[-2]


@dataclass(frozen=True)
class KlBatch:
    """`kl.batch`: sum_j rho log(rho / q_j) + (1 - rho) log((1 - rho) / (1 - q_j)), q_j the batch mean of h_j.

    The divergence from a Bernoulli variable of rate rho to one of rate q_j, summed over the latents: 0 where every
    latent's mean is rho. The sparsity penalty of Ng's CS294A notes on sparse autoencoders (2011), with means over the
    batch instead of the whole training set.
    """

    rho: float | Float[Tensor, "networks 1"]
    """One per network if several are stacked."""
    id: str = "kl.batch"

    def __call__(self, h: Code) -> Value:
        return self._divergence(*self._ratios(_clamped(_rates(h))))

    def with_gradient(self, h: Code) -> tuple[Value, ByCode]:
        rates = _rates(h)
        q = _clamped(rates)
        on, off = self._ratios(q)
        # d/dq (rho log(rho / q) + (1 - rho) log((1 - rho) / (1 - q))) = (1 - rho) / (1 - q) - rho / q;
        # clamping is constant outside its bounds, so its derivative there is 0, as autograd has it
        slope = torch.where(q == rates, off - on, 0.0)
        # q_j is a mean over B rows: each row's share of the slope is 1 / B, the same for all rows
        return self._divergence(on, off), (slope / h.shape[-2]).to(h.dtype).unsqueeze(-2)

    def _ratios(self, q: Rates) -> tuple[Rates, Rates]:
        return self.rho / q, (1 - self.rho) / (1 - q)

    def _divergence(self, on: Rates, off: Rates) -> Value:
        return (self.rho * on.log() + (1 - self.rho) * off.log()).sum(-1)


def _rates(h: Code) -> Rates:
    # in float64: in float32 1 - 1e-8 rounds to 1, and the penalty of a latent that is always on would be infinite
    return h.mean(-2, dtype=torch.float64)


def _clamped(rates: Rates) -> Rates:
    return rates.clamp(RATE_MARGIN, 1 - RATE_MARGIN)


Penalty = Nothing | L1Mean | L1Sum | KlBatch


@dataclass(frozen=True)
class Objective:
    """mse.mean + weight * penalty."""

    penalty: Penalty
    weight: float | Float[Tensor, "networks 1 1"]
    """One per network if several are stacked."""

    @property
    def formulas(self) -> dict[str, str]:
        """The formula id of each part of the loss."""
        return {"reconstruction": MSE_MEAN, "sparsity": self.penalty.id}


def penalty_for(sparsity: Kl | L1 | NoPenalty) -> Penalty:
    """The penalty that a spec names."""
    if isinstance(sparsity, Kl):
        return KlBatch(sparsity.rho)
    if isinstance(sparsity, L1):
        return L1Mean() if sparsity.reduction == "mean" else L1Sum()
    return Nothing()


def weight_of(sparsity: Kl | L1 | NoPenalty) -> float:
    """The penalty's factor in the loss; 0 without a penalty."""
    return 0.0 if isinstance(sparsity, NoPenalty) else sparsity.weight


def objective_for(sparsity: Kl | L1 | NoPenalty) -> Objective:
    """The loss that a spec describes."""
    return Objective(penalty_for(sparsity), weight_of(sparsity))


def stacked(sparsities: Sequence[Kl | L1 | NoPenalty], like: Tensor) -> Objective:
    """One objective for stacked networks whose specs name the same penalty, each with its own weight and rho.

    Codes have the dtype and the device of `like`.
    """
    weights = torch.tensor([weight_of(sparsity) for sparsity in sparsities], dtype=like.dtype, device=like.device)
    penalty = penalty_for(sparsities[0])
    if isinstance(penalty, KlBatch):
        rhos = [sparsity.rho for sparsity in sparsities if isinstance(sparsity, Kl)]
        # float64 as the rates are, so that stacked and single networks compute the same divergence
        penalty = KlBatch(torch.tensor(rhos, dtype=torch.float64, device=like.device).unsqueeze(1))
    return Objective(penalty, weights.view(-1, 1, 1))
