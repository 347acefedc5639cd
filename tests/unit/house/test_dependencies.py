"""What the code imports is declared, and what is declared is locked."""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.house.tree import Tree

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"services", "gateway", "tiku", "buf", "tests", "benchmarks"}
# Namespace packages that several distributions share.
SHARED = {
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "google.api": "googleapis-common-protos",
}


distributions = cache(packages_distributions)


def undeclared(tree: Tree, declared: set[str], *folders: str) -> set[str]:
    """What files of the folders import and nobody declares."""
    installed = distributions()
    found = set()
    for module, path in ((module, path) for path, file in tree.below(*folders).items() for module in file.imports):
        top = module.partition(".")[0]
        if top in OURS or top in sys.stdlib_module_names:
            continue
        shared = next((name for prefix, name in SHARED.items() if module.startswith(prefix)), None)
        names = {shared} if shared else {canonicalize_name(name) for name in installed.get(top, [top])}
        if not names & declared:
            found.add(f"{module} in {path}")
    return found


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_what_the_product_imports_is_a_dependency(tree: Tree) -> None:
    missing = undeclared(tree, names(PROJECT["dependencies"]), "services", "gateway", "protos/gen")
    backend = "in services/llm/adapters/local/torch_model.py"
    assert {entry for entry in missing if not entry.endswith(backend)} == set()
    declared = names(PROJECT["dependencies"]) | names(EXTRAS["torch"])
    assert not undeclared(tree, declared, "services", "gateway", "protos/gen")


def test_what_the_tests_import_is_a_dependency_or_a_tool(tree: Tree) -> None:
    declared = names([*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["torch"]])
    assert not undeclared(tree, declared, "tests", "benchmarks")


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-dev.lock", [*EXTRAS["dev"], *EXTRAS["torch"]]),
    ],
)
def test_every_pin_is_locked_and_nothing_else_is_in_the_lock(lock: str, requirements: list[str]) -> None:
    locked = set((ROOT / lock).read_text(encoding="utf-8").splitlines())
    if lock == "requirements-dev.lock":
        assert "-r requirements.lock" in locked
        locked |= set((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    assert set(requirements) <= locked
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+|-r requirements\.lock|#.*", line) for line in locked)
