"""Inputs encoded and decoded, over HTTP: as numbers, or as pictures side by side."""

from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.http import paths, representations
from service.http.body_limits import body_limit
from service.http.fixed import computed_resource
from service.http.representations import JSON, NPY, PNG, SAFETENSORS
from service.inference import checks, inputs, operations
from service.inference.inputs import DatasetRows, NumberRows
from service.inference.operations import Arrays
from service.pictures import pairs
from service.references import NamedDep
from service.state import AppStateDep
from sparse_coding.errors import TooManyRows

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["models"])

OFFERS: Final = (JSON, PNG, NPY, SAFETENSORS)


class Reconstructions(BaseModel):
    """Reconstructions of the rows, in the order in which they were sent."""

    model: str = Field(description="The model version that computed them.")
    reconstructions: list[list[float]] = Field(description="[rows][n_inputs], in raw units, as `outputs` of decode.")
    mse: list[float] = Field(description="Mean squared error of each row.")
    error_units: Literal["raw", "scaled"] = Field(description="Units of `mse`: `scaled` for a model with `minmax`.")


@router.post(
    "/models/{model}/reconstruct",
    summary="Reconstruct inputs",
    **computed_resource(Reconstructions, PNG, NPY, SAFETENSORS, statuses=(404, 406, 409, 503)),
    openapi_extra=inputs.described(DatasetRows, NumberRows, tensor_name="inputs", examples=inputs.EXAMPLES),
)
@body_limit("max_body_bytes")
async def reconstruct(
    request: Request,
    named: NamedDep,
    app_state: AppStateDep,
    form: Annotated[
        Literal["json", "png", "npy", "safetensors"] | None, Query(alias="format", description="Overrides `Accept`.")
    ] = None,
) -> Response:
    """Encode and decode each row. As PNG: each image above its reconstruction, drawn from 0 (black) to 1 (white)."""
    wanted = representations.choose(request, OFFERS, form)
    body = await inputs.received(request)

    def read(model: "TrainedModel") -> np.ndarray:
        if wanted == PNG:
            checks.image_shape(model)
        rows = inputs.rows(app_state, model, body)
        most = app_state.settings.max_images
        if wanted == PNG and len(rows) > most:
            raise TooManyRows(f"at most {most} pairs fit into one picture; {len(rows)} rows came")
        return rows

    def write(model: "TrainedModel", rows: np.ndarray, arrays: Arrays) -> bytes:
        if wanted == PNG:
            return _picture(model, rows, arrays)
        return representations.array_bytes(wanted, arrays, operations.beside(model, named.reference, "reconstruct"))

    content = await app_state.computed(request, named, "reconstruct", read, write)
    return representations.computed(content, wanted)


def _picture(model: "TrainedModel", rows: np.ndarray, arrays: Arrays) -> bytes:
    shape = checks.image_shape(model)
    outputs = checks.finite(arrays["reconstructions"], "reconstructions")
    return pairs.reconstructions(rows.reshape(-1, *shape), outputs.reshape(-1, *shape), arrays["mse"])
