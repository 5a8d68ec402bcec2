"""Models in memory, by the digest of their weights file: loaded once, the least recently used one evicted first.

A digest always names the same bytes, so nothing here can be out of date.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from registry.stores.protocol import ArtifactStore
from sparse_coding import models

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel


class ModelCache:
    """At most `capacity` models on `device` (cpu, cuda or auto); thread-safe."""

    def __init__(self, artifacts: ArtifactStore, *, capacity: int, device: str = "cpu") -> None:
        self._artifacts = artifacts
        self._capacity = capacity
        self._device = device
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, Future[TrainedModel]] = OrderedDict()

    def get(self, digest: str) -> "TrainedModel":
        """The model whose weights file has this SHA-256. The first caller loads it; concurrent ones wait for that.

        Raises `ArtifactMissing` if there is no such file; the next request tries again. Raises `SpecDoesNotFit` if CUDA
        is requested and missing.
        """
        with self._lock:
            future = self._loaded.get(digest)
            loads = future is None
            if future is None:
                future = self._loaded[digest] = Future()
            self._loaded.move_to_end(digest)
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
        if loads:
            self._load(digest, future)
        return future.result()

    def loaded(self, digest: str) -> "TrainedModel | None":
        """The model if it has been loaded, at once."""
        with self._lock:
            future = self._loaded.get(digest)
            if future is None or not future.done():
                return None
            self._loaded.move_to_end(digest)
        return None if future.exception() is not None else future.result()

    def _load(self, digest: str, future: "Future[TrainedModel]") -> None:
        try:
            future.set_result(self._read(digest))
        except BaseException as error:
            with self._lock:
                self._loaded.pop(digest, None)
            future.set_exception(error)

    def _read(self, digest: str) -> "TrainedModel":
        device = models.devices.device_for(self._device)
        return models.weights.read(self._artifacts.path(digest), device=device)
