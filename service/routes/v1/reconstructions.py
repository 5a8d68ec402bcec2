"""Inputs through the whole autoencoder and back, over HTTP: as numbers, or as pictures side by side.

How bodies are read stands in `inputs`, and how a model computes in the workshop.
"""

from typing import Annotated, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.http import paths, problems, representations
from service.http.body_limits import body_limit
from service.http.representations import JSON, NPY, PNG, SAFETENSORS, Representation
from service.inference import checks, inputs
from service.inference.inputs import Body, DatasetRows, NumberRows
from service.pictures import png
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.errors import TooManyRows

router = APIRouter(prefix=paths.V1, tags=["models"])

OFFERS: Final = (JSON, PNG, NPY, SAFETENSORS)
COLUMNS: Final = 10
"""Pairs beside each other in a picture."""


class Reconstructions(BaseModel):
    """What came back of every row, in the order in which they were sent."""

    model: str = Field(description="The version that computed them.")
    reconstructions: list[list[float]] = Field(description="[rows][n_inputs], in raw units: [0, 1] for images.")
    mse: list[float] = Field(description="Mean squared error of each row.")
    error_units: Literal["raw", "scaled"] = Field(description="Units of `mse`: `scaled` for a model with `minmax`.")


@router.post(
    "/models/{model}/reconstruct",
    summary="Reconstruct inputs",
    response_class=Response,
    responses={
        200: representations.described(Reconstructions, PNG, NPY, SAFETENSORS),
        **problems.responses(404, 406, 409, 503),
    },
    openapi_extra=inputs.described(DatasetRows, NumberRows, tensor_name="inputs", examples=inputs.EXAMPLES),
)
@body_limit("max_body_bytes")
async def reconstruct(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    form: Annotated[
        Literal["json", "png", "npy", "safetensors"] | None, Query(alias="format", description="Overrides `Accept`.")
    ] = None,
) -> Response:
    """Encode and decode every row. As PNG: each image above its reconstruction, drawn from 0 (black) to 1 (white)."""
    wanted = representations.choose(request, OFFERS, form)
    body = await inputs.received(request)
    content = await app_state.interactive.run(request, _reconstruct, app_state, chosen, body, wanted)
    return representations.computed(content, wanted)


def _reconstruct(app_state: AppState, chosen: Chosen, body: Body, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    shape = checks.image_shape(model) if wanted == PNG else None
    rows = inputs.rows(app_state, model, body)
    if shape is not None and len(rows) > app_state.settings.max_images:
        raise TooManyRows(f"at most {app_state.settings.max_images} pairs fit into one picture; {len(rows)} rows came")
    outputs, errors = model.reconstruct(rows)
    checks.finite(errors, "reconstructions")
    app_state.measurements.rows.labels("reconstruct").inc(len(rows))
    if shape is not None:
        return _pairs(rows.reshape(-1, *shape), checks.finite(outputs, "reconstructions").reshape(-1, *shape), errors)
    arrays = {"reconstructions": outputs, "mse": errors}
    beside = {"model": chosen.version.reference, "error_units": model.preprocessing.error_units}
    return representations.array_bytes(wanted, arrays, beside)


def _pairs(originals: np.ndarray, outputs: np.ndarray, errors: np.ndarray) -> bytes:
    """Images in [0, 1], [m, channels, height, width], each above what came back of it."""
    tiles = png.stacked(png.unit(originals), png.unit(outputs))
    sheet = png.grid(tiles, columns=min(len(tiles), COLUMNS), gap=8, scale=png.whole_factor(originals[0, 0]))
    text = {
        "layout": "each original above its reconstruction",
        "contrast": "0 is black, 1 is white",
        "mse": representations.json_bytes(errors).decode(),
    }
    return png.encode(sheet, text)
