"""`sae demo`: the tutorial's main job on scikit-learn's digits, from an empty folder to three pictures.

It leaves its model in the configured data folder, so that `sae up` shows it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from client import tables, visit
from client.api_client import ApiClient, Json
from client.settings import ClientSettings
from client.visit import House

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


def spec(epochs: int) -> Json:
    """The tutorial's run on the small set; all that is not said has the tutorial's defaults."""
    dataset = {"name": "digits", "image_size": 28}
    return {"name": "digits-kl", "dataset": dataset, "training": {"epochs": epochs}}


def run(settings: ClientSettings, folder: Path, epochs: int = EPOCHS) -> None:
    """Train, print the figures and write the pictures into `folder`. Raises `ClientError`; leaves no process."""
    with visit.house(settings, folder) as house:
        splits = house.have("digits")["splits"]
        visit.say(
            f"dataset digits: {splits['train']:,} training images, {splits['test']:,} test images, learned at 28 x 28"
        )
        finished = house.train(spec(epochs))
        _print_figures(house.api, finished)
        visit.keep(folder, _pictures(house, finished["model"]))
    typer.echo(f"go on:   make up   serves {finished['model']} at {settings.url}/docs")


def _print_figures(api: ApiClient, finished: Json) -> None:
    result, sparsity = finished["result"], api.sparsity(finished["model"])
    table = Table("figure", "value", title=f"{finished['model']} on the test images", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("mean squared error", f"{result['mse']:.4f}")
    table.add_row("explained variance", tables.share(result["explained_variance"]))
    table.add_row(
        "population sparsity (latents active per image)", tables.share(sparsity["population_sparsity"]["mean"])
    )
    table.add_row("mean lifetime sparsity (images per latent)", tables.share(sparsity["lifetime_sparsity"]["mean"]))
    latents = len(sparsity["lifetime_sparsity"]["per_latent"])
    table.add_row("inactive latents (below 1 % of images)", f"{sparsity['inactive_latents']['count']} of {latents}")
    table.add_row("training time", f"{result['train_seconds']:.1f} s")
    Console().print(table)
    if result["collapsed"]:
        visit.say(f"the run collapsed: {result.get('collapsed_reason') or 'it learned nothing of use'}")


def _pictures(house: House, model: str) -> dict[str, bytes]:
    return {
        name: house.api.picture(method, path.format(model=model), body)
        for name, (method, path, body) in PICTURES.items()
    }
