"""Features of two models, matched one to one."""

from typing import Final, Literal

from pydantic import BaseModel, Field

MAX_ATOMS: Final = 4096
"""Live latents of one model: matching takes seconds for so many, and grows with their cube. So many pairs there are
at most."""
AtomKind = Literal["decoder", "difference"]


class Match(BaseModel):
    """Two latents, one of each model, that are matched."""

    first: int = Field(description="Latent of the model named first.")
    second: int = Field(description="Latent of the model named second.")
    cosine: float = Field(description="Magnitude of the cosine between their atoms.")
    sign: Literal[-1, 1] = Field(description="-1 where the atoms point in opposite directions.")


class MatchesAnswer(BaseModel):
    """Pairs of latents by falling |cosine|."""

    models: list[str] = Field(description="Two versions.")
    mean: float | None = Field(description="Mean |cosine| over all pairs (PW-MCC); null where there are none.")
    atoms: list[AtomKind] = Field(
        description="Atoms of each model: columns of a decoder that is one linear map, or difference images."
    )
    dead_latents: list[int] = Field(
        description="For each model, the number of latents that are left out because no test row activates them."
    )
    matched: int = Field(description=f"Number of all pairs, at most {MAX_ATOMS:,}.")
    pairs: list[Match] = Field(description="The first `limit` of them.")
    formulas: dict[str, str] = Field(description="Id of the formula behind each figure.")
