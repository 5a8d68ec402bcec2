"""Datasets and models that are put into a running service as a worker would put them, without one."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import config

from registry import datasets as registered
from registry import models, runs
from registry.database.tables import ModelVersion
from registry.metrics import MetricRecord
from sparse_coding.data import builtin_datasets, datasets, preprocessing
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from testing.api import Api

SMALL = {"n_latents": 20, "hidden": [16]}
SHORT = {"epochs": 2, "batch_size": 64}
WIDE = {"n_latents": 2048, "hidden": [1024]}
ONE_STEP = {"epochs": 1, "batch_size": 1024}
SPECS: dict[str, dict[str, Any]] = {
    "kl": {
        "dataset": {"name": "digits"},
        "model": SMALL,
        "sparsity": {"kind": "kl", "weight": 0.001},
        "training": {"epochs": 40, "batch_size": 32, "learning_rate": 0.005},
    },
    "l1": {
        "dataset": {"name": "digits", "image_size": 10},
        "model": SMALL,
        "sparsity": {"kind": "l1", "weight": 0.001},
        "training": SHORT,
    },
    "dead": {
        "dataset": {"name": "digits"},
        "model": SMALL,
        "sparsity": {"kind": "l1", "weight": 100},
        "training": SHORT,
    },
    "digits-kl": {"dataset": {"name": "digits", "image_size": 28}, "model": SMALL, "training": SHORT},
    "colour": {"dataset": {"name": "tints"}, "model": {"n_latents": 5, "hidden": []}, "training": SHORT},
    "vectors": {
        "dataset": {"name": "signals", "scaling": "minmax"},
        "model": {"n_latents": 7, "hidden": [], "output": "identity"},
        "sparsity": {"kind": "none"},
        "training": {"epochs": 60, "batch_size": 16, "learning_rate": 0.01},
    },
}


@dataclass(frozen=True)
class Trained:
    """What a run came to: a weights file, its result, and what every epoch measured."""

    spec: TrainSpec
    weights: Path
    result: dict[str, Any]
    curves: list[MetricRecord]


PublishModel: TypeAlias = Callable[[str], ModelVersion]
"""Publishes one more small model under a name."""


@dataclass(frozen=True)
class SharedApi(Api):
    """A running service in which tests find datasets and models."""

    def add_dataset(self, name: str, file: Path) -> str:
        """Give a dataset file its name; return its digest."""
        opened = datasets.open(file)
        facts = registered.Facts(**vars(opened.facts), classes=opened.classes)
        stored = self.app_state.artifacts.put(file)
        with self.app_state.database.write() as session:
            return registered.enter(session, name=name, stored=stored, facts=facts).dataset.digest

    def add_digits(self, folder: Path) -> str:
        """Put scikit-learn's digits there as `digits`; return their digest."""
        return self.add_dataset("digits", builtin_datasets.materialise("digits", folder, folder))

    def publish(self, folder: Path, document: dict[str, Any]) -> ModelVersion:
        """Train what a spec requests, here and now, and publish it as a worker would."""
        with self.app_state.database.read() as session:
            digest = registered.get(session, document["dataset"]["name"]).digest
        return self.publish_trained(train(document, self.app_state.artifacts.path(digest), folder))

    def publish_trained(self, trained: Trained) -> ModelVersion:
        """Publish a trained model as a worker would."""
        spec, result, curves = trained.spec, trained.result, trained.curves
        with self.app_state.database.read() as session:
            digest = registered.get(session, spec.dataset.name).digest
        stored = self.app_state.artifacts.put(trained.weights)
        document = run_specs.document(spec)
        with self.app_state.database.write() as session:
            runs.enqueue(
                session,
                kind="train",
                spec=document,
                spec_version=run_specs.SPEC_VERSION,
                dataset_name=spec.dataset.name,
            )
            run = runs.claim(session, owner="the tests", lease_seconds=60, devices=["auto"])
            assert run is not None
            runs.record(session, run.id, run.fence, metrics=curves)
            publication = models.Publication(
                str(spec.name), document, run_specs.SPEC_VERSION, result, stored, spec.dataset.name, digest
            )
            done = runs.succeed(session, run.id, run.fence, result=result, publish=[publication])
            return models.resolve(session, f"{done.model_name}@{done.model_version}")


def train(document: dict[str, Any], dataset_file: Path, folder: Path) -> Trained:
    """Train what a spec requests; the weights file is put into `folder`."""
    spec = run_specs.parse(document)
    assert isinstance(spec, TrainSpec)
    dataset = datasets.open(dataset_file)
    prepared = preprocessing.fit(spec.dataset, dataset)
    data = loop.load(dataset, prepared, spec, "cpu")
    state = loop.start(spec, prepared.n_inputs, "cpu")
    with _unchecked_shapes():
        epochs = [dataclasses.asdict(epoch) for epoch in loop.epochs(state, data, spec)]
    target = folder / f"{spec.name}-weights.safetensors"
    weights.write(target, state.autoencoder, spec, prepared)
    curves = [MetricRecord(0, epoch.pop("epoch"), epoch) for epoch in epochs]
    return Trained(spec, target, loop.summary(state.autoencoder, data, spec), curves)


@contextmanager
def _unchecked_shapes() -> Iterator[None]:
    """Skip the checks of shapes: training, which other tests check, is three times as fast without them."""
    were_off = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", were_off)


@dataclass(frozen=True)
class Published:
    """What every shared service has: files of datasets by name, and models."""

    datasets: dict[str, Path]
    models: list[Trained]


def make_published(folder: Path) -> Published:
    """Write the datasets into `folder`, and train the models of `SPECS`."""
    files = {
        "digits": builtin_datasets.materialise("digits", folder, folder),
        "tints": write_colour_images(folder / "tints.safetensors"),
        "signals": write_signals(folder / "signals.safetensors"),
    }
    documents = [{"name": name, **document} for name, document in SPECS.items()]
    return Published(files, [train(document, files[document["dataset"]["name"]], folder) for document in documents])


def write_colour_images(file: Path) -> Path:
    """Write 150 and 50 images of 3 x 4 x 6."""
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 4, 6), np.uint8)
    datasets.write(file, train=images[:150], test=images[150:])
    return file


def write_signals(file: Path) -> Path:
    """Write 150 and 50 vectors of 9 numbers."""
    rows = np.random.default_rng(0).normal(5, 3, (200, 9)).astype(np.float32)
    datasets.write(file, train=rows[:150], test=rows[150:])
    return file
