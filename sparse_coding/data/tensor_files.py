"""Named tensors in one safetensors file with one metadata key, `sae`: equal contents give equal bytes.

With several keys, safetensors writes them in another order, with another digest, in every process. It does not know
what the tensors are.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from sparse_coding import errors
from sparse_coding.data import untrusted
from sparse_coding.specs import runs as run_specs

_SYSTEM_ERROR: Final = re.compile(r"\(os error (\d+)\)")


def write(path: Path, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
    """Write the file at `path` atomically; `document` has JSON values, among them its `format`.

    Raises OSError if the file cannot be written.
    """
    placed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(f"{path.name}.partial")
    try:
        safetensors.torch.save_file(placed, partial, {"sae": run_specs.canonical_json(document)})
        partial.replace(path)
    except SafetensorError as error:
        if (found := _SYSTEM_ERROR.search(str(error))) is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error  # the library reports only a text
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Copies of the tensors, and the document. Raises `UnsupportedFormat` unless its format is `form`.

    Raises `UnreadableFile` for a file that is not safetensors, and for a value that is not finite.
    """
    arrays, metadata = untrusted.open_safetensors(path)
    document = _document(metadata)
    if document.get("format") != form:
        raise errors.UnsupportedFormat(f"A file of the format {form} was expected; this one has another or none.")
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise errors.UnreadableFile("A tensor of the file has a value that is not finite.")
    return tensors, document


def _document(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        document = json.loads(metadata.get("sae", "{}"))
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {}


def expect(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    """Raise `UnreadableFile` unless `tensors` have the names, shapes and types of `like`."""
    if tensors.keys() != like.keys():
        raise errors.UnreadableFile("The tensors of the file are not those of the network that its spec describes.")
    for name, tensor in tensors.items():
        if tensor.shape != like[name].shape or tensor.dtype != like[name].dtype:
            raise errors.UnreadableFile(
                f"{name} should be {like[name].dtype} {list(like[name].shape)}; "
                f"it is {tensor.dtype} {list(tensor.shape)}."
            )
