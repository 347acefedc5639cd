"""Qdrant's generated messages without the rest of its client library, which takes a second and 60 MB to import."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

_PACKAGE = "qdrant_client"


def without_client_library() -> None:
    """Let `qdrant_client.grpc` be imported alone from now on; call it before anything imports `qdrant_client`.

    Importing a module of a package runs the package's own module first, and that one imports every client. So the
    package stands there unrun, until somebody asks it for a name that is none of its modules. It changes nothing where
    the library is loaded.
    """
    if _PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None
    package = importlib.util.module_from_spec(spec)
    package.__dict__["__getattr__"] = lambda name: _own(package, name)
    sys.modules[_PACKAGE] = package


def _own(package: ModuleType, name: str) -> Any:
    """Return what the package itself defines, which runs its module."""
    submodule = importlib.machinery.PathFinder.find_spec(f"{_PACKAGE}.{name}", package.__path__)
    spec = package.__spec__
    if submodule is not None or name.startswith("__") or spec is None or spec.loader is None:
        raise AttributeError(name)
    del package.__dict__["__getattr__"]
    spec.loader.exec_module(package)
    return getattr(package, name)
