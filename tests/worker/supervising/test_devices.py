"""What a worker says of its device: what the driver says, of a build of torch that can use it."""

import pytest
import torch

from sparse_coding import drivers
from worker.supervising.devices import DeviceMissing, Devices


def test_the_driver_and_torch_agree_whether_there_is_a_gpu() -> None:
    name = drivers.cuda_device_name()
    assert name == (torch.cuda.get_device_name() if torch.cuda.is_available() else None)
    assert Devices("auto").kind == ("cpu" if name is None else "cuda")


def test_a_worker_of_the_cpu_claims_no_run_for_cuda_and_has_a_name() -> None:
    devices = Devices("cpu")
    assert devices.claimable() == {"auto", "cpu"}
    assert devices.kind == "cpu"
    assert devices.device_name


def test_cuda_that_is_demanded_is_missing_where_none_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceMissing):
        Devices("cuda")
