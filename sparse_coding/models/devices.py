"""Which device a network computes on."""

import torch

from sparse_coding import errors


def device_for(requested: str) -> torch.device:
    """Return the device of a spec; `auto` is CUDA if available. Raises `SpecDoesNotFit` if `cuda` is missing."""
    if requested == "cuda" and not torch.cuda.is_available():
        raise errors.SpecDoesNotFit("The run requires the device cuda, and this machine has none.")
    return torch.device("cuda" if requested != "cpu" and torch.cuda.is_available() else "cpu")
