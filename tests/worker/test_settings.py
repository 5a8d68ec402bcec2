"""What can be set, and what is refused because it could not work."""

import pytest
from pydantic import ValidationError

from worker.settings import WorkerSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"lease_seconds": 5},
        {"lease_seconds": 30, "renew_seconds": 15},
        {"lease_seconds": 60, "renew_seconds": 15, "lease_margin_seconds": 31},
        {"renew_seconds": 0},
        {"poll_seconds": 0},
        {"threads": 0},
        {"device": "tpu"},
        {"stall_seconds": 0},
        {"grace_seconds": -1},
    ],
    ids=str,
)
def test_a_setting_that_could_not_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkerSettings(**wrong)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAE_DEVICE", "cpu")
    monkeypatch.setenv("SAE_THREADS", "3")
    monkeypatch.setenv("SAE_EXIT_WHEN_IDLE", "true")
    settings = WorkerSettings()
    assert (settings.device, settings.threads, settings.exit_when_idle) == ("cpu", 3, True)
