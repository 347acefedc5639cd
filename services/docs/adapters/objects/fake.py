"""Objects in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from services.docs.domain.objects import missing_object

_READ_BYTES = 1024 * 1024


class FakeObjectStore:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Join the parts."""
        self._objects[key] = b"".join([chunk async for chunk in chunks])

    async def move(self, source: str, target: str) -> None:
        """Rename a key, unless the target exists."""
        if source not in self._objects and target not in self._objects:
            raise missing_object(source)
        data = self._objects.pop(source, b"")
        self._objects.setdefault(target, data)

    async def size(self, key: str) -> int | None:
        """Return the length, or None."""
        data = self._objects.get(key)
        return None if data is None else len(data)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield slices."""
        if key not in self._objects:
            raise missing_object(key)
        data = self._objects[key][start:end]
        for begin in range(0, len(data), _READ_BYTES):
            yield data[begin : begin + _READ_BYTES]

    async def delete(self, key: str) -> None:
        """Remove a key, if it exists."""
        self._objects.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with the folder."""
        for key in [key for key in self._objects if key.startswith(f"{prefix}/")]:
            yield key
