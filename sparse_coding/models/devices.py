"""Which device a network computes on, in how many threads, and whether gradients are recorded."""

from contextlib import AbstractContextManager

import torch

from sparse_coding import errors


def device_for(requested: str) -> torch.device:
    """Return the device of a spec; `auto` is CUDA if available. Raises `SpecDoesNotFit` if `cuda` is missing."""
    if requested == "cuda" and not torch.cuda.is_available():
        raise errors.SpecDoesNotFit("The run requires the device cuda, and this machine has none.")
    return torch.device("cuda" if requested != "cpu" and torch.cuda.is_available() else "cpu")


def set_threads(threads: int) -> None:
    """Set the number of threads of a computation. Call it in the thread that computes, before it does."""
    torch.set_num_threads(threads)


def without_gradients() -> AbstractContextManager[None]:
    """A context in which this thread records no gradients."""
    return torch.inference_mode()
