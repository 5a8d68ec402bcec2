"""Packages whose modules are imported when they are first used: those that need torch, which takes seconds to import.

In the `__init__` of such a package, the imports that a type checker sees come first, then what happens when it runs:

    if TYPE_CHECKING:
        from package import module as module
    else:
        __getattr__ = on_demand.importer(__name__)

`import package` then costs nothing, and `package.module` imports that module (PEP 562).
"""

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType


def importer(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package: imports the module of that name. Raises `AttributeError` if there is none."""

    def import_module(name: str) -> ModuleType:
        qualified = f"{package}.{name}"
        try:
            return importlib.import_module(qualified)
        except ModuleNotFoundError as error:
            if error.name != qualified:
                raise
            raise AttributeError(f"package {package} has no module {name}") from None

    return import_module


def load(package: ModuleType) -> None:
    """Import all modules of a package, and what they import."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
