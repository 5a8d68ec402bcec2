"""What the driver and the files of torch say, without an import of torch."""

import pytest
import torch

from sparse_coding import drivers

UUIDS = ["GPU-1a2b", "GPU-1a3c", "GPU-9f00"]


def test_the_cuda_of_torch_is_known_without_importing_it() -> None:
    built_with = torch.version.cuda
    assert drivers.cuda_of_torch() == (int(built_with.partition(".")[0]) if built_with else None)


@pytest.mark.parametrize(
    ("entry", "found"),
    [("0", 0), ("2", 2), ("3", None), ("GPU-1a3", 1), ("GPU-1a", None), ("GPU-0", None), ("", None), ("-1", None)],
)
def test_an_entry_of_the_visible_devices_is_an_index_or_the_beginning_of_one_uuid(
    entry: str, found: int | None
) -> None:
    assert drivers.position(entry, UUIDS) == found
