"""The features of two models matched one to one, over HTTP: the pairs as numbers, and as pictures above each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response

from service import analyses
from service.analyses import cache, subjects
from service.analyses.subjects import Subject
from service.answers.matches import MAX_ATOMS, Match, MatchesAnswer
from service.errors import InvalidRequest
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.representations import JSON, PNG, PictureForm
from service.inference import checks
from service.pictures import features as feature_pictures
from service.pictures import pairs as pictures
from service.pictures import png, words
from service.references import Chosen, several
from service.state import AnalysesLoaded, AppStateDep
from service.storage import Storage
from sparse_coding import analysis

if TYPE_CHECKING:
    from service.analyses.matches import Matches

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

MAX_DRAWN: Final = 200
"""Pairs of one picture."""
SIDE: Final = 56
"""Side in pixels that each picture of a pair aims at."""
FORMULAS: Final = {"mean": "pw_mcc", "dead_latents": "dead_latents"}


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
    **fixed_resource(MatchesAnswer, PNG, statuses=(404, 406, 413, 503)),
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
            description=f"Maximum number of pairs; {MAX_ATOMS:,} are all, and a picture has at most {MAX_DRAWN}.",
        ),
    ] = 64,
    form: PictureForm = None,
) -> Response:
    """The one-to-one matching of two models' latents with the largest sum of |cosine|; dead latents are left out.

    As PNG, the difference images of each pair above each other, each symmetric about mid grey; the text chunk `pairs`
    names the latents, `flipped` the pairs that point in opposite directions, and `matched` counts all pairs. Between
    two seeds of one spec, the mean measures how stable its features are.
    """
    wanted = representations.choose(request, (JSON, PNG), form)
    both = [subjects.of(app_state, each.version) for each in named]
    await app_state.interactive.run(request, analyses.matches.require_one_width, *both)
    if wanted == PNG:
        await app_state.interactive.run(request, _require_one_shape, both)
    measured = await cache.results(request, app_state, lambda: list(map(analyses.feature_quality.analysis, both)))
    first, second = await app_state.interactive.run(
        request, lambda: list(map(analyses.matches.Candidate, both, measured))
    )
    found = await cache.result(request, app_state, analyses.matches.analysis, first, second)
    oriented = analyses.matches.oriented(found, first, second)
    if wanted == PNG:
        content = await app_state.interactive.run(request, _picture, app_state, both, oriented, limit)
    else:
        content = representations.json_bytes(_answer(both, oriented, limit))
    return representations.fixed(request, content, wanted, pinned=all(each.pinned for each in named))


def _answer(both: Sequence[Subject], found: "Matches", limit: int) -> MatchesAnswer:
    return MatchesAnswer(
        models=[each.reference for each in both],
        mean=found.mean,
        atoms=found.atoms,
        dead_latents=found.dead_latents,
        matched=len(found.pairs),
        pairs=found.pairs[:limit],
        formulas=FORMULAS,
    )


def _picture(storage: Storage, both: Sequence[Subject], found: "Matches", limit: int) -> bytes:
    pairs = found.pairs[: min(limit, MAX_DRAWN)]
    if not pairs:
        raise InvalidRequest("models: there are no pairs to draw, because all latents of one of them are dead")
    feature_pictures.check_tiles(storage, both[0].model, len(pairs))
    upper = _images(both[0], [pair.first for pair in pairs])
    lower = _images(both[1], [pair.second for pair in pairs])
    return png.encode(pictures.symmetric(upper, lower, SIDE), _text(both, found, pairs))


def _require_one_shape(both: Sequence[Subject]) -> None:
    shapes = [checks.image_shape(each.model) for each in both]
    if shapes[0] != shapes[1]:
        wanted = " and ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise InvalidRequest(f"models: pictures above each other need images of one shape; these are {wanted}")


def _images(of: Subject, latents: Sequence[int]) -> np.ndarray:
    return checks.finite(analysis.feature_images.decoded(of.model, latents, mode="difference"), "pictures")


def _text(both: Sequence[Subject], found: "Matches", pairs: Sequence[Match]) -> dict[str, str]:
    """Description of the picture, as tEXt chunks."""
    facts = {
        "models": [each.reference for each in both],
        "mean": found.mean,
        "matched": len(found.pairs),
        "pairs": [[pair.first, pair.second, round(pair.cosine, 6)] for pair in pairs],
        "flipped": [[pair.first, pair.second] for pair in pairs if pair.sign < 0],
    }
    return {
        **words.chunks(facts),
        "layout": "each feature of the first model above its match in the second, by falling |cosine|; "
        f"of all that are matched, at most {MAX_DRAWN}",
        "contrast": words.SYMMETRIC,
        "mode": "difference",
    }
