"""The losses of a training run as they come: a live bar on a terminal, else a line now and then. To stderr only."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS: Final = 5.0
"""A log gets at most one line in so many seconds."""

Show = Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def shown(spec: dict[str, Any]) -> Iterator[Show]:
    """A function that shows the record of one epoch; for the run of this spec."""
    epochs = spec["training"]["epochs"]
    if sys.stderr.isatty():
        with _bar(Console(stderr=True)) as bar:
            yield _onto(bar, epochs)
    else:
        yield _lines(epochs)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _onto(bar: Progress, epochs: int) -> Show:
    task = bar.add_task("training", total=epochs, losses="waiting for the worker")

    def show(record: dict[str, Any]) -> None:
        bar.update(task, completed=record["epoch"], losses=losses(record))

    return show


def _lines(epochs: int) -> Show:
    begun = time.monotonic()
    last = begun - LINE_SECONDS

    def show(record: dict[str, Any]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_SECONDS or record["epoch"] == epochs:
            left = (now - begun) / record["epoch"] * (epochs - record["epoch"])
            typer.echo(f"epoch {record['epoch']}/{epochs}  {losses(record)}  ETA {left:.0f} s", err=True)
            last = now

    return show


def losses(record: dict[str, Any]) -> str:
    """The tutorial's three averages of one epoch, in words."""
    return (
        f"loss {record['loss']:.4f}  reconstruction {record['reconstruction']:.4f}  sparsity {record['sparsity']:.4f}"
    )
