"""Atoms of a baselines run as pictures over HTTP: a grid of each dictionary, and the pairs matched with the model's.

Knows the file that the run left, and nothing of how a dictionary is learned or matched.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from torch import Tensor

from registry import run_blobs, runs
from service.answers import run_results
from service.errors import MethodNotFound
from service.http import paths, problems, representations
from service.http.parameters import RunId
from service.http.representations import PNG
from service.inference import inputs
from service.pictures import png
from service.state import AppState, AppStateDep
from sparse_coding.dictionaries import atom_files
from sparse_coding.errors import NotAnImage

router = APIRouter(prefix=paths.V1, tags=["runs"])

OWN: Final = "model"
"""The method that is the model itself."""
PAIRS_IN_A_LINE: Final = 10
GAP: Final = 4

LimitQuery = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
DRAWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A PNG.", "content": {PNG.media_type: {"schema": {"type": "string", "format": "binary"}}}},
    **representations.UNCHANGED,
    **problems.responses(404, 409, 503),
}


@dataclass(frozen=True)
class _Left:
    """What the run left of every dictionary: named arrays and a document, as `atom_files` has them."""

    tensors: dict[str, Tensor]
    document: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """[channels, height, width] of an atom. Raises `NotAnImage`."""
        shape = self.document["image_shape"]
        if shape is None:
            raise NotAnImage("the model was trained on vectors: its atoms have no picture")
        channels, height, width = shape
        return channels, height, width

    def of(self, part: str, method: str) -> np.ndarray:
        """`atoms`, `pairs` or `cosines` of a method. Raises `MethodNotFound` where the run left none."""
        found = self.tensors.get(f"{part}.{method}")
        if found is None:
            there = ", ".join(name.partition(".")[2] for name in self.tensors if name.startswith(f"{part}."))
            raise MethodNotFound(f"this run left {part} of {there or 'no method'}; {method} is not among them")
        return found.numpy()

    def images(self, method: str, rows: np.ndarray) -> np.ndarray:
        """Atoms as [m, channels, height, width]."""
        chosen: np.ndarray = self.of("atoms", method)[rows]
        return chosen.reshape(len(rows), *self.shape)

    def numbers(self, method: str, rows: np.ndarray) -> list[int]:
        """Which atoms of the whole dictionary these are; of the model, which latents."""
        return [self.document["indices"][method][row] for row in rows]


@router.get("/runs/{run_id}/results/atoms", summary="Atoms of a dictionary", response_class=Response, responses=DRAWN)
async def get_atoms(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    method: Annotated[Literal["model", "ksvd", "minibatch", "pca"], Query(description="Whose.")] = "model",
    limit: LimitQuery = 64,
) -> Response:
    """The first atoms of one dictionary of a baselines run as a grid (PNG).

    Each tile is symmetric about mid grey, which is 0. Dead latents have been left out of the model's.
    """
    content = await app_state.interactive.run(request, _grid, app_state, run_id, method, limit)
    return representations.fixed(request, content, PNG, pinned=True)


@router.get(
    "/runs/{run_id}/results/matches", summary="Atoms matched one to one", response_class=Response, responses=DRAWN
)
async def get_pairs(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    method: Annotated[Literal["ksvd", "minibatch", "pca"], Query(description="Whose atoms stand below.")] = "ksvd",
    limit: LimitQuery = 40,
) -> Response:
    """The model's atoms, each above the atom of another dictionary that is its match, the best first (PNG).

    A match is by |cosine|; an atom that points the other way is drawn with its sign turned, and named in `turned`.
    """
    content = await app_state.interactive.run(request, _matched, app_state, run_id, method, limit)
    return representations.fixed(request, content, PNG, pinned=True)


def _grid(app_state: AppState, run_id: str, method: str, limit: int) -> bytes:
    left = _left(app_state, run_id)
    count = len(left.of("atoms", method))
    shown = np.arange(min(limit, count, _most(app_state, left)))
    tiles = png.centred(left.images(method, shown))
    sheet = png.grid(tiles, columns=math.ceil(math.sqrt(len(tiles))), gap=GAP, scale=png.whole_factor(tiles[0, 0]))
    return png.encode(sheet, {"method": method, **_text({"atoms": left.numbers(method, shown), "of": count})})


def _matched(app_state: AppState, run_id: str, method: str, limit: int) -> bytes:
    left = _left(app_state, run_id)
    pairs = left.of("pairs", method)[: max(1, min(limit, _most(app_state, left) // 2))]
    own, other = left.images(OWN, pairs[:, 0]), left.images(method, pairs[:, 1])
    turned = (own * other).sum(axis=(1, 2, 3), dtype=np.float64) < 0
    facts = {
        "latents": left.numbers(OWN, pairs[:, 0]),
        "atoms": left.numbers(method, pairs[:, 1]),
        "turned": left.numbers(method, pairs[turned, 1]),
        "cosines": left.of("cosines", method)[: len(pairs)],
    }
    sheet = _pairs(own, np.where(turned[:, None, None, None], -other, other))
    return png.encode(sheet, {"layout": f"the model's atom above that of {method}", **_text(facts)})


def _left(app_state: AppState, run_id: str) -> _Left:
    """What a finished baselines run left."""
    with app_state.database.read() as session:
        run_results.succeeded(runs.get(session, run_id), "baselines")
        digest = run_blobs.output(session, run_id, "atoms")
    return _Left(*atom_files.read(app_state.artifacts.path(digest)))


def _most(app_state: AppState, left: _Left) -> int:
    """Atoms that fit into one picture."""
    return max(1, min(app_state.settings.max_images, inputs.MAX_NUMBERS // math.prod(left.shape)))


def _pairs(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    tiles = png.stacked(png.centred(upper), png.centred(lower))
    return png.grid(tiles, columns=min(len(tiles), PAIRS_IN_A_LINE), gap=2 * GAP, scale=png.whole_factor(upper[0, 0]))


def _text(facts: dict[str, Any]) -> dict[str, str]:
    """What a picture says of itself, as tEXt chunks in JSON."""
    contrast = "each tile symmetric: 0 is mid grey, its largest magnitude black or white"
    return {**{name: representations.json_bytes(fact).decode() for name, fact in facts.items()}, "contrast": contrast}
