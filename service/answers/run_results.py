"""The result of a run: available once it has succeeded, and only for kinds that have one."""

from collections.abc import Mapping
from typing import Any

from registry.database import tables
from service.errors import NoResults, RunNotSucceeded


def succeeded(run: tables.Run, *kinds: str) -> Mapping[str, Any]:
    """The result of a run that is of one of these kinds and has succeeded. Raises `NoResults`, `RunNotSucceeded`."""
    if run.kind not in kinds:
        raise NoResults(
            f"these results are of runs of the kind {' or '.join(kinds)}; this one is of the kind {run.kind}"
        )
    if run.state != "succeeded":
        ended = run.state in ("failed", "cancelled")
        hope = "it has no results" if ended else "results are there once it has succeeded"
        raise RunNotSucceeded(f"the run is {run.state}: {hope}")
    assert run.result is not None  # as the table's CHECK has it
    return run.result
