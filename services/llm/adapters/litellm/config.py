"""Reads the YAML of a LiteLLM configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class LitellmConfigError(ValueError):
    """The file cannot be read as a LiteLLM configuration."""


def read_config(path: Path) -> Mapping[str, Any]:
    """Return what a configuration says, with the files that it includes.

    Raises:
        LitellmConfigError: it, or an included file, is not there or is no mapping in YAML.
    """
    config = _mapping(path)
    for name in config.pop("include", None) or []:
        for key, value in _mapping(path.parent / str(name)).items():
            if isinstance(value, list) and isinstance(config.get(key), list):
                config[key] = [*config[key], *value]
            else:
                config[key] = value
    return config


def _mapping(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LitellmConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LitellmConfigError(f"{path}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict):
        raise LitellmConfigError(f"{path}: holds no settings")
    return read
