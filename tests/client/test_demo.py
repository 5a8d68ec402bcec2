"""`sae demo` with the real rooms, cut short: what it shows, what it leaves and what it does not."""

import signal
import sqlite3
from collections.abc import Callable
from typing import Any

from PIL import Image

PATIENCE = 180.0
PICTURES = {"learned_features.png", "sparsity_analysis.png", "reconstructions.png"}
Survivors = Callable[[list[Any]], list[str]]


def states(demo: Any) -> list[str]:
    with sqlite3.connect(demo.folder / "data" / "registry.sqlite3") as database:
        found = [state for (state,) in database.execute("SELECT state FROM runs WHERE kind = 'train'")]
    database.close()
    return found


def test_the_demo_trains_prints_its_figures_and_writes_its_pictures(sae: Any) -> None:
    demo = sae("demo", "--epochs", "3", SAE_API_KEY="a key that is long enough")
    assert demo.process.wait(PATIENCE) == 0, demo.said()
    for words in ("epoch 3/3", "explained variance", "inactive latents", "pictures in demo/", "make up", "/docs"):
        assert words in demo.said()
    assert {path.name for path in (demo.folder / "demo").glob("*.png")} == PICTURES
    for name in PICTURES:
        with Image.open(demo.folder / "demo" / name) as picture:
            picture.load()
            assert min(picture.size) > 50
    assert states(demo) == ["succeeded"], "the model is there for `sae up`"


def test_a_signal_ends_the_demo_its_processes_and_its_run(sae: Any, survivors_of: Survivors) -> None:
    demo = sae("demo", "--epochs", "100000")
    demo.says("epoch ")
    family = demo.family()
    assert demo.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in demo.said()
    assert survivors_of(family) == []
    assert states(demo) == ["cancelled"]


def test_a_worker_that_dies_in_the_demo_is_named(sae: Any, survivors_of: Survivors) -> None:
    demo = sae("demo", "--epochs", "100000")
    demo.says("epoch ")
    family = demo.family()
    demo.child("worker").kill()
    assert demo.process.wait(60) == 1
    assert "error: the worker was ended by SIGKILL" in demo.said()
    assert survivors_of(family) == []


def test_a_data_folder_that_cannot_be_made_is_said(sae: Any) -> None:
    demo = sae("demo", SAE_DATA_DIR="/dev/null/data")
    assert demo.process.wait(60) == 1
    assert "error: the migration ended by itself" in demo.said()
