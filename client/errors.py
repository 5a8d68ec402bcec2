"""Errors of the command line, with their exit statuses.

ClientError 1
+- SettingRefused 2           a SAE_ variable has an invalid value
+- AddressInUse 8             another program listens there
+- ChildEnded                 a process ended unexpectedly
+- Interrupted 128+signal     Ctrl-C or SIGTERM
+- Unreachable 8              no response, or none in time
+- Problem                    the service rejected the request: 4 key, 5 not found, 6 conflict, 7 input, 8 busy
+- RunEnded 3                 a run failed or was cancelled
"""

import signal
from pathlib import Path
from typing import ClassVar

LOG_LINES = 12


class ClientError(Exception):
    """Base class of errors that the command line prints without a traceback."""

    exit_code: ClassVar[int] = 1

    @property
    def status(self) -> int:
        """The exit status of the command."""
        return self.exit_code


class SettingRefused(ClientError):
    """A setting in the environment cannot be used."""

    exit_code = 2


class AddressInUse(ClientError):
    """The address that the API should listen on is in use, or does not belong to this machine."""

    exit_code = 8

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host} port {port}: {reason}\nhint:  SAE_PORT={port + 1 if port < 65535 else 8000} "
            "chooses another port"
        )


class ChildEnded(ClientError):
    """A process ended unexpectedly; the message has its exit status and the last lines of its log."""

    def __init__(self, name: str, returncode: int, log: Path | None = None) -> None:
        super().__init__(f"the {name} {_ending(returncode)}{_last_lines(log)}")
        self.name = name
        self.returncode = returncode


class Interrupted(ClientError):
    """Ctrl-C, or another signal that asks to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def status(self) -> int:
        return 128 + self.number


class Unreachable(ClientError):
    """The service does not respond, or not in time."""

    exit_code = 8


class Problem(ClientError):
    """A problem document of the service (RFC 9457): status, stable code and a sentence."""

    def __init__(self, status: int, code: str, detail: str, request_id: str | None = None) -> None:
        trail = f"\n       request {request_id}" if request_id else ""
        super().__init__(f"{detail}  [{code}, HTTP {status}]{trail}")
        self.http_status = status
        self.code = code

    @property
    def status(self) -> int:
        known = {401: 4, 403: 4, 404: 5, 409: 6, 413: 7, 415: 7, 421: 7, 422: 7, 429: 8, 503: 8}
        return known.get(self.http_status, 1)


class RunEnded(ClientError):
    """A run failed or was cancelled."""

    exit_code = 3


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended by itself with exit status {returncode}"


def _last_lines(log: Path | None) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log and log.is_file() else []
    return "".join(f"\n       | {line}" for line in lines)
