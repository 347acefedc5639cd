"""Qdrant's generated messages without the rest of its client library, which takes a second and 60 MB to import."""

from __future__ import annotations

import importlib.util
import sys
import types

_PACKAGE = "qdrant_client"


def without_client_library() -> None:
    """Let `qdrant_client.grpc` be imported alone from now on; call it before anything imports `qdrant_client`.

    Importing a module of a package runs the package's own module first, and that one imports every client. So a package
    that holds nothing but the place of its modules stands in for it. It changes nothing where the library is loaded.
    """
    if _PACKAGE in sys.modules:
        return
    found = importlib.util.find_spec(_PACKAGE)
    assert found is not None
    assert found.submodule_search_locations is not None
    package = types.ModuleType(_PACKAGE)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[_PACKAGE] = package
