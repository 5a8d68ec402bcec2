"""Which model versions a request means: references in a path or a query, resolved to versions.

A reference is `name` (the latest version), `name@3` (a version) or `name@alias`.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Path
from starlette.concurrency import run_in_threadpool

from registry import models
from registry.database.tables import ModelVersion
from registry.lookup import Found
from service.errors import Fault, InvalidRequest
from service.state import AppState, AppStateDep

_PINNED: Final = re.compile(r"[^@]+@[1-9][0-9]*")

ModelPath = Annotated[
    str,
    Path(
        max_length=128,
        description="`name` (its latest version), `name@3` (a version) or `name@production` (an alias).",
        examples=["digits-kl"],
    ),
]


@dataclass(frozen=True)
class Chosen:
    """The version that a request means, and whether its URL names it for ever."""

    version: ModelVersion
    pinned: bool


def chosen(model: ModelPath, app_state: AppStateDep) -> Chosen:
    """What `{model}` in a path means at this moment."""
    with app_state.database.read() as session:
        return Chosen(models.resolve(session, model), pinned=is_pinned(model))


ChosenDep = Annotated[Chosen, Depends(chosen)]


async def named(model: ModelPath, app_state: AppStateDep) -> Found:
    """What `{model}` in a path means at this moment, for routes that need no more of it than its weights."""
    found = await app_state.names.find(model)
    if found is None:  # what is wrong with it is worded there
        version = (await run_in_threadpool(chosen, model, app_state)).version
        return Found(version.reference, version.digest)
    return found


NamedDep = Annotated[Found, Depends(named)]


def is_pinned(reference: str) -> bool:
    """Whether a reference is `name@3`, which always means the same version."""
    return _PINNED.fullmatch(reference) is not None


def several(app_state: AppState, references: str, *, least: int, most: int) -> tuple[Chosen, ...]:
    """The versions that references separated by commas mean: `least` to `most`, each named once."""
    named = [reference.strip() for reference in references.split(",")]
    if not least <= len(named) <= most:
        wanted = f"{least} to {most}" if least < most else f"exactly {least}"
        raise _refused(f"expected {wanted} models, separated by commas; {len(named)} came")
    found = tuple(chosen(reference, app_state) for reference in named)
    versions = [each.version.reference for each in found]
    for version in versions:
        if versions.count(version) > 1:
            raise _refused(f"every model is named once; {version} came {versions.count(version)} times")
    return found


def _refused(detail: str) -> InvalidRequest:
    return InvalidRequest(f"models: {detail}", [Fault("query:models", detail)])
