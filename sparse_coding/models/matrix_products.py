"""Matrix products, computed by the faster of the two CPU libraries that are part of torch.

torch multiplies float32 matrices with MKL, which uses half of the vector width of an AVX-512 processor that is not
Intel's; oneDNN uses all of it. The choice depends on the machine only, never on a timing, so that the same run gives
the same weights. The matrices of several networks may be stacked along a first dimension.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_ONEDNN: Final = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
"""Whether torch's operator for oneDNN's linear layer exists and is faster here; torch.compile calls the same one.

It is not a stable interface, so its absence is not an error.
"""


def product(
    left: Float[Tensor, "*networks m k"], right: Float[Tensor, "*networks k n"]
) -> Float[Tensor, "*networks m n"]:
    """left @ right; no gradient is recorded through it."""
    if _is_for_onednn(left):
        # a linear layer multiplies by the transpose of its weight; `t()` is a view, so nothing is copied
        return _linear(left, right.t(), None)
    return torch.matmul(left, right)


def affine(
    rows: Float[Tensor, "*networks B i"], weight: Float[Tensor, "*networks o i"], bias: Float[Tensor, "*networks o"]
) -> Float[Tensor, "*networks B o"]:
    """rows @ weight.T + bias, with gradients if autograd is enabled."""
    if weight.ndim == 3:  # one batched product for all networks
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)
    if _is_for_onednn(rows) and not torch.is_grad_enabled():  # the operator has no derivative
        return _linear(rows, weight, bias)
    return functional.linear(rows, weight, bias)


def _is_for_onednn(rows: Tensor) -> bool:
    return _ONEDNN and rows.ndim == 2 and rows.device.type == "cpu" and rows.dtype is torch.float32


def _linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return result
