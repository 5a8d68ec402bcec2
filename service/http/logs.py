"""Log lines of the API process: one JSON object a line, or coloured text at a terminal.

The lines of uvicorn, which come through the standard library, and ours are formatted and written alike.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor


def configure(stream: TextIO = sys.stderr) -> None:
    """Send all log lines of this process to `stream`; called once, by the process's own entry point."""
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
