"""Dictionaries of models, and the matching of their atoms beside an oracle that tries every assignment."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sparse_coding.analysis import matching
from sparse_coding.data.datasets import Dataset
from sparse_coding.models.weights import TrainedModel
from testing.core_library import Ask, Prepare

IDENTITY = {"hidden": [], "n_latents": 7, "output": "identity"}


def best(first: Any, second: Any) -> float:
    """The greatest mean |cosine| over all one-to-one matchings, found by trying them."""
    unit = [atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-300) for atoms in (first, second)]
    cosines = np.abs(unit[0] @ unit[1].T)
    short, long = sorted(cosines.shape)
    cosines = cosines if cosines.shape[0] == short else cosines.T
    ways = itertools.permutations(range(long), short)
    return max(float(np.mean([cosines[i, j] for i, j in enumerate(way)])) for way in ways)


def atoms(seed: int, count: int) -> Any:
    """Small whole numbers, so that zero atoms, parallel atoms and ties occur."""
    return np.random.default_rng(seed).integers(-1, 2, (count, 3)).astype(np.float64)


def test_a_matching_by_hand() -> None:
    first = np.array([[1.0, 0, 0], [0, 2, 0], [3, 4, 0]])
    second = np.array([[0, -5.0, 0], [0.6, 0.8, 0]])
    matched = matching.match(first, second)
    assert [(pair.first, pair.second, pair.sign) for pair in matched.pairs] == [(1, 0, -1), (2, 1, 1)]
    np.testing.assert_allclose([pair.cosine for pair in matched.pairs], [1, 1])
    assert matched.mean == pytest.approx(1)


def test_the_best_sum_wins_over_the_best_single_pair() -> None:
    first = np.array([[1.0, 0.0], [0.8, 0.6]])
    second = np.array([[0.8, 0.6], [0.6, 0.8]])
    assert matching.match(first, second).mean == pytest.approx((0.8 + 0.96) / 2), "and not (1.0 + 0.6) / 2"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("m", "n"), [(4, 4), (3, 5), (5, 2), (1, 1)])
def test_no_other_matching_is_better_and_either_way_gives_the_same_pairs(seed: int, m: int, n: int) -> None:
    first, second = atoms(seed, m), atoms(seed + 100, n)
    there, back = matching.match(first, second), matching.match(second, first)
    assert len(there.pairs) == min(m, n)
    assert len({pair.first for pair in there.pairs}) == len({pair.second for pair in there.pairs}) == min(m, n)
    assert there.mean == pytest.approx(best(first, second))
    assert there.mean == pytest.approx(back.mean, abs=1e-15)
    assert {tuple(pair) for pair in there.pairs} == {(j, i, cosine, sign) for i, j, cosine, sign in back.pairs}
    assert [-pair.cosine for pair in there.pairs] == sorted(-pair.cosine for pair in there.pairs)


def test_a_dictionary_matches_itself_and_what_is_only_turned_or_scaled() -> None:
    first = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    order = np.random.default_rng(1).permutation(20)
    turned = first[order] * np.linspace(-3, 4, 20, dtype=np.float32)[:, None]
    assert matching.match(first, first).mean == pytest.approx(1)
    matched = matching.match(first, turned)
    assert matched.mean == pytest.approx(1)
    for pair in matched.pairs:
        assert order[pair.second] == pair.first
        assert pair.sign == (-1 if np.linspace(-3, 4, 20)[pair.second] < 0 else 1)


def test_a_zero_atom_is_like_nothing() -> None:
    matched = matching.match(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert [pair.cosine for pair in matched.pairs] == [1.0, 0.0]
    assert matched.mean == 0.5


def test_neither_tiny_nor_huge_atoms_lose_their_direction() -> None:
    first = np.array([[1e-200, 1e-200], [1e200, -1e200]])
    assert matching.match(first, first).mean == pytest.approx(1)


def test_no_atoms_have_no_mean() -> None:
    nothing = matching.match(np.zeros((0, 3)), np.ones((2, 3)))
    assert nothing.pairs == ()
    assert np.isnan(nothing.mean)


def made(ask: Ask, prepare: Prepare, source: Dataset, **parts: Any) -> TrainedModel:
    asked = ask(**parts)
    state, data = prepare(asked, source)
    return TrainedModel(state.autoencoder, data.preprocessing, asked, {})


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_one_linear_map_has_its_columns_for_atoms_in_raw_units(
    ask: Ask, prepare: Prepare, dataset_of: Callable[..., Dataset], scaling: str
) -> None:
    rows = np.random.default_rng(0).normal(5, 3, (100, 9)).astype(np.float32)
    parts = {"dataset": {"name": "signals", "scaling": scaling}, "model": IDENTITY, "sparsity": {"kind": "none"}}
    model = made(ask, prepare, dataset_of(rows), **parts)
    found = matching.dictionary(model)
    weight = next(model.autoencoder.decoder.parameters()).detach().numpy()
    span = np.ptp(rows, axis=0) if scaling == "minmax" else np.ones(9)
    assert found.kind == "decoder"
    np.testing.assert_allclose(found.atoms, weight.T * span, rtol=1e-5)
    added = model.decode(np.eye(7, dtype=np.float32)) - model.decode(np.zeros((1, 7), np.float32))
    np.testing.assert_allclose(found.atoms, added, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [{"hidden": [24], "n_latents": 12}, {"hidden": [], "n_latents": 12}, {"hidden": [4], "n_latents": 1500}],
    ids=["deep", "behind a sigmoid", "more latents than are decoded at once"],
)
def test_any_other_decoder_has_its_difference_images(
    ask: Ask, prepare: Prepare, digits: Dataset, model: dict[str, Any]
) -> None:
    network = made(ask, prepare, digits, model=model)
    found = matching.dictionary(network)
    silent = network.decode(np.zeros((1, network.n_latents), np.float32))
    assert (found.kind, found.atoms.shape) == ("difference", (network.n_latents, 64))
    for latent in (0, 5, network.n_latents - 1):
        code = np.zeros((1, network.n_latents), np.float32)
        code[0, latent] = 1
        np.testing.assert_allclose(found.atoms[latent], (network.decode(code) - silent)[0], atol=1e-6)
