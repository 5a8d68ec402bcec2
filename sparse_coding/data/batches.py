"""Groups of rows: shuffled batches for training, fixed chunks for measurements.

The order depends only on (seed, epoch), so that a resumed run needs no position. Knows no networks.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

CHUNK_ROWS: Final = 1024
"""Rows per chunk of a measurement; the last chunk is padded to it.

Part of the results: products of other shapes round differently.
"""

GATHER_BYTES: Final = 4 * 2**20
"""Size of the blocks in which rows are gathered ahead: large enough to be fast, small enough for the cache."""


def order(rows: int, seed: int, epoch: int) -> Int64[Tensor, " rows"]:
    """A permutation of the rows, computed on the CPU from (seed, epoch) only.

    The same on every device, and for a run that was resumed at this epoch.
    """
    # mixed, not added: seed + epoch would give the run with seed 43 the orders of seed 42, one epoch later
    mixed = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])
    return torch.randperm(rows, generator=torch.Generator().manual_seed(mixed))


def shuffled(
    rows: Shaped[Tensor, "n d"], permutation: Int64[Tensor, " n"], batch_size: int
) -> Iterator[Shaped[Tensor, "B d"]]:
    """Batches of all rows in the order of `permutation`, on the rows' device; the last batch can be short."""
    permutation = permutation.to(rows.device)
    batch_bytes = batch_size * rows.shape[1] * rows.element_size()
    for block in torch.split(permutation, batch_size * max(1, GATHER_BYTES // batch_bytes)):
        yield from torch.split(rows.index_select(0, block), batch_size)


def shuffled_together(
    rows: Shaped[Tensor, "n d"], permutations: Int64[Tensor, "networks n"], batch_size: int
) -> Iterator[Shaped[Tensor, "networks B d"]]:
    """Batches for several networks at once: each gets all rows, in an order of its own."""
    for positions in torch.split(permutations.to(rows.device), batch_size, dim=1):
        yield rows.index_select(0, positions.reshape(-1)).view(*positions.shape, -1)


def chunks(rows: Shaped[Tensor, "n d"]) -> Iterator[tuple[Shaped[Tensor, "1024 d"], int]]:
    """The rows in chunks of exactly 1,024, and the number of real rows in each: the last chunk is padded with zeros.

    Products of equal shapes round equally, so that a row gives the same numbers in every measurement.
    """
    for chunk in torch.split(rows, CHUNK_ROWS):
        count = len(chunk)
        if count < CHUNK_ROWS:
            chunk = torch.cat([chunk, chunk.new_zeros(CHUNK_ROWS - count, chunk.shape[1])])
        yield chunk, count
