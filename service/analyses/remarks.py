"""Remarks on models that are compared, in sentences: how they differ, and why a figure is missing."""

from collections.abc import Iterator, Sequence

from service.analyses import probe
from service.analyses.matches import Candidate
from service.analyses.subjects import Subject
from service.answers.comparison import Compared
from sparse_coding.errors import UnsuitableLabels


def of(candidates: Sequence[Candidate], compared: Sequence[Compared]) -> Iterator[str]:
    """Remarks on models and on what a comparison's answer says of each, in one order."""
    subjects = [each.subject for each in candidates]
    yield from _differences(subjects, compared)
    for candidate, each in zip(candidates, compared, strict=True):
        yield from _failings(candidate, each)
    yield from _labels(subjects)


def _differences(subjects: Sequence[Subject], compared: Sequence[Compared]) -> Iterator[str]:
    if len({each.version.dataset_digest for each in subjects}) > 1:
        yield "The models learned from different datasets, and the figures of each were measured on its own."
    if len({each.n_inputs for each in compared}) > 1:
        yield "The models take different numbers of inputs; features are matched between equal ones only (pw_mcc)."
    if len({each.result.error_units for each in compared}) > 1:
        yield "Some errors are in scaled units and some in raw ones, which cannot be compared."


def _failings(candidate: Candidate, compared: Compared) -> Iterator[str]:
    """What one model lacks, whatever its dataset."""
    version = candidate.subject.version
    if compared.quality.dead_latents == compared.n_latents:
        yield f"All latents of {version.reference} are dead: no features of it can be measured or matched (pw_mcc)."
    elif version.result.get("collapsed"):
        yield f"{version.reference} collapsed. {version.result['collapsed_reason']}"
    if (reason := candidate.too_large()) is not None:
        yield f"The features of {version.reference} are not matched (pw_mcc): {reason}."


def _labels(subjects: Sequence[Subject]) -> Iterator[str]:
    """A sentence for each reason why figures that need labels are missing, with all models that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for subject in subjects:
        if (missing := _unlabelled(subject)) is not None:
            found.setdefault(missing, []).append(subject.reference)
    for (figures, reason), references in found.items():
        yield f"There is {figures} of {', '.join(references)}: {reason}"
    for subject in subjects:
        for remark in _unlike_classes(subject):
            yield f"Probe of {subject.reference}: {remark}"


def _unlike_classes(subject: Subject) -> list[str]:
    """What to mind of a model's probe accuracy; nothing where it has none."""
    return [] if _unlabelled(subject) is not None else probe.task(subject, "test").remarks


def _unlabelled(subject: Subject) -> tuple[str, str] | None:
    """Which figures the labels of a model's dataset do not allow, and why; None if they allow all."""
    train, test = (subject.dataset.split(name).labels is not None for name in ("train", "test"))
    if not test:
        where = "the test split of the dataset has" if train else "the dataset has"
        return "no class selectivity and no probe", f"{where} no labels."
    if not train:
        return "no probe", "the train split of the dataset has no labels."
    try:
        probe.task(subject, "test")
    except UnsuitableLabels as error:
        return "no probe", str(error)
    return None
