"""What a linear classifier reads from a model's codes, over HTTP, beside what it reads from inputs and from PCA.

Each representation is probed once and kept; models of one dataset share those of its inputs. The probes stand in the
workshop, the drawing in `probe_chart`.
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from registry.database.tables import ModelVersion
from service.analyses import cache
from service.charts import probe as probe_chart
from service.charts import style
from service.http import paths, problems, representations
from service.http.representations import JSON, ChartForm, Representation
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.analysis import sparsity
from sparse_coding.data.datasets import Dataset
from sparse_coding.errors import NoLabels
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import feasibility

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, *style.FORMS)
MAX_VALUES: Final = 2**24
"""Numbers of one representation that are fitted on, and as many that are scored: 128 MiB each in float64."""

SplitName = Literal["train", "test"]


class KSparse(BaseModel):
    """How well single classes are told from the rest by k columns."""

    k: int
    balanced_accuracy: float | None = Field(
        description="Mean over the classes; 0.5 is chance. Null where there is no class to tell from the rest, because "
        "the rows scored are of one class, or of none that was fitted on."
    )


class Probed(BaseModel):
    """One representation of the rows, and what a linear classifier reads from it."""

    representation: Literal["codes", "inputs", "pca"] = Field(
        description="`codes` of the model, its `inputs` as they are, or their first principal components (`pca`)."
    )
    columns: int = Field(description="Numbers a row; `pca` has as many as the code, if there are so many.")
    accuracy: float = Field(description="Share of the rows scored whose class a logistic regression names.")
    k_sparse: list[KSparse] = Field(description="k = 1, 2 and 5.")


class ProbeAnswer(BaseModel):
    """Codes beside two baselines, on the same rows."""

    model: str
    split: SplitName = Field(description="What the rows scored are of; all are fitted on rows of `train`.")
    fit_rows: int = Field(description="The first so many training rows: 10,000, or fewer of very wide ones.")
    scored_rows: int = Field(description="The first so many of `split`: all but of very wide ones.")
    classes: int = Field(description="Among the rows fitted on.")
    majority: float = Field(description="Accuracy of always naming the most frequent class of the rows fitted on.")
    chance: float = Field(description="Balanced accuracy of a guess.")
    representations: list[Probed]
    formulas: dict[str, str] = Field(description="What each number is, by name.")


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Rows as they are stored, and the class of each."""

    rows: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Task:
    """What is fitted on and what is scored, of one model's dataset."""

    train: _Labelled
    scored: _Labelled
    split: SplitName

    @property
    def counts(self) -> dict[str, int]:
        return {"fit_rows": len(self.train.rows), "scored_rows": len(self.scored.rows)}


