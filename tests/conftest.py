"""For every test: shapes are checked while the workshop runs, and no setting leaks in from the outside.

The import hook has to be set before anything imports `sparse_coding`. Fixtures of one room live beside its tests.
"""

import os

import pytest
from jaxtyping import install_import_hook

_hook = install_import_hook("sparse_coding", "beartype.beartype")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAE_")]:
        monkeypatch.delenv(name)
