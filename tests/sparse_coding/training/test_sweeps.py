"""Networks trained side by side: each learns what it would alone, on cores of its own or stacked."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sparse_coding import errors
from sparse_coding.analysis import evaluation
from sparse_coding.data import batches, tensor_files
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import Member, SweepSpec
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop, sweep_checkpoint, sweeps
from sparse_coding.training.loop import EpochRecord, MemberDiverged, MemberRecord, Pulse, TrainingData
from sparse_coding.training.sweeps import Ensemble, EpochEnd

ROWS, WIDTH = 300, 30
SMALL = {"model": {"n_latents": 12, "hidden": [20]}, "training": {"epochs": 3, "batch_size": 32}}


def sweep(**changes: Any) -> SweepSpec:
    base = {"dataset": {"name": "mine", "validation_fraction": 0.0}, **SMALL, **changes.pop("base", {})}
    parsed = run_specs.parse({"kind": "sweep", "base": base, **changes})
    assert isinstance(parsed, SweepSpec)
    return parsed


def rows_of(dtype: torch.dtype = torch.float32) -> TrainingData:
    """Low-rank images in [0, 1], so that there is something to learn."""
    generator = torch.Generator().manual_seed(1)
    low = torch.rand(ROWS, 4, generator=generator, dtype=torch.float64)
    rows = torch.sigmoid(6 * low @ torch.randn(4, WIDTH, generator=generator, dtype=torch.float64)).to(dtype)
    preprocessing = Preprocessing(WIDTH, None, None)
    held_out = evaluation.hold_out(rows[:250], rows[250:], preprocessing)
    return TrainingData(rows[:250], held_out, preprocessing, held_out)


def begin(asked: SweepSpec, data: TrainingData, *, stacked: bool) -> list[Ensemble]:
    members = asked.expanded()
    begun = sweeps.start(members, {member.spec.dataset: data for member in members}, "cpu", stacked=stacked)
    if data.train.dtype is torch.float64:
        for ensemble in begun:
            as_float64(ensemble.state, ensemble.members[0].spec)
    return begun


def as_float64(state: loop.TrainingState, asked: TrainSpec) -> None:
    state.autoencoder.double()
    state.optimizer = loop.optimizer_for(state.autoencoder, asked.training)


def alone(member: Member, data: TrainingData) -> dict[str, torch.Tensor]:
    state = loop.start(member.spec, WIDTH, "cpu")
    if data.train.dtype is torch.float64:
        as_float64(state, member.spec)
    list(loop.epochs(state, data, member.spec))
    return state.autoencoder.state_dict()


def records_alone(asked: TrainSpec, data: TrainingData) -> Iterator[EpochRecord]:
    events = loop.epochs(loop.start(asked, WIDTH, "cpu"), data, asked)
    return (event for event in events if isinstance(event, EpochRecord))


def learned(ensembles: list[Ensemble]) -> dict[int, dict[str, torch.Tensor]]:
    return {
        member.number: network.state_dict()
        for ensemble in ensembles
        for member, network in zip(ensemble.members, ensemble.networks, strict=True)
    }


DIFFERENT = [
    {"members": [{"sparsity": {"weight": 0.1}}, {"sparsity": {"rho": 0.2}}, {"training": {"seed": 7}}]},
    {
        "base": {"sparsity": {"kind": "l1"}},
        "members": [{"sparsity": {"weight": 0.1}}, {"sparsity": {"weight": 0.0}}, {"training": {"seed": 7}}],
    },
    {"base": {"sparsity": {"kind": "l1", "reduction": "sum"}}, "grid": {"sparsity.weight": [0.001, 0.01]}},
    {"base": {"sparsity": {"kind": "none"}}, "grid": {"training.seed": [1, 2, 3]}},
]


@pytest.mark.slow
@pytest.mark.parametrize("stacked", [True, False], ids=["stacked", "side by side"])
@pytest.mark.parametrize("changes", DIFFERENT, ids=["kl", "l1", "l1 sum", "none"])
def test_in_float64_every_member_learns_what_it_learns_alone(changes: dict[str, Any], stacked: bool) -> None:
    data = rows_of(torch.float64)
    ensembles = begin(asked := sweep(**changes), data, stacked=stacked)
    assert len(ensembles) == (1 if stacked else asked.count)
    list(sweeps.epochs(ensembles))
    for member in asked.expanded():
        for name, weight in alone(member, data).items():
            torch.testing.assert_close(learned(ensembles)[member.number][name], weight, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("stacked", [True, False], ids=["stacked", "side by side"])
def test_in_float32_a_member_stays_with_itself_alone_for_twenty_steps_and_ends_at_its_loss(stacked: bool) -> None:
    data = rows_of()
    short = {"training": {"epochs": 1, "batch_size": 13}}  # 20 steps
    asked = sweep(base=short, grid={"sparsity.weight": [0.001, 0.1], "training.seed": [1, 2]})
    list(sweeps.epochs(ensembles := begin(asked, data, stacked=stacked)))
    for member in asked.expanded():
        for name, weight in alone(member, data).items():
            torch.testing.assert_close(learned(ensembles)[member.number][name], weight, rtol=0, atol=1e-5)
    longer = {"training": {"epochs": 30, "batch_size": 32}}
    asked = sweep(base=longer, grid={"sparsity.weight": [0.001, 0.1]})
    last = [event for event in sweeps.epochs(begin(asked, data, stacked=stacked)) if isinstance(event, MemberRecord)]
    for member in asked.expanded():
        lonely = list(records_alone(member.spec, data))[-1].loss
        together = [event.record.loss for event in last if event.member == member.number][-1]
        assert together == pytest.approx(lonely, rel=0.01)


def test_members_of_the_same_shapes_are_stacked_and_no_others() -> None:
    members = [
        {"sparsity": {"weight": 0.1}},
        {"sparsity": {"kind": "l1"}},
        {"training": {"seed": 3}},
        {"model": {"n_latents": 5}},
        {"training": {"epochs": 2}},
        {"training": {"learning_rate": 0.01}},
    ]
    ensembles = begin(sweep(members=members), rows_of(), stacked=True)
    assert [[member.number for member in ensemble.members] for ensemble in ensembles] == [[0, 2], [1], [3], [4], [5]]


def test_the_figures_of_an_epoch_name_their_network() -> None:
    data, asked = rows_of(), sweep(grid={"sparsity.weight": [0.001, 0.1]})
    (ensemble,) = begin(asked, data, stacked=True)
    by_number = dict(zip((7, 3), [member.spec for member in ensemble.members], strict=True))
    ends = [event for event in loop.epoch(ensemble.state, data, by_number) if isinstance(event, MemberRecord)]
    assert {end.member: end.record.loss for end in ends} == {
        number: pytest.approx(next(records_alone(spec, data)).loss, rel=1e-4) for number, spec in by_number.items()
    }


@pytest.mark.parametrize("stacked", [True, False], ids=["stacked", "side by side"])
def test_all_members_do_an_epoch_before_any_does_the_next(stacked: bool) -> None:
    asked = sweep(members=[{}, {"training": {"epochs": 1}}, {"model": {"n_latents": 5}}])
    seen: list[Any] = []
    for event in sweeps.epochs(begin(asked, rows_of(), stacked=stacked)):
        if isinstance(event, MemberRecord):
            seen.append((event.member, event.record.epoch))
        elif isinstance(event, EpochEnd):
            seen.append(event.epoch)
    ends = [place for place, moment in enumerate(seen) if isinstance(moment, int)]
    assert [seen[place] for place in ends] == [1, 2, 3]
    assert sorted(seen[: ends[0]]) == [(0, 1), (1, 1), (2, 1)]
    assert sorted(seen[ends[0] + 1 : ends[1]]) == [(0, 2), (2, 2)]


@pytest.mark.parametrize("first", [True, False], ids=["first stacked", "first side by side"])
def test_a_sweep_goes_on_from_its_checkpoint_also_where_networks_are_not_stacked(tmp_path: Path, first: bool) -> None:
    data = rows_of(torch.float64)
    asked = sweep(grid={"sparsity.weight": [0.001, 0.1]}, reference=True)
    whole = begin(asked, data, stacked=not first)
    list(sweeps.epochs(whole))
    begun = begin(asked, data, stacked=first)
    for event in sweeps.epochs(begun):
        if event == EpochEnd(2):
            break
    sweep_checkpoint.write(tmp_path / "half", begun, asked)
    resumed = begin(asked, data, stacked=not first)
    sweep_checkpoint.read(tmp_path / "half", resumed, asked)
    assert {ensemble.state.epoch for ensemble in resumed} == {2}
    list(sweeps.epochs(resumed))
    for number, weights in learned(whole).items():
        for name, weight in weights.items():
            torch.testing.assert_close(learned(resumed)[number][name], weight, rtol=0, atol=1e-9)


def test_resumed_as_it_was_begun_it_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    data, asked = rows_of(), sweep(grid={"sparsity.weight": [0.001, 0.1]})
    list(sweeps.epochs(whole := begin(asked, data, stacked=False)))
    begun = begin(asked, data, stacked=False)
    next(event for event in sweeps.epochs(begun) if event == EpochEnd(1))
    sweep_checkpoint.write(tmp_path / "one", begun, asked)
    sweep_checkpoint.read(tmp_path / "one", resumed := begin(asked, data, stacked=False), asked)
    list(sweeps.epochs(resumed))
    for number, weights in learned(whole).items():
        assert all(torch.equal(learned(resumed)[number][name], weight) for name, weight in weights.items())


def test_a_checkpoint_of_another_sweep_is_refused(tmp_path: Path) -> None:
    data, asked = rows_of(), sweep(grid={"sparsity.weight": [0.001, 0.1]})
    sweep_checkpoint.write(tmp_path / "start", begin(asked, data, stacked=False), asked)
    other = sweep(grid={"sparsity.weight": [0.001, 0.2]})
    with pytest.raises(errors.CheckpointMismatch):
        sweep_checkpoint.read(tmp_path / "start", begin(other, data, stacked=False), other)


def test_a_sweep_of_spec_version_1_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """A release that knew no `validation_seed` wrote it; the run's own spec is upgraded in the same way."""
    whole = run_specs.document(sweep(grid={"sparsity.weight": [0.001, 0.1]}))
    old = {name: part for name, part in whole["base"]["dataset"].items() if name != "validation_seed"}
    document = {**whole, "base": {**whole["base"], "dataset": old}}
    asked = run_specs.parse(document, 1)
    assert isinstance(asked, SweepSpec)
    begun = begin(asked, rows_of(), stacked=False)
    sweep_checkpoint.write(tmp_path / "old", begun, asked)
    tensors, described = tensor_files.read(tmp_path / "old", sweep_checkpoint.FORMAT)
    tensor_files.write(tmp_path / "old", tensors, {**described, "spec": document, "spec_version": 1})
    sweep_checkpoint.read(tmp_path / "old", begun, asked)
    newer = sweep(grid={"sparsity.weight": [0.001, 0.1]})
    with pytest.raises(errors.CheckpointMismatch):
        sweep_checkpoint.read(tmp_path / "old", begin(newer, rows_of(), stacked=False), newer)


