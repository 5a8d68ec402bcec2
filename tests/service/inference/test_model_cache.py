"""The cache of models: loaded once, bounded, and right again after a failure."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import ArtifactMissing
from registry.stores.directory import DirectoryStore
from service.inference.model_cache import ModelCache
from sparse_coding.errors import UnreadableFile
from testing.published_models import SharedApi


class CountingStore(DirectoryStore):
    """The real store, which notes what is fetched from it and can make a fetch wait."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def path(self, sha256: str) -> Path:
        self.fetched.append(sha256)
        assert self.gate.wait(30)
        return super().path(sha256)


@pytest.fixture
def stored(shared_api: SharedApi, tmp_path: Path) -> tuple[CountingStore, list[str]]:
    """A store with the weights of three models, and their digests."""
    store = CountingStore(tmp_path / "artifacts")
    digests = [shared_api.http.get(f"/api/v1/models/{name}").json()["digest"] for name in ("kl", "l1", "dead")]
    for digest in digests:
        copy = tmp_path / digest
        shutil.copyfile(shared_api.app_state.artifacts.path(digest), copy)
        store.put(copy)
    return store, digests


def test_a_model_is_loaded_once(stored: tuple[CountingStore, list[str]]) -> None:
    store, digests = stored
    cache = ModelCache(store, capacity=2)
    assert cache.get(digests[0]) is cache.get(digests[0])
    assert store.fetched == digests[:1]


def test_a_model_is_loaded_once_under_concurrent_first_requests(stored: tuple[CountingStore, list[str]]) -> None:
    store, digests = stored
    store.gate.clear()
    cache, found = ModelCache(store, capacity=2), []
    threads = [threading.Thread(target=lambda: found.append(cache.get(digests[0]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    store.gate.set()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert store.fetched == digests[:1]


def test_a_model_that_is_there_need_not_wait_for_one_that_is_loaded(stored: tuple[CountingStore, list[str]]) -> None:
    store, digests = stored
    cache = ModelCache(store, capacity=2)
    cache.get(digests[0])
    store.gate.clear()
    loading = threading.Thread(target=cache.get, args=(digests[1],))
    loading.start()
    cache.get(digests[0])
    assert loading.is_alive()
    store.gate.set()
    loading.join()


def test_the_one_unused_for_longest_goes_first(stored: tuple[CountingStore, list[str]]) -> None:
    store, (first, second, third) = stored
    cache = ModelCache(store, capacity=2)
    for digest in (first, second, first, third):
        cache.get(digest)
    store.fetched.clear()
    cache.get(first)
    cache.get(third)
    assert store.fetched == []
    cache.get(second)
    assert store.fetched == [second]


@pytest.mark.parametrize(
    ("break_it", "error"),
    [(Path.unlink, ArtifactMissing), (lambda file: (file.chmod(0o644), file.write_bytes(b"{}")), UnreadableFile)],
)
def test_what_failed_to_load_is_tried_again(
    stored: tuple[CountingStore, list[str]], tmp_path: Path, break_it: Callable[[Path], Any], error: type[Exception]
) -> None:
    store, digests = stored
    cache = ModelCache(store, capacity=2)
    file = store.path(digests[0])
    kept = tmp_path / "kept"
    shutil.copyfile(file, kept)
    break_it(file)
    for _ in range(2):
        with pytest.raises(error):
            cache.get(digests[0])
    file.unlink(missing_ok=True)
    store.put(kept)
    assert cache.get(digests[0]).n_latents == 20
