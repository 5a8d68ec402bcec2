"""Several networks trained side by side: all do an epoch, then all do the next, and each learns what it would alone.

On a GPU networks of the same shapes are stacked and share every product; on processors each has a core of its own,
which wastes less than many cores on one small product. Knows no clock, no files and no queue.
"""

import queue
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

from sparse_coding.models import autoencoder, objectives
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.specs.sweep import Member
from sparse_coding.specs.training import DatasetChoice, TrainSpec
from sparse_coding.training import loop
from sparse_coding.training.loop import MemberDiverged, MemberRecord, Pulse, TrainingData, TrainingState


@dataclass(eq=False)
class Ensemble:
    """Members that are trained as one: a single one, or several whose networks are stacked."""

    members: tuple[Member, ...]
    state: TrainingState
    data: TrainingData
    diverged: dict[int, str] = field(default_factory=dict)
    """Number of a member whose numbers stopped being finite -> what happened."""

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to learn."""
        epochs = self.members[0].spec.training.epochs
        return self.state.epoch >= epochs or len(self.diverged) == len(self.members)

    @property
    def networks(self) -> list[Autoencoder]:
        """The members' networks, in their order, sharing the state's memory."""
        return loop.members(self.state)


@dataclass(frozen=True)
class EpochEnd:
    """All members have done `epoch` epochs, or have fewer to do: a place where the state may be written down."""

    epoch: int


@dataclass(frozen=True)
class _LaneEnd:
    """Nothing more comes from one ensemble in this epoch; `error` if it broke."""

    error: BaseException | None = None


Event = Pulse | MemberRecord | MemberDiverged | EpochEnd


def start(
    members: Sequence[Member],
    data: Mapping[DatasetChoice, TrainingData],
    device: torch.device | str,
    *,
    stacked: bool | None = None,
) -> list[Ensemble]:
    """New networks for all members, each initialised as it would be alone.

    `stacked`: whether members of the same shapes share their products; by default they do on a GPU.
    """
    together = torch.device(device).type == "cuda" if stacked is None else stacked
    groups: dict[Any, list[Member]] = {}
    for member in members:
        groups.setdefault(_shapes(member.spec) if together else member.number, []).append(member)
    return [_ensemble(group, data[group[0].spec.dataset], device) for group in groups.values()]


def _shapes(asked: TrainSpec) -> tuple[Any, ...]:
    """What stacked networks have in common; they may differ in seed, weight and rho."""
    learning = asked.training
    steps = learning.epochs, learning.batch_size, learning.learning_rate, learning.precision
    return asked.dataset, asked.model, objectives.penalty_for(asked.sparsity).id, steps


def _ensemble(members: Sequence[Member], data: TrainingData, device: torch.device | str) -> Ensemble:
    states = [loop.start(member.spec, data.preprocessing.n_inputs, device) for member in members]
    if len(members) == 1:
        return Ensemble(tuple(members), states[0], data)
    network = autoencoder.stack([state.autoencoder for state in states])
    return Ensemble(tuple(members), TrainingState(network, loop.optimizer_for(network, members[0].spec.training)), data)


def epochs(ensembles: Sequence[Ensemble]) -> Generator[Event, None, None]:
    """Train all ensembles on to their last epochs: pulses and records as they come, and the end of every epoch.

    At an `EpochEnd` the state may be written down; at any other event it may only be thrown away. Closed in between,
    the iterator returns when every core has reached its next pulse.
    """
    lanes = 1 if _on_gpu(ensembles) else min(len(ensembles), torch.get_num_threads())
    threads = max(1, torch.get_num_threads() // lanes)
    with ThreadPoolExecutor(lanes, "lane", initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        while unfinished := [ensemble for ensemble in ensembles if not ensemble.is_done]:
            yield from _one_epoch(sorted(unfinished, key=_work, reverse=True), pool)
            yield EpochEnd(max(ensemble.state.epoch for ensemble in unfinished))


def rows_learned(ensembles: Sequence[Ensemble]) -> int:
    """Rows that all members together have learned from so far, counted again in every epoch."""
    return sum(
        len(ensemble.members) * (ensemble.state.epoch * len(ensemble.data.train) + ensemble.state.rows)
        for ensemble in ensembles
    )


def _on_gpu(ensembles: Sequence[Ensemble]) -> bool:
    return ensembles[0].data.train.device.type == "cuda"


def _work(ensemble: Ensemble) -> int:
    """About how long an epoch takes: the longest is begun first, so that no core waits for it at the end."""
    return sum(weight.numel() for weight in ensemble.state.autoencoder.parameters()) * len(ensemble.data.train)


def _one_epoch(ensembles: Sequence[Ensemble], pool: ThreadPoolExecutor) -> Iterator[Event]:
    """An epoch of every ensemble, as many at a time as the pool has threads."""
    said: queue.SimpleQueue[Event | _LaneEnd] = queue.SimpleQueue()
    unwanted = threading.Event()
    futures = [pool.submit(_lane, ensemble, said, unwanted) for ensemble in ensembles]
    try:
        for _ in ensembles:
            while not isinstance(event := said.get(), _LaneEnd):
                yield event
            if event.error is not None:
                raise event.error
    finally:
        unwanted.set()
        for future in futures:
            future.cancel()


def _lane(ensemble: Ensemble, said: "queue.SimpleQueue[Event | _LaneEnd]", unwanted: threading.Event) -> None:
    """One epoch of one ensemble in a thread of the pool, until it is unwanted."""
    try:
        for event in _events(ensemble):
            said.put(event)
            if unwanted.is_set():
                break
    except BaseException as error:
        said.put(_LaneEnd(error))
    else:
        said.put(_LaneEnd())


def _events(ensemble: Ensemble) -> Iterator[Event]:
    """One epoch of one ensemble; a member that diverged once has no figures from there on."""
    asked = {member.number: member.spec for member in ensemble.members}
    for event in loop.epoch(ensemble.state, ensemble.data, asked):
        match event:
            case Pulse():
                yield event
            case MemberDiverged():
                detail = ensemble.diverged.setdefault(event.member, event.detail)
                yield MemberDiverged(event.member, detail)
            case MemberRecord():
                if event.member not in ensemble.diverged:
                    yield event
