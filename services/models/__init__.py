"""Local models: which there are, where they lie, and how they are downloaded."""

from __future__ import annotations

from services.models.errors import ModelError
from services.models.manifest import ModelManifest, load_manifest
from services.models.pull import PullProgress, PullStage, path, pull
from services.models.values import Model

__all__ = ["Model", "ModelError", "ModelManifest", "PullProgress", "PullStage", "load_manifest", "path", "pull"]
