"""`sae demo`: the tutorial's main run on scikit-learn's digits, from an empty folder to three pictures.

The model stays in the configured data folder, so that `sae up` serves it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from client import local_service, tables
from client.api_client import ApiClient, Json
from client.local_service import LocalService
from client.settings import ClientSettings

EPOCHS: Final = 300
"""With 12 steps each: about half the steps of the tutorial's 15 epochs on MNIST, enough for the small dataset."""

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
    """The tutorial's run on the small dataset; all other fields have the tutorial's defaults."""
    dataset = {"name": "digits", "image_size": 28}
    return {"name": "digits-kl", "dataset": dataset, "training": {"epochs": epochs}}


def run(settings: ClientSettings, folder: Path, epochs: int = EPOCHS) -> None:
    """Train, print the figures and write the pictures to `folder`. Raises `ClientError`; leaves no process behind."""
    with local_service.running(settings, folder) as service:
        splits = service.ensure_dataset("digits")["splits"]
        local_service.report(
            f"dataset digits: {splits['train']:,} training images, {splits['test']:,} test images, learned at 28 x 28"
        )
        finished = service.train(spec(epochs))
        _print_figures(service.api, finished)
        local_service.write_pictures(folder, _pictures(service, finished["model"]))
    typer.echo(f"next:   make up   serves {finished['model']} at {settings.url}/docs")


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
        local_service.report(f"the run collapsed: {result.get('collapsed_reason') or 'it learned nothing useful'}")


def _pictures(service: LocalService, model: str) -> dict[str, bytes]:
    return {
        name: service.api.picture(method, path.format(model=model), body)
        for name, (method, path, body) in PICTURES.items()
    }
