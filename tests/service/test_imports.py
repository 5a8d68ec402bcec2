"""Modules that the service loads at its start, in a process of its own."""

import subprocess
import sys

SLOW = ("altair", "vl_convert", "sklearn", "scipy", "torchvision", "pandas")
"""Modules that only some requests need; together they take more than a second of processor time to load."""


def test_the_application_loads_no_module_that_only_some_requests_need() -> None:
    script = f"import sys, service.app; print([name for name in {SLOW!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
