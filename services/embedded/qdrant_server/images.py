"""A collection's folder: its description, the newest image of its shard, the log of the writes since, working copies.

- `collection.pb`: the message that created it, with later changes. It is written last and removed first: with it the
  collection exists.
- `image-N`: a shard that was closed in order and that nobody changes; it holds the writes of all records below N. Its
  `description.pb` has the vectors that there were then, by which the records from N on are read.
- `log-N`: the records from N on (`oplog`).
- `work-…`: the shard that a process works on, made from an image; worth nothing once that process has ended.
- `making-…`: an image or a working copy that is not complete yet.

Where the disk has no room for a working copy, it lies on another volume (`spare_room`).

A working copy shares with its image the files that Edge never writes to, through hard links: the vectors, the graphs
and the inverted indexes of segments that take no more points. Everything else is copied.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from services.embedded.qdrant_server.oplog import log_files
from services.embedded.qdrant_server.spare_room import give_spare_room_back

DESCRIPTION, IMAGE_DESCRIPTION = "collection.pb", "description.pb"
_IMAGE, _MAKING, _WORK, _OLD_SHARD = "image-", "making-", "work-", "shard"
_SEALED = "id_tracker.mappings"
"""A file that only a segment has that takes no more points."""
_UNCHANGING = ("matrix.dat", "links.bin", "links_compressed.bin", "inverted_index.dat", "id_tracker.mappings")
_UNCHANGING_PREFIX = "page_"
"""Pages of stored payloads and sparse vectors. What a sealed segment deletes is only marked so, beside them."""
_COPY_BYTES = 1024 * 1024
_BLOCK_BYTES = 512


class CollectionFolder:
    """The files of one collection."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def description(self) -> Path:
        """The file of the message that describes the collection."""
        return self.path / DESCRIPTION

    def images(self) -> list[tuple[int, Path]]:
        """Return the complete images with the numbers of the first records that they do not hold, oldest first."""
        return sorted((int(path.name.removeprefix(_IMAGE)), path) for path in self.path.glob(f"{_IMAGE}*"))

    def newest_image(self) -> tuple[int, Path]:
        """Return the newest complete image and the number of the first record that it does not hold."""
        return self.images()[-1]

    def unfinished(self) -> Path:
        """Return the name of a folder for an image or a working copy that is about to be made."""
        return self.path / f"{_MAKING}{uuid.uuid4().hex}"

    def publish_image(self, made: Path, number: int) -> Path:
        """Make the closed shard in `made` the image that holds all records below `number`, on the disk as well."""
        sync_tree(made)
        image = self.path / f"{_IMAGE}{number:016d}"
        made.rename(image)
        _sync(self.path)
        return image

    def working_copy(self, image: Path, aside: Path | None = None) -> Path:
        """Return the folder of a new working copy of an image; it is made in `aside` if that is given."""
        if aside is not None:
            copy_shard(image, aside / _WORK, aside=True)
            return aside / _WORK
        made = self.unfinished()
        copy_shard(image, made)
        return made.rename(self.path / f"{_WORK}{uuid.uuid4().hex}")

    def remove_leftovers(self, keep: Path | None = None) -> None:
        """Remove what no running process needs any more; `keep` is the working copy in use."""
        newest = self.images()[-1:]
        for path in list(self.path.iterdir()):
            old_image = path.name.startswith(_IMAGE) and all(path != image for _, image in newest)
            scrap = path.name.startswith((_MAKING, _WORK)) and path != keep
            if old_image or scrap or (path.name == _OLD_SHARD and newest):
                shutil.rmtree(path, ignore_errors=True)
        give_spare_room_back(self.path, keep)
        if newest:
            self._remove_old_logs(newest[0][0])

    def remove(self) -> None:
        """Remove the folder, and what lies elsewhere."""
        give_spare_room_back(self.path)
        shutil.rmtree(self.path, ignore_errors=True)

    def _remove_old_logs(self, needed: int) -> None:
        files = [(first, path) for first, path in log_files(self.path) if path.stat().st_size]
        for (_, path), (following, _) in itertools.pairwise(files):
            if following <= needed:
                path.unlink(missing_ok=True)

    @property
    def old_shard(self) -> Path | None:
        """The shard of a collection that an earlier version left, with a log of Edge's own; None if there is none."""
        found = self.path / _OLD_SHARD
        return found if found.exists() and not self.images() else None


def take_over_log(shard: Path) -> None:
    """Take from a closed shard Edge's own write-ahead log, which holds nothing that its segments do not hold."""
    file = shard / "edge_config.json"
    settings = json.loads(file.read_bytes())
    settings["wal_enabled"] = False
    write_atomically(file, json.dumps(settings).encode())
    shutil.rmtree(shard / "wal", ignore_errors=True)


def copy_shard(source: Path, target: Path, aside: bool = False) -> None:
    """Copy a closed shard; what Edge never writes to is linked. With `aside`, the copy may be on another volume."""
    target.mkdir()
    # Edge expects empty folders too.
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            (target / path.relative_to(source)).mkdir()
        else:
            _place(path, target / path.relative_to(source), link=_is_shared(source, path), aside=aside)


def bytes_to_copy(source: Path, aside: bool = False) -> int:
    """Return how many bytes of disk a copy of a closed shard takes."""
    linked = [file for file in _files(source) if _is_shared(source, file) and not (aside and _is_page(file))]
    return bytes_on_disk(source) - sum(_blocks(file) for file in linked)


def bytes_on_disk(folder: Path) -> int:
    """Return how many bytes of disk the files below a folder take."""
    return sum(_blocks(file) for file in _files(folder))


def _blocks(file: Path) -> int:
    return file.stat().st_blocks * _BLOCK_BYTES


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _is_shared(shard: Path, file: Path) -> bool:
    """Return whether Edge never writes to a file of a shard: `segments/ID/…`."""
    if file.name not in _UNCHANGING and not _is_page(file):
        return False
    return (shard / Path(*file.relative_to(shard).parts[:2]) / _SEALED).exists()


def _is_page(file: Path) -> bool:
    return file.name.startswith(_UNCHANGING_PREFIX)


def _place(source: Path, target: Path, link: bool, aside: bool) -> None:
    if link and not aside:
        with contextlib.suppress(OSError):  # A file system without links, or too many of them.
            os.link(source, target)
            return
    elif link and not _is_page(source):  # Edge does not count a symbolic link as a page.
        target.symlink_to(source.absolute())
        return
    _copy_sparse(source, target)


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy a file; its holes, which Edge's files mostly consist of, stay holes."""
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        os.ftruncate(writer.fileno(), size)
        start = 0
        while start < size:
            try:
                start = os.lseek(reader.fileno(), start, os.SEEK_DATA)
                end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            except OSError:  # No data after `start`.
                return
            _copy_range(reader.fileno(), writer.fileno(), start, end)
            start = end


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        piece = os.pread(source, min(_COPY_BYTES, end - start), start)
        if not piece:
            return
        os.pwrite(target, piece, start)
        start += len(piece)


def sync_tree(folder: Path) -> None:
    """Have the disk hold all files below a folder."""
    for path in (folder, *folder.rglob("*")):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(file: Path, content: bytes) -> None:
    """Replace a file's content; it is whole at every moment, and on the disk when this returns."""
    fresh = file.with_suffix(".writing")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    _sync(file.parent)
