"""Verbs of the registry, each in a transaction of its own, and short words for arranging rows.

Arranging may go past the rules (a lease that is over, a run that failed before); what is tested never does.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import update

from registry import artifacts, models, run_blobs, runs
from registry.database import sessions
from registry.database.tables import Run
from registry.stores.protocol import Stored

T = TypeVar("T")


def blob(content: str) -> Stored:
    """Return what a store says of a file with this content."""
    return Stored(hashlib.sha256(content.encode()).hexdigest(), len(content))


@dataclass
class Transactions:
    """Functions of the registry, called in a transaction each."""

    database: sessions.Database

    def write(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `function(session, ...)` in a transaction of its own."""
        with self.database.write() as session:
            return function(session, *args, **kwargs)

    def read(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `function(session, ...)`, which changes nothing."""
        with self.database.read() as session:
            return function(session, *args, **kwargs)


@dataclass
class RegistryHarness(Transactions):
    """A registry, and runs in whatever state a test needs."""

    blob = staticmethod(blob)

    def enqueue(self, **columns: Any) -> Run:
        return self.write(runs.enqueue, **{"kind": "train", "spec": {"a": 1}, "spec_version": 1} | columns).run

    def claim(self, owner: str = "worker", devices: Collection[str] = ("auto", "cpu")) -> Run | None:
        return self.write(runs.claim, owner=owner, lease_seconds=60, devices=devices)

    def running(self, **columns: Any) -> Run:
        """A run that has been claimed, with these columns arranged."""
        run = self.enqueue()
        claimed = self.claim()
        assert claimed is not None
        assert claimed.id == run.id
        return self.arrange(claimed, **columns)

    def lapsed(self, **columns: Any) -> Run:
        """A running run whose lease is over, but which nobody has reaped."""
        run = self.running()
        return self.arrange(run, **{"lease_expires_at": run.created_at} | columns)

    def arrange(self, run: Run, **columns: Any) -> Run:
        if columns:
            self.write(lambda session: session.execute(update(Run).where(Run.id == run.id).values(**columns)))
        return self.get(run)

    def get(self, run: Run) -> Run:
        return self.read(runs.get, run.id)

    def succeed(self, run: Run, name: str = "model") -> Run:
        """End a running run with a version of the model, trained on the blob `dataset` under the name `digits`."""
        weights, dataset = blob(f"weights {run.id}"), blob("dataset")
        self.write(artifacts.register, dataset)
        publication = models.Publication(name, {"a": 1}, 1, {"mse": 0.5}, weights, "digits", dataset.sha256)
        outputs = [run_blobs.Output("weights", 0, weights)]
        return self.write(runs.succeed, run.id, run.fence, result={"mse": 0.5}, outputs=outputs, publish=[publication])

    def published(self, name: str = "model") -> Run:
        """A run that has published a version of the model."""
        return self.succeed(self.running(), name)

    def fail(self, run: Run, *, may_pass: bool) -> Run:
        return self.write(runs.fail, run.id, run.fence, code="BROKEN", detail="It broke.", may_pass=may_pass)
