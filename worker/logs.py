"""How a worker's log looks: one line an event on stderr, for people on a terminal and JSON for everything else.

Events carry ids, codes and counts. Addresses with passwords, keys and the texts of database errors stay out of it.
"""

import sys
from typing import TextIO

import structlog


def configure(stream: TextIO = sys.stderr) -> None:
    """Set up the log of this process. Tracebacks come without the values of variables, which may be secret."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_ending(stream),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
    )


def _ending(stream: TextIO) -> list[structlog.typing.Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
