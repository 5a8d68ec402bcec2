"""What a trainer's exit is taken to mean when it said nothing itself."""

import errno
import signal

import pytest

from worker import exits


@pytest.mark.parametrize(
    ("returncode", "code", "may_pass"),
    [
        (-signal.SIGKILL, "OUT_OF_MEMORY_OR_KILLED", True),
        (-signal.SIGSEGV, "CRASHED", False),
        (-signal.SIGABRT, "CRASHED", False),
        (-signal.SIGTERM, "CRASHED", False),
        (0, "CRASHED", False),
        (1, "CRASHED", False),
        (3, "CRASHED", False),
    ],
)
def test_an_exit_without_a_last_message_is_a_failure(returncode: int, code: str, may_pass: bool) -> None:
    verdict = exits.verdict(returncode)
    assert (verdict.code, verdict.may_pass) == (code, may_pass)


def test_the_detail_says_how_it_ended() -> None:
    assert "signal 11" in exits.verdict(-11).detail
    assert "status 7" in exits.verdict(7).detail


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.EFBIG, "x"), True),
        (OSError(errno.EIO, "x"), False),
        (ValueError("x"), False),
    ],
)
def test_a_file_that_could_not_be_kept_may_be_kept_later(error: Exception, full: bool) -> None:
    outcome = exits.storage(error)
    assert (outcome.code, outcome.may_pass) == ("STORAGE_FAILED", True)
    assert ("disk" in outcome.detail) == full