@router.get(
    "/models/{model}/probe",
    summary="Probe a model",
    response_class=Response,
    responses={
        200: representations.described(ProbeAnswer, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 503),
    },
)
async def get_probe(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: Annotated[
        SplitName, Query(description="Rows of which split are scored; a probe is fitted on `train` always.")
    ] = "test",
    form: ChartForm = None,
) -> Response:
    """Accuracy of a logistic regression on the codes, on the inputs and on their principal components.

    And of k-sparse probes, which see only the k columns that differ most between a class and the rest. As a chart, bars
    beside each other. A dataset without labels, or with fewer than 2 or more than 100 classes, is a 409.
    """
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(request, app_state, _answer, app_state, chosen, split, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _answer(app_state: AppState, chosen: Chosen, split: SplitName, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    posed = task(app_state, chosen.version, model, split)
    found = [of_codes(app_state, chosen.version, model, posed), *_baselines(app_state, chosen.version, model, posed)]
    report = {"model": chosen.version.reference, "split": split, **posed.counts, **_guesses(posed)}
    report |= {"representations": found, "formulas": importlib.import_module("sparse_coding.analysis.probe").FORMULAS}
    if wanted == JSON:
        return representations.json_bytes(report)
    return style.render(probe_chart.bars(report), wanted)


def task(app_state: AppState, version: ModelVersion, model: TrainedModel, split: SplitName) -> Task:
    """The rows that a model's representations are probed on. Raises `NoLabels` and `UnsuitableLabels`."""
    probe = importlib.import_module("sparse_coding.analysis.probe")
    source = cache.dataset(app_state, version.dataset_digest)
    most = max(1, MAX_VALUES // max(model.n_inputs, model.n_latents))
    train, scored = source.split("train"), source.split(split)
    if train.labels is None or scored.labels is None:
        raise NoLabels(_unlabelled(source))
    learned = feasibility.training_rows(model.spec.dataset, source.facts)  # as the tables of runs have it
    fitted = slice(min(most, probe.MAX_ROWS, learned))
    probe.require_classes(train.labels[fitted])
    return Task(
        _Labelled(train.rows[fitted], train.labels[fitted]), _Labelled(scored.rows[:most], scored.labels[:most]), split
    )


def _unlabelled(source: Dataset) -> str:
    """Which split of a dataset lacks the labels that a probe needs, and what can be done."""
    if source.split("train").labels is not None:
        return "The test split of this dataset has no labels to score a probe with; split=train scores training rows."
    if source.split("test").labels is not None:
        return "A probe is fitted on the train split, and only the test split of this dataset has labels."
    return "A probe needs labels; this dataset has none."


def of_codes(app_state: AppState, version: ModelVersion, model: TrainedModel, posed: Task) -> dict[str, Any]:
    """What is read from the codes: a `Probed`."""

    def make() -> dict[str, Any]:
        return _probe("codes", posed, lambda rows: sparsity.encode_all(model, rows))

    return _kept(app_state, posed, "codes", {"model": version.digest, "dataset": version.dataset_digest}, make)


def _baselines(app_state: AppState, version: ModelVersion, model: TrainedModel, posed: Task) -> list[dict[str, Any]]:
    """What is read from the inputs and from their principal components: the same for all models that see them."""
    seen = {"dataset": version.dataset_digest, "image_size": model.preprocessing.image_size}
    width = {"most": min(model.n_latents, model.n_inputs, len(posed.train.rows))}
    return [
        _kept(app_state, posed, "inputs", seen, lambda: _probe("inputs", posed, model.prepare)),
        _kept(app_state, posed, "pca", {**seen, **width}, lambda: _probe_pca(model, posed, width["most"])),
    ]


def _kept(
    app_state: AppState, posed: Task, name: str, inputs: dict[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The `Probed` of one representation; `inputs` are all that it depends on beside the rows' numbers."""
    every = {**inputs, "split": posed.split, **posed.counts}
    content = cache.kept(app_state, f"probe-{name}", every, lambda: representations.json_bytes(make()))
    found: dict[str, Any] = orjson.loads(content)
    return found


def _probe(name: str, posed: Task, represent: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return _scored(name, posed, represent(posed.train.rows), represent(posed.scored.rows))


def _probe_pca(model: TrainedModel, posed: Task, most: int) -> dict[str, Any]:
    inputs = model.prepare(posed.train.rows), model.prepare(posed.scored.rows)
    components = importlib.import_module("sparse_coding.analysis.probe").principal_components(*inputs, most)
    return _scored("pca", posed, *components)


def _scored(name: str, posed: Task, train: np.ndarray, scored: np.ndarray) -> dict[str, Any]:
    probe = importlib.import_module("sparse_coding.analysis.probe")
    given = train, posed.train.labels, scored, posed.scored.labels
    sparse = [
        {"k": k, "balanced_accuracy": None if math.isnan(score) else score}
        for k, score in probe.k_sparse(*given).items()
    ]
    return {
        "representation": name,
        "columns": train.shape[1],
        "accuracy": probe.accuracy(*given),
        "k_sparse": sparse,
    }


def _guesses(posed: Task) -> dict[str, Any]:
    """What one scores without looking at a row."""
    classes, counts = np.unique(posed.train.labels, return_counts=True)
    majority = float(np.mean(posed.scored.labels == classes[counts.argmax()]))
    return {"classes": len(classes), "majority": majority, "chance": 0.5}
