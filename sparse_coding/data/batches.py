"""Which rows are looked at together: shuffled batches to learn from, fixed chunks to measure on.

The order depends on (seed, epoch) alone, so a resumed run needs no position. Knows nothing of networks.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

CHUNK_ROWS: Final = 1024
"""Rows that statistics are computed on at a time; the last chunk is padded to it."""

GATHER_BYTES: Final = 4 * 2**20
"""Rows are gathered ahead in blocks of about this size: large enough to be quick, small enough for the cache."""


def order(rows: int, seed: int, epoch: int) -> Int64[Tensor, " rows"]:
    """A permutation of the rows on the CPU, made from (seed, epoch) and nothing else."""
    mixed = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])
    return torch.randperm(rows, generator=torch.Generator().manual_seed(mixed))


def shuffled(
    rows: Shaped[Tensor, "n d"], permutation: Int64[Tensor, " n"], batch_size: int
) -> Iterator[Shaped[Tensor, "B d"]]:
    """All rows once, in the order given, on the device where they lie; the last batch may be short."""
    permutation = permutation.to(rows.device)
    batch_bytes = batch_size * rows.shape[1] * rows.element_size()
    for block in torch.split(permutation, batch_size * max(1, GATHER_BYTES // batch_bytes)):
        yield from torch.split(rows.index_select(0, block), batch_size)


def shuffled_together(
    rows: Shaped[Tensor, "n d"], permutations: Int64[Tensor, "networks n"], batch_size: int
) -> Iterator[Shaped[Tensor, "networks B d"]]:
    """For several networks at once: each has all rows once, in an order of its own."""
    for positions in torch.split(permutations.to(rows.device), batch_size, dim=1):
        yield rows.index_select(0, positions.reshape(-1)).view(*positions.shape, -1)


def chunks(rows: Shaped[Tensor, "n d"]) -> Iterator[tuple[Shaped[Tensor, "1024 d"], int]]:
    """The rows in chunks of exactly 1,024, and how many of a chunk are real: the last is filled up with zeros.

    Products of equal shapes round equally, so a statistic does not depend on who asks for it.
    """
    for chunk in torch.split(rows, CHUNK_ROWS):
        count = len(chunk)
        if count < CHUNK_ROWS:
            chunk = torch.cat([chunk, chunk.new_zeros(CHUNK_ROWS - count, chunk.shape[1])])
        yield chunk, count
