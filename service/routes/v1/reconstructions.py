"""Inputs encoded and decoded, over HTTP: as numbers, or as pictures side by side."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.http import paths, representations
from service.http.body_limits import body_limit
from service.http.fixed import computed_resource
from service.http.representations import JSON, NPY, PNG, SAFETENSORS, Representation
from service.inference import checks, inputs, operations
from service.inference.inputs import Body, DatasetRows, NumberRows
from service.pictures import pairs
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.errors import TooManyRows

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
    chosen: ChosenDep,
    app_state: AppStateDep,
    form: Annotated[
        Literal["json", "png", "npy", "safetensors"] | None, Query(alias="format", description="Overrides `Accept`.")
    ] = None,
) -> Response:
    """Encode and decode each row. As PNG: each image above its reconstruction, drawn from 0 (black) to 1 (white)."""
    wanted = representations.choose(request, OFFERS, form)
    body = await inputs.received(request)
    content = await app_state.interactive.run(request, _reconstruct, app_state, chosen, body, wanted)
    return representations.computed(content, wanted)


def _reconstruct(app_state: AppState, chosen: Chosen, body: Body, wanted: Representation) -> bytes:
    version = chosen.version
    model = app_state.models.get(version.digest)
    shape = checks.image_shape(model) if wanted == PNG else None
    rows = inputs.rows(app_state, model, body)
    if shape is not None and len(rows) > app_state.settings.max_images:
        raise TooManyRows(f"at most {app_state.settings.max_images} pairs fit into one picture; {len(rows)} rows came")
    arrays = operations.compute(app_state.models, version.digest, "reconstruct", rows)
    app_state.measurements.rows.labels("reconstruct").inc(len(rows))
    if shape is not None:
        outputs = checks.finite(arrays["reconstructions"], "reconstructions")
        return pairs.reconstructions(rows.reshape(-1, *shape), outputs.reshape(-1, *shape), arrays["mse"])
    beside = {"model": version.reference, "error_units": model.preprocessing.error_units}
    return representations.array_bytes(wanted, arrays, beside)
