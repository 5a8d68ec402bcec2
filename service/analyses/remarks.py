"""What to mind when models are compared, in sentences: how they differ, and why a figure is missing.

Knows what is measured of each model and on which rows; measures nothing itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.database.tables import ModelVersion
from service.analyses import cache
from service.routes.v1 import matches, probe
from service.state import AppState
from sparse_coding.errors import UnsuitableLabels

Compared = Sequence[Mapping[str, Any]]


def of(app_state: AppState, versions: Sequence[ModelVersion], compared: Compared) -> Iterator[str]:
    """Remarks on models and on what a comparison's answer says of each, in one order."""
    yield from _differences(versions, compared)
    for version, each in zip(versions, compared, strict=True):
        yield from _failings(app_state, version, each)
    yield from _labels(app_state, versions)


def _differences(versions: Sequence[ModelVersion], compared: Compared) -> Iterator[str]:
    if len({version.dataset_digest for version in versions}) > 1:
        yield "The models learned from different datasets, and the figures of each were measured on its own."
    if len({each["n_inputs"] for each in compared}) > 1:
        yield "The models take different numbers of inputs; features are matched between equal ones only (pw_mcc)."
    if len({each["result"]["error_units"] for each in compared}) > 1:
        yield "Some errors are in scaled units and some in raw ones, which cannot be compared."


def _failings(app_state: AppState, version: ModelVersion, each: Mapping[str, Any]) -> Iterator[str]:
    """What one model lacks, whatever its dataset."""
    if each["quality"]["dead_latents"] == each["n_latents"]:
        yield f"All latents of {version.reference} are dead: no features of it can be measured or matched (pw_mcc)."
    elif version.result.get("collapsed"):
        yield f"{version.reference} collapsed. {version.result['collapsed_reason']}"
    if (reason := matches.too_large(app_state, version)) is not None:
        yield f"The features of {version.reference} are not matched (pw_mcc): {reason}."


def _labels(app_state: AppState, versions: Sequence[ModelVersion]) -> Iterator[str]:
    """A sentence for each reason why figures that need labels are missing, with all models that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for version in versions:
        if (missing := _unlabelled(app_state, version)) is not None:
            found.setdefault(missing, []).append(version.reference)
    for (figures, reason), references in found.items():
        yield f"There is {figures} of {', '.join(references)}: {reason}"


def _unlabelled(app_state: AppState, version: ModelVersion) -> tuple[str, str] | None:
    """Which figures the labels of a model's dataset do not allow, and why; None if they allow all."""
    source = cache.dataset(app_state, version.dataset_digest)
    train, test = (source.split(name).labels is not None for name in ("train", "test"))
    if not test:
        where = "the test split of the dataset has" if train else "the dataset has"
        return "no class selectivity and no probe", f"{where} no labels."
    if not train:
        return "no probe", "the train split of the dataset has no labels."
    try:
        probe.task(app_state, version, app_state.models.get(version.digest), "test")
    except UnsuitableLabels as error:
        return "no probe", str(error)
    return None
