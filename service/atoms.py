"""Atoms of a baselines run as pictures over HTTP: a grid of each dictionary, and the pairs matched with the model's.

Knows the file that the run left, and nothing of how a dictionary is learned or matched.
"""

import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from registry import runs
from service import inputs, png, problems, representations, results
from service.dependencies import Rooms, RoomsDep
from service.errors import MethodNotFound
from service.representations import PNG
from service.runs import RunId
from sparse_coding.errors import NotAnImage

router = APIRouter(prefix="/api/v1", tags=["results"])

OWN: Final = "model"
"""The method that is the model itself."""
PAIRS_IN_A_LINE: Final = 10
GAP: Final = 4

LimitQuery = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
DRAWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A PNG.", "content": {PNG.media_type: {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The client has it already."},
    **problems.responses(404, 409, 413, 503),
}


@dataclass(frozen=True)
class _Atoms:
    """What the run left of every dictionary."""

    of: dict[str, np.ndarray]
    """Method -> float32 [n, d]."""
    pairs: dict[str, np.ndarray]
    """Method -> [p, 2]: index into the model's atoms and into the method's, best match first."""
    cosines: dict[str, np.ndarray]
    """Method -> [p]: |cosine| of each pair."""
    shape: tuple[int, int, int]
    """[channels, height, width] of an atom."""

    def images(self, method: str, indices: np.ndarray) -> np.ndarray:
        """[m, channels, height, width]."""
        chosen: np.ndarray = self.of[method][indices]
        return chosen.reshape(len(indices), *self.shape)


@router.get("/runs/{run_id}/results/atoms", summary="Atoms of a dictionary", response_class=Response, responses=DRAWN)
async def get_atoms(
    request: Request,
    rooms: RoomsDep,
    run_id: RunId,
    method: Annotated[Literal["model", "ksvd", "minibatch", "pca"], Query(description="Whose.")] = "model",
    limit: LimitQuery = 64,
) -> Response:
    """The first atoms of one dictionary of a baselines run as a grid (PNG).

    Each tile is symmetric about mid grey, which is 0. Dead latents have been left out of the model's.
    """
    content = await rooms.compute.run(request, _grid, rooms, run_id, method, limit)
    return representations.fixed(request, content, PNG, pinned=True)


@router.get(
    "/runs/{run_id}/results/matches", summary="Atoms matched one to one", response_class=Response, responses=DRAWN
)
async def get_pairs(
    request: Request,
    rooms: RoomsDep,
    run_id: RunId,
    method: Annotated[Literal["ksvd", "minibatch", "pca"], Query(description="Whose atoms stand below.")] = "ksvd",
    limit: LimitQuery = 40,
) -> Response:
    """The model's atoms, each above the atom of another dictionary that is its match, the best first (PNG).

    A match is by |cosine|; an atom that points the other way is drawn with its sign turned, and named in `turned`.
    """
    content = await rooms.compute.run(request, _matched, rooms, run_id, method, limit)
    return representations.fixed(request, content, PNG, pinned=True)


def _grid(rooms: Rooms, run_id: str, method: str, limit: int) -> bytes:
    atoms = _atoms(rooms, run_id, method)
    shown = np.arange(min(limit, len(atoms.of[method]), _most(rooms, atoms)))
    tiles = png.centred(atoms.images(method, shown))
    sheet = png.grid(tiles, columns=math.ceil(math.sqrt(len(tiles))), gap=GAP, scale=png.whole_factor(tiles[0, 0]))
    facts = {"atoms": shown.tolist(), "of": len(atoms.of[method])}
    return png.encode(sheet, {"method": method, **_text(facts)})


def _matched(rooms: Rooms, run_id: str, method: str, limit: int) -> bytes:
    atoms = _atoms(rooms, run_id, method)
    pairs = atoms.pairs[method][: min(limit, _most(rooms, atoms) // 2)]
    own, other = atoms.images(OWN, pairs[:, 0]), atoms.images(method, pairs[:, 1])
    turned = (own * other).sum(axis=(1, 2, 3), dtype=np.float64) < 0
    other = np.where(turned[:, None, None, None], -other, other)
    facts = {
        "pairs": pairs.tolist(),
        "cosines": atoms.cosines[method][: len(pairs)],
        "turned": pairs[turned, 1].tolist(),
    }
    return png.encode(_pairs(own, other), {"layout": f"model above {method}", "method": method, **_text(facts)})


def _atoms(rooms: Rooms, run_id: str, method: str) -> _Atoms:
    """What a finished baselines run left, if `method` is in it. Raises `MethodNotFound`, `NotAnImage`."""
    with rooms.database.read() as session:
        results.succeeded(runs.get(session, run_id), "baselines")
        digest = runs.output(session, run_id, "atoms")
    found = _read(rooms.artifacts.path(digest))
    if method not in found.of:
        raise MethodNotFound(f"this run has the atoms of {', '.join(found.of)}; {method} is not among them")
    return found


def _read(path: Path) -> _Atoms:
    # scikit-learn comes with it, which the API is not to load before it must
    tensors, document = importlib.import_module("sparse_coding.baselines").read(path)
    if document["image_shape"] is None:
        raise NotAnImage("the model was trained on vectors: its atoms have no picture")
    parts: dict[str, dict[str, np.ndarray]] = {"atoms": {}, "pairs": {}, "cosines": {}}
    for name, tensor in tensors.items():
        part, _, method = name.partition(".")
        parts[part][method] = tensor.numpy()
    return _Atoms(parts["atoms"], parts["pairs"], parts["cosines"], tuple(document["image_shape"]))


def _most(rooms: Rooms, atoms: _Atoms) -> int:
    """Atoms that fit into one picture."""
    return max(2, min(rooms.settings.max_images, inputs.MAX_NUMBERS // math.prod(atoms.shape)))


def _pairs(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    tiles = png.stacked(png.centred(upper), png.centred(lower))
    return png.grid(tiles, columns=min(len(tiles), PAIRS_IN_A_LINE), gap=2 * GAP, scale=png.whole_factor(upper[0, 0]))


def _text(facts: dict[str, Any]) -> dict[str, str]:
    """What a picture says of itself, as tEXt chunks in JSON."""
    contrast = "each tile symmetric: 0 is mid grey, its largest magnitude black or white"
    return {**{name: representations.json_bytes(fact).decode() for name, fact in facts.items()}, "contrast": contrast}
