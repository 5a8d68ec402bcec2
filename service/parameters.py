"""Query parameters that a route does not have are refused, so that a typing error is not taken for a default.

One dependency for every route; knows no parameter by name.
"""

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query

from service import problems
from service.errors import Fault, InvalidRequest


async def require_known(request: Request) -> None:
    """Raise `InvalidRequest` for query parameters that the route of this request does not declare."""
    if not request.query_params:
        return
    declared = get_flat_params(request.scope["route"].dependant)
    known = sorted(field.alias for field in declared if isinstance(field.field_info, Query))
    detail = f"there is no such parameter here; {'known are ' + ', '.join(known) if known else 'none is known'}"
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        faults = [Fault(f"query:{name}"[: problems.MAX_POINTER], detail) for name in unknown[: problems.MAX_FAULTS]]
        raise InvalidRequest(f"{faults[0].pointer}: {detail}", faults)
