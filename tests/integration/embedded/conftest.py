"""Folders for engines whose data a test looks after itself."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short-named empty folder: a socket's path may have 107 bytes, and pytest's own folders are long."""
    made = Path(tempfile.mkdtemp(prefix="tiku-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)
