"""All collections of a data folder, by name: created, deleted, found, and kept up."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.aliases import Aliases
from services.embedded.qdrant_server.errors import QdrantError, not_found, wrong_input
from services.embedded.qdrant_server.forks import Forks
from services.embedded.qdrant_server.hosts import Host
from services.embedded.qdrant_server.images import DESCRIPTION
from services.embedded.qdrant_server.layout import damaged

logger = logging.getLogger(__name__)

_NAME_LIMIT = 255
_FORBIDDEN_IN_NAMES = '<>:"/\\|?*\0'
_OWN_NAME = re.compile("[0-9a-f]{32}")
"""The name of a collection's folder."""
_CHECK_SECONDS = 0.5
_RETRY_SECONDS = 15.0
"""How long upkeep of a collection waits after it failed."""


class Collections:
    """The collections in one folder."""

    def __init__(self, folder: Path, forks: Forks, upkeep_points: int) -> None:
        self._folder = folder
        self._forks = forks
        self._upkeep_points = upkeep_points
        self._hosts: dict[str, Host] = {}
        self.aliases = Aliases(folder / "aliases.json")
        self._creating: dict[str, asyncio.Task[None]] = {}

    async def load(self) -> None:
        """Start every collection, and remove what an interrupted creation or deletion left.

        Raises:
            LayoutError: the description of a collection or the file of the aliases is damaged.
        """
        for path, description in await asyncio.to_thread(self._found):
            host = self._hosts[description.collection_name] = Host(path, description, self._forks, self._upkeep_points)
            try:
                await host.start()
            except (QdrantError, OSError) as error:
                logger.error(
                    "collection %r cannot be loaded; it is tried again: %s", description.collection_name, error
                )
                host.start_later()

    def _found(self) -> list[tuple[Path, pb.CreateCollection]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.aliases.load()
        found = []
        for path in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            if (path / DESCRIPTION).exists():
                found.append((path, _described(path / DESCRIPTION)))
            elif _OWN_NAME.fullmatch(path.name):  # What others may have put there is not ours to remove.
                shutil.rmtree(path, ignore_errors=True)
        return found

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return sorted(self._hosts)

    def exists(self, name: str) -> bool:
        """Return whether there is a collection of this name or alias."""
        return self.aliases.resolve(name) in self._hosts

    async def change_aliases(self, actions: Iterable[pb.AliasOperations]) -> None:
        """Take several actions on aliases, all or none.

        Raises:
            QdrantError: a collection or an alias does not exist, or a name is taken.
        """
        await asyncio.to_thread(self.aliases.change, list(actions), self._hosts.__contains__)

    def get(self, name: str) -> Host:
        """Return the collection of this name or alias.

        Raises:
            QdrantError: NOT_FOUND, there is none.
        """
        found = self._hosts.get(self.aliases.resolve(name))
        if found is None:
            raise not_found(f"Collection `{name}` doesn't exist!")
        return found

    async def create(self, message: pb.CreateCollection) -> None:
        """Create a collection. Its description is written last: with it the collection exists.

        Raises:
            QdrantError: ALREADY_EXISTS, or INVALID_ARGUMENT for a name or a configuration that Qdrant refuses.
        """
        name = message.collection_name
        _check_name(name)
        if name in self._creating:
            # The answer is true only once the other one is there.
            await asyncio.wait([self._creating[name]])
        if self.exists(name):
            raise QdrantError(grpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{name}` already exists!")
        task = self._creating[name] = asyncio.create_task(self._create(message))
        task.add_done_callback(lambda _: self._creating.pop(name))
        # What has begun is finished even if the caller leaves.
        await asyncio.shield(task)

    async def _create(self, message: pb.CreateCollection) -> None:
        path = self._folder / uuid.uuid4().hex
        await asyncio.to_thread(path.mkdir)
        host = Host(path, message, self._forks, self._upkeep_points)
        try:
            link = await self._forks.spawn(path)
            try:
                await link.control("create", message.SerializeToString())
            except BaseException:
                await link.kill()
                raise
            await host.start(link)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            raise
        self._hosts[message.collection_name] = host

    async def delete(self, name: str) -> bool:
        """Delete a collection; return false if there was none."""
        found = self._hosts.pop(name, None)
        if found is None:
            return False
        await asyncio.to_thread(self.aliases.forget, name)
        await asyncio.shield(asyncio.create_task(found.remove()))
        return True

    def waiting_for_room(self) -> int:
        """Return how many collections take no writes because the disk was full."""
        return sum(host.waits_for_room for host in self._hosts.values())

    def damaged(self) -> list[str]:
        """Return the names of collections that cannot be loaded for what their files hold."""
        return sorted(name for name, host in self._hosts.items() if host.is_damaged)

    async def keep_up(self) -> None:
        """Make new images of collections that have changed enough, one after another, until canceled."""
        failed: dict[str, float] = {}
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for name, host in list(self._hosts.items()):
                if time.monotonic() < failed.get(name, 0):
                    continue
                started = time.monotonic()
                try:
                    if not await host.upkeep_due():
                        continue
                    cpu = await host.upkeep()
                    seconds = time.monotonic() - started
                    logger.info("upkeep", extra={"collection": name, "seconds": seconds, "cpu_seconds": cpu})
                except (QdrantError, OSError) as error:
                    failed[name] = time.monotonic() + _RETRY_SECONDS
                    logger.warning("upkeep of collection %r failed; it is tried again: %s", name, error)

    async def close(self) -> None:
        """End all workers. What they know is in their logs."""
        async with asyncio.TaskGroup() as group:
            for host in self._hosts.values():
                group.create_task(host.stop())
        self._hosts.clear()


def _described(file: Path) -> pb.CreateCollection:
    try:
        return pb.CreateCollection.FromString(file.read_bytes())
    except DecodeError as error:
        raise damaged(file) from error


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _NAME_LIMIT:
        raise wrong_input(f"collection_name: must be 1 to {_NAME_LIMIT} characters")
    bad = next((character for character in name if character in _FORBIDDEN_IN_NAMES or ord(character) < 32), None)
    if bad is not None:
        raise wrong_input(f"collection_name: must not contain {bad!r}")
