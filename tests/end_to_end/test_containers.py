"""Promises of the container files, read as text: no engine is needed to see that one was broken."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def block(name: str) -> str:
    """The text of one service, or of one `x-` fragment, of the compose file."""
    start = re.search(rf"^(?P<indent>|  ){name}:.*$", COMPOSE, re.MULTILINE)
    assert start is not None, name
    lines = COMPOSE[start.end() :].splitlines()[1:]
    depth = len(start["indent"])
    inside = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            break
        inside.append(line)
    return "\n".join(inside)


def test_the_api_does_not_start_without_a_key() -> None:
    assert re.search(r"SAE_API_KEY: \$\{SAE_API_KEY:\?[^}]+\}", block("api"))


def test_nothing_is_published_beyond_loopback() -> None:
    published = re.findall(r"^ *ports:\n((?: *- .*\n)+)", COMPOSE, re.MULTILINE)
    ports = re.findall(r'- "(.*)"', "".join(published))
    assert ports, "the API is published"
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "network_mode" not in COMPOSE


def test_the_database_is_on_a_network_without_a_way_out() -> None:
    assert "networks: [registry]" in block("postgres")
    assert "ports" not in block("postgres")
    assert re.search(r"registry:\n *internal: true", COMPOSE)


def test_api_and_database_have_health_checks_and_the_api_is_asked_for_readiness() -> None:
    assert "pg_isready" in block("postgres")
    assert "/readyz" in block("api")
    assert "/readyz" in DOCKERFILE.partition("HEALTHCHECK")[2]


def test_the_schema_is_migrated_before_anything_needs_it() -> None:
    assert "command: [sae, migrate]" in block("migrate")
    assert "condition: service_healthy" in block("migrate")
    for role in ("api", "x-worker"):
        assert re.search(r"migrate:\n *condition: service_completed_successfully", block(role))


def test_api_and_workers_share_the_artifacts() -> None:
    assert "artifacts:/data" in block("x-process")
    for role in ("migrate", "api", "x-worker"):
        assert "<<: *process" in block(role)
    for role in ("worker", "worker-gpu"):
        assert "<<: *worker" in block(role)


def test_the_gpu_is_taken_only_where_it_is_asked_for() -> None:
    assert "profiles: [gpu]" in block("worker-gpu")
    assert re.search(r"reservations:\n *devices:\n *- driver: nvidia\n *count: 1\n *capabilities: \[gpu\]", COMPOSE)
    assert COMPOSE.count("capabilities: [gpu]") == 1


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users == ["sae"]
    assert DOCKERFILE.index("USER sae") < DOCKERFILE.index("CMD [")
    assert not re.search(r"^RUN", DOCKERFILE.partition("USER sae")[2], re.MULTILINE)


def folders() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["setuptools"]["packages"]
    return sorted({name.split(".")[0] for name in packages} | {"alembic"})


@pytest.mark.parametrize("package", folders())
def test_the_image_holds_every_package(package: str) -> None:
    assert f"COPY {package} {package}" in DOCKERFILE
    assert f"!{package}" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile", "docker-compose.yml", "requirements.lock", ".ci/run"])
def test_no_address_of_an_index_and_no_foreign_path_stands_in_the_repository(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text)
    assert "--find-links" not in text
    assert not re.search(r"(?<![\w.\-/$}])/(root|opt|work|home(?!/sae))\b", text)
