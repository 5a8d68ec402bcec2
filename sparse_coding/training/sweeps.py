"""Training of several networks side by side, epoch by epoch; each learns what it would learn alone.

On a GPU, networks of the same shapes are stacked and share every matrix product; on a CPU each network is trained on
one core, because the products of one batch are too small to divide well. Knows no clock, no files and no queue.
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
    """Members that are trained together: a single one, or several whose networks are stacked."""

    members: tuple[Member, ...]
    state: TrainingState
    data: TrainingData
    diverged: dict[int, str] = field(default_factory=dict)
    """Number of a diverged member -> its error message."""

    @property
    def is_done(self) -> bool:
        """Whether all epochs are done, or all members have diverged."""
        epochs = self.members[0].spec.training.epochs
        return self.state.epoch >= epochs or len(self.diverged) == len(self.members)

    @property
    def networks(self) -> list[Autoencoder]:
        """The members' networks, in their order, sharing the state's memory."""
        return loop.members(self.state)


@dataclass(frozen=True)
class EpochEnd:
    """All members have completed `epoch` epochs, or all of theirs: a point where the state can be written."""

    epoch: int


@dataclass(frozen=True)
class _LaneEnd:
    """One ensemble has finished this epoch; with `error`, it failed."""

    error: BaseException | None = None


Event = Pulse | MemberRecord | MemberDiverged | EpochEnd


def start(
    members: Sequence[Member],
    data: Mapping[DatasetChoice, TrainingData],
    device: torch.device | str,
    *,
    stacked: bool | None = None,
) -> list[Ensemble]:
    """New networks for all members, each initialised as in a run of its own.

    `stacked`: whether members of the same shapes share their products; by default only on a GPU.
    """
    together = torch.device(device).type == "cuda" if stacked is None else stacked
    groups: dict[Any, list[Member]] = {}
    for member in members:
        groups.setdefault(_shapes(member.spec) if together else member.number, []).append(member)
    return [_ensemble(group, data[group[0].spec.dataset], device) for group in groups.values()]


def _shapes(spec: TrainSpec) -> tuple[Any, ...]:
    """The parts of a spec that stacked networks share; they can differ in seed, weight and rho."""
    learning = spec.training
    steps = learning.epochs, learning.batch_size, learning.learning_rate, learning.precision
    return spec.dataset, spec.model, objectives.penalty_for(spec.sparsity).id, steps


def _ensemble(members: Sequence[Member], data: TrainingData, device: torch.device | str) -> Ensemble:
    states = [loop.start(member.spec, data.preprocessing.n_inputs, device) for member in members]
    if len(members) == 1:
        return Ensemble(tuple(members), states[0], data)
    network = autoencoder.stack([state.autoencoder for state in states])
    return Ensemble(tuple(members), TrainingState(network, loop.optimizer_for(network, members[0].spec.training)), data)


def epochs(ensembles: Sequence[Ensemble]) -> Generator[Event, None, None]:
    """Train all ensembles to their last epochs; yield pulses, records, and the end of every epoch.

    At an `EpochEnd` the state can be written to a checkpoint; at any other event it can only be discarded. If the
    iterator is closed, it returns when every thread has reached its next pulse.
    """
    # threads, not processes: torch releases the interpreter lock while it computes, and the rows are in memory once;
    # the threads of OpenMP are divided among the lanes, so that together they are no more than the cores
    lanes = 1 if _on_gpu(ensembles) else min(len(ensembles), torch.get_num_threads())
    threads = max(1, torch.get_num_threads() // lanes)
    with ThreadPoolExecutor(lanes, "lane", initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        while unfinished := [ensemble for ensemble in ensembles if not ensemble.is_done]:
            yield from _one_epoch(sorted(unfinished, key=_work, reverse=True), pool)
            yield EpochEnd(max(ensemble.state.epoch for ensemble in unfinished))


def rows_learned(ensembles: Sequence[Ensemble]) -> int:
    """Rows that all members together have been trained on, counted once per epoch."""
    return sum(
        len(ensemble.members) * (ensemble.state.epoch * len(ensemble.data.train) + ensemble.state.rows)
        for ensemble in ensembles
    )


def _on_gpu(ensembles: Sequence[Ensemble]) -> bool:
    return ensembles[0].data.train.device.type == "cuda"


def _work(ensemble: Ensemble) -> int:
    """Estimate the relative duration of an epoch: the longest starts first, so that no core waits for it at the end."""
    return sum(weight.numel() for weight in ensemble.state.autoencoder.parameters()) * len(ensemble.data.train)


def _one_epoch(ensembles: Sequence[Ensemble], pool: ThreadPoolExecutor) -> Iterator[Event]:
    """Train one epoch of every ensemble, as many at a time as the pool has threads."""
    events: queue.SimpleQueue[Event | _LaneEnd] = queue.SimpleQueue()
    stop = threading.Event()
    futures = [pool.submit(_lane, ensemble, events, stop) for ensemble in ensembles]
    try:
        for _ in ensembles:
            while not isinstance(event := events.get(), _LaneEnd):
                yield event
            if event.error is not None:
                raise event.error
    finally:
        stop.set()
        for future in futures:
            future.cancel()


def _lane(ensemble: Ensemble, events: "queue.SimpleQueue[Event | _LaneEnd]", stop: threading.Event) -> None:
    """Train one epoch of one ensemble in a thread of the pool, until `stop` is set."""
    try:
        for event in _events(ensemble):
            events.put(event)
            if stop.is_set():
                break
    except BaseException as error:
        events.put(_LaneEnd(error))
    else:
        events.put(_LaneEnd())


def _events(ensemble: Ensemble) -> Iterator[Event]:
    """One epoch of one ensemble; a member that diverged once has no figures from there on."""
    specs = {member.number: member.spec for member in ensemble.members}
    for event in loop.epoch(ensemble.state, ensemble.data, specs):
        match event:
            case Pulse():
                yield event
            case MemberDiverged():
                detail = ensemble.diverged.setdefault(event.member, event.detail)
                yield MemberDiverged(event.member, detail)
            case MemberRecord():
                if event.member not in ensemble.diverged:
                    yield event
