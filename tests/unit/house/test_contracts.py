"""The import contracts catch what they say they catch, in modules that nobody named in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[3]
SERVICES = ("docs", "exercises", "llm", "retrieval")
ROOMS = {"__init__.py", "app.py", "servicer.py", "settings.py", "ports.py", "domain", "values", "adapters"}


def lint(folder: Path, planted: dict[str, str]) -> tuple[int, str]:
    """Hold the contracts against a copy of the tree with files added: path → text. Exit status and report."""
    for package in ("services", "gateway"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, text in planted.items():
        path = folder / name
        if not path.parent.is_dir():
            path.parent.mkdir()
            (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_the_contracts_hold(tmp_path: Path) -> None:
    status, report = lint(tmp_path, {})
    assert status == 0, report
    assert " 0 broken." in report


VIOLATIONS = {
    "a stray file beside the rooms": ("services/docs/planted.py", "", "not listed as layers: - services.docs.planted"),
    "a stray file beside the services": ("services/planted.py", "", "not listed as layers: - services.planted"),
    "grpc in a domain room": (
        "services/exercises/domain/grading/planted.py",
        "import grpc\n",
        "services.exercises.domain.grading.planted -> grpc",
    ),
    "a domain room that imports a store": (
        "services/retrieval/domain/newroom/planted.py",
        "from services.retrieval.adapters.stores import qdrant\n",
        "services.retrieval.domain.newroom.planted -> services.retrieval.adapters.stores.qdrant",
    ),
    "a value that imports a port": (
        "services/llm/values/planted.py",
        "from services.llm import ports\n",
        "services.llm.values.planted -> services.llm.ports",
    ),
    "a service that imports another": (
        "services/docs/domain/upload/planted.py",
        "from services.llm.values import chat\n",
        "services.docs.domain.upload.planted -> services.llm.values.chat",
    ),
    "the gateway that imports a service": (
        "gateway/planted.py",
        "from services.docs import ports\n",
        "gateway.planted -> services.docs.ports",
    ),
}
"""By what each is: its path, its text, and what the report says of it."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of all violations at once: a report takes a second."""
    planted = {path: text for path, text, _ in VIOLATIONS.values()}
    status, report = lint(tmp_path_factory.mktemp("planted"), planted)
    assert status == 1
    return report


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_planted_violation_is_caught(report: str, violation: str) -> None:
    _, _, seen = VIOLATIONS[violation]
    assert seen in report


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    rooms = {path.name for path in (ROOT / "services" / service).iterdir() if path.name != "__pycache__"}
    assert rooms >= ROOMS
    assert rooms <= ROOMS | {"messages.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_port_pulls_values_and_no_algorithm(service: str) -> None:
    code = f"import sys, services.{service}.ports; print(*[m for m in sys.modules if m.startswith('services.')])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    shared = ("services.kit", "services.common", f"services.{service}.values", f"services.{service}.ports")
    pulled = [name for name in done.stdout.split() if name != f"services.{service}" and not name.startswith(shared)]
    assert pulled == []


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("services")


@pytest.mark.parametrize("service", SERVICES)
def test_no_chain_of_imports_inside_a_service_is_longer_than_eight(service: str) -> None:
    root, graph = f"services.{service}", imports()
    lengths: dict[str, int] = {}

    def length(module: str) -> int:
        if module not in lengths:
            inside = [m for m in graph.find_modules_directly_imported_by(module) if m.startswith(f"{root}.")]
            lengths[module] = 1 + max(map(length, inside), default=0)
        return lengths[module]

    longest = max((m for m in graph.modules if m.startswith(f"{root}.")), key=length)
    assert length(longest) <= 8, f"{longest} begins a chain of {length(longest)} modules"
