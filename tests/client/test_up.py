"""`sae up` with the real processes: it serves, and it ends as it should."""

import re
import signal

import httpx
import pytest

from testing.command_line import StartSae
from testing.processes import survivors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_up_with_0_and_leaves_no_process(sae: StartSae, number: int) -> None:
    up = sae("up")
    up.wait_for("ready: ")
    assert f"http://127.0.0.1:{up.port}/docs" in up.output
    assert httpx.get(f"http://127.0.0.1:{up.port}/readyz", trust_env=False).status_code == 200
    family = up.descendants()
    assert len(family) >= 2, "an API and a worker"
    assert up.end(number) == 0, up.output
    assert survivors(family) == []


@pytest.mark.parametrize(("module", "name"), [("worker", "worker"), ("service", "API")])
def test_the_death_of_a_child_is_reported_and_ends_the_rest(sae: StartSae, module: str, name: str) -> None:
    up = sae("up")
    up.wait_for("ready: ")
    family = up.descendants()
    up.child(module).kill()
    assert up.process.wait(60) == 1
    assert f"error: the {name} was ended by SIGKILL" in up.output
    assert survivors(family) == []


def test_a_port_in_use_is_said_clearly_and_nothing_is_started(sae: StartSae) -> None:
    up = sae("up")
    up.wait_for("ready: ")
    second = sae("up", SAE_PORT=str(up.port))
    assert second.process.wait(60) == 8
    assert "address already in use" in second.output
    assert "SAE_PORT=" in second.output
    assert httpx.get(f"http://127.0.0.1:{up.port}/readyz", trust_env=False).status_code == 200


def test_a_service_that_cannot_migrate_says_so(sae: StartSae) -> None:
    up = sae("up", SAE_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    assert up.process.wait(120) == 1
    assert re.search("error: the (API|worker) ended by itself with exit status", up.output)


def test_other_addresses_without_a_key_are_refused(sae: StartSae) -> None:
    up = sae("up", SAE_HOST="0.0.0.0")
    assert up.process.wait(60) == 1
    assert "SAE_API_KEY" in up.output
