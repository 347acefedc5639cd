"""How tests are dealt out to the processes that run them side by side.

A process takes a whole file, so that what its tests share is started once, and several files where they share a stack
or an engine that takes long to start. Files that take long come first, so that short ones fill up the end. Loaded as a
plugin by `tests/conftest.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_TOGETHER = {
    "tests/integration/upkeep/test_backup.py": "a stack",
    "tests/integration/upkeep/test_fsck.py": "a stack",
    "tests/integration/upkeep/test_graph.py": "graph engines",
    "tests/contract/retrieval_graph_store/": "graph engines",
    "tests/integration/retrieval/test_graph.py": "graph engines",
    "tests/e2e/test_page.py": "graph engines",
    "tests/unit/house/": "the tree of the repository",
}
"""Folders and files, and what they share with others."""
_LONG_FIRST = (
    "tests/integration/upkeep/test_backup.py",
    "tests/faults/",
    "tests/contract/retrieval_graph_store/",
    "tests/integration/upkeep/",
    "tests/integration/embedded/",
    "tests/e2e/",
    "tests/integration/",
    "tests/contract/",
)


class _ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out files, and those together that share more."""

    def _split_scope(self, nodeid: str) -> str:
        shared = (what for begin, what in _TOGETHER.items() if nodeid.startswith(begin))
        return next(shared, nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Replace xdist's way of dealing out by scope."""
    return _ByWhatIsShared(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_sessionstart(session: pytest.Session) -> None:
    """In a process that runs tests: tell the one that deals them out only what somebody reads.

    Six messages a test took that one a tenth of all processor time.
    """
    for plugin in session.config.pluginmanager.get_plugins():
        if hasattr(session.config, "workerinput") and hasattr(plugin, "sendevent"):
            plugin.sendevent = partial(_send_what_is_read, plugin.sendevent)


@pytest.hookimpl(tryfirst=True)
def pytest_report_to_serializable(config: pytest.Config, report: object) -> dict[str, Any] | None:
    """Leave empty what is not sent: that a fixture was made or taken down as it should be."""
    passed = isinstance(report, pytest.TestReport) and report.passed and report.when != "call"
    return {} if passed and hasattr(config, "workerinput") else None


def _send_what_is_read(send: Callable[..., None], event: str, **what: Any) -> None:
    if event != "logstart" and (event != "testreport" or "outcome" in what["data"]):
        send(event, **what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, all else in its order."""
    ranks = {path: _rank(path) for path in {item.nodeid.partition("::")[0] for item in items}}
    items.sort(key=lambda item: ranks[item.nodeid.partition("::")[0]])


def _rank(path: str) -> int:
    return next((rank for rank, begin in enumerate(_LONG_FIRST) if path.startswith(begin)), len(_LONG_FIRST))
