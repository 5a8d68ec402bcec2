"""The order of rows depends on (seed, epoch) alone, every row comes once, and chunks are of one size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_coding.data import batches

NUMBERS = st.integers(0, 2**53 - 1)


@given(rows=st.integers(1, 300), seed=NUMBERS, epoch=st.integers(0, 100_000))
def test_an_order_is_a_permutation_and_repeats(rows: int, seed: int, epoch: int) -> None:
    order = batches.order(rows, seed, epoch)
    assert sorted(order.tolist()) == list(range(rows))
    assert torch.equal(order, batches.order(rows, seed, epoch))


def test_orders_differ_between_epochs_and_seeds_and_ignore_the_global_state() -> None:
    torch.manual_seed(0)
    first = batches.order(1000, 42, 0)
    torch.manual_seed(1)
    assert torch.equal(batches.order(1000, 42, 0), first)
    others = [batches.order(1000, seed, epoch) for seed, epoch in ((42, 1), (43, 0), (0, 42), (42 + 2**32, 0))]
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize(("rows", "batch_size"), [(100, 16), (96, 16), (5, 5), (1, 1), (100, 100), (9, 4)])
@pytest.mark.parametrize("width", [3, 65_536])  # of the wide rows only some batches fit into one gathered block
def test_shuffled_batches_are_the_ordered_rows_cut_into_pieces(rows: int, batch_size: int, width: int) -> None:
    table = torch.arange(rows, dtype=torch.uint8)[:, None].repeat(1, width)
    order = batches.order(rows, 3, 1)
    found = [batch[:, -1].tolist() for batch in batches.shuffled(table, order, batch_size)]
    ordered = order.tolist()
    assert found == [ordered[start : start + batch_size] for start in range(0, rows, batch_size)]


@pytest.mark.parametrize("rows", [1, 1023, 1024, 1025, 2500])
def test_chunks_have_one_size_and_are_filled_up_with_zeros(rows: int) -> None:
    table = torch.arange(1, rows + 1, dtype=torch.float32)[:, None].repeat(1, 2)
    chunks = list(batches.chunks(table))
    assert all(chunk.shape == (1024, 2) for chunk, _ in chunks)
    assert torch.equal(torch.cat([chunk[:count] for chunk, count in chunks]), table)
    last, count = chunks[-1]
    assert (last[count:] == 0).all()