@pytest.mark.parametrize("described", [None, 7, [], [{}], [{"number": 0}], [{"number": [1]}, None], [{"number": 1}]])
def test_a_checkpoint_that_does_not_describe_its_members_is_unreadable(tmp_path: Path, described: object) -> None:
    asked = sweep(grid={"sparsity.weight": [0.001, 0.1]})
    begun = begin(asked, rows_of(), stacked=False)
    sweep_checkpoint.write(tmp_path / "start", begun, asked)
    tensors, document = tensor_files.read(tmp_path / "start", sweep_checkpoint.FORMAT)
    damaged = {name: part for name, part in document.items() if name != "members"}
    tensor_files.write(tmp_path / "start", tensors, damaged if described is None else {**damaged, "members": described})
    with pytest.raises(errors.UnreadableFile, match="metadata"):
        sweep_checkpoint.read(tmp_path / "start", begun, asked)


def test_a_state_inside_an_epoch_is_not_written_down(tmp_path: Path) -> None:
    asked = sweep(base={"training": {"epochs": 1, "batch_size": 4}}, grid={"training.seed": [1, 2]})
    begun = begin(asked, rows_of(), stacked=True)
    assert isinstance(next(sweeps.epochs(begun)), Pulse)
    with pytest.raises(ValueError, match="inside epoch 1"):
        sweep_checkpoint.write(tmp_path / "half", begun, asked)


