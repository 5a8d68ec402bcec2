"""Matrix products, by the faster of the two libraries that torch brings for a processor.

torch multiplies float32 matrices with MKL, which uses half of the vector width of an AVX-512 processor that is not
Intel's; oneDNN, which torch brings as well, uses all of it. The choice depends on the machine alone, never on a
measurement, so that the same run gives the same weights. It does not know what the matrices mean.
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
"""Whether torch's own entry to oneDNN's linear layer is here and worth taking; torch.compile calls it the same way."""


def product(left: Float[Tensor, "m k"], right: Float[Tensor, "k n"]) -> Float[Tensor, "m n"]:
    """left @ right; no gradient is recorded through it."""
    if _is_for_onednn(left):
        return _linear(left, right.t(), None)
    return torch.mm(left, right)


def affine(rows: Float[Tensor, "B i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"]) -> Float[Tensor, "B o"]:
    """rows @ weight.T + bias, with gradients where autograd wants them."""
    if _is_for_onednn(rows) and not torch.is_grad_enabled():
        return _linear(rows, weight, bias)
    return functional.linear(rows, weight, bias)


def _is_for_onednn(rows: Tensor) -> bool:
    return _ONEDNN and rows.device.type == "cpu" and rows.dtype is torch.float32


def _linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return result
