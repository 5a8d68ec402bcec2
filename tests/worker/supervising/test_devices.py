"""What a worker says of its device: what the driver says, of a build of torch that can use it."""

import pytest
import torch

from sparse_coding import drivers
from worker.supervising.devices import DeviceMissing, Devices

UUIDS = ["GPU-1a2b", "GPU-1a3c", "GPU-9f00"]


def test_the_driver_and_torch_agree_whether_there_is_a_gpu() -> None:
    name = drivers.cuda_device_name()
    assert name == (torch.cuda.get_device_name() if torch.cuda.is_available() else None)
    assert Devices("auto").kind == ("cpu" if name is None else "cuda")


def test_the_cuda_of_torch_is_known_without_importing_it() -> None:
    built_with = torch.version.cuda
    assert drivers.cuda_of_torch() == (int(built_with.partition(".")[0]) if built_with else None)


def test_a_worker_of_the_cpu_claims_no_run_for_cuda_and_has_a_name() -> None:
    devices = Devices("cpu")
    assert devices.claimable() == {"auto", "cpu"}
    assert devices.kind == "cpu"
    assert devices.device_name


def test_cuda_that_is_demanded_is_missing_where_none_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceMissing):
        Devices("cuda")


@pytest.mark.parametrize(
    ("entry", "found"),
    [("0", 0), ("2", 2), ("3", None), ("GPU-1a3", 1), ("GPU-1a", None), ("GPU-0", None), ("", None), ("-1", None)],
)
def test_an_entry_of_the_visible_devices_is_an_index_or_the_beginning_of_one_uuid(
    entry: str, found: int | None
) -> None:
    assert drivers.position(entry, UUIDS) == found
