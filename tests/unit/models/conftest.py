"""A toy model whose weights are a few kilobytes, and a store in a temporary folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.models.manifest import ModelManifest
from services.models.store import ModelStore
from services.models.values import File, Model

WEIGHTS = bytes(range(256)) * 40


@pytest.fixture
def model() -> Model:
    file = File("toy.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())
    return Model("toy", "chat", "Apache-2.0", "a toy", file, (file,), None, ())


@pytest.fixture
def manifest(model: Model) -> ModelManifest:
    return ModelManifest({model.name: model})


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A user's folder with the toy's weights."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "toy.gguf").write_bytes(WEIGHTS)
    return folder
