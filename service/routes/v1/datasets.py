"""Datasets over HTTP: list them, send one in, look at its pictures, remove it.

Knows the catalogue of the built-in ones, which are here only after a run has brought them in; reads no file format.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from registry import datasets as registered
from registry.database import tables
from registry.errors import DatasetExists, DatasetNotFound
from service import space
from service.errors import Fault, InvalidRequest, NameReserved
from service.http import deletions, paths, problems, reception, representations
from service.http.body_limits import body_limit
from service.http.pages import MAX_PAGE, Cursor, Limit, NextCursor
from service.http.representations import JSON, PNG, PictureForm, Representation
from service.inference import inputs
from service.pictures import png
from service.state import AppState, AppStateDep
from sparse_coding.data import datasets, uploads
from sparse_coding.errors import NotAnImage
from sparse_coding.specs.catalogue import CATALOGUE, BuiltIn
from sparse_coding.specs.fields import NAME_PATTERN

router = APIRouter(prefix=paths.V1, tags=["datasets"])

Name = Annotated[str, Path(max_length=63, pattern=NAME_PATTERN, description="The dataset's name.", examples=["digits"])]
NewName = Annotated[
    str,
    Path(max_length=63, pattern=NAME_PATTERN, description="The name that it gets for good.", examples=["my-images"]),
]
Rows = Annotated[int, Field(ge=0, le=2**53)]

_COLUMNS: Final = 16
_ABSENT: Final = "built-in:"
"""Opens a cursor among the built-in datasets that are not present."""
_FILE: Final = {"type": "string", "format": "binary", "maxLength": 2**40}
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["files"],
                "properties": {"files": {"type": "array", "items": _FILE, "maxItems": reception.MAX_FILES}},
            }
        },
        "application/octet-stream": {"schema": _FILE},
        "application/x-npy": {"schema": _FILE},
        "application/vnd.safetensors": {"schema": _FILE},
    },
}


class SplitRows(BaseModel):
    """How many rows the splits have."""

    model_config = ConfigDict(extra="forbid")
    train: Rows
    test: Rows


class DatasetAnswer(BaseModel):
    """A dataset; a built-in one that no run has used yet is not present, and has no digest."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=63)
    digest: str | None = Field(max_length=64, description="SHA-256 of its file; null while it is not present.")
    present: bool = Field(description="Whether its rows can be read now.")
    kind: Literal["images", "vectors"]
    image_shape: tuple[int, int, int] | None = Field(description="[channels, height, width]; null for vectors.")
    n_inputs: int = Field(ge=1, le=2**31 - 1, description="Numbers of one row.")
    classes: list[str] | None = Field(max_length=1000, description="Names of the classes, where rows have labels.")
    splits: SplitRows
    bytes: Rows | None = Field(description="Size of its file; null while it is not present.")
    created_at: datetime | None


