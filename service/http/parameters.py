"""Parameters of several routes, and the check that refuses unknown and repeated query parameters."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from service.errors import Fault, InvalidRequest
from service.http import problems

RunId = Annotated[str, Path(max_length=64, description="The run's `id`.")]


async def require_known(request: Request) -> None:
    """Raise `InvalidRequest` for query parameters that the route of this request does not declare, or that come twice.

    Lists are separated by commas, never given by repetition.
    """
    if not request.query_params:
        return
    declared = get_flat_params(request.scope["route"].dependant)
    known = sorted(field.alias for field in declared if isinstance(field.field_info, Query))
    detail = f"unknown parameter; {'known are ' + ', '.join(known) if known else 'none is known'}"
    names = [name for name, _ in request.query_params.multi_items()]
    refused = {name: detail for name in names if name not in known}
    refused |= {name: "expected once, got it more than once" for name in known if names.count(name) > 1}
    if refused:
        faults = [Fault(f"query:{name}"[: problems.MAX_POINTER], why) for name, why in refused.items()]
        raise InvalidRequest(f"{faults[0].pointer}: {faults[0].detail}", faults[: problems.MAX_FAULTS])
