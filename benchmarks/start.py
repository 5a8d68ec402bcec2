"""How long a start takes: `sae --help`, and `sae up` from the command to a ready API. Knows only the command line.

Each figure stands beside a peer measured in the same run: the bare interpreter, and the bare import of the libraries
that the API cannot do without.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from client import processes

SAE = Path(sys.executable).with_name("sae")
HELP_LIMIT = 0.5
READY_LIMIT = 10.0
API_IMPORTS = "import fastapi, sqlalchemy, torch, uvicorn"


def main() -> None:
    """Print a table: what, best seconds, peer, best seconds of the peer, ratio, limit."""
    print(f"{'start':34}{'seconds':>9}  {'peer':28}{'seconds':>9}{'ratio':>8}{'limit':>8}")
    bare = best(lambda: ran(sys.executable, "-c", "pass"), 10)
    report("sae --help", best(lambda: ran(SAE, "--help"), 10), "python -c pass", bare, HELP_LIMIT)
    imports = best(lambda: ran(sys.executable, "-c", API_IMPORTS), 3)
    with tempfile.TemporaryDirectory() as folder:
        empty = until_ready(Path(folder))
        again = best(lambda: until_ready(Path(folder)), 3)
    report("sae up, empty folder, to ready", empty, "importing its libraries", imports, READY_LIMIT)
    report("sae up, migrated folder, to ready", again, "importing its libraries", imports, READY_LIMIT)


def report(what: str, seconds: float, peer: str, peer_seconds: float, limit: float) -> None:
    verdict = "kept" if seconds < limit else "MISSED"
    print(f"{what:34}{seconds:9.3f}  {peer:28}{peer_seconds:9.3f}{seconds / peer_seconds:8.2f}{limit:8.1f} {verdict}")


def best(measure: Callable[[], float], times: int) -> float:
    """The smallest of several: the others measure what else the machine did."""
    return min(measure() for _ in range(times))


def ran(*command: str | Path) -> float:
    """Seconds of a command from start to exit."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def until_ready(folder: Path) -> float:
    """Seconds from starting `sae up` in this data folder to the first 200 of /readyz."""
    port = processes.free_port()
    settings = {"SAE_DATA_DIR": str(folder / "data"), "SAE_PORT": str(port)}
    begun = time.perf_counter()
    with subprocess.Popen(
        [SAE, "up"], env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        while not answers(f"http://127.0.0.1:{port}/readyz"):
            if up.poll() is not None:
                raise SystemExit(f"sae up ended with {up.returncode}")
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        up.send_signal(signal.SIGINT)
    return seconds


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