@pytest.mark.parametrize("stacked", [True, False], ids=["stacked", "side by side"])
def test_a_member_that_diverges_does_not_touch_the_others(tmp_path: Path, stacked: bool) -> None:
    data = rows_of()
    broken = {"output": "identity", "n_latents": 12, "hidden": []}
    base = {"model": broken, "sparsity": {"kind": "l1", "reduction": "sum"}}
    asked = sweep(base=base, members=[{}, {"sparsity": {"weight": 0.0}}])
    ensembles = begin(asked, data, stacked=stacked)
    victim = ensembles[0].networks[0]
    victim.decoder.get_parameter("0.weight").data[0, 0] = torch.inf
    events = list(sweeps.epochs(ensembles))
    assert {event.member for event in events if isinstance(event, MemberDiverged)} == {0}
    assert [event.record.epoch for event in events if isinstance(event, MemberRecord)] == [1, 2, 3]
    for name, weight in alone(asked.expanded()[1], data).items():
        torch.testing.assert_close(learned(ensembles)[1][name], weight, rtol=0, atol=1e-5)
    sweep_checkpoint.write(tmp_path / "end", ensembles, asked)
    again = begin(asked, data, stacked=stacked)
    sweep_checkpoint.read(tmp_path / "end", again, asked)
    assert [number for ensemble in again for number in ensemble.diverged] == [0]


def test_stopping_leaves_no_thread_at_work() -> None:
    asked = sweep(base={"training": {"epochs": 1000, "batch_size": 4}}, grid={"training.seed": [1, 2, 3]})
    events = sweeps.epochs(begin(asked, rows_of(), stacked=False))
    next(events)
    events.close()  # would wait for 1,000 epochs if the threads were not stopped
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane")]


def test_each_stacked_network_has_an_order_of_its_own() -> None:
    rows = torch.arange(20.0).unsqueeze(1)
    orders = torch.stack([batches.order(20, seed, 0) for seed in (1, 2)])
    seen = torch.cat(list(batches.shuffled_together(rows, orders, 8)), dim=1)
    assert torch.equal(seen.squeeze(2).long(), orders)
