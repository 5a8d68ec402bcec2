"""`sae demo`: the tutorial's main job on scikit-learn's digits, from an empty folder to three pictures.

It starts a house of its own on a free port, but with the configured data folder, so that `sae up` shows its model.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from client import processes, progress, up
from client.api_client import ApiClient, Json
from client.errors import ClientError, RunEnded, Unreachable
from client.processes import Children
from client.settings import ClientSettings

EPOCHS: Final = 300
"""Of 12 steps each: about half the steps of the tutorial's 15 epochs on MNIST, and enough for the small set."""

PICTURES: Final[Mapping[str, tuple[str, str, Mapping[str, Any] | None]]] = {
    "learned_features.png": ("GET", "models/{model}/features", None),
    "sparsity_analysis.png": ("GET", "models/{model}/sparsity", None),
    "reconstructions.png": (
        "POST",
        "models/{model}/reconstruct",
        {"dataset": "digits", "split": "test", "indices": list(range(10))},
    ),
}
POLL_SECONDS: Final = 0.25


def spec(epochs: int) -> Json:
    """The tutorial's run on the small set; all that is not said has the tutorial's defaults."""
    dataset = {"name": "digits", "image_size": 28}
    return {"name": "digits-kl", "dataset": dataset, "training": {"epochs": epochs}}


def run(settings: ClientSettings, folder: Path, epochs: int = EPOCHS) -> None:
    """Train, print the figures and write the pictures into `folder`. Raises `ClientError`; leaves no process."""
    folder.mkdir(parents=True, exist_ok=True)
    here = settings.model_copy(update={"host": "127.0.0.1", "port": processes.free_port()})
    with processes.children(settings.grace_seconds) as children, up.api_client(here) as api:
        _say(f"starting the API and one worker at {here.url} (data in {here.data_dir}, logs in {folder})")
        up.start(children, api, logs=folder, SAE_HOST=here.host, SAE_PORT=str(here.port))
        model = _main_job(children, api, folder, epochs)
    _print_what_next(settings, model, folder)


def _main_job(children: Children, api: ApiClient, folder: Path, epochs: int) -> str:
    try:
        _import_digits(children, api)
        finished = _train(children, api, epochs)
        _print_figures(api, finished)
        _write_pictures(api, finished["model"], folder)
    except Unreachable:
        children.wait(1.0)  # says that a process died, if that is the reason
        raise
    return str(finished["model"])


def _import_digits(children: Children, api: ApiClient) -> None:
    if not api.dataset("digits")["present"]:
        with _cancelled_unless_done(api, api.start_run({"kind": "import", "dataset": "digits"})) as started:
            _finished(children, api, started)
    splits = api.dataset("digits")["splits"]
    _say(f"dataset digits: {splits['train']:,} training images, {splits['test']:,} test images, learned at 28 x 28")


def _train(children: Children, api: ApiClient, epochs: int) -> Json:
    with _cancelled_unless_done(api, api.start_run(spec(epochs))) as started, progress.shown(started["spec"]) as show:
        seen = 0

        def follow(now: Json) -> None:
            nonlocal seen
            for record in api.metrics(now["id"], after=seen):
                seen = record["epoch"]
                show(record)

        return _finished(children, api, started, follow)


def _finished(children: Children, api: ApiClient, started: Json, follow: Callable[[Json], None] | None = None) -> Json:
    """The run once it has succeeded; `follow` sees it after every poll."""
    now = started
    while now["finished_at"] is None:
        children.wait(POLL_SECONDS)
        now = api.run(started["id"])
        if follow:
            follow(now)
    if now["state"] != "succeeded":
        error = now["error"] or {}
        raise RunEnded(f"the {now['kind']} run {now['state']}: {error.get('detail')}  [{error.get('code')}]")
    return now


@contextlib.contextmanager
def _cancelled_unless_done(api: ApiClient, started: Json) -> Iterator[Json]:
    """Leaves no run in the queue that the next worker would take up."""
    try:
        yield started
    except RunEnded:
        raise
    except BaseException:
        with contextlib.suppress(ClientError):
            api.cancel_run(started["id"])
        raise


def _print_figures(api: ApiClient, finished: Json) -> None:
    result, sparsity = finished["result"], api.sparsity(finished["model"])
    table = Table("figure", "value", title=f"{finished['model']} on the test images", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("mean squared error", f"{result['mse']:.4f}")
    table.add_row("explained variance", _share(result["explained_variance"]))
    table.add_row("population sparsity (latents active per image)", _share(sparsity["population_sparsity"]["mean"]))
    table.add_row("mean lifetime sparsity (images per latent)", _share(sparsity["lifetime_sparsity"]["mean"]))
    latents = len(sparsity["lifetime_sparsity"]["per_latent"])
    table.add_row("inactive latents (below 1 % of images)", f"{sparsity['inactive_latents']['count']} of {latents}")
    table.add_row("training time", f"{result['train_seconds']:.1f} s")
    Console().print(table)
    if result["collapsed"]:
        _say(f"the run collapsed: {result.get('collapsed_reason') or 'it learned nothing of use'}")


def _share(fraction: float | None) -> str:
    return "undefined" if fraction is None else f"{100 * fraction:.1f} %"


def _write_pictures(api: ApiClient, model: str, folder: Path) -> None:
    for name, (method, path, body) in PICTURES.items():
        unfinished = folder / f".{name}"
        unfinished.write_bytes(api.picture(method, path.format(model=model), body))
        unfinished.replace(folder / name)


def _print_what_next(settings: ClientSettings, model: str, folder: Path) -> None:
    typer.echo(f"pictures in {folder}{os.sep}: {', '.join(PICTURES)}")
    typer.echo(f"go on:   make up   serves {model} at {settings.url}/docs")


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
