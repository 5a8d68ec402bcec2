"""Models over HTTP: what runs have published, by name, version and alias, and their weights as files.

Knows how a reference is resolved and pinned; never loads a tensor.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry import models
from registry.database.tables import ModelVersion
from service.errors import Fault, InvalidRequest
from service.http import deletions, files, problems, representations
from service.http.pages import Cursor, Limit, NextCursor
from service.http.representations import SAFETENSORS
from service.state import AppState, AppStateDep

router = APIRouter(prefix="/api/v1", tags=["models"])

_PINNED: Final = re.compile(r"[^@]+@[1-9][0-9]*")

ModelPath = Annotated[
    str,
    Path(
        max_length=128,
        description="`name` (its latest version), `name@3` (a version) or `name@production` (an alias).",
        examples=["digits-kl"],
    ),
]
NamePath = Annotated[str, Path(max_length=63, description="A model's name, without version.", examples=["digits-kl"])]
AliasPath = Annotated[
    str, Path(max_length=31, description="Lower-case letters, digits and hyphens.", examples=["production"])
]


class ModelAnswer(BaseModel):
    """One version of a model."""

    model_config = ConfigDict(from_attributes=True)
    name: str
    version: int
    aliases: list[str] = Field(description="Words that point to this version at the moment.")
    run_id: str = Field(description="The run that trained it.")
    digest: str = Field(description="SHA-256 of its weights file.")
    dataset: str = Field(validation_alias="dataset_name", description="What it was trained on.")
    dataset_digest: str
    spec: dict[str, Any] = Field(description="What was asked of the run, every default filled in.")
    result: dict[str, Any] = Field(description="Held-out figures, with the ids of their formulas.")
    created_at: datetime


class ModelPage(BaseModel):
    """Models, newest first."""

    items: list[ModelAnswer]
    next_cursor: NextCursor


class AliasTarget(BaseModel):
    """Where an alias shall point."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, le=2**31 - 1, strict=True, description="A version of this model.", examples=[1])


@dataclass(frozen=True)
class Chosen:
    """The version that a request means, and whether its URL names it for ever."""

    version: ModelVersion
    pinned: bool


def chosen(model: ModelPath, app_state: AppStateDep) -> Chosen:
    """What `{model}` in a path means at this moment."""
    with app_state.database.read() as session:
        return Chosen(models.resolve(session, model), pinned=_PINNED.fullmatch(model) is not None)


ChosenDep = Annotated[Chosen, Depends(chosen)]


def several(app_state: AppState, references: str, *, least: int, most: int) -> tuple[Chosen, ...]:
    """What references separated by commas mean at this moment: `least` to `most` versions, each named once."""
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


@router.get("/models", summary="List models", responses=problems.responses(404))
def list_models(
    app_state: AppStateDep,
    name: Annotated[str | None, Query(max_length=63, description="All versions of this model, highest first.")] = None,
    run: Annotated[str | None, Query(max_length=36, description="All versions that this run published.")] = None,
    dataset: Annotated[str | None, Query(max_length=63, description="Only what learned from this dataset.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ModelPage:
    """Every model in its latest version, newest first; with `name` or `run`, every version of one."""
    wanted = {"run_id": run, "dataset": dataset, "cursor": cursor}
    with app_state.database.read() as session:
        if name is None:
            page = models.page(session, limit=limit, **wanted)
        else:
            page = models.versions(session, name, limit=limit, **wanted)
        items = [ModelAnswer.model_validate(version) for version in page.items]
    return ModelPage(items=items, next_cursor=page.next_cursor)


@router.get("/models/{model}", summary="Get a model", responses=problems.responses(404))
def get_model(chosen: ChosenDep) -> ModelAnswer:
    """One version of a model: where it comes from, what was asked for and what came out."""
    return ModelAnswer.model_validate(chosen.version)


@router.delete(
    "/models/{model}",
    summary="Delete a version",
    status_code=204,
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_model(
    model: Annotated[
        str, Path(max_length=128, description="`name@3`: a version, and not an alias.", examples=["digits-kl@1"])
    ],
    app_state: AppStateDep,
    response: Response,
) -> None:
    """Delete one version. It must be named by its number, and no alias may point to it (409)."""
    if not _PINNED.fullmatch(model):
        raise InvalidRequest("a version is deleted by its number: expected `name@3`, got no number")
    name, _, version = model.partition("@")
    with app_state.database.write() as session:
        deletions.say(response, models.delete_version(session, name, int(version)))


@router.put(
    "/models/{name}/aliases/{alias}",
    summary="Point an alias to a version",
    responses=problems.responses(404),
)
def set_alias(name: NamePath, alias: AliasPath, target: AliasTarget, app_state: AppStateDep) -> ModelAnswer:
    """Let `name@alias` mean this version from now on; the answer is that version."""
    with app_state.database.write() as session:
        return ModelAnswer.model_validate(models.set_alias(session, name, alias, target.version))


@router.delete(
    "/models/{name}/aliases/{alias}",
    summary="Remove an alias",
    status_code=204,
    responses=problems.responses(404),
)
def delete_alias(name: NamePath, alias: AliasPath, app_state: AppStateDep) -> None:
    """Forget the alias; the version that it pointed to stays."""
    with app_state.database.write() as session:
        models.delete_alias(session, name, alias)


@router.get(
    "/models/{model}/weights",
    summary="Download weights",
    response_class=Response,
    responses={
        200: {
            "description": "A safetensors file.",
            "content": {SAFETENSORS.media_type: {"schema": {"type": "string", "format": "binary"}}},
            "headers": {
                "Repr-Digest": {"description": "SHA-256 of the file (RFC 9530).", "schema": {"type": "string"}},
                "ETag": {"description": "The same digest in hexadecimal.", "schema": {"type": "string"}},
            },
        },
        **representations.UNCHANGED,
        **problems.responses(404, 416),
    },
)
def get_weights(request: Request, chosen: ChosenDep, app_state: AppStateDep) -> Response:
    """The final weights as a safetensors file, with all that is needed to use it elsewhere in its metadata."""
    version = chosen.version
    return files.download(
        request,
        app_state.artifacts.path(version.digest),
        version.digest,
        SAFETENSORS,
        name=f"{version.reference}.safetensors",
        pinned=chosen.pinned,
    )
