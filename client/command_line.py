"""The `sae` command: starts the other packages as processes and runs the exercises. Imports no torch."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from client import demo, exercises, processes, settings, up
from client.errors import ClientError

ExerciseName = Literal["1", "2", "3", "4", "5", "dictionary"]

app = typer.Typer(
    help="Train sparse autoencoders and serve what they learned. Settings are SAE_ variables: docs/operations.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("up")
def up_command() -> None:
    """Run the API and one worker in the foreground; Ctrl-C stops both."""
    raise typer.Exit(up.serve(settings.read()))


@app.command()
def api() -> None:
    """Run the API only."""
    processes.become("service")


@app.command()
def worker() -> None:
    """Run one worker."""
    processes.become("worker")


@app.command()
def migrate() -> None:
    """Migrate the database to the schema of this release."""
    processes.become("registry", "migrate")


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be deleted.")] = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="Also delete recently used files; nothing else may be running.")
    ] = False,
) -> None:
    """Delete old checkpoints, old cached results and files unreferenced for a day; prints a line for each."""
    chosen = {"--dry-run": dry_run, "--stopped": stopped}
    processes.become("registry", "gc", *(option for option, is_set in chosen.items() if is_set))


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A new or an empty folder.")]) -> None:
    """Copy the database and its files to a folder while the service is running."""
    processes.become("registry", "backup", "--", str(target))


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option(help="Folder for pictures and logs.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(help="Passes over the training images.", min=1)] = demo.EPOCHS,
) -> None:
    """Run the tutorial's main example on handwritten digits, in less than a minute."""
    demo.run(settings.read(), folder, epochs)


@app.command("exercise")
def exercise_command(
    name: Annotated[ExerciseName, typer.Argument(help="Exercise to run.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for pictures and logs.", show_default="exercises/NAME")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training rows.", min=1, show_default="300 on digits, else 15"),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Name of a built-in or uploaded dataset.")] = "digits",
) -> None:
    """Run one of the tutorial's exercises, or its advanced challenge (`dictionary`), in a few minutes.

    1 weights of both penalties, 2 L1 against KL, 3 widths of the code, 4 selectivity of latents, 5 truncated codes.
    """
    plan = exercises.Plan(folder or Path("exercises") / name, dataset, epochs)
    exercises.run(settings.read(), name, plan)


def main() -> None:
    """Run the console script. A `ClientError` becomes a message on stderr and an exit status."""
    try:
        app()
    except ClientError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.status)
