"""The folders of models on disk, each with a marker that says its files were verified.

A model's files are in `ROOT/NAME`, and so is its marker, `.verified.json`. The folder is filled and marked in another
place and then renamed, so a folder with a marker is whole. What an unfinished pull has is in `ROOT/.parts/NAME`.
Everything here but `exclusive` touches the disk: call it in a thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.models.errors import DigestMismatchError, NoFolderError, NoSpaceError, NotWritableError
from services.models.values import File, Model

POLL_SECONDS: Final = 0.2
MARKER: Final = ".verified.json"
ROOT_VARIABLE: Final = "TIKU_MODELS_DIR"


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The folder of all models."""

    root: Path

    @classmethod
    def from_environment(cls) -> ModelStore:
        """Return the store in `TIKU_MODELS_DIR`, or in `~/.cache/tiku/models`.

        Raises:
            NoFolderError: this account has no home folder.
        """
        named = os.environ.get(ROOT_VARIABLE)
        try:
            return cls(Path(named).expanduser() if named else Path.home() / ".cache" / "tiku" / "models")
        except RuntimeError as error:
            raise NoFolderError(ROOT_VARIABLE) from error

    def folder(self, model: Model) -> Path:
        """Return the folder of a model, which need not be there."""
        return self.root / model.name

    def workplace(self, model: Model) -> Path:
        """Return the folder of an unfinished pull, and make it if it is not there."""
        folder = self.root / ".parts" / model.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def lock_file(self, model: Model) -> Path:
        """Return the file that a pull locks, and make it if it is not there.

        Raises:
            NotWritableError: it cannot be made.
        """
        path = self.root / ".locks" / model.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise NotWritableError(
                f"{model.name} is not in {self.root} with all its files, and nothing can be written there "
                f"({error.strerror}); {ROOT_VARIABLE} can name another folder"
            ) from error
        return path

    def find(self, model: Model) -> Path | None:
        """Return the model's path, a file or for a model of several files a folder; None if it is not verified.

        The marker's hashes must be those of the manifest, and each file must still have the size and the time of the
        marker. So a later change to a file is noticed without reading gigabytes.
        """
        folder = self.folder(model)
        try:
            marked = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            unchanged = all(marked[file.path] == _marker_entry(folder, file) for file in model.files)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not unchanged:
            return None
        return folder / model.files[0].path if len(model.files) == 1 else folder

    def recognize(self, model: Model) -> Path | None:
        """Return the model's path and write its marker anew if its files have the right hashes; None otherwise.

        This spares the download of a folder that was copied: copying changes the times, but not the hashes.
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
        """Make the verified files in `staged` the model, by one rename; what lay in its place is removed."""
        (staged / MARKER).write_text(_marker(staged, model), encoding="utf-8")
        place = self.folder(model)
        if place.exists():
            retired = self.workplace(model) / "retired"
            shutil.rmtree(retired, ignore_errors=True)
            place.rename(retired)
        staged.rename(place)

    def clear_workplace(self, model: Model) -> None:
        """Remove what an unfinished pull left."""
        shutil.rmtree(self.root / ".parts" / model.name, ignore_errors=True)

    def require_space(self, needed: int) -> None:
        """Check that the disk has `needed` bytes free.

        Raises:
            NoSpaceError: it has not.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise NoSpaceError(
                f"{self.root} has {free:,} bytes free, {needed:,} are needed; set {ROOT_VARIABLE} to another folder"
            )


def _marker(folder: Path, model: Model) -> str:
    return json.dumps({file.path: _marker_entry(folder, file) for file in model.files}, indent=1)


def _marker_entry(folder: Path, file: File) -> dict[str, object]:
    state = (folder / file.path).stat()
    if state.st_size != file.size:
        raise ValueError(f"{file.path} has {state.st_size} bytes")
    return {"sha256": file.sha256, "size": state.st_size, "mtime_ns": state.st_mtime_ns}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(path: Path, name: str, sha256: str) -> None:
    """Check that a file's hash is `sha256`.

    Raises:
        DigestMismatchError: it is another one; the file was deleted.
    """
    found = sha256_of(path)
    if found != sha256:
        path.unlink()
        raise DigestMismatchError(name, sha256, found)


@asynccontextmanager
async def exclusive(path: Path, on_wait: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Hold the lock on `path` for the block; call `on_wait` once if another process holds it.

    The system frees the lock when the process ends. It is polled, since a thread inside `flock` cannot be canceled.
    """
    descriptor = await asyncio.to_thread(os.open, path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        waited = False
        while not _try_lock(descriptor):
            if not waited:
                on_wait()
                waited = True
            await asyncio.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
