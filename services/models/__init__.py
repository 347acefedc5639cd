"""Local models: which there are, where they lie, and how they are downloaded."""

from __future__ import annotations

from services.models.errors import ModelError
from services.models.manifest import Manifest, Model, load_manifest
from services.models.pull import PullProgress, PullStage, path, pull

__all__ = ["Manifest", "Model", "ModelError", "PullProgress", "PullStage", "load_manifest", "path", "pull"]
