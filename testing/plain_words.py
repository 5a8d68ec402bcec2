"""Retired metaphors and private idioms, and a search for them in texts and sources."""

import re
from collections.abc import Mapping
from typing import Final

RETIRED: Final[Mapping[str, str]] = {
    r"rooms?": "package, or AppState and WorkerContext, or disk space",
    r"workshop": "core library",
    r"archives?": "registry",
    r"furnace": "training worker",
    r"visitors?": "client",
    r"(front )?doors?": "API server, or app",
    r"house(hold)?s?": "service, or local service",
    r"tenants?": "package",
    r"wish(es|ed)?": "stop request",
    r"(bring|brings|bringing|brought)( \w+)? in": "import",
    r"(set|sets|setting)( \w+){0,2} aside": "pause",
    r"(forget|forgets|forgotten)": "delete",
    r"heard": "heartbeat, received",
    r"told": "sent, reported, streamed",
    r"strays?": "orphaned",
    r"contest(ants?)?": "comparison",
    r"trembles?": "noise",
    r"speechless": "silent",
    r"(un)?born": "not imported",
    r"(buried|farewell)": "ended",
}
"""Retired words as patterns, and what to write instead. `_` separates words as a space does."""


def words(text: str) -> str:
    """Separate the words of identifiers: `stop_wish` and `stopWish` become `stop wish`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ")


def found(text: str) -> list[str]:
    """Return each line with a retired word, and what to write instead."""
    lines = [(number, words(line)) for number, line in enumerate(text.splitlines(), 1)]
    return [
        f"line {number}: {match[0]!r} (write: {instead}) in {line.strip()[:100]}"
        for number, line in lines
        for pattern, instead in RETIRED.items()
        for match in re.finditer(rf"(?i)\b{pattern}\b", line)
    ]
