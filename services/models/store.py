"""Where models lie on disk: one folder each, with a marker that says its files were verified.

`ROOT/NAME/…files…` and `ROOT/NAME/.verified.json`. A folder is filled beside its place, marked, and
renamed into it, so a folder with a marker is whole. What a pull has so far lies in `ROOT/.parts/NAME`.
Everything here touches the disk: call it through `asyncio.to_thread`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.models.errors import DigestMismatch, NoSpace, NotWritable
from services.models.manifest import File, Model

MARKER: Final = ".verified.json"
ROOT_VARIABLE: Final = "TIKU_MODELS_DIR"
READ_BYTES: Final = 1 << 20

Meter = Callable[[int], None]
"""Called with each further count of bytes done."""


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The folder of all models."""

    root: Path

    @classmethod
    def from_environment(cls) -> ModelStore:
        """`TIKU_MODELS_DIR`, or `~/.cache/tiku/models`."""
        named = os.environ.get(ROOT_VARIABLE)
        return cls(Path(named).expanduser() if named else Path.home() / ".cache" / "tiku" / "models")

    def folder(self, model: Model) -> Path:
        return self.root / model.name

    def workplace(self, model: Model) -> Path:
        """The folder of an unfinished pull; made if need be."""
        folder = self.root / ".parts" / model.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def lock_file(self, model: Model) -> Path:
        """The file that a pull holds alone; made if need be. Raises NotWritable."""
        path = self.root / ".locks" / model.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise NotWritable(
                f"{model.name} is not in {self.root} as a pull leaves it, and nothing can be written there "
                f"({error.strerror}); {ROOT_VARIABLE} names another folder"
            ) from error
        return path

    def find(self, model: Model) -> Path | None:
        """The model's path if it is installed and verified, else None.

        The path is the file itself for a model of one file, else the folder. The marker's hashes must be
        those of the manifest and each file must still have the size and time that the marker saw: cheap, and
        any later change to a file is noticed without reading gigabytes.
        """
        folder = self.folder(model)
        try:
            marked = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            held = all(marked[file.path] == _marker_entry(folder, file) for file in model.files)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not held:
            return None
        return folder / model.files[0].path if len(model.files) == 1 else folder

    def recognise(self, model: Model) -> Path | None:
        """The model's path if its files are there whole under any marker, which is renewed; else None.

        A copied folder is no new download: copying changes the times that the marker saw, but not the hashes.
        """
        folder = self.folder(model)
        try:
            marker = _marker(folder, model)
            if any(sha256_of(folder / file.path) != file.sha256 for file in model.files):
                return None
            (folder / MARKER).write_text(marker, encoding="utf-8")
        except (OSError, ValueError):
            return None
        return self.find(model)

    def install(self, model: Model, staged: Path) -> None:
        """Verified files in `staged` become the model, in one rename; what lay in its place is removed."""
        (staged / MARKER).write_text(_marker(staged, model), encoding="utf-8")
        place = self.folder(model)
        if place.exists():
            retired = self.workplace(model) / "retired"
            shutil.rmtree(retired, ignore_errors=True)
            place.rename(retired)
        staged.rename(place)

    def clear_workplace(self, model: Model) -> None:
        shutil.rmtree(self.root / ".parts" / model.name, ignore_errors=True)

    def require_space(self, needed: int) -> None:
        """Raises NoSpace if the disk has less than `needed` bytes free."""
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise NoSpace(f"{self.root} has {free:,} bytes free, {needed:,} are needed; {ROOT_VARIABLE} moves it")


def _marker(folder: Path, model: Model) -> str:
    return json.dumps({file.path: _marker_entry(folder, file) for file in model.files}, indent=1)


def _marker_entry(folder: Path, file: File) -> dict[str, object]:
    state = (folder / file.path).stat()
    if state.st_size != file.size:
        raise ValueError(f"{file.path} has {state.st_size} bytes")
    return {"sha256": file.sha256, "size": state.st_size, "mtime_ns": state.st_mtime_ns}


def sha256_of(path: Path, meter: Meter = lambda _: None) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(READ_BYTES):
            digest.update(piece)
            meter(len(piece))
    return digest.hexdigest()


def verify(path: Path, name: str, sha256: str) -> None:
    """Raises DigestMismatch, and deletes the file, unless its hash is `sha256`."""
    found = sha256_of(path)
    if found != sha256:
        path.unlink()
        raise DigestMismatch(name, sha256, found)