class DatasetPage(BaseModel):
    """Datasets: those that are present, newest first, then the built-in ones that are not."""

    model_config = ConfigDict(extra="forbid")
    items: list[DatasetAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


class Picture(BaseModel):
    """One row of a dataset."""

    model_config = ConfigDict(extra="forbid")
    index: int = Field(ge=0, le=2**53)
    label: str | None = Field(max_length=200)
    pixels: list[Any] = Field(max_length=512, description="[height][width], or [height][width][3], in [0, 1].")


class Pictures(BaseModel):
    """Rows in the order in which they were asked for."""

    model_config = ConfigDict(extra="forbid")
    items: list[Picture] = Field(max_length=10_000)


@router.get("/datasets", summary="List datasets", responses=problems.responses(422))
def list_datasets(
    app_state: AppStateDep, kind: Literal["images", "vectors"] | None = None, limit: Limit = 50, cursor: Cursor = None
) -> DatasetPage:
    """Those that are present, newest first, and then the built-in ones that no run has brought in yet."""
    room = min(limit, MAX_PAGE)
    with app_state.database.read() as session:
        if cursor is not None and cursor.startswith(_ABSENT):
            return _absent(session, kind, room, cursor.removeprefix(_ABSENT))
        page = registered.page(session, kind=kind, limit=room, cursor=cursor)
        items = [_answer(row) for row in page.items]
        if page.next_cursor is not None:
            return DatasetPage(items=items, next_cursor=page.next_cursor)
        absent = _absent(session, kind, room - len(items), "")
    return DatasetPage(items=items + absent.items, next_cursor=absent.next_cursor)


@router.get("/datasets/{name}", summary="Look at a dataset", responses=problems.responses(404))
def get_dataset(app_state: AppStateDep, name: Name) -> DatasetAnswer:
    with app_state.database.read() as session:
        try:
            return _answer(registered.get(session, name))
        except DatasetNotFound:
            if name in CATALOGUE:
                return _unborn(CATALOGUE[name])
            raise


@router.delete(
    "/datasets/{name}",
    status_code=204,
    summary="Remove a dataset",
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_dataset(app_state: AppStateDep, name: Name, response: Response) -> None:
    """Remove a dataset that no unfinished run names and on which no model was trained; 409 otherwise."""
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, registered.delete(session, name))


@router.post(
    "/datasets/{name}",
    status_code=201,
    summary="Upload a dataset",
    response_description="The dataset is here.",
    responses={
        200: {"model": DatasetAnswer, "description": "The same dataset was here already."},
        **problems.responses(409, 413, 415, 503, 507),
    },
    openapi_extra={"requestBody": _BODY},
)
@body_limit("max_upload_bytes")
async def upload_dataset(
    request: Request,
    response: Response,
    app_state: AppStateDep,
    name: NewName,
    test_fraction: Annotated[
        float, Query(gt=0, lt=1, description="Share of the rows that become the test split, where none is sent.")
    ] = 0.2,
    seed: Annotated[int, Query(ge=0, le=2**53 - 1, description="Draws those rows.")] = 42,
) -> DatasetAnswer:
    """Send a dataset in: parts named `files` of a multipart body, or one file as the body itself.

    Taken are IDX files under MNIST's own names (two or four, plain or gzip), `.npz` and safetensors with
    `train_images` or `train_vectors`, `train_labels`, `test_images` or `test_vectors`, `test_labels` (labels and test
    split are optional), and `.npy`: images [rows, height, width(, 3)] of uint8, or vectors [rows, n].
    """
    if name in CATALOGUE:
        raise NameReserved(f"{name} is a built-in dataset: take another name")
    await run_in_threadpool(_require_space, app_state)
    with reception.folder(app_state.uploads) as folder:
        files = await reception.receive(request, folder)
        order = _Order(name, tuple(files), folder, test_fraction, seed)
        entered = await app_state.interactive.run(request, _take_in, app_state, order)
    response.status_code = 201 if entered.created else 200
    response.headers["Location"] = f"{paths.V1}/datasets/{name}"
    return _answer(entered.dataset)


@router.get(
    "/datasets/{name}/images",
    summary="Rows as pictures",
    response_class=Response,
    responses={
        200: representations.described(Pictures, PNG),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 503),
    },
)
async def list_images(
    request: Request,
    app_state: AppStateDep,
    name: Name,
    split: Annotated[Literal["train", "test"], Query(description="Which of its splits.")] = "test",
    indices: Annotated[
        str,
        Query(
            max_length=100_000,
            pattern=r"^[0-9]{1,15}(,[0-9]{1,15})*$",
            description="Rows of the split, counted from 0, separated by commas.",
            examples=["0,1,2"],
        ),
    ] = "0,1,2,3,4,5,6,7",
    form: PictureForm = None,
) -> Response:
    """Rows of an image dataset, as numbers in [0, 1] or as one PNG, sixteen to a line."""
    chosen = representations.choose(request, (JSON, PNG), form)
    wanted = [int(index) for index in indices.split(",")]
    if len(wanted) > app_state.settings.max_images:
        raise _bad_indices(f"at most {app_state.settings.max_images} pictures are given at once, got {len(wanted)}")
    content = await app_state.interactive.run(request, _pictures, app_state, name, split, wanted, chosen)
    return representations.fixed(request, content, chosen, pinned=False)


@dataclass(frozen=True)
class _Order:
    """An upload that has arrived whole, and what is to be made of it."""

    name: str
    files: tuple[uploads.UploadedFile, ...]
    folder: FilePath
    test_fraction: float
    seed: int


