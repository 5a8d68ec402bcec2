"""The README's session, pasted into a shell, works from upload to feature image."""

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from testing.local_service import LocalService

README = (Path(__file__).parents[2] / "README.md").read_text()


def session() -> str:
    """The block of shell that begins with the service's address."""
    found = re.search(r"```bash\n(API=.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_session_works_when_pasted(local_service: LocalService, tmp_path: Path) -> None:
    address = str(local_service.http.base_url).rstrip("/")
    script = session().replace("http://127.0.0.1:8000", address).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state":"succeeded"' in done.stdout.replace(" ", "")
    with Image.open(tmp_path / "features.png") as picture:
        picture.load()
        assert picture.width == picture.height, "64 latents in a grid of 8 by 8"


def test_the_readme_shows_the_commands_that_there_are() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`| {4,})make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "up", "test", "check", "bench"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_of_the_tree_that_the_readme_draws_is_there() -> None:
    tree = re.search(r"```\n(sparse_coding/.*?)```", README, re.DOTALL)
    assert tree is not None
    drawn = re.findall(r"^(\S+?)/?(?:\s|$)", tree[1], re.MULTILINE)
    root = Path(__file__).parents[2]
    assert [name for name in drawn if not (root / name).exists()] == []
