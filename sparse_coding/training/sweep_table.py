"""The result table of a sweep: one row of figures per member, the Pareto front, and a suggested member.

Knows no clock and no names of models. Loads scikit-learn for the probes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from sparse_coding import errors
from sparse_coding.analysis import evaluation, probe, sparsity, tradeoff
from sparse_coding.data import sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import objectives
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs.sweep import Member
from sparse_coding.training import loop
from sparse_coding.training.loop import TrainingData

FORMULAS: Final = {**evaluation.FORMULAS, **tradeoff.FORMULAS, "probe_accuracy": probe.FORMULAS["accuracy"]}

FIGURES: Final = (
    "mse",
    "sse_row",
    "explained_variance",
    "l0",
    "population_sparsity",
    "lifetime_sparsity",
    "inactive_latents",
    "dead_latents",
    "probe_accuracy",
    "probe_rows",
    "validation",
)
"""Fields that are null for a diverged member."""

RULE: Final = (
    f"{tradeoff.RULE}. Both are taken from the validation slice, so that the test split chooses nothing; `pareto` "
    "marks the front of the figures in the table, which are the test split's. The dense reference and members that "
    "collapsed or diverged are left out of both."
)


def row(member: Member, network: Autoencoder, data: TrainingData, dataset: Dataset) -> dict[str, Any]:
    """A member's figures on the held-out split, as JSON values."""
    accuracy, rows = _probe(member, network, data, dataset)
    return {
        **_known(member),
        **loop.summary(network, data, member.spec),
        "overcomplete": network.n_latents > network.n_inputs,
        "probe_accuracy": accuracy,
        "probe_rows": rows,
        "diverged": None,
    }


def diverged(member: Member, detail: str, n_inputs: int) -> dict[str, Any]:
    """The row of a member without figures."""
    unknown = dict.fromkeys(FIGURES) | {"collapsed": False, "collapsed_reason": None}
    overcomplete = member.spec.model.n_latents > n_inputs
    return {**_known(member), **unknown, "overcomplete": overcomplete, "diverged": detail}


def _known(member: Member) -> dict[str, Any]:
    return {
        "member": member.number,
        "name": member.spec.name,
        "varied": member.varied,
        "reference": member.is_reference,
        "n_latents": member.spec.model.n_latents,
    }


def _probe(
    member: Member, network: Autoencoder, data: TrainingData, dataset: Dataset
) -> tuple[float | None, int | None]:
    """Accuracy of a probe on the member's codes, and the number of rows fitted on; None without suitable labels."""
    train, test = dataset.split("train").labels, dataset.split("test").labels
    if train is None or test is None:
        return None, None
    model = TrainedModel(
        network, data.preprocessing, member.spec, objectives.objective_for(member.spec.sparsity).formulas
    )
    labels = train[sampling.learned(member.spec.dataset, dataset)]
    chosen = sampling.draw(len(labels), probe.MAX_ROWS, labels).indices
    rows = data.train[torch.from_numpy(chosen).to(data.train.device)]
    codes = [np.concatenate(list(sparsity.encode_prepared(model, part))) for part in (rows, data.test.rows)]
    try:
        return probe.accuracy(codes[0], labels[chosen], codes[1], test), len(rows)
    except errors.UnsuitableLabels:
        return None, None


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows with the Pareto front over `mse` and `l0` marked, and a suggested member.

    At least one row must have figures. The front is that of the rows' own figures, which are the test split's; the
    suggestion uses each row's `validation`, because a choice made on the test split would make its error look better
    than it is.
    """
    judged = [row for row in rows if row["mse"] is not None and not row["collapsed"] and not row["reference"]]
    marks = tradeoff.pareto([(row["mse"], row["l0"]) for row in judged])
    front = {row["member"] for row, on_front in zip(judged, marks, strict=True) if on_front}
    chosen, rule, reason = _suggestion(judged)
    marked = [{**row, "pareto": row["member"] in front, "suggested": row["member"] == chosen} for row in rows]
    choice = {"suggested": chosen, "rule": rule, "reason": reason}
    return {"members": marked, **choice, **_shared(rows), "formulas": FORMULAS}


def _shared(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields that are equal for all members with figures."""
    measured = next(row for row in rows if row["mse"] is not None)
    return {name: measured[name] for name in ("num_samples", "threshold", "error_units", "probe_rows")}


def _suggestion(judged: Sequence[Mapping[str, Any]]) -> tuple[int | None, str, str | None]:
    figures = [row["validation"] for row in judged if row["validation"] is not None]
    if len(figures) < len(judged):
        return None, RULE, "there is no validation slice: use a validation_fraction above 0"
    if any("dataset.train_limit" in row["varied"] for row in judged):
        return None, RULE, "members with different train_limit have different validation rows: not comparable"
    found = tradeoff.suggest([(figure["mse"], figure["l0"]) for figure in figures])
    if found.index is None:
        return None, RULE, f"on the validation slice, {found.reason}"
    return judged[found.index]["member"], RULE, None
