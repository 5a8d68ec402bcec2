"""Where the versions of the API are mounted: the one place that spells their prefix."""

from typing import Final

V1: Final = "/api/v1"
