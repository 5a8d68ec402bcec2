"""Atoms of a baselines run as pictures over HTTP: a grid of each dictionary, and the pairs matched with the model's."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from registry import run_blobs, runs
from service.answers import run_results
from service.http import paths, problems, representations
from service.http.parameters import RunId
from service.http.representations import PNG
from service.pictures import atoms
from service.pictures.atoms import AtomsFile
from service.state import AppState, AppStateDep
from sparse_coding import dictionaries

router = APIRouter(prefix=paths.V1, tags=["runs"])

LimitQuery = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
DRAWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A PNG.", "content": {PNG.media_type: {"schema": {"type": "string", "format": "binary"}}}},
    **representations.UNCHANGED,
    **problems.responses(404, 409, 503),
}


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
    return atoms.grid(_opened(app_state, run_id), method, limit, app_state.settings.max_images)


def _matched(app_state: AppState, run_id: str, method: str, limit: int) -> bytes:
    return atoms.matched(_opened(app_state, run_id), method, limit, app_state.settings.max_images)


def _opened(app_state: AppState, run_id: str) -> AtomsFile:
    """The file of a finished baselines run."""
    with app_state.database.read() as session:
        run_results.succeeded(runs.get(session, run_id), "baselines")
        digest = run_blobs.output(session, run_id, "atoms")
    tensors, document = dictionaries.atom_files.read(app_state.artifacts.path(digest))
    return AtomsFile({name: tensor.numpy() for name, tensor in tensors.items()}, document)
