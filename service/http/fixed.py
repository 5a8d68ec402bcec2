"""Resources whose content is fixed by what they are made from: how their routes are documented."""

from typing import Any, TypedDict

from fastapi import Response
from pydantic import BaseModel

from service.http import problems, representations
from service.http.representations import Representation


class Documented(TypedDict):
    """Arguments of a route's decorator."""

    response_class: type[Response]
    responses: dict[int | str, dict[str, Any]]


def fixed_resource(
    answer: type[BaseModel], *others: Representation, statuses: tuple[int, ...], picture_first: bool = False
) -> Documented:
    """A GET with `answer` as JSON, with `others`, with 304, and with problems of these statuses."""
    described = representations.described(answer, *others, picture_first=picture_first)
    responses = {200: described, **representations.UNCHANGED, **problems.responses(*statuses)}
    return {"response_class": Response, "responses": responses}


def computed_resource(
    answer: type[BaseModel], *others: Representation, statuses: tuple[int, ...], picture_first: bool = False
) -> Documented:
    """A POST that computes `answer` or `others` from its body."""
    described = representations.described(answer, *others, picture_first=picture_first)
    return {"response_class": Response, "responses": {200: described, **problems.responses(*statuses)}}
