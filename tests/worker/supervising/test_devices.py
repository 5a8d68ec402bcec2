"""What a worker says of its device: what a real probe found, also while it is too busy to claim anything."""

from testing.waiting import eventually
from worker.supervising.devices import Devices


def test_a_worker_knows_its_device_though_it_claims_nothing_more() -> None:
    devices = Devices("auto")
    try:
        assert eventually("the answer of the probe", lambda: devices.device_name)
        assert devices.known
        assert devices.kind in ("cpu", "cuda")
    finally:
        devices.close()


def test_one_that_takes_no_look_has_nothing_to_say() -> None:
    devices = Devices("cpu")
    assert (devices.known, devices.kind, devices.device_name) == (True, "cpu", None)
    devices.close()


def test_a_look_that_is_broken_off_leaves_nothing_behind() -> None:
    devices = Devices("auto")
    devices.close()
    assert (devices.known, devices.device_name) == (True, None)
