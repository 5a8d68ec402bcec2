"""The features of two models matched one to one, over HTTP: the pairs as numbers, and as pictures above each other.

Matched once and kept, whichever model is named first. What a match is stands in the workshop.
"""

import importlib
import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from registry.database.tables import ModelVersion
from service.analyses import cache, feature_quality
from service.errors import InvalidRequest
from service.http import paths, problems, representations
from service.http.representations import JSON, PNG, PictureForm, Representation
from service.inference import checks
from service.pictures import features as feature_pictures
from service.pictures import png
from service.references import Chosen, several
from service.state import AppState, AppStateDep
from sparse_coding.analysis import feature_images
from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, PNG)
MAX_ATOMS: Final = 4096
"""Live latents of one model: matching takes seconds for so many, and grows with their cube. So many pairs there are
at most."""
MAX_DRAWN: Final = 200
"""Pairs of one picture."""
COLUMNS: Final = 10
"""Pairs beside each other in a picture."""
SIDES: Final = ("first", "second")
SIDE: Final = 56
"""Side in pixels that each picture of a pair aims at."""
FORMULAS: Final = {"mean": "pw_mcc", "dead_latents": "dead_latents"}


class Match(BaseModel):
    """Two latents that stand for the same as far as any two do."""

    first: int = Field(description="Latent of the model named first.")
    second: int = Field(description="Latent of the other.")
    cosine: float = Field(description="Magnitude of the cosine between their atoms.")
    sign: Literal[-1, 1] = Field(description="-1 where the atoms point in opposite directions.")


class MatchesAnswer(BaseModel):
    """Pairs of latents by falling |cosine|."""

    models: list[str] = Field(description="Two versions.")
    mean: float | None = Field(description="Mean |cosine| over all pairs (PW-MCC); null where there are none.")
    atoms: list[Literal["decoder", "difference"]] = Field(
        description="Of each model: columns of a decoder that is one linear map, or difference images."
    )
    dead_latents: list[int] = Field(description="Of each model: latents left out, because no test row activates them.")
    matched: int = Field(description=f"Pairs in all, at most {MAX_ATOMS:,}.")
    pairs: list[Match] = Field(description="The first `limit` of them.")
    formulas: dict[str, str] = Field(description="What each number is, by name.")


def two(
    app_state: AppStateDep,
    references: Annotated[
        str,
        Query(
            alias="models",
            max_length=300,
            description="Two models of one number of inputs, separated by a comma.",
            examples=["digits-weights-0,digits-weights-2"],
        ),
    ],
) -> tuple[Chosen, ...]:
    """The two models that a request names."""
    return several(app_state, references, least=2, most=2)


@router.get(
    "/comparisons/matches",
    summary="Match features",
    response_class=Response,
    responses={
        200: representations.described(MatchesAnswer, PNG),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 413, 503),
    },
)
async def get_matches(
    request: Request,
    named: Annotated[tuple[Chosen, ...], Depends(two)],
    app_state: AppStateDep,
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=2**31 - 1,
            description=f"How many pairs to give; {MAX_ATOMS:,} are all, and a picture has at most {MAX_DRAWN}.",
        ),
    ] = 64,
    form: PictureForm = None,
) -> Response:
    """The one-to-one matching of two models' latents with the greatest sum of |cosine|; dead latents are left out.

    As PNG, the difference images of each pair above each other, each symmetric about mid grey; the text chunk `pairs`
    names the latents, `flipped` the pairs that point in opposite directions, and `matched` counts all pairs. Between
    several seeds of one spec this is the stability of its features.
    """
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(request, app_state, _answer, app_state, named, limit, wanted)
    return representations.fixed(request, content, wanted, pinned=all(each.pinned for each in named))


def _answer(app_state: AppState, named: tuple[Chosen, ...], limit: int, wanted: Representation) -> bytes:
    first, second = (each.version for each in named)
    _require_one_space(app_state, first, second)
    if wanted == PNG:
        return _picture(app_state, first, second, limit)
    found = of(app_state, first, second)
    document = {"models": [first.reference, second.reference], **found, "matched": len(found["pairs"])}
    return representations.json_bytes({**document, "pairs": found["pairs"][:limit], "formulas": FORMULAS})


def mean(app_state: AppState, first: ModelVersion, second: ModelVersion) -> float | None:
    """`pw_mcc` of two models; None unless they can be matched, or where there are no pairs."""
    if not _is_one_space(app_state, first, second) or any(too_large(app_state, version) for version in (first, second)):
        return None
    value: float | None = of(app_state, first, second)["mean"]
    return value


def of(app_state: AppState, first: ModelVersion, second: ModelVersion) -> dict[str, Any]:
    """All pairs of two models of one input space, their mean, and what was left out.

    Raises `InvalidRequest` for dictionaries that are too large.
    """
    for version in (first, second):
        if too_large(app_state, version):
            raise InvalidRequest(
                f"models: at most {MAX_ATOMS:,} latents that are not dead are matched, and dictionaries of at most "
                f"{cache.MAX_ACTIVATIONS:,} values; {version.reference} has more"
            )
    lower, upper = sorted((first, second), key=_identity)
    inputs = {"models": [_identity(lower), _identity(upper)]}
    kept = orjson.loads(cache.kept(app_state, "matches", inputs, lambda: _match(app_state, lower, upper)))
    return dict(kept if lower is first else _mirrored(kept))


