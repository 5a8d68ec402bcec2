"""`sae demo` with the real processes, cut short: what it shows, what it leaves and what it does not."""

import re
import signal
import sqlite3

from PIL import Image

from testing.command_line import SaeProcess, StartSae
from testing.processes import survivors

PATIENCE = 180.0
PICTURES = {"learned_features.png", "sparsity_analysis.png", "reconstructions.png"}


def states(demo: SaeProcess) -> list[str]:
    with sqlite3.connect(demo.folder / "data" / "registry.sqlite3") as database:
        found = [state for (state,) in database.execute("SELECT state FROM runs WHERE kind = 'train'")]
    database.close()
    return found


def test_the_demo_trains_prints_its_figures_and_writes_its_pictures(sae: StartSae) -> None:
    demo = sae("demo", "--epochs", "3", SAE_API_KEY="a key that is long enough")
    assert demo.process.wait(PATIENCE) == 0, demo.output
    for words in ("epoch 3/3", "explained variance", "inactive latents", "pictures in demo/", "make up", "/docs"):
        assert words in demo.output
    assert {path.name for path in (demo.folder / "demo").glob("*.png")} == PICTURES
    for name in PICTURES:
        with Image.open(demo.folder / "demo" / name) as picture:
            picture.load()
            assert min(picture.size) > 50
    assert states(demo) == ["succeeded"], "the model is there for `sae up`"


def test_a_signal_ends_the_demo_its_processes_and_its_run(sae: StartSae) -> None:
    demo = sae("demo", "--epochs", "100000")
    demo.wait_for("epoch ")
    family = demo.descendants()
    assert demo.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in demo.output
    assert survivors(family) == []
    assert states(demo) == ["cancelled"]


def test_a_worker_that_dies_in_the_demo_is_named(sae: StartSae) -> None:
    demo = sae("demo", "--epochs", "100000")
    demo.wait_for("epoch ")
    family = demo.descendants()
    demo.child("worker").kill()
    assert demo.process.wait(60) == 1
    assert "error: the worker was ended by SIGKILL" in demo.output
    assert survivors(family) == []


def test_a_data_folder_that_cannot_be_made_is_said(sae: StartSae) -> None:
    demo = sae("demo", SAE_DATA_DIR="/dev/null/data")
    assert demo.process.wait(60) == 1
    assert re.search("error: the (API|worker) ended by itself", demo.output)
