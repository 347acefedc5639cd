"""The file of TIKU_LLM_PROVIDERS_FILE: read as a whole or refused as a whole, and read again when it changes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError, model_validator

from services.kit.start import StartError
from services.llm.values.providers import Provider, Providers

logger = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20
_SETTLED_SECONDS = 0.1
"""A file that did not change for so long is whole."""
Stamp = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of each file that a reading depends on."""


class ProvidersFileError(StartError):
    """The file cannot be used; the message names the field and the rule."""


class _Entry(Provider):
    """A provider as the file has it: with the place of its key instead of the key."""

    api_key_variable: str = ""
    api_key_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_key_stands_here(cls, table: Any) -> Any:
        if isinstance(table, dict) and "api_key" in table:
            raise ValueError("api_key: a key does not stand in the file; use api_key_variable or api_key_file")
        return table


class _File(Providers):
    """The whole file, before the providers of the environment are put first."""

    providers: tuple[_Entry, ...] = ()

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> _File:
        return self  # A route may name a provider of the environment.

    @model_validator(mode="after")
    def _budgets_can_hold(self) -> _File:
        return self


class ProvidersFile:
    """Reads the file at `path`.

    Args:
        path: where it is.
        first: the providers that the environment describes, which come before its own.
        check: raises ValueError for what the file may not say in this installation.
    """

    def __init__(
        self, path: Path, first: Sequence[Provider] = (), check: Callable[[Providers], None] = lambda _: None
    ) -> None:
        self._path = path
        self._check = check
        self._first = tuple(first)
        self._read: tuple[Path, ...] = (path,)
        self._stamp: Stamp = ()

    async def read(self) -> Providers:
        """Return what the file and its keys say now.

        Raises:
            ProvidersFileError: the file, or a key that it names, cannot be read, or breaks a rule.
        """
        return await asyncio.to_thread(self._reading)

    async def watch(self, apply: Callable[[Providers], Awaitable[None]], poll_seconds: float) -> None:
        """Apply what the file says whenever it, or a key file, changes or SIGHUP comes; never return.

        What cannot be used is logged, and what was applied last stays.
        """
        async with _hangups() as hangup:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(poll_seconds):
                        await hangup.wait()
                if hangup.is_set() or await asyncio.to_thread(self._stamp_now) != self._stamp:
                    hangup.clear()
                    await self._written()
                    await self._apply(apply)

    async def _written(self) -> None:
        """Wait until nobody writes the file any more: half of one may be a file of fewer providers."""
        stamp = await asyncio.to_thread(self._stamp_now)
        while True:
            await asyncio.sleep(_SETTLED_SECONDS)
            before, stamp = stamp, await asyncio.to_thread(self._stamp_now)
            if stamp == before:
                return

    async def _apply(self, apply: Callable[[Providers], Awaitable[None]]) -> None:
        try:
            await apply(providers := await self.read())
        except ProvidersFileError as error:
            logger.error("the providers stay as they were", extra={"error": str(error)})
        except Exception:
            logger.exception("the providers stay as they were")
        else:
            names = [provider.name for provider in providers.providers]
            logger.info("the providers were read again", extra={"providers": names})

    def _reading(self) -> Providers:
        self._read = (self._path,)
        # Before the reading: what changes during it counts as a change after it.
        self._stamp = self._stamp_now()
        with self._named():
            try:
                data = self._path.read_bytes()
            except OSError as error:
                raise ValueError(f"cannot be read: {error.strerror}") from error
            if len(data) > _MAX_BYTES:
                raise ValueError(f"must have at most {_MAX_BYTES} bytes")
            table = tomllib.loads(data.decode())
            with _located(table):
                file = _File.model_validate(table)
                folder = self._path.parent
                key_files = tuple(folder / entry.api_key_file for entry in file.providers if entry.api_key_file)
                self._read = (self._path, *key_files)
                self._stamp += _stamps(key_files)
                entries = [_with_key(entry, index, folder) for index, entry in enumerate(file.providers)]
                # Anew, so that the rules hold for both together.
                providers = file.model_copy(update={"providers": (*self._first, *entries)})
                read = Providers(**{field: getattr(providers, field) for field in Providers.model_fields})
                self._check(read)
                return read

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of every fault which file it is in."""
        try:
            yield
        except ValueError as error:  # TOML's and pydantic's own are ValueErrors.
            raise ProvidersFileError(f"TIKU_LLM_PROVIDERS_FILE: {self._path}: {error}") from error

    def _stamp_now(self) -> Stamp:
        return _stamps(self._read)


def _stamps(paths: Sequence[Path]) -> Stamp:
    stamps = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            stamps.append((0, 0, 0))
        else:
            stamps.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(stamps)


def _with_key(entry: _Entry, index: int, folder: Path) -> Provider:
    """Return the provider with the key that its entry points to."""
    try:
        key = _key(entry, folder)
    except ValueError as error:
        raise ValueError(f"providers[{index}] ({entry.name}): {error}") from error
    fields = {name: value for name, value in entry if name in Provider.model_fields}
    return Provider(**{**fields, "api_key": SecretStr(key)})


def _key(entry: _Entry, folder: Path) -> str:
    """Return the key of a provider, empty where its entry points to none."""
    if entry.api_key_variable and entry.api_key_file:
        raise ValueError("api_key_variable and api_key_file: only one of both may be there")
    if entry.api_key_variable:
        key, place = os.environ.get(entry.api_key_variable, ""), f"api_key_variable: {entry.api_key_variable}"
    elif entry.api_key_file:
        place = f"api_key_file: {folder / entry.api_key_file}"
        try:
            key = (folder / entry.api_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{place} cannot be read") from error
    else:
        return ""
    if not key:
        raise ValueError(f"{place} is empty or not set")
    if not key.isascii() or not key.isprintable():
        raise ValueError(f"{place} must hold printable ASCII in one line")
    return key


@contextmanager
def _located(table: Mapping[str, Any]) -> Iterator[None]:
    """Name the fields of pydantic's errors as they stand in the file."""
    try:
        yield
    except ValidationError as error:
        faults = [
            f"{_place(fault['loc'], table)}{fault['msg'].removeprefix('Value error, ')}" for fault in error.errors()
        ]
        raise ValueError("; ".join(faults)) from error


def _place(location: Sequence[int | str], table: Any) -> str:
    """Return `providers[1] (far).models[0].name: ` for a field, and nothing for the file as a whole."""
    place = ""
    for step in location:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if place else step
        try:
            table = table[step]
        except (LookupError, TypeError):
            table = None
        if isinstance(step, int) and isinstance(table, dict) and isinstance(table.get("name"), str):
            place += f" ({table['name']})"
    return f"{place}: " if place else ""


@asynccontextmanager
async def _hangups() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGHUP sets, where this thread is the one that gets signals."""
    hangup = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGHUP, hangup.set)
    except (ValueError, RuntimeError):
        yield hangup
        return
    try:
        yield hangup
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
