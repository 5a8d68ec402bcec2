"""Which device a network computes on."""

import torch

from sparse_coding import errors


def device_for(asked: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises `SpecDoesNotFit` if CUDA was asked for and is missing."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise errors.SpecDoesNotFit("The run asks for the device cuda, and this machine has none.")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")
