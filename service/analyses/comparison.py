"""Several models side by side: their curves and figures, the quality of their features, and how alike these are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from registry import metrics
from registry.database.tables import ModelVersion
from service.analyses import cache, feature_quality, matches, probe, remarks, subjects
from service.analyses.analysis import Analysis
from service.analyses.matches import Candidate
from service.analyses.subjects import Subject
from service.answers.comparison import (
    MAX_EPOCHS,
    Compared,
    ComparisonAnswer,
    ComparisonFormulas,
    CurvePoint,
    Figures,
)
from service.answers.feature_quality import FeatureQuality
from service.answers.probe import Probed
from service.answers.run_results import Formulas
from service.state import AppState
from service.storage import Storage
from sparse_coding.analysis import matching
from sparse_coding.errors import NoLabels, UnsuitableLabels


@dataclass(frozen=True)
class _Prepared:
    """The models with what is known before features are probed and matched."""

    candidates: Sequence[Candidate]
    probes: Sequence[Analysis[Probed] | None]
    """None for a model whose dataset has no labels that a probe can tell apart."""
    pairs: Sequence[tuple[int, int]]
    """Positions of two models that can be matched; a model with itself, too."""


async def answer(request: Request, app_state: AppState, versions: Sequence[ModelVersion]) -> ComparisonAnswer:
    """The comparison of these models. Raises what `Compute.run` raises."""
    named = [subjects.of(app_state, version) for version in versions]
    measured = await cache.results(request, app_state, lambda: list(map(feature_quality.analysis, named)))
    prepared = await app_state.interactive.run(request, _prepared, named, measured)
    accuracies = await _probe_accuracies(request, app_state, prepared.probes)
    pw_mcc = await _alike(request, app_state, prepared)
    quality = [each.answer(accuracy) for each, accuracy in zip(measured, accuracies, strict=True)]
    return await app_state.interactive.run(request, _assembled, app_state, prepared.candidates, quality, pw_mcc)


def _prepared(subjects: Sequence[Subject], measured: Sequence[feature_quality.Measured]) -> _Prepared:
    candidates = list(map(Candidate, subjects, measured))
    places = range(len(candidates))
    pairs = [(i, j) for i in places for j in range(i + 1) if matches.comparable(candidates[i], candidates[j])]
    return _Prepared(candidates, list(map(_probe, subjects)), pairs)


def _probe(of: Subject) -> Analysis[Probed] | None:
    try:
        return probe.of_codes(of, probe.task(of, feature_quality.SPLIT))
    except (NoLabels, UnsuitableLabels):
        return None


async def _probe_accuracies(
    request: Request, app_state: AppState, probes: Sequence[Analysis[Probed] | None]
) -> list[float | None]:
    planned = [each for each in probes if each is not None]
    found = iter(await cache.results(request, app_state, lambda: planned))
    return [None if each is None else next(found).accuracy for each in probes]


async def _alike(request: Request, app_state: AppState, prepared: _Prepared) -> list[list[float | None]]:
    """`pw_mcc` of every two models; each pair is matched once."""
    both = [(prepared.candidates[i], prepared.candidates[j]) for i, j in prepared.pairs]
    found = await cache.results(request, app_state, lambda: [matches.analysis(*pair) for pair in both])
    places = range(len(prepared.candidates))
    alike: list[list[float | None]] = [[None for _ in places] for _ in places]
    for (i, j), matched in zip(prepared.pairs, found, strict=True):
        alike[i][j] = alike[j][i] = matched.mean
    return alike


def _assembled(
    storage: Storage,
    candidates: Sequence[Candidate],
    quality: Sequence[FeatureQuality],
    pw_mcc: list[list[float | None]],
) -> ComparisonAnswer:
    compared = [_compared(storage, each.subject, found) for each, found in zip(candidates, quality, strict=True)]
    formulas = ComparisonFormulas(
        result=_formulas(candidates), quality=dict(feature_quality.FORMULAS), pw_mcc=matching.PW_MCC
    )
    remarked = list(remarks.of(candidates, compared))
    return ComparisonAnswer(models=compared, pw_mcc=pw_mcc, remarks=remarked, formulas=formulas)


def _compared(storage: Storage, of: Subject, quality: FeatureQuality) -> Compared:
    return Compared(
        model=of.reference,
        dataset=of.version.dataset_name,
        n_inputs=of.n_inputs,
        n_latents=of.n_latents,
        sparsity=of.spec.sparsity,
        result=Figures(**{name: of.version.result.get(name) for name in Figures.model_fields}),
        curves=_curves(storage, of.version),
        quality=quality,
    )


def _curves(storage: Storage, version: ModelVersion) -> list[CurvePoint]:
    with storage.database.read() as session:
        rows = metrics.read(session, version.run_id, member=version.member)
    step = max(1, math.ceil(len(rows) / MAX_EPOCHS))
    records = [{"epoch": row.epoch, **row.record} for row in rows[::-step][::-1]]
    return [CurvePoint(**{name: record.get(name) for name in CurvePoint.model_fields}) for record in records]


def _formulas(candidates: Sequence[Candidate]) -> Formulas:
    """Of the figures, as the runs have recorded them; the same in all."""
    results = [each.subject.version.result for each in candidates]
    recorded = {name: formula for result in results for name, formula in result.get("formulas", {}).items()}
    return {name: formula for name, formula in recorded.items() if name in Figures.model_fields}
