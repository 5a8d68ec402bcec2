"""Datasets over HTTP: list, get, upload, delete, and their rows as images.

Built-in datasets are listed from the catalogue; their rows are present once a run has imported them.
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
from registry.errors import ArtifactMissing, DatasetExists, DatasetNotFound
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
    Path(max_length=63, pattern=NAME_PATTERN, description="Name of the new dataset.", examples=["my-images"]),
]
Rows = Annotated[int, Field(ge=0, le=2**53)]

_COLUMNS: Final = 16
_ABSENT: Final = "built-in:"
"""Prefix of a cursor among the built-in datasets that are not present."""
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
    """Number of rows of each split."""

    model_config = ConfigDict(extra="forbid")
    train: Rows
    test: Rows


class DatasetAnswer(BaseModel):
    """A dataset. A built-in dataset that no run has imported yet is not present and has no digest."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=63)
    digest: str | None = Field(max_length=64, description="SHA-256 of its file; null while it is not present.")
    present: bool = Field(description="Whether its rows are available.")
    kind: Literal["images", "vectors"]
    image_shape: tuple[int, int, int] | None = Field(description="[channels, height, width]; null for vectors.")
    n_inputs: int = Field(ge=1, le=2**31 - 1, description="Number of values of one row.")
    classes: list[str] | None = Field(max_length=1000, description="Names of the classes; null without labels.")
    splits: SplitRows
    bytes: Rows | None = Field(description="Size of its file; null while it is not present.")
    created_at: datetime | None
    centered: bool = Field(description="Whether the mean of each column was subtracted before rows became float32.")


class DatasetDetail(DatasetAnswer):
    """A dataset, with what its rows were centred by."""

    column_means: list[float] | None = Field(
        max_length=65_536, description="What was subtracted from each column, in float64; null where nothing was."
    )


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
    """Rows in the requested upload."""

    model_config = ConfigDict(extra="forbid")
    items: list[Picture] = Field(max_length=10_000)


