"""Fields of a spec by their dotted paths, and all combinations of values for some of them.

Knows plain JSON values only; it does not check whether a path or a value is valid in a spec.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

_NOTHING: Final = object()


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each path, the last path varying fastest."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def leaves(partial: Mapping[str, Any]) -> dict[str, Any]:
    """The dotted path of every value in nested objects; a list is a value."""
    found: dict[str, Any] = {}
    for name, value in partial.items():
        if isinstance(value, Mapping) and value:
            found |= {f"{name}.{path}": leaf for path, leaf in leaves(value).items()}
        else:
            found[name] = value
    return found


def found(document: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The values that stand at these paths, without those paths at which there is nothing."""
    values: dict[str, Any] = {}
    for path in paths:
        part: Any = document
        for name in path.split("."):
            part = part.get(name, _NOTHING) if isinstance(part, Mapping) else _NOTHING
        if part is not _NOTHING:
            values[path] = part
    return values


def overlapping(paths: Collection[str]) -> list[str]:
    """The paths below another one, whose values would be set twice."""
    return [path for path in paths if any(path.startswith(f"{other}.") for other in paths)]


def varied(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a spec's document with the values at these paths changed.

    A part that changes its `kind` starts empty, because the fields of the old kind do not apply to the new one.
    """
    result = dict(document)
    parts: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        part, _, rest = path.partition(".")
        if rest:
            parts.setdefault(part, {})[rest] = value
        else:
            result[part] = value
    for part, inner in parts.items():
        before = result.get(part)
        if not isinstance(before, Mapping) or inner.get("kind", before.get("kind")) != before.get("kind"):
            before = {}
        result[part] = varied(before, inner)
    return result