def _identity(version: ModelVersion) -> list[str]:
    return [version.digest, version.dataset_digest]


def _match(app_state: AppState, first: ModelVersion, second: ModelVersion) -> bytes:
    latents = [feature_quality.live(app_state, version) for version in (first, second)]
    found = [_atoms(app_state, version) for version in (first, second)]
    chosen = [atoms[alive] for (atoms, _), alive in zip(found, latents, strict=True)]
    matching = importlib.import_module("sparse_coding.analysis.matching").match(*chosen)
    pairs = [
        {**pair._asdict(), "first": int(latents[0][pair.first]), "second": int(latents[1][pair.second])}
        for pair in matching.pairs
    ]
    document = {
        "mean": None if math.isnan(matching.mean) else matching.mean,
        "atoms": [kind for _, kind in found],
        "dead_latents": [len(atoms) - len(alive) for (atoms, _), alive in zip(found, latents, strict=True)],
        "pairs": pairs,
    }
    return representations.json_bytes(document)


def _mirrored(kept: dict[str, Any]) -> dict[str, Any]:
    """The same with the models the other way round."""
    pairs = [{**pair, "first": pair["second"], "second": pair["first"]} for pair in kept["pairs"]]
    both = {name: kept[name][::-1] for name in ("atoms", "dead_latents")}
    return {**kept, **both, "pairs": sorted(pairs, key=lambda pair: (-pair["cosine"], pair["first"]))}


def _atoms(app_state: AppState, version: ModelVersion) -> tuple[np.ndarray, str]:
    found = feature_quality.atoms(app_state.models.get(version.digest))
    assert found is not None, "whether they fit was asked before"
    return found


def too_large(app_state: AppState, version: ModelVersion) -> str | None:
    """Why the features of a model are matched with no others; None where they can be."""
    model = app_state.models.get(version.digest)
    if model.n_latents * model.n_inputs > cache.MAX_ACTIVATIONS:
        most = f"{cache.MAX_ACTIVATIONS:,}"
        return f"its dictionary has more than {most} values, and for that their locality is not measured either"
    if len(feature_quality.live(app_state, version)) > MAX_ATOMS:
        return f"more than {MAX_ATOMS:,} of its latents are not dead"
    return None


def _is_one_space(app_state: AppState, first: ModelVersion, second: ModelVersion) -> bool:
    return app_state.models.get(first.digest).n_inputs == app_state.models.get(second.digest).n_inputs


def _require_one_space(app_state: AppState, first: ModelVersion, second: ModelVersion) -> None:
    if not _is_one_space(app_state, first, second):
        widths = [f"{each.reference} takes {app_state.models.get(each.digest).n_inputs}" for each in (first, second)]
        raise InvalidRequest(
            f"models: features are matched between two models of one number of inputs; {' and '.join(widths)}"
        )


# --- the picture -----------------------------------------------------------------------------------------------------


def _picture(app_state: AppState, first: ModelVersion, second: ModelVersion, limit: int) -> bytes:
    both = [app_state.models.get(version.digest) for version in (first, second)]
    _require_one_shape(both)
    found = of(app_state, first, second)
    pairs = found["pairs"][: min(limit, MAX_DRAWN)]
    if not pairs:
        raise InvalidRequest("models: there are no pairs to draw, because all latents of one of them are dead")
    feature_pictures.check_tiles(app_state, both[0], len(pairs))
    halves = [_images(model, [pair[side] for pair in pairs]) for model, side in zip(both, SIDES, strict=True)]
    line = np.full((*halves[0].shape[:2], 1, halves[0].shape[3]), png.PAPER, np.uint8)
    tiles = np.concatenate([png.centred(halves[0]), line, png.centred(halves[1])], axis=2)
    scale = png.whole_factor(halves[0][0, 0], side=SIDE)
    sheet = png.grid(tiles, columns=min(len(pairs), COLUMNS), gap=8, scale=scale)
    return png.encode(sheet, _text([first.reference, second.reference], found, pairs))


def _require_one_shape(both: Sequence[TrainedModel]) -> None:
    shapes = [checks.image_shape(model) for model in both]
    if shapes[0] != shapes[1]:
        wanted = " and ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise InvalidRequest(f"models: pictures above each other need images of one shape; these are {wanted}")


def _images(model: TrainedModel, latents: Sequence[int]) -> np.ndarray:
    return checks.finite(feature_images.decoded(model, latents, mode="difference"), "pictures")


def _text(references: list[str], found: dict[str, Any], pairs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What the picture says of itself, as tEXt chunks."""
    facts = {
        "models": references,
        "mean": found["mean"],
        "matched": len(found["pairs"]),
        "pairs": [[pair["first"], pair["second"], round(pair["cosine"], 6)] for pair in pairs],
        "flipped": [[pair["first"], pair["second"]] for pair in pairs if pair["sign"] < 0],
    }
    return {
        **{name: representations.json_bytes(fact).decode() for name, fact in facts.items()},
        "layout": "each feature of the first model above its match in the second, by falling |cosine|; "
        f"of all that are matched, at most {MAX_DRAWN}",
        "contrast": "each tile symmetric: 0 is mid grey, its largest magnitude black or white",
        "mode": "difference",
    }