@router.get("/datasets", summary="List datasets", responses=problems.responses(422))
def list_datasets(
    app_state: AppStateDep,
    kind: Annotated[Literal["images", "vectors"] | None, Query(description="Only datasets of this kind.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DatasetPage:
    """The datasets that are present, newest first, then the built-in ones that no run has imported yet."""
    size = min(limit, MAX_PAGE)
    with app_state.database.read() as session:
        if cursor is not None and cursor.startswith(_ABSENT):
            return _absent(session, kind, size, cursor.removeprefix(_ABSENT))
        page = registered.page(session, kind=kind, limit=size, cursor=cursor)
        items = [_answer(row, _means(app_state, row) is not None) for row in page.items]
        if page.next_cursor is not None:
            return DatasetPage(items=items, next_cursor=page.next_cursor)
        absent = _absent(session, kind, size - len(items), "")
    return DatasetPage(items=items + absent.items, next_cursor=absent.next_cursor)


@router.get("/datasets/{name}", summary="Get a dataset", responses=problems.responses(404))
def get_dataset(app_state: AppStateDep, name: Name) -> DatasetDetail:
    with app_state.database.read() as session:
        try:
            return _detail(app_state, registered.get(session, name))
        except DatasetNotFound:
            if name in CATALOGUE:
                return DatasetDetail(**vars(_not_imported(CATALOGUE[name])), column_means=None)
            raise


@router.delete(
    "/datasets/{name}",
    status_code=204,
    response_class=Response,
    summary="Delete a dataset",
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_dataset(app_state: AppStateDep, name: Name, response: Response) -> None:
    """Delete a dataset. 409 if an unfinished run uses it or a model was trained on it."""
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, registered.delete(session, name))


@router.post(
    "/datasets/{name}",
    status_code=201,
    summary="Upload a dataset",
    response_description="The dataset was created.",
    responses={
        200: {"model": DatasetDetail, "description": "The same dataset already existed."},
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
        float, Query(gt=0, lt=1, description="Share of the rows in the test split, if the upload has none.")
    ] = 0.2,
    seed: Annotated[int, Query(ge=0, le=2**53 - 1, description="Seed of the random choice of these rows.")] = 42,
    center: Annotated[
        bool,
        Query(
            description="Subtract the mean of each column of vectors over the training rows, in float64, before rows "
            "are stored as float32: for columns whose offset is so large that float32 would lose their differences."
        ),
    ] = False,
) -> DatasetDetail:
    """Upload a dataset: parts named `files` of a multipart body, or one file as the body itself.

    Supported are IDX files under MNIST's own names (two or four, plain or gzip), `.npz` and safetensors with
    `train_images` or `train_vectors`, `train_labels`, `test_images` or `test_vectors`, `test_labels` (labels and test
    split are optional), and `.npy`: images [rows, height, width(, 3)] of uint8, or vectors [rows, n].
    """
    if name in CATALOGUE:
        raise NameReserved(f"{name} is a built-in dataset: choose another name")
    await run_in_threadpool(_require_space, app_state)
    with reception.folder(app_state.uploads) as folder:
        files = await reception.receive(request, folder)
        upload = _Upload(name, tuple(files), folder, test_fraction, seed, center)
        created = await app_state.interactive.run(request, _import, app_state, upload)
    response.status_code = 201 if created.created else 200
    response.headers["Location"] = f"{paths.V1}/datasets/{name}"
    return _detail(app_state, created.dataset)


@router.get(
    "/datasets/{name}/images",
    summary="Get rows as images",
    response_class=Response,
    responses={
        200: representations.described(Pictures, PNG),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 413, 503),
    },
)
async def list_images(
    request: Request,
    app_state: AppStateDep,
    name: Name,
    split: Annotated[Literal["train", "test"], Query(description="The split.")] = "test",
    indices: Annotated[
        str,
        Query(
            max_length=100_000,
            pattern=r"^[0-9]{1,15}(,[0-9]{1,15})*$",
            description="Indices of rows, from 0, separated by commas.",
            examples=["0,1,2"],
        ),
    ] = "0,1,2,3,4,5,6,7",
    form: PictureForm = None,
) -> Response:
    """Rows of an image dataset, as numbers in [0, 1] or as one PNG with sixteen images a row."""
    chosen = representations.choose(request, (JSON, PNG), form)
    wanted = [int(index) for index in indices.split(",")]
    if len(wanted) > app_state.settings.max_images:
        raise _bad_indices(f"expected at most {app_state.settings.max_images} indices, got {len(wanted)}")
    content = await app_state.interactive.run(request, _pictures, app_state, name, split, wanted, chosen)
    return representations.fixed(request, content, chosen, pinned=False)


@dataclass(frozen=True)
class _Upload:
    """The files of an upload, and the parameters of its request."""

    name: str
    files: tuple[uploads.UploadedFile, ...]
    folder: FilePath
    test_fraction: float
    seed: int
    center: bool


def _import(app_state: AppState, upload: _Upload) -> registered.Entered:
    """Convert the files, store the dataset and register its name. Runs in a compute thread."""
    limit = app_state.settings.max_upload_bytes
    target = upload.folder / "dataset.safetensors"
    read = uploads.import_files(
        upload.files,
        target,
        test_fraction=upload.test_fraction,
        seed=upload.seed,
        center=upload.center,
        max_bytes=limit,
    )
    facts = _facts(read)
    earlier = _earlier(app_state, upload.name, target)
    if earlier is not None:
        return registered.Entered(earlier, created=False)
    _require_space(app_state, target.stat().st_size)
    stored = app_state.artifacts.put(target)
    with app_state.database.write() as session:
        return registered.enter(session, name=upload.name, stored=stored, facts=facts)


def _facts(read: datasets.Dataset) -> registered.Facts:
    """What the registry keeps of a dataset, so that nobody has to open it."""
    facts = read.facts
    return registered.Facts(
        kind=facts.kind,
        image_shape=facts.image_shape,
        n_inputs=facts.n_inputs,
        train_rows=facts.train_rows,
        test_rows=facts.test_rows,
        minimum=facts.minimum,
        maximum=facts.maximum,
        classes=read.classes,
    )


def _earlier(app_state: AppState, name: str, target: FilePath) -> tables.Dataset | None:
    """The dataset that has the name already, if it is the same. Raises DatasetExists if it is another.

    Checked before the file is stored, because a stored file is only removed by the garbage collection.
    """
    with app_state.database.read() as session:
        try:
            row = registered.get(session, name)
        except DatasetNotFound:
            return None
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != row.digest:
            raise DatasetExists("another dataset has this name, and a dataset never changes: choose another name")
    return row


def _require_space(app_state: AppState, more: int = 0) -> None:
    with app_state.database.read() as session:
        space.require(session, app_state.settings.max_stored_bytes, more)


def _pictures(app_state: AppState, name: str, split: str, wanted: Sequence[int], chosen: Representation) -> bytes:
    """The answer of `list_images`. Runs in a compute thread."""
    dataset = inputs.present_dataset(app_state, name)
    if dataset.kind == "vectors":
        raise NotAnImage("this is a dataset of vectors; only images can be shown")
    if chosen == JSON:
        representations.require_writable(len(wanted) * dataset.n_inputs, "image/png")
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


def _absent(session: Session, kind: str | None, limit: int, after: str) -> DatasetPage:
    """At most `limit` built-in datasets that are not present, by name, after the name `after`; all or of one kind."""
    wanted = [built_in for name, built_in in sorted(CATALOGUE.items()) if name > after]
    of_kind = [built_in for built_in in wanted if kind in (None, built_in.facts.kind)]
    absent = [built_in for built_in in of_kind if not _is_present(session, built_in.name)]
    more = len(absent) > limit
    last = absent[limit - 1].name if more and limit else after
    return DatasetPage(
        items=[_not_imported(built_in) for built_in in absent[:limit]], next_cursor=f"{_ABSENT}{last}" if more else None
    )


def _is_present(session: Session, name: str) -> bool:
    try:
        registered.get(session, name)
    except DatasetNotFound:
        return False
    return True


def _not_imported(built_in: BuiltIn) -> DatasetAnswer:
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
        centered=False,
    )


def _means(app_state: AppState, row: tables.Dataset) -> np.ndarray | None:
    """What the rows of a dataset were centred by, which its file holds."""
    if row.kind == "images":
        return None
    try:
        return datasets.open(app_state.artifacts.path(row.digest)).means
    except (ArtifactMissing, FileNotFoundError):  # said of it where its rows are read
        return None


def _detail(app_state: AppState, row: tables.Dataset) -> DatasetDetail:
    means = _means(app_state, row)
    answer = _answer(row, means is not None)
    return DatasetDetail(**vars(answer), column_means=None if means is None else means.tolist())


def _answer(row: tables.Dataset, centered: bool) -> DatasetAnswer:
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
        centered=centered,
    )
