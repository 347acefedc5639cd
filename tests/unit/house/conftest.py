"""The repository, read once for all tests here: that takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.house.tree import Tree


@pytest.fixture(scope="session")
def tree() -> Tree:
    """What the repository holds."""
    return Tree(Path(__file__).parents[3])
