"""Other names of collections, in a file of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import grpc
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import QdrantError, not_found, wrong_input
from services.embedded.qdrant_server.images import write_atomically
from services.embedded.qdrant_server.layout import damaged


class Aliases:
    """The aliases of a data folder: each stands for one collection."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._collections: dict[str, str] = {}

    def load(self) -> None:
        """Read the file if there is one.

        Raises:
            LayoutError: it is damaged.
        """
        if self._file.exists():
            try:
                found = json.loads(self._file.read_bytes())
                self._collections = {str(alias): str(name) for alias, name in found.items()}
            except (ValueError, AttributeError) as error:
                raise damaged(self._file) from error

    def resolve(self, name: str) -> str:
        """Return the collection that a name stands for; a name that is no alias stands for itself."""
        return self._collections.get(name, name)

    def all(self) -> list[tuple[str, str]]:
        """Return all aliases with their collections, sorted."""
        return sorted(self._collections.items())

    def change(self, actions: Iterable[pb.AliasOperations], exists: Callable[[str], bool]) -> None:
        """Take several actions, all or none.

        Raises:
            QdrantError: NOT_FOUND, a collection or an alias does not exist; ALREADY_EXISTS, a collection has the name.
        """
        changed = dict(self._collections)
        for action in actions:
            _apply(action, changed, exists)
        self._store(changed)

    def forget(self, collection: str) -> None:
        """Remove the aliases of a collection that is deleted."""
        kept = {alias: name for alias, name in self._collections.items() if name != collection}
        if kept != self._collections:
            self._store(kept)

    def _store(self, aliases: dict[str, str]) -> None:
        write_atomically(self._file, json.dumps(aliases).encode())
        self._collections = aliases


def _apply(action: pb.AliasOperations, aliases: dict[str, str], exists: Callable[[str], bool]) -> None:
    kind = action.WhichOneof("action")
    if kind == "create_alias":
        asked = action.create_alias
        if not exists(asked.collection_name):
            raise not_found(f"Collection `{asked.collection_name}` doesn't exist!")
        _check_free(asked.alias_name, exists)
        aliases[asked.alias_name] = asked.collection_name
    elif kind == "rename_alias":
        _check_free(action.rename_alias.new_alias_name, exists)
        aliases[action.rename_alias.new_alias_name] = _taken(aliases, action.rename_alias.old_alias_name)
    elif kind == "delete_alias":
        aliases.pop(action.delete_alias.alias_name, None)
    else:
        raise wrong_input("Malformed AliasOperations: no action is set")


def _check_free(alias: str, exists: Callable[[str], bool]) -> None:
    if not alias:
        raise wrong_input("alias_name: must not be empty")
    if exists(alias):
        raise QdrantError(grpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{alias}` already exists!")


def _taken(aliases: dict[str, str], alias: str) -> str:
    if alias not in aliases:
        raise not_found(f"Alias {alias} does not exists!")
    return aliases.pop(alias)
