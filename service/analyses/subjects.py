"""The model version that is analysed: its files, opened when they are needed, and what is known without them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from registry.database.tables import ModelVersion
from registry.stores.protocol import ArtifactStore
from service.inference.model_cache import ModelCache
from service.state import AppState
from sparse_coding.data import datasets
from sparse_coding.data.datasets import Dataset
from sparse_coding.specs import feasibility
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

MAX_ACTIVATIONS: Final = 2**26
"""Numbers of one array that an analysis holds at a time: 256 MiB of float32."""


@dataclass(frozen=True)
class Subject:
    """One version of a model and the dataset that it was trained on."""

    version: ModelVersion
    models: ModelCache
    artifacts: ArtifactStore

    @property
    def reference(self) -> str:
        """`name@version`."""
        return self.version.reference

    @property
    def identity(self) -> dict[str, Any]:
        """The digests of its files, as inputs of an analysis."""
        return {"model": self.version.digest, "dataset": self.version.dataset_digest}

    @property
    def model(self) -> "TrainedModel":
        """The network, loaded unless it is in memory."""
        return self.models.get(self.version.digest)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset file, mapped."""
        return datasets.open(self.artifacts.path(self.version.dataset_digest))

    @cached_property
    def spec(self) -> TrainSpec:
        """What the model was trained by."""
        spec = run_specs.parse(self.version.spec, self.version.spec_version)
        assert isinstance(spec, TrainSpec), "a version has the spec of one model, also where a sweep trained it"
        return spec

    @property
    def n_latents(self) -> int:
        return self.spec.model.n_latents

    @property
    def n_inputs(self) -> int:
        """Width of a row after preprocessing."""
        return feasibility.n_inputs(self.spec.dataset, self.dataset.facts)

    def fitting(self, rows: int) -> int:
        """The most of `rows` rows whose activations are at most `MAX_ACTIVATIONS`; at least one."""
        return max(1, min(rows, MAX_ACTIVATIONS // self.n_latents))


def of(app_state: AppState, version: ModelVersion) -> Subject:
    """A version with the service's models and files."""
    return Subject(version, app_state.models, app_state.artifacts)
