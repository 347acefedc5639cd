"""The repository, read once for all tests here: that takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.house.tree import Tree

_HERE = str(Path(__file__).parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out of coverage: they run nothing of the services, and to count it would double their time."""
    for item in items:
        if str(item.path).startswith(_HERE):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def tree() -> Tree:
    """What the repository holds."""
    return Tree(Path(__file__).parents[3])
