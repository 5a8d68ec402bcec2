"""Starting, watching and ending processes: with small modules of the test's own in place of the packages."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from client import processes
from client.errors import AddressInUse, ChildEnded, Interrupted

READY = "import pathlib, signal, sys, time\n"
FOREVER = "pathlib.Path(sys.argv[1]).touch()\nwhile True: time.sleep(60)\n"
MODULES = {
    "obedient": READY + FOREVER,
    "stubborn": READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER,
    "failing": "import sys\nprint('the disk is full')\nsys.exit(3)\n",
    "brief": "print('done')\n",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def started(children: processes.Children, module: str, modules: Path) -> psutil.Process:
    """A child that has reached its endless loop."""
    mark = modules / f"{module}.started"
    child = children.start(module, module, str(mark))
    deadline = time.monotonic() + 60
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return psutil.Process(child.process.pid)


def wait_until_something_happens(children: processes.Children) -> None:
    """A wait may return early; this one ends with an exception, or fails."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children.wait(30)
    pytest.fail("nothing happened for 30 s")


def test_leaving_the_block_ends_every_child(modules: Path) -> None:
    with processes.children() as children:
        child = started(children, "obedient", modules)
    assert not child.is_running()


def test_an_error_in_the_block_ends_every_child_too(modules: Path) -> None:
    family = []

    def block() -> None:
        with processes.children() as children:
            family.append(started(children, "obedient", modules))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert not family[0].is_running()


def test_a_child_that_does_not_listen_is_killed_when_its_time_is_up(modules: Path) -> None:
    with processes.children() as children:
        child = started(children, "stubborn", modules)
        unwell = children.stop(seconds=0.2)
        assert [one.name for one in unwell] == ["stubborn"]
        assert not child.is_running()


def test_a_second_signal_kills_what_does_not_listen_soon(modules: Path) -> None:
    with processes.children() as children:
        started(children, "stubborn", modules)
        begun = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            wait_until_something_happens(children)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert len(children.stop(seconds=60)) == 1
        assert time.monotonic() - begun < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_the_wait_and_gives_its_exit_code(number: signal.Signals) -> None:
    with processes.children() as children:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        with pytest.raises(Interrupted) as interrupted:
            wait_until_something_happens(children)
    assert interrupted.value.status == 128 + number


def test_handlers_are_as_before_afterwards() -> None:
    def own(_number: int, _frame: object) -> None: ...

    numbers = (*processes.STOP_SIGNALS, signal.SIGCHLD)
    before = [signal.signal(number, own) for number in numbers]
    try:
        with processes.children():
            assert own not in [signal.getsignal(number) for number in numbers]
        assert [signal.getsignal(number) for number in numbers] == [own] * len(numbers)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_a_child_that_dies_is_reported_at_once_with_its_last_words(modules: Path) -> None:
    with processes.children() as children:
        children.start("worker", "failing", log=modules / "worker.log")
        with pytest.raises(ChildEnded, match=r"the worker ended by itself with exit status 3\n.*the disk is full"):
            wait_until_something_happens(children)


def test_a_child_that_is_killed_is_reported_with_the_signals_name(modules: Path) -> None:
    with processes.children() as children:
        started(children, "obedient", modules).kill()
        with pytest.raises(ChildEnded, match="SIGKILL"):
            wait_until_something_happens(children)


def test_a_step_that_succeeds_is_not_a_death(modules: Path) -> None:
    with processes.children() as children:
        children.run("migration", "brief", log=modules / "log")
        children.wait(0)
    assert (modules / "log").read_text() == "done\n"


def test_a_step_that_fails_says_so(modules: Path) -> None:
    with processes.children() as children, pytest.raises(ChildEnded, match="migration"):
        children.run("migration", "failing", log=modules / "log")


ORPHANING = """
import sys
from client import processes
with processes.children() as children:
    print(children.start("child", "obedient", sys.argv[1]).process.pid, flush=True)
    while True:
        children.wait(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent's life")
def test_a_child_does_not_outlive_a_parent_that_was_killed(modules: Path) -> None:
    command = [sys.executable, "-c", ORPHANING, str(modules / "mark")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []


def test_an_address_in_use_is_said_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=rf"127\.0\.0\.1 port {port}: address already in use\nhint: .*SAE_PORT="):
            processes.require_free("127.0.0.1", port)


def test_a_package_is_not_confused_with_a_folder_of_the_current_directory(
    modules: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = modules / "here"
    here.mkdir()
    (here / "brief.py").write_text("print('impostor')\n")
    monkeypatch.chdir(here)
    with processes.children() as children:
        children.run("migration", "brief")
    assert capfd.readouterr().out == "done\n"
