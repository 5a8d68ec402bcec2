"""Progress of a run on stderr: a live bar on a terminal, otherwise a line from time to time."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_SECONDS: Final = 5.0
"""Minimum time between two lines in a log."""

Show = Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def shown(spec: dict[str, Any]) -> Iterator[Show]:
    """Yield a function that shows the metrics record of an epoch, for a run of this spec."""
    epochs = spec["training"]["epochs"]
    if sys.stderr.isatty():
        with _bar(Console(stderr=True)) as bar:
            yield _onto(bar, epochs)
    else:
        yield _lines(epochs)


@contextlib.contextmanager
def steps(kind: str) -> Iterator[Show]:
    """Yield a function that shows the progress of a run of this kind, given the run as returned by the API."""
    if sys.stderr.isatty():
        with _bar(Console(stderr=True), kind) as bar:
            task = bar.add_task(kind, total=None, losses="")
            yield lambda run: _advance(bar, task, run["progress"] or {})
    else:
        yield _step_lines(kind)


def _advance(bar: Progress, task: TaskID, now: dict[str, Any]) -> None:
    bar.update(task, completed=now.get("epoch") or 0, total=now.get("epochs") or None)


def _step_lines(kind: str) -> Show:
    last = 0.0

    def show(run: dict[str, Any]) -> None:
        nonlocal last
        now = run["progress"] or {}
        if now.get("epochs") and time.monotonic() - last >= LINE_SECONDS:
            eta = now.get("eta_seconds")
            ending = "" if eta is None else f"  ETA {eta:.0f} s"
            typer.echo(f"{kind} {now['epoch']}/{now['epochs']}{ending}", err=True)
            last = time.monotonic()

    return show


def _bar(console: Console, name: str = "training") -> Progress:
    return Progress(
        TextColumn(name),
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
    first: tuple[float, int] | None = None
    last = 0.0

    def show(record: dict[str, Any]) -> None:
        nonlocal first, last
        now, epoch = time.monotonic(), record["epoch"]
        first = first or (now, epoch)  # the time before the first record is start-up, and not part of the rate
        if now - last >= LINE_SECONDS or epoch == epochs:
            pace = (now - first[0]) / (epoch - first[1]) if epoch > first[1] else None
            eta = f"  ETA {pace * (epochs - epoch):.0f} s" if pace is not None else ""
            typer.echo(f"epoch {epoch}/{epochs}  {losses(record)}{eta}", err=True)
            last = now

    return show


def losses(record: dict[str, Any]) -> str:
    """The tutorial's three averages of an epoch as text."""
    return (
        f"loss {record['loss']:.4f}  reconstruction {record['reconstruction']:.4f}  sparsity {record['sparsity']:.4f}"
    )
