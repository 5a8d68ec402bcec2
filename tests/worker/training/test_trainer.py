"""A real trainer process, spoken to over its pipe as its supervisor would speak to it."""

import itertools
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from sparse_coding.models import weights
from testing.processes import is_alive
from testing.trainer_process import RunningTrainer
from testing.waiting import PATIENCE, eventually
from worker import messages
from worker.training import assignment

EPOCHS = 400
"""More than the pipe holds records of: a trainer that is not listened to waits, so there is time to interrupt it."""
ENDLESS = {"epochs": 100_000, "batch_size": 64}

NOISE = """
import os, sys

def hear(event, details):
    if event == "import" and details[0] == "torch":
        os.write(1, b"noise of a library\\n")

sys.addaudithook(hear)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def order(folder: Path, dataset: Path | None, checkpoint: Path | None = None, **training: Any) -> messages.Start:
    """The order to train a small network on the digits."""
    model = {"n_latents": 16, "hidden": [16]}
    return messages.Start(
        run_id="a-run",
        fence=1,
        spec={
            "dataset": {"name": "digits"},
            "model": model,
            "training": {"epochs": EPOCHS, "batch_size": 720} | training,
        },
        inputs=messages.Inputs(dataset=dataset, checkpoint=checkpoint),
        folder=folder,
        sources=folder,
        threads=1,
        checkpoint_seconds=3600,
    )


@dataclass(frozen=True)
class Whole:
    """A run that was left alone, from its first message to its exit."""

    folder: Path
    reports: list[Any]
    log: bytes
    returncode: int

    def of(self, kind: type) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]


@pytest.fixture(scope="module")
def whole(trainer: RunningTrainer, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """It makes its dataset itself, and has it taken away when it has reported it, as a supervisor does.

    While torch is imported something writes to file descriptor 1, as a C library would.
    """
    folder = tmp_path_factory.mktemp("whole")
    (folder / "sitecustomize.py").write_text(NOISE)
    reports = []
    with trainer(PYTHONPATH=str(folder)) as started:
        started.send(order(folder, None))
        for report in started.reports():
            reports.append(report)
            if isinstance(report, messages.Dataset):
                (folder / report.path).rename(folder / "adopted")
        return Whole(folder, reports, started.process.stderr.read(), started.process.wait())


def test_a_run_tells_what_it_does_from_hello_to_result(whole: Whole) -> None:
    kinds = [
        kind for kind, _ in itertools.groupby(report.type for report in whole.reports if report.type != "progress")
    ]
    assert kinds == ["hello", "dataset", "metrics", "result"]
    assert whole.returncode == 0
    assert [record.epoch for record in whole.of(messages.Metrics)] == list(range(1, EPOCHS + 1))
    assert all(record.record["seconds"] > 0 and record.record["loss"] > 0 for record in whole.of(messages.Metrics))
    phases = [report.phase for report in whole.of(messages.Progress)]
    assert [phase for phase, _ in itertools.groupby(phases)] == ["preparing", "training", "finishing"]


def test_what_libraries_print_goes_to_the_log_and_not_into_the_pipe(whole: Whole) -> None:
    assert b"noise of a library" in whole.log


def test_a_built_in_that_is_missing_is_made_and_reported(whole: Whole, digits: Path) -> None:
    (made,) = whole.of(messages.Dataset)
    assert (whole.folder / "adopted").read_bytes() == digits.read_bytes()
    assert made.bytes == digits.stat().st_size
    assert (made.facts.train_rows, made.facts.test_rows, len(made.classes)) == (1437, 360, 10)


def test_the_result_describes_weights_that_can_be_read(whole: Whole) -> None:
    result = whole.reports[-1]
    (output,) = result.outputs
    model = weights.read(whole.folder / output.path)
    assert (output.role, model.n_inputs, model.n_latents) == ("weights", 64, 16)
    assert (result.summary["device"], result.summary["threads"]) == ("cpu", 1)
    seconds = sum(record.record["seconds"] for record in whole.of(messages.Metrics))
    assert result.summary["train_seconds"] == pytest.approx(seconds)
    assert result.summary["mse"] == whole.of(messages.Metrics)[-1].record["test_mse"]


def test_a_stopped_run_goes_on_to_the_very_weights_of_an_uninterrupted_one(
    trainer: RunningTrainer, folder: Path, digits: Path, whole: Whole
) -> None:
    with trainer() as first:
        first.send(order(folder, digits))
        first.until(messages.Metrics)
        first.send(messages.Stop(request="release"))
        *_, kept, stopped = first.reports()
        assert first.process.wait() == 0
    assert isinstance(kept, messages.Checkpoint)
    assert stopped == messages.Stopped(request="release")
    assert 0 < kept.epoch < EPOCHS

    with trainer() as second:
        second.send(order(folder, digits, folder / kept.path))
        reports = list(second.reports())
    resumed = [report.epoch for report in reports if isinstance(report, messages.Metrics)]
    assert resumed == list(range(kept.epoch + 1, EPOCHS + 1))
    assert reports[-1].outputs == whole.reports[-1].outputs


def test_a_cancelled_run_stops_inside_an_epoch(trainer: RunningTrainer, folder: Path, digits: Path) -> None:
    with trainer() as started:
        started.send(order(folder, digits, epochs=2, batch_size=1, learning_rate=1e-5))
        assert started.until(messages.Progress).phase == "preparing"
        assert started.until(messages.Progress).phase == "training"
        started.send(messages.Stop(request="cancel"))
        reports = list(started.reports())
    assert {report.type for report in reports} <= {"progress", "stopped"}
    assert reports[-1] == messages.Stopped(request="cancel")


def test_a_checkpoint_is_written_when_it_is_asked_for(trainer: RunningTrainer, folder: Path, digits: Path) -> None:
    with trainer() as started:
        started.send(order(folder, digits, **ENDLESS))
        seen = started.until(messages.Metrics).epoch
        started.send(messages.CheckpointNow())
        kept = started.until(messages.Checkpoint)
        assert kept.epoch >= seen
        assert (folder / kept.path).stat().st_size == kept.bytes
        assert started.until(messages.Metrics).epoch == kept.epoch + 1


def test_checkpoints_come_as_often_as_they_are_wanted(trainer: RunningTrainer, folder: Path, digits: Path) -> None:
    with trainer() as started:
        started.send(order(folder, digits, epochs=4).model_copy(update={"checkpoint_seconds": 0}))
        kept = [report.epoch for report in started.reports() if isinstance(report, messages.Checkpoint)]
    assert kept == [1, 2, 3], "after the last epoch come the weights"


def test_a_trainer_that_gets_no_order_ends(trainer: RunningTrainer) -> None:
    with trainer() as started:
        started.process.stdin.close()
        assert started.process.wait(PATIENCE) == 3


def test_signals_are_left_to_the_supervisor_and_the_end_of_its_orders_ends_the_trainer(
    trainer: RunningTrainer, folder: Path, digits: Path
) -> None:
    with trainer() as started:
        started.send(order(folder, digits, **ENDLESS))
        seen = started.until(messages.Metrics).epoch
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            started.process.send_signal(number)
        later = (report for report in started.reports() if isinstance(report, messages.Metrics))
        assert any(report.epoch > seen + 20 for report in later)
        started.process.stdin.close()
        assert started.process.wait(PATIENCE) == 3


def test_a_refusal_of_the_core_library_is_an_error_with_its_reason(
    trainer: RunningTrainer, folder: Path, digits: Path
) -> None:
    with trainer() as started:
        started.send(order(folder, digits, batch_size=2000))
        last = list(started.reports())[-1]
        assert started.process.wait() == 1
    assert (last.code, last.may_pass) == ("SPEC_DOES_NOT_FIT", False)
    assert "1437" in last.detail


def test_a_bug_is_an_error_that_gives_no_path_away(trainer: RunningTrainer, folder: Path, digits: Path) -> None:
    with trainer() as started:
        started.send(order(folder / "nowhere", digits, epochs=1))
        last = list(started.reports())[-1]
        log = started.process.stderr.read()
    assert last.code == "INTERNAL_ERROR"
    assert "nowhere" not in last.detail
    assert b"Traceback" in log
    assert b"nowhere" in log


@pytest.mark.parametrize("shortage", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_exhausted_memory_is_distinguished_from_a_bug(shortage: Exception) -> None:
    assert assignment.is_shortage(shortage)
    assert not assignment.is_shortage(RuntimeError("shapes do not match"))


def test_memory_that_ran_out_on_the_cpu_is_known_by_what_torch_says() -> None:
    with pytest.raises(RuntimeError) as shortage:
        torch.empty(2**50, dtype=torch.uint8)
    assert assignment.is_shortage(shortage.value)


def test_the_kernel_ends_a_trainer_whose_starter_is_killed() -> None:
    """Even one that can do nothing itself: it is stopped before."""
    script = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'worker.training.trainer', '--parent', str(os.getpid())]\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        try:
            eventually("the tie to the starter", lambda: ignores(child, signal.SIGTERM))
            os.kill(child, signal.SIGSTOP)
            parent.kill()
            eventually("the death of the trainer", lambda: not is_alive(child))
        finally:
            parent.kill()
            if is_alive(child):
                os.kill(child, signal.SIGKILL)


def test_a_trainer_whose_starter_is_gone_already_does_not_begin() -> None:
    command = [sys.executable, "-m", "worker.training.trainer", "--parent", str(os.getpid() + 1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait(PATIENCE) == 3, "though its orders have not ended"


def ignores(pid: int, number: int) -> bool:
    """Whether a process ignores a signal: the trainer's step after tying itself to its starter."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> (number - 1) & 1)
