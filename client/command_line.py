"""The `sae` command: starts the rooms as processes and runs the demo. Loads no tensors and no database."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from client import demo, processes, settings, up
from client.errors import ClientError

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


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option(help="Where the pictures and the logs go.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(help="Passes over the training images.", min=1)] = demo.EPOCHS,
) -> None:
    """The tutorial's main job on handwritten digits, in under a minute."""
    demo.run(settings.read(), folder, epochs)


def main() -> None:
    """The console script; a `ClientError` becomes a few lines on stderr and its exit code."""
    try:
        app()
    except ClientError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.status)