def _take_in(app_state: AppState, order: _Order) -> registered.Entered:
    """Read the files, keep the dataset and give it its name. Runs in the compute thread."""
    limit = app_state.settings.max_upload_bytes
    target = order.folder / "dataset.safetensors"
    read = uploads.import_files(
        order.files, target, test_fraction=order.test_fraction, seed=order.seed, max_bytes=limit
    )
    facts = registered.Facts(**vars(read.facts), classes=read.classes)
    earlier = _earlier(app_state, order.name, target)
    if earlier is not None:
        return registered.Entered(earlier, created=False)
    _require_space(app_state, target.stat().st_size)
    stored = app_state.artifacts.put(target)
    with app_state.database.write() as session:
        return registered.enter(session, name=order.name, stored=stored, facts=facts)


def _earlier(app_state: AppState, name: str, target: FilePath) -> tables.Dataset | None:
    """The dataset that bears the name already, if it is this one. Raises DatasetExists if it is another.

    Asked before the file goes into the store, from which nothing would take it out again at once.
    """
    with app_state.database.read() as session:
        try:
            row = registered.get(session, name)
        except DatasetNotFound:
            return None
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != row.digest:
            raise DatasetExists("another dataset bears this name, and a dataset never changes: take another name")
    return row


def _require_space(app_state: AppState, more: int = 0) -> None:
    with app_state.database.read() as session:
        space.require(session, app_state.settings.max_stored_bytes, more)


def _pictures(app_state: AppState, name: str, split: str, wanted: Sequence[int], chosen: Representation) -> bytes:
    """The answer of `list_images`. Runs in the compute thread."""
    dataset = inputs.present_dataset(app_state, name)
    if dataset.kind == "vectors":
        raise NotAnImage("this dataset holds vectors; pictures are made of images only")
    found = dataset.take(split, wanted)
    if chosen == PNG:
        scale = png.whole_factor(found.rows[0, 0])
        return png.encode(png.grid(found.rows, columns=min(_COLUMNS, len(wanted)), scale=scale))
    return representations.json_bytes({"items": [_picture(dataset, found, i, row) for i, row in enumerate(wanted)]})


def _picture(dataset: datasets.Dataset, found: datasets.Split, position: int, index: int) -> dict[str, Any]:
    pixels = np.divide(found.rows[position], 255, dtype=np.float32)
    channels = pixels.shape[0]
    label = None if found.labels is None or dataset.classes is None else dataset.classes[found.labels[position]]
    shown = np.ascontiguousarray(pixels.transpose(1, 2, 0)) if channels > 1 else pixels[0]
    return {"index": index, "label": label, "pixels": shown}


def _bad_indices(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, [Fault("query:indices", detail)])


def _absent(session: Session, kind: str | None, room: int, after: str) -> DatasetPage:
    """At most `room` built-in datasets that are not present, of a kind if one is named; by name, behind `after`."""
    wanted = [built_in for name, built_in in sorted(CATALOGUE.items()) if name > after]
    of_kind = [built_in for built_in in wanted if kind in (None, built_in.facts.kind)]
    absent = [built_in for built_in in of_kind if not _is_present(session, built_in.name)]
    more = len(absent) > room
    last = absent[room - 1].name if more and room else after
    return DatasetPage(
        items=[_unborn(built_in) for built_in in absent[:room]], next_cursor=f"{_ABSENT}{last}" if more else None
    )


def _is_present(session: Session, name: str) -> bool:
    try:
        registered.get(session, name)
    except DatasetNotFound:
        return False
    return True


def _unborn(built_in: BuiltIn) -> DatasetAnswer:
    facts = built_in.facts
    return DatasetAnswer(
        name=built_in.name,
        digest=None,
        present=False,
        kind=facts.kind,
        image_shape=facts.image_shape,
        n_inputs=facts.n_inputs,
        classes=list(built_in.classes),
        splits=SplitRows(train=facts.train_rows, test=facts.test_rows),
        bytes=None,
        created_at=None,
    )


def _answer(row: tables.Dataset) -> DatasetAnswer:
    return DatasetAnswer(
        name=row.name,
        digest=row.digest,
        present=True,
        kind=row.kind,
        image_shape=row.image_shape,
        n_inputs=row.n_inputs,
        classes=row.classes,
        splits=SplitRows(train=row.train_rows, test=row.test_rows),
        bytes=row.bytes,
        created_at=row.created_at,
    )
