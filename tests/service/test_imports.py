"""Modules that the service loads at its start, in a process of its own, and those that it loads afterwards."""

import json
import subprocess
import sys
from pathlib import Path

from service import analyses
from service.settings import ServiceSettings
from sparse_coding import on_demand
from testing.databases import Templates
from testing.service_process import Launch
from testing.waiting import eventually

SLOW = ("torch", "altair", "vl_convert", "sklearn", "scipy", "torchvision", "pandas", "alembic")
"""Modules that only some requests or a migration need; together they take seconds of processor time to load."""

CREATED = f"""
import json, sys
from service.app import create_app
from service.settings import ServiceSettings
create_app(ServiceSettings())
print(json.dumps([name for name in {SLOW!r} if name in sys.modules]))
"""


def test_the_application_loads_no_module_that_only_some_requests_need() -> None:
    found = subprocess.run([sys.executable, "-c", CREATED], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == []


def test_a_service_that_listens_begins_to_load_torch_by_itself(
    tmp_path: Path, templates: Templates, launch: Launch
) -> None:
    settings = ServiceSettings(data_dir=tmp_path)
    templates.migrate(settings)
    process = launch(settings, executed=True)
    mapped = Path(f"/proc/{process.process.pid}/maps")
    eventually("loading torch", lambda: "libtorch_cpu" in mapped.read_text())
    assert process.http.get("/livez").status_code == 200


def test_all_modules_of_a_package_are_loaded_at_once() -> None:
    on_demand.load(analyses)
    assert {"service.analyses.comparison", "sparse_coding.analysis.sparsity", "torch"} <= sys.modules.keys()


def test_a_package_whose_modules_load_on_demand_has_no_others() -> None:
    assert analyses.cache is sys.modules["service.analyses.cache"]
    assert not hasattr(analyses, "no_such_module")
