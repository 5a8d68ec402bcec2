"""Models over HTTP: what runs have published, by name, version and alias, and their weights as files.

Knows how a reference is resolved and pinned; never loads a tensor.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry import models
from service.errors import InvalidRequest
from service.http import deletions, files, paths, problems, representations
from service.http.pages import Cursor, Limit, NextCursor
from service.http.representations import SAFETENSORS
from service.references import ChosenDep, is_pinned
from service.state import AppStateDep

router = APIRouter(prefix=paths.V1, tags=["models"])

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
    if not is_pinned(model):
        raise InvalidRequest("a version is deleted by its number: expected `name@3`, got no number")
    name, _, version = model.partition("@")
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, models.delete_version(session, name, int(version)))


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
