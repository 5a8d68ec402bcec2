"""What a finished run publishes: for each model its spec and its figures. Knows no files and no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sparse_coding.specs.runs import AnySpec
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec

_OF_THE_RUN: Final = ("device", "threads", "torch")
"""What a sweep says once for all its members."""


@dataclass(frozen=True)
class Learned:
    """One model that came out of a run."""

    number: int
    spec: TrainSpec
    result: dict[str, Any]


def learned(asked: AnySpec, summary: Mapping[str, Any]) -> list[Learned]:
    """The models of a run with this result; an import and baselines have none."""
    if isinstance(asked, TrainSpec):
        return [Learned(0, asked, dict(summary))]
    if isinstance(asked, SweepSpec):
        rows = {row["member"]: row for row in summary["members"]}
        return [
            Learned(member.number, member.spec, _figures(rows[member.number], summary)) for member in asked.expanded()
        ]
    return []


def _figures(row: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """A member's figures under the names that a run of its own would give them."""
    shared = {name: summary[name] for name in _OF_THE_RUN}
    return {**row, "train_seconds": row["seconds"], **shared}
