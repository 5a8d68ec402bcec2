"""Inputs to codes, and codes to outputs, over HTTP. Codes are written dense or sparse."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from service.errors import InvalidRequest
from service.http import paths, representations
from service.http.body_limits import body_limit
from service.http.fixed import computed_resource
from service.http.representations import JSON, NPY, SAFETENSORS
from service.inference import inputs, operations
from service.inference.inputs import CodeRows, DatasetRows, NumberRows, SparseRow, SparseRows
from service.inference.operations import Arrays
from service.references import NamedDep
from service.state import AppStateDep

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["models"])

ARRAYS: Final = (JSON, NPY, SAFETENSORS)
ACTIVE: Final = 0.1
"""Default threshold of a sparse answer, above which a latent counts as active, as in the sparsity statistics."""

ArrayFormat = Annotated[
    Literal["json", "npy", "safetensors"] | None,
    Query(alias="format", description="Overrides `Accept`."),
]


@dataclass(frozen=True)
class Selection:
    """Which latents of a code a sparse answer names."""

    threshold: float
    """Only latents strictly above it."""
    top_k: int | None
    """At most this many of them, the largest; of equals the ones of lower index."""


async def selection(
    sparse: Annotated[bool, Query(description="Return indices and values of the active latents only.")] = False,
    threshold: Annotated[
        float | None,
        Query(
            ge=0,
            le=1e30,
            allow_inf_nan=False,
            description=f"With `sparse`: latents above this are active. Default {ACTIVE}, or 0 with `top_k`.",
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        Query(
            ge=1,
            le=65_536,
            description="Maximum number of latents per row; the largest are returned. The answer is sparse.",
        ),
    ] = None,
) -> Selection | None:
    """The latents of a sparse answer; None for a dense one."""
    if not sparse and top_k is None:
        if threshold is not None:
            raise InvalidRequest("threshold applies to a sparse answer: add sparse=true")
        return None
    return Selection(threshold if threshold is not None else (0.0 if top_k else ACTIVE), top_k)


SelectionDep = Annotated[Selection | None, Depends(selection)]


class Codes(BaseModel):
    """Codes of the rows that were sent, in their order: `codes`, or `rows` with `sparse`."""

    model: str = Field(description="The model version that computed them.")
    codes: list[list[float]] | None = Field(None, description="[rows][n_latents]")
    rows: list[SparseRow] | None = Field(None, description="One per row that was sent.")


class Outputs(BaseModel):
    """Decoded codes, in raw units: [0, 1] for images; with the means of a centred dataset, in float64."""

    model: str
    outputs: list[list[float]] = Field(description="[rows][n_inputs]")


@router.post(
    "/models/{model}/encode",
    summary="Encode inputs",
    **computed_resource(Codes, NPY, SAFETENSORS, statuses=(404, 406, 409, 503)),
    openapi_extra=inputs.described(DatasetRows, NumberRows, tensor_name="inputs", examples=inputs.EXAMPLES),
)
@body_limit("max_body_bytes")
async def encode(
    request: Request, named: NamedDep, app_state: AppStateDep, picked: SelectionDep, form: ArrayFormat = None
) -> Response:
    """The code of each row: numbers or a binary array in the body, or rows of a dataset named by their indices."""
    dense_only = " of a sparse answer" if picked else ""
    wanted = representations.choose(request, (JSON,) if picked else ARRAYS, form, why=dense_only)
    body = await inputs.received(request)

    def read(model: "TrainedModel") -> np.ndarray:
        return inputs.rows(app_state, model, body)

    def write(model: "TrainedModel", _: np.ndarray, arrays: Arrays) -> bytes:
        beside = operations.beside(model, named.reference, "encode")
        if picked is None:
            return representations.array_bytes(wanted, arrays, beside)
        return representations.json_bytes({**beside, "rows": [_sparse(code, picked) for code in arrays["codes"]]})

    content = await app_state.computed(request, named, "encode", read, write)
    return representations.computed(content, wanted)


def _sparse(code: np.ndarray, picked: Selection) -> dict[str, np.ndarray]:
    """Indices and values of one code's selected latents, indices ascending."""
    indices = np.flatnonzero(code > picked.threshold)
    if picked.top_k is not None:
        indices = np.sort(indices[np.argsort(-code[indices], kind="stable")[: picked.top_k]])
    return {"indices": indices, "values": code[indices]}


@router.post(
    "/models/{model}/decode",
    summary="Decode codes",
    **computed_resource(Outputs, NPY, SAFETENSORS, statuses=(404, 406, 503)),
    openapi_extra=inputs.described(CodeRows, SparseRows, tensor_name="codes", examples=inputs.CODE_EXAMPLES),
)
@body_limit("max_body_bytes")
async def decode(request: Request, named: NamedDep, app_state: AppStateDep, form: ArrayFormat = None) -> Response:
    """The output for each code, sent dense or as indices and values of its active latents."""
    wanted = representations.choose(request, ARRAYS, form)
    body = await inputs.received(request)

    def read(model: "TrainedModel") -> np.ndarray:
        return inputs.codes(app_state, model, body)

    def write(model: "TrainedModel", _: np.ndarray, arrays: Arrays) -> bytes:
        return representations.array_bytes(wanted, arrays, operations.beside(model, named.reference, "decode"))

    content = await app_state.computed(request, named, "decode", read, write)
    return representations.computed(content, wanted)
