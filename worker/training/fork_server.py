"""The fork server: imports torch once, then forks a trainer for each connection that a supervisor sends.

It computes nothing and starts no thread, so that a fork is as good as a new process: no CUDA context, no pool of
OpenMP, no autograd thread, no open file but its sockets. A connection carries one attempt: orders and reports of the
trainer, before them `forked` and after them `exited` from here; with it comes the descriptor of the trainer's log. A
supervisor that hangs up has its trainer killed. The server ends when the last supervisor has closed its end of the
control socket, and its trainers die with it.
"""

import argparse
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

from worker import messages
from worker.training import pipe, trainer

HANG_UP: Final = select.POLLRDHUP if sys.platform == "linux" else select.POLLHUP

OOM_SCORE: Final = "500"
"""What a trainer adds to its score of proc_pid_oom_score_adj(5): when memory runs out, it is killed before its server,
its supervisor, the API and the database, which hold little and are needed by all."""


class ForkServer:
    """The trainers that live, each with the connection to its supervisor."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._connections: dict[int, socket.socket] = {}
        """By the process id of the trainer."""
        self._killed: set[int] = set()
        self._wakeup, self._signals = socket.socketpair()
        self._signals.setblocking(False)

    def serve(self) -> None:
        """Fork trainers and report their exits until no supervisor is left."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the wakeup socket
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        while self._wait():
            self._report_exits()

    def _wait(self) -> bool:
        """Wait until something happens, and act on it; False when no supervisor is left."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        pids = {link.fileno(): pid for pid, link in self._connections.items() if pid not in self._killed}
        for descriptor in pids:
            poll.register(descriptor, HANG_UP)
        for descriptor, _ in poll.poll():
            if descriptor == self._wakeup.fileno():
                self._wakeup.recv(4096)
            elif descriptor == self._control.fileno():
                if not self._accept():
                    return False
            else:
                self._killed.add(pids[descriptor])
                _kill(pids[descriptor])
        return True

    def _accept(self) -> bool:
        """Take the next connection and fork its trainer; False at the end of the control socket."""
        said, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not said:
            return False
        connection, log = socket.socket(fileno=descriptors[0]), descriptors[1]
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            self._become_trainer(connection, log, server)
        os.close(log)
        self._connections[pid] = connection
        _say(connection, messages.Forked(pid=pid))
        return True

    def _report_exits(self) -> None:
        while self._connections:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._killed.discard(pid)
            with self._connections.pop(pid) as connection:
                _say(connection, messages.Exited(returncode=os.waitstatus_to_exitcode(status)))

    def _become_trainer(self, connection: socket.socket, log: int, server: int) -> NoReturn:
        status = 1
        try:
            os.setsid()
            pipe.die_with(server)
            _prefer_for_killing()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._control, self._wakeup, self._signals, *self._connections.values()):
                other.close()
            os.dup2(connection.fileno(), 0)
            os.dup2(connection.fileno(), 1)
            os.dup2(log, 2)
            os.close(log)
            connection.close()
            status = trainer.carry_out_one(pipe.take_over())
        except BaseException:  # nothing may return to the server's loop
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)  # every report is flushed; taking torch down would cost time and may crash


def _say(connection: socket.socket, report: messages.Report) -> None:
    """Send a line of the server's own; the newline before it ends what a killed trainer left unfinished."""
    with suppress(OSError):  # the supervisor is gone
        connection.sendall(b"\n" + messages.line(report))


def _kill(pid: int) -> None:
    """End a trainer and its group; it is not reaped yet, so the number is still its own."""
    with suppress(ProcessLookupError):  # it was forked just now and leads no group yet
        os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def _prefer_for_killing() -> None:
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write(OOM_SCORE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the supervisors at the other end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m worker.training.fork_server", description="Forks trainers.")
    parser.add_argument("--parent", type=int, metavar="PID", help="the process without which this one must end")
    pipe.die_with(parser.parse_args(arguments).parent)
    pipe.leave_signals_to_the_supervisor()
    os.dup2(2, 1)  # libraries print, some of them while they are imported
    importlib.import_module("worker.training.assignment")  # torch; only now, as the import takes seconds
    gc.collect()
    gc.freeze()  # a collection in a trainer would write to every page that it shares with the server
    with socket.socket(fileno=os.dup(0)) as control:
        ForkServer(control).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
