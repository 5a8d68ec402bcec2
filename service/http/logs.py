"""Log lines of the API process: one JSON object a line, or coloured text at a terminal.

The lines of uvicorn, which come through the standard library, and ours are formatted and written alike.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import orjson
import structlog
from structlog.typing import Processor

_access = structlog.get_logger("service.access")
_lines: TextIO | None = None
"""Where lines of requests are written directly: the configured stream, unless it is a terminal."""


def request(request_id: str, method: str, route: str, status: int, duration_ms: float) -> None:
    """Log a request that has ended. The line is the one of structlog, which takes a hundred times as long."""
    if _lines is None:
        _access.info(
            "request", method=method, route=route, status=status, duration_ms=duration_ms, request_id=request_id
        )
        return
    line = {
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": duration_ms,
        "event": "request",
        "request_id": request_id,
        "level": "info",
        "logger": "service.access",
        "timestamp": _timestamp(),
    }
    _lines.write(f"{orjson.dumps(line).decode()}\n")
    _lines.flush()


def _timestamp() -> str:
    """Now in ISO 8601, UTC, with microseconds."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{_second(seconds)}.{microseconds:06d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure(stream: TextIO = sys.stderr) -> None:
    """Send all log lines of this process to `stream`; called once, by the process's own entry point."""
    global _lines
    _lines = None if stream.isatty() else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_ending(stream)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs the kind of database at every check of the schema
    logging.captureWarnings(True)


def _ending(stream: TextIO) -> list[Processor]:
    """The last processors: from an event to text."""
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if stream.isatty():
        return [remove, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [remove, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _without_colours(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Uvicorn adds its message a second time, with terminal colours."""
    event.pop("color_message", None)
    return event
