"""Documents name what is there: every path, symbol, variable and command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.house.documents import Documents
from tests.unit.house.tree import Tree

ROOT = Path(__file__).parents[3]
CHECKED = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "benchmarks/**/README.md")
    for path in ROOT.glob(pattern)
)


@pytest.fixture(scope="module")
def documents(tree: Tree) -> Documents:
    return Documents(tree)


@pytest.mark.parametrize("name", CHECKED)
def test_a_document_names_what_is_there(documents: Documents, name: str) -> None:
    path = ROOT / name
    faults = documents.faults(path.read_text(encoding="utf-8"), path.parent)
    assert not faults, "\n".join(["", *(f"{name}:{fault}" for fault in faults)])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a guide](nowhere.md)", "the link leads nowhere: nowhere.md"),
        ("see `services/kit/attic.py`", "no such path: services/kit/attic.py"),
        ("see `attic.py`", "no such path: attic.py"),
        ("see `services/*/attic.py`", "no such path: services/*/attic.py"),
        ("see `tests/contract/<port>/attic`", "no such path: tests/contract/<port>/attic"),
        ("`tests/unit/kit/test_heap.py::test_of_nothing`", "no test test_of_nothing in tests/unit/kit/test_heap.py"),
        ("a `Vanisher`", "no such symbol: Vanisher"),
        ("the `vanishing_word`", "no such symbol: vanishing_word"),
        ("call `ids.vanish()`", "no such symbol: ids.vanish"),
        ("call `LoopLagMonitor.vanish`", "no such symbol: LoopLagMonitor.vanish"),
        ("`kit/ids.py` `LoopLagMonitor`", "kit/ids.py does not define LoopLagMonitor"),
        ("set `TIKU_VANISHED=1`", "no setting and nothing in the code reads TIKU_VANISHED"),
        ("run `make vanish`", "the Makefile has no target vanish"),
        ("run `tiku vanish`", "tiku has no command vanish"),
        ("run `python -m vanished.module`", "no module vanished.module"),
        ("```sh\nmake vanish   # gone\n```", "the Makefile has no target vanish"),
        ("```sh\n.venv/bin/tiku vanish\n```", "tiku has no command vanish"),
        ("```sh\nTIKU_VANISHED=1 cat deploy/attic\n```", "no such path: deploy/attic"),
    ],
)
def test_what_is_not_there_is_found(documents: Documents, text: str, fault: str) -> None:
    assert fault in [found.partition(": ")[2] for found in documents.faults(text, ROOT)]


@pytest.mark.parametrize(
    "text",
    [
        "[the map](docs/architecture.md#shape) and [elsewhere](https://example.org/nowhere.md)",
        "`services/kit/`, `kit/ids.py`, `ids.py`, `services/*/settings.py`, `tests/contract/<port>/`, `.ci/run`",
        "`LoopLagMonitor`, `LoopLagMonitor.lag()`, `kit/loop_lag.py` `LoopLagMonitor.lag`, `services.kit.ids.new_id`",
        "`GetDocumentText`, `document_id`, `grpc.aio.ServerInterceptor`, `contextlib.aclosing`, `finally`",
        "`TIKU_POSTGRES_DSN`, `TIKU_LLM_ADAPTER=sdk`, `make check`, `tiku models pull`, `python -m benchmarks unary`",
        "`GET /api/v1/documents/{id}`, `/readyz`, `text/plain`, `objects/<sha256>`, `.tiku/logs/`, `detached: true`",
        "```sh\nmake test ARGS=\"tests/unit -q\"   # make vanish\ncurl localhost:8080/api/v1/chat -d '{}'\n```",
    ],
)
def test_what_is_there_is_no_fault(documents: Documents, text: str) -> None:
    assert documents.faults(text, ROOT) == []
