"""One run inside the trainer: from the order to start to its last message. Here it is decided what kind of run it is.

Has no database. This file and those that it calls (`*_run`, `progress`, `materials`) are the only ones of this package
that use tensors.
"""

import platform
import traceback
from typing import Final, Literal

import torch

from sparse_coding import errors
from sparse_coding.errors import DISK_FULL
from sparse_coding.models import devices
from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.runs import AnySpec, ImportSpec
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec
from worker import exits, messages, training
from worker.training import materials
from worker.training.pipe import Pipe
from worker.training.sweep_run import SweepRun
from worker.training.training_run import TrainingRun

OUT_OF_MEMORY: Final = "OUT_OF_MEMORY"

Ending = messages.Result | messages.Stopped | messages.Error


def hello(device: Literal["auto", "cpu", "cuda"]) -> messages.Hello:
    """What `device` means here. Raises SpecDoesNotFit for a CUDA that is missing."""
    chosen = devices.device_for(device)
    return messages.Hello(
        torch=torch.__version__,
        device="cuda" if chosen.type == "cuda" else "cpu",
        device_name=torch.cuda.get_device_name() if chosen.type == "cuda" else _processor(),
        threads=torch.get_num_threads(),
    )


def _processor() -> str:
    return platform.processor() or platform.machine()


def carry_out(start: messages.Start, pipe: Pipe) -> Ending:
    """The run's last message. Errors of the core library are reported to the run's owner; bugs pass through."""
    torch.set_num_threads(start.threads)
    try:
        here = hello(start.device)
        pipe.say(here)
        return _carry_out(start.spec, start, pipe, here)
    except errors.SparseCodingError as error:
        return messages.Error(code=error.code, detail=str(error), may_pass=error.may_pass)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        traceback.print_exc()
        return exits.storage(error)
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        traceback.print_exc()
        return messages.Error(code=OUT_OF_MEMORY, detail="The run does not fit into the memory here.", may_pass=True)


def _carry_out(asked: AnySpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> Ending:
    match asked:
        case TrainSpec():
            return TrainingRun(asked, start, pipe, here).carry_out()
        case SweepSpec():
            return SweepRun(asked, start, pipe, here).carry_out()
        case ImportSpec():
            return _import_dataset(asked, start, pipe)
        case BaselinesSpec():
            return training.baselines_run.carry_out(asked, start, pipe, here)


def _import_dataset(asked: ImportSpec, start: messages.Start, pipe: Pipe) -> messages.Result:
    dataset, digest = materials.dataset(asked.dataset, start, pipe)
    if start.inputs.dataset is not None:
        digest = materials.digest(start.inputs.dataset)
    rows = {"train_rows": dataset.facts.train_rows, "test_rows": dataset.facts.test_rows}
    return messages.Result(summary={"dataset": asked.dataset, "digest": digest, **rows})


def is_shortage(error: Exception) -> bool:
    """torch's allocator for the CPU has no error class of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
