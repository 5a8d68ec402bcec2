"""What pictures say about themselves, as tEXt chunks."""

from collections.abc import Mapping
from typing import Any, Final

from service.http import representations

UNIT: Final = "0 is black, 1 is white"
SYMMETRIC: Final = "each tile symmetric: 0 is mid grey, its largest magnitude black or white"
SPREAD: Final = "each tile from its minimum (black) to its maximum (white)"
"""The contrasts of `png.unit`, `png.centred` and `png.spread`."""


def chunks(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as JSON texts; arrays are allowed."""
    return {name: representations.json_bytes(fact).decode() for name, fact in facts.items()}
