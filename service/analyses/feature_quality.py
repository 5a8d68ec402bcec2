"""How good the features of one model are, on its own test split: measured once and kept.

Knows which rows are measured on; the measures stand in the workshop, and probes in `probe`.
"""

import importlib
from typing import Any, Final, Literal

import numpy as np
import orjson
from pydantic import BaseModel, Field

from registry.database.tables import ModelVersion
from service.analyses import cache
from service.http import representations
from service.routes.v1 import probe
from service.state import AppState
from sparse_coding.analysis import feature_quality, selectivity, sparsity
from sparse_coding.analysis.evaluation import THRESHOLD
from sparse_coding.errors import NoLabels, UnsuitableLabels
from sparse_coding.models.weights import TrainedModel

SPLIT: Final = "test"
NOISY_ROWS: Final = 1000
"""First rows of the split to which noise is added."""

FORMULAS: Final = {
    **feature_quality.FORMULAS,
    "selectivity": selectivity.FORMULAS["selectivity"],
    "probe_accuracy": "probe.logistic",
    "dead_latents": "dead_latents",
}


class Noise(BaseModel):
    """How far Gaussian noise on the inputs moves the codes."""

    sigma: float = Field(description="Standard deviation, in raw units; noisy inputs are not cut to [0, 1].")
    cosine: float = Field(description="Mean cosine between the codes of clean and noisy rows.")
    mse: float = Field(description="Mean squared difference between them, per row and latent.")


class FeatureQuality(BaseModel):
    """Of one model, on the test split of its own dataset."""

    num_samples: int = Field(description="Rows that dead latents and selectivity were found on: all that fit.")
    dead_latents: int = Field(description="At or below 0.1 on all of these rows; the next two leave them out.")
    hoyer: float | None = Field(
        description="Mean Hoyer sparsity of the latents' difference images; null where all are dead, or too many."
    )
    selectivity: float | None = Field(description="Mean class selectivity; null without labels, or where all are dead.")
    probe_accuracy: float | None = Field(
        description="Of a logistic regression on the codes, as in `probe`; null without labels that it can tell apart."
    )
    noise: list[Noise] = Field(description="Of sigma 0.1, 0.2 and 0.3, the same for all models of one width.")
    noise_samples: int = Field(description="Rows that noise was added to: the first 1,000, or fewer of wide ones.")


def of(app_state: AppState, version: ModelVersion) -> dict[str, Any]:
    """A `FeatureQuality` as JSON values."""
    model = app_state.models.get(version.digest)
    measured = _measured(app_state, version, model)
    dead = len(measured.pop("dead"))
    return {**measured, "dead_latents": dead, "probe_accuracy": _probe_accuracy(app_state, version, model)}


def live(app_state: AppState, version: ModelVersion) -> np.ndarray:
    """The latents that are not dead, ascending."""
    model = app_state.models.get(version.digest)
    return np.setdiff1d(np.arange(model.n_latents), np.array(_measured(app_state, version, model)["dead"], np.int64))


def atoms(model: TrainedModel) -> tuple[np.ndarray, Literal["decoder", "difference"]] | None:
    """The dictionary of a model, [n_latents, n_inputs], and its kind; None where it is too large to hold."""
    if model.n_latents * model.n_inputs > cache.MAX_ACTIVATIONS:
        return None
    found = importlib.import_module("sparse_coding.analysis.matching").dictionary(model)
    return found.atoms, found.kind


def _measured(app_state: AppState, version: ModelVersion, model: TrainedModel) -> dict[str, Any]:
    inputs = {"model": version.digest, "dataset": version.dataset_digest, "split": SPLIT, "noisy": NOISY_ROWS}
    content = cache.kept(app_state, "feature-quality", inputs, lambda: _measure(app_state, version, model))
    found: dict[str, Any] = orjson.loads(content)
    return found


def _measure(app_state: AppState, version: ModelVersion, model: TrainedModel) -> bytes:
    source = cache.dataset(app_state, version.dataset_digest)
    split = source.split(SPLIT)
    count = cache.fitting(model, len(split.rows))
    codes = sparsity.encode_all(model, split.rows[:count])
    dead = codes.max(0) <= THRESHOLD
    selective = None
    if split.labels is not None and source.classes is not None and not dead.all():
        selective = selectivity.analyse(codes, split.labels[:count], len(source.classes)).index[~dead].mean()
    noisy = max(1, min(NOISY_ROWS, count, cache.MAX_ACTIVATIONS // model.n_inputs))
    document = {
        "num_samples": count,
        "dead": np.flatnonzero(dead),
        "hoyer": _hoyer(model, ~dead),
        "selectivity": selective,
        "noise": [vars(each) for each in feature_quality.stability(model, model.prepare(split.rows[:noisy]))],
        "noise_samples": noisy,
    }
    return representations.json_bytes(document)


def _hoyer(model: TrainedModel, alive: np.ndarray) -> float | None:
    found = atoms(model) if alive.any() else None
    return None if found is None else float(feature_quality.hoyer(found[0][alive]).mean())


def _probe_accuracy(app_state: AppState, version: ModelVersion, model: TrainedModel) -> float | None:
    try:
        posed = probe.task(app_state, version, model, SPLIT)
    except (NoLabels, UnsuitableLabels):
        return None
    return float(probe.of_codes(app_state, version, model, posed)["accuracy"])
