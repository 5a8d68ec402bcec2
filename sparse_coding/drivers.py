"""What the NVIDIA driver says of this machine's GPUs, and whether the installed torch can use them. Needs no torch."""

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pynvml

_THOUSANDS: Final = 1000
"""The driver says its CUDA version as 1000 * major + 10 * minor."""


def cuda_device_name() -> str | None:
    """The name of the first GPU that CUDA would use in this process's environment; None if there is none.

    None, too, if the driver is missing, or is older than the CUDA that torch was built with.
    """
    built_with = cuda_of_torch()
    if built_with is None:
        return None
    with suppress(pynvml.NVMLError), _opened():
        if pynvml.nvmlSystemGetCudaDriverVersion_v2() // _THOUSANDS < built_with:
            return None
        return _first_visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
    return None


def cuda_of_torch() -> int | None:
    """The major CUDA version that the installed torch was built with; None for a build without CUDA, or no torch.

    It stands in a small file beside the library, which takes seconds to import.
    """
    found = importlib.util.find_spec("torch")
    for folder in (found.submodule_search_locations or []) if found else []:
        spec = importlib.util.spec_from_file_location("_torch_version", Path(folder) / "version.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        cuda: str | None = module.cuda
        return int(cuda.partition(".")[0]) if cuda else None
    return None


@contextmanager
def _opened() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _first_visible(listed: str | None) -> str | None:
    """The first GPU of CUDA_VISIBLE_DEVICES, or of all where that is not set."""
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    first = (listed or "").split(",")[0].strip()
    if first.startswith("MIG-"):  # a part of a GPU
        handles = [pynvml.nvmlDeviceGetHandleByUUID(first)]
    elif listed is not None:
        chosen = position(first, [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles])
        handles = [] if chosen is None else [handles[chosen]]
    return str(pynvml.nvmlDeviceGetName(handles[0])) if handles else None


def position(name: str, uuids: Sequence[str]) -> int | None:
    """Which GPU an entry of CUDA_VISIBLE_DEVICES means: by index, or by the beginning of one UUID; None for no GPU."""
    if name.isdecimal():
        return int(name) if int(name) < len(uuids) else None
    matching = [index for index, uuid in enumerate(uuids) if name and uuid.startswith(name)]
    return matching[0] if len(matching) == 1 else None
