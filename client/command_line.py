"""The `sae` command: starts the rooms as processes and does the exercises. Loads no tensors and no database."""

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
    """Serve in the foreground: the API and one worker; Ctrl-C ends both."""
    raise typer.Exit(up.serve(settings.read()))


@app.command()
def api() -> None:
    """The API alone."""
    processes.become("service")


@app.command()
def worker() -> None:
    """One worker alone."""
    processes.become("worker")


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema."""
    processes.become("registry", "migrate")


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="Nothing else runs: take what was wanted lately, too.")
    ] = False,
) -> None:
    """Remove old checkpoints and answers, and files that nothing has needed for a day; says what each was."""
    chosen = {"--dry-run": dry_run, "--stopped": stopped}
    processes.become("registry", "gc", *(option for option, asked in chosen.items() if asked))


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A folder that is new or empty.")]) -> None:
    """Copy the database and its files to a folder, while everything goes on."""
    processes.become("registry", "backup", "--", str(target))


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option(help="Where the pictures and the logs go.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(help="Passes over the training images.", min=1)] = demo.EPOCHS,
) -> None:
    """The tutorial's main job on handwritten digits, in under a minute."""
    demo.run(settings.read(), folder, epochs)


@app.command("exercise")
def exercise_command(
    name: Annotated[ExerciseName, typer.Argument(help="Which one.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where pictures and logs go.", show_default="exercises/NAME")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training rows.", min=1, show_default="300 on digits, else 15"),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Rows to learn from: built in or uploaded.")] = "digits",
) -> None:
    """One of the tutorial's exercises, or its advanced challenge (`dictionary`), in some minutes.

    1 weights of both penalties, 2 L1 against KL, 3 widths of the code, 4 selectivity of latents, 5 truncated codes.
    """
    plan = exercises.Plan(folder or Path("exercises") / name, dataset, epochs)
    exercises.run(settings.read(), name, plan)


def main() -> None:
    """The console script; a `ClientError` becomes a few lines on stderr and its exit code."""
    try:
        app()
    except ClientError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.status)
