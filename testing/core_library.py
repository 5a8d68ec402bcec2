"""Types of the functions that fixtures of the core library's tests return."""

from collections.abc import Callable
from typing import TypeAlias

from sparse_coding.data.datasets import Dataset
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training.loop import TrainingData, TrainingState

Ask: TypeAlias = Callable[..., TrainSpec]
"""`ask(model={...}, training={...})` is a spec of short training of a small network, with these changes."""

Prepare: TypeAlias = Callable[[TrainSpec, Dataset], tuple[TrainingState, TrainingData]]
"""`prepare(spec, dataset)` is a fresh state and the data of a spec, on the CPU."""
