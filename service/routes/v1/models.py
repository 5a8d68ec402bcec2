"""Models over HTTP: published versions, their aliases, and their weights as files. Never loads a tensor."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry import models
from service.answers.documents import DocumentedAs
from service.answers.run_results import ModelResult
from service.errors import InvalidRequest
from service.http import deletions, files, paths, problems, representations
from service.http.pages import Cursor, Limit, NextCursor
from service.http.representations import SAFETENSORS
from service.references import ChosenDep, is_pinned
from service.state import AppStateDep
from sparse_coding.specs.training import TrainSpec

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
    aliases: list[str] = Field(description="Aliases that currently point to this version.")
    run_id: str = Field(description="The run that trained it.")
    digest: str = Field(description="SHA-256 of its weights file.")
    dataset: str = Field(validation_alias="dataset_name", description="Name of the dataset that it was trained on.")
    dataset_digest: str
    spec: Annotated[dict[str, Any], DocumentedAs(TrainSpec)] = Field(
        description="The spec that it was trained with, with every default filled in."
    )
    result: Annotated[dict[str, Any], DocumentedAs(ModelResult)] = Field(description="Figures on the test split.")
    created_at: datetime


class ModelPage(BaseModel):
    """Models, newest first."""

    items: list[ModelAnswer]
    next_cursor: NextCursor


class AliasTarget(BaseModel):
    """The version that an alias points to."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, le=2**31 - 1, strict=True, description="A version of this model.", examples=[1])


@router.get("/models", summary="List models", responses=problems.responses(404))
def list_models(
    app_state: AppStateDep,
    name: Annotated[str | None, Query(max_length=63, description="List all versions of this model.")] = None,
    run: Annotated[str | None, Query(max_length=36, description="List all versions that this run published.")] = None,
    dataset: Annotated[str | None, Query(max_length=63, description="Only models trained on this dataset.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ModelPage:
    """The latest version of every model, newest first; with `name` or `run`, all versions of that model or run."""
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
    """One version of a model: its run, dataset, spec and held-out figures."""
    return ModelAnswer.model_validate(chosen.version)


@router.delete(
    "/models/{model}",
    summary="Delete a model version",
    status_code=204,
    response_class=Response,
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_model(
    model: Annotated[
        str, Path(max_length=128, description="`name@3`: a version, not an alias.", examples=["digits-kl@1"])
    ],
    app_state: AppStateDep,
    response: Response,
) -> None:
    """Delete one version, given by its number. 409 if an alias points to it."""
    if not is_pinned(model):
        raise InvalidRequest("a version is deleted by its number: expected `name@3`, got no number")
    name, _, version = model.partition("@")
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, models.delete_version(session, name, int(version)))


@router.put(
    "/models/{name}/aliases/{alias}",
    summary="Set an alias",
    responses=problems.responses(404),
)
def set_alias(name: NamePath, alias: AliasPath, target: AliasTarget, app_state: AppStateDep) -> ModelAnswer:
    """Point `name@alias` to this version, and return the version."""
    with app_state.database.write() as session:
        return ModelAnswer.model_validate(models.set_alias(session, name, alias, target.version))


@router.delete(
    "/models/{name}/aliases/{alias}",
    summary="Delete an alias",
    status_code=204,
    response_class=Response,
    responses=problems.responses(404),
)
def delete_alias(name: NamePath, alias: AliasPath, app_state: AppStateDep) -> None:
    """Delete the alias. The version that it points to stays."""
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
    """The final weights as a safetensors file, whose metadata has all that is needed to use it elsewhere."""
    version = chosen.version
    return files.download(
        request,
        app_state.artifacts.path(version.digest),
        version.digest,
        SAFETENSORS,
        name=f"{version.reference}.safetensors",
        pinned=chosen.pinned,
    )
