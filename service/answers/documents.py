"""Stored JSON documents in answers: described by a model in OpenAPI, and passed on as they are stored."""

from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class DocumentedAs:
    """Annotates a dictionary that is described by `model` and neither parsed nor changed.

    A stored document can be older than the model: it is shown as it was written, and never makes a request fail.
    """

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda document, _: document,
            handler.generate_schema(self._model),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda document: document),
        )
