"""The features of two models matched one to one: matched once, whichever model is named first, and cached."""

import math
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from service.analyses import feature_quality, subjects
from service.analyses.analysis import Analysis, JsonForm
from service.analyses.feature_quality import Measured
from service.analyses.subjects import Subject
from service.answers.matches import MAX_ATOMS, AtomKind, Match
from service.errors import InvalidRequest
from sparse_coding.analysis import matching, sparsity
from sparse_coding.analysis.matching import Pair

_VERSIONS: Final = {**matching.VERSIONS, "dead_latents": sparsity.VERSIONS["dead_latents"]}


class Matches(BaseModel):
    """All pairs of two models, and what was left out."""

    mean: float | None
    atoms: list[AtomKind]
    dead_latents: list[int]
    pairs: list[Match]

    def mirrored(self) -> "Matches":
        """The same with the models the other way round."""
        pairs = [pair.model_copy(update={"first": pair.second, "second": pair.first}) for pair in self.pairs]
        return Matches(
            mean=self.mean,
            atoms=self.atoms[::-1],
            dead_latents=self.dead_latents[::-1],
            pairs=sorted(pairs, key=lambda pair: (-pair.cosine, pair.first)),
        )


class Candidate:
    """A model whose features may be matched, with what is known of their quality."""

    def __init__(self, subject: Subject, measured: Measured) -> None:
        self.subject = subject
        self.live = measured.live(subject.n_latents)
        self.identity = [subject.version.digest, subject.version.dataset_digest]

    def too_large(self) -> str | None:
        """Why its features are matched with no others; None where they can be."""
        if not feature_quality.holds_dictionary(self.subject):
            most = f"{subjects.MAX_ACTIVATIONS:,}"
            return f"its dictionary has more than {most} values, and for that their locality is not measured either"
        if len(self.live) > MAX_ATOMS:
            return f"more than {MAX_ATOMS:,} of its latents are not dead"
        return None


def comparable(first: Candidate, second: Candidate) -> bool:
    """Whether two models can be matched: their inputs have one width, and neither dictionary is too large."""
    one_width = first.subject.n_inputs == second.subject.n_inputs
    return one_width and first.too_large() is None and second.too_large() is None


def require_one_width(first: Subject, second: Subject) -> None:
    """Raises `InvalidRequest` for models of different numbers of inputs."""
    if first.n_inputs != second.n_inputs:
        widths = [f"{each.reference} takes {each.n_inputs}" for each in (first, second)]
        raise InvalidRequest(
            f"models: features are matched between two models of one number of inputs; {' and '.join(widths)}"
        )


def _require_small(*candidates: Candidate) -> None:
    """Raises `InvalidRequest` for dictionaries that are too large."""
    for candidate in candidates:
        if candidate.too_large() is not None:
            raise InvalidRequest(
                f"models: at most {MAX_ATOMS:,} latents that are not dead are matched, and dictionaries of at most "
                f"{subjects.MAX_ACTIVATIONS:,} values; {candidate.subject.reference} has more"
            )


def analysis(first: Candidate, second: Candidate) -> Analysis[Matches]:
    """The pairs of two models of one width, in the order of their digests: see `oriented`.

    Raises `InvalidRequest` for dictionaries that are too large.
    """
    _require_small(first, second)
    lower, upper = sorted((first, second), key=lambda each: each.identity)
    inputs: dict[str, Any] = {"models": [lower.identity, upper.identity]}
    form = JsonForm(Matches)
    return Analysis("matches", inputs, _VERSIONS, form, lambda: _matched(lower, upper))


def oriented(found: Matches, first: Candidate, second: Candidate) -> Matches:
    """What `analysis` found, with the `first` model first."""
    return found if first.identity <= second.identity else found.mirrored()


def _matched(first: Candidate, second: Candidate) -> Matches:
    dictionaries = [feature_quality.atoms(each.subject) for each in (first, second)]
    chosen = [found.atoms[each.live] for found, each in zip(dictionaries, (first, second), strict=True)]
    matched = matching.match(*chosen)
    return Matches(
        mean=None if math.isnan(matched.mean) else matched.mean,
        atoms=[found.kind for found in dictionaries],
        dead_latents=[each.subject.n_latents - len(each.live) for each in (first, second)],
        pairs=[_match(pair, first.live, second.live) for pair in matched.pairs],
    )


def _match(pair: Pair, first: np.ndarray, second: np.ndarray) -> Match:
    """A pair of atoms as a pair of the models' latents."""
    return Match(
        first=int(first[pair.first]),
        second=int(second[pair.second]),
        cosine=pair.cosine,
        sign=-1 if pair.sign < 0 else 1,
    )
