"""A run of kind `sweep` inside the trainer: several networks side by side, to their weights and one table.

Long work is an iterator of the core library; this file has the loop and reports to the pipe.
"""

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

from sparse_coding import errors
from sparse_coding.data import preprocessing
from sparse_coding.models import weights
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.specs.sweep import Member, SweepSpec
from sparse_coding.specs.training import DatasetChoice
from sparse_coding.training import loop, sweep_checkpoint, sweep_table, sweeps
from sparse_coding.training.loop import MemberRecord, TrainingData
from worker import messages
from worker.training import materials
from worker.training.pipe import Pipe
from worker.training.progress import RunProgress

Ending = messages.Result | messages.Stopped


class SweepRun:
    """The state of one sweep."""

    def __init__(self, asked: SweepSpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> None:
        self._asked, self._start, self._pipe, self._here = asked, start, pipe, here
        self._members = asked.expanded()
        self._dataset, _ = materials.dataset(asked.base.dataset.name, start, pipe)
        for member in self._members:
            materials.refuse_misfit(member.spec, self._dataset)
        self._data = self._load()
        self._ensembles = sweeps.start(self._members, self._data, here.device)
        if start.inputs.checkpoint is not None:
            sweep_checkpoint.read(start.inputs.checkpoint, self._ensembles, asked)
        self._records: list[MemberRecord] = []
        self._seconds: defaultdict[int, float] = defaultdict(lambda: start.seconds_before / len(self._members))
        self._progress = self._begun()

    def carry_out(self) -> Ending:
        """Train all members to their ends, or until asked to stop."""
        if self._pipe.stop_request is not None:
            return messages.Stopped(request=self._pipe.stop_request)
        events = sweeps.epochs(self._ensembles)
        for event in events:
            if isinstance(event, MemberRecord):
                self._records.append(event)
            elif isinstance(event, sweeps.EpochEnd):
                self._on_epoch(event.epoch)
            self._progress.report(self._epoch, sweeps.rows_learned(self._ensembles))
            between = isinstance(event, sweeps.EpochEnd)
            if (stopped := self._progress.stopped(self._epoch, self._keep, between_epochs=between)) is not None:
                events.close()  # its threads are done before the files are looked at
                return stopped
        return self._result()

    def _load(self) -> dict[DatasetChoice, TrainingData]:
        """Rows for every preparation that members ask for; most sweeps have one."""
        loaded: dict[DatasetChoice, TrainingData] = {}
        for member in self._members:
            choice = member.spec.dataset
            if choice not in loaded:
                fitted = preprocessing.fit(choice, self._dataset)
                loaded[choice] = loop.load(self._dataset, fitted, member.spec, self._here.device)
        return loaded

    def _begun(self) -> RunProgress:
        learning = [
            (member.spec.training.epochs, len(self._data[member.spec.dataset].train)) for member in self._members
        ]
        self._epoch = max(ensemble.state.epoch for ensemble in self._ensembles)
        return RunProgress(
            self._start,
            self._pipe,
            epochs=max(epochs for epochs, _ in learning),
            epoch=self._epoch,
            rows=sweeps.rows_learned(self._ensembles),
            all_rows=sum(epochs * rows for epochs, rows in learning),
        )

    def _on_epoch(self, epoch: int) -> None:
        """All members' records at once: a member's time is its share of what the epoch took."""
        self._epoch = epoch
        seconds = self._progress.lap() / max(1, len(self._records))
        for member in self._records:
            figures = dataclasses.asdict(member.record) | {"seconds": seconds}
            del figures["epoch"]
            self._seconds[member.member] += seconds
            self._pipe.say(messages.Metrics(member=member.member, epoch=member.record.epoch, record=figures))
        self._records.clear()
        self._progress.checkpoint_if_due(epoch, self._keep)

    def _keep(self, path: Path) -> None:
        sweep_checkpoint.write(path, self._ensembles, self._asked)

    def _result(self) -> Ending:
        """The figures of one member after the other; this may take a while, so a cancel is still possible."""
        rows: list[dict[str, Any]] = []
        outputs: list[messages.Output] = []
        for ensemble in self._ensembles:
            for member, network in zip(ensemble.members, ensemble.networks, strict=True):
                self._progress.report_end(sweeps.rows_learned(self._ensembles))
                if self._pipe.stop_request == "cancel":
                    return messages.Stopped(request="cancel")
                if (detail := ensemble.diverged.get(member.number)) is not None:
                    row = sweep_table.diverged(member, detail, network.n_inputs)
                else:
                    row = sweep_table.row(member, network, ensemble.data, self._dataset)
                    outputs.append(self._weights(member, network, ensemble.data))
                rows.append(row | {"seconds": self._seconds[member.number]})
        if not outputs:
            raise errors.TrainingDiverged("The losses of all members were no longer finite numbers.")
        rows.sort(key=lambda row: int(row["member"]))
        return messages.Result(outputs=tuple(outputs), summary=sweep_table.table(rows) | self._circumstances())

    def _weights(self, member: Member, network: Autoencoder, data: TrainingData) -> messages.Output:
        path = self._start.folder / f"weights-{member.number}.safetensors"
        weights.write(path, network, member.spec, data.preprocessing)
        return messages.Output(role="weights", member=member.number, **materials.file(path))

    def _circumstances(self) -> dict[str, Any]:
        return {
            "train_seconds": self._progress.seconds,
            "rows_per_second": self._progress.rows_per_second(sweeps.rows_learned(self._ensembles)),
            "device": self._here.device,
            "threads": self._start.threads,
            "torch": self._here.torch,
        }
