"""Questions about files that providers read themselves: upload, wait, ask, delete (ADR 0063).

A file's name says until when it is needed. So whatever happens to the process that brought it, any process that comes
after it finds it in the provider's own list and deletes it: there is no list of our own that could know less.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import PurePath
from typing import Self

from services.kit.errors import DeadlineExceeded, FailedPrecondition, FieldViolation, InvalidArgument, TikuError
from services.llm.domain import faults
from services.llm.domain.targets import Served, Tables, Target
from services.llm.ports import ChatProvider, FileShelf
from services.llm.values.chat import ChatRequest, Completion
from services.llm.values.files import FileQuestion, FileState, ShelvedFile
from services.llm.values.providers import Provider

_GRACE_SECONDS = 60.0
"""How much longer a file may be needed than its call may take."""
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 3.0
"""Between two looks at whether a file is ready."""
_DELETE_WAITS = (0.0, 1.0, 5.0, 20.0)
"""Before each try to delete a file; one whose upload had no answer may turn up late, so all of them look for it."""
_CALL_SECONDS = 20.0
"""Longest that a look, a list or a deletion may take."""
_SWEEP_SECONDS = 300.0
_CLOSING_SECONDS = 5.0
_NAME = re.compile(r"tiku-(\d{1,12})-[0-9a-f]{32}(?:\.\w+)?")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")

Complete = Callable[[ChatRequest, float], Awaitable[tuple[Completion, Served]]]
OpenShelf = Callable[[Provider], AbstractAsyncContextManager[FileShelf]]

logger = logging.getLogger(__name__)


class FileReader:
    """Has providers read files, and leaves none behind.

    Args:
        complete: asks the question, with a chat's tries, budgets and checks.
        tables: where models are found.
        providers: those of now, whose old files are deleted.
        open_shelf: opens the files of a provider.
        now: seconds since 1970.
    """

    def __init__(
        self,
        complete: Complete,
        tables: Tables[ChatProvider],
        providers: Callable[[], Iterable[Provider]],
        open_shelf: OpenShelf,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._complete = complete
        self._tables = tables
        self._providers = providers
        self._open_shelf = open_shelf
        self._now = now
        self._deleting: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        complete: Complete,
        tables: Tables[ChatProvider],
        providers: Callable[[], Iterable[Provider]],
        open_shelf: OpenShelf,
        now: Callable[[], float] = time.time,
    ) -> AsyncIterator[Self]:
        """Open a reader; at the end of the block each deletion is tried once more, at once, within a few seconds."""
        reader = cls(complete, tables, providers, open_shelf, now)
        try:
            yield reader
        finally:
            reader._closing.set()
            if reader._deleting:
                _, late = await asyncio.wait(reader._deleting, timeout=_CLOSING_SECONDS)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def read(
        self, question: FileQuestion, pieces: AsyncIterator[bytes], timeout: float
    ) -> tuple[Completion, Served]:
        """Return what a model says of a file, whose bytes go to the provider as they come; it is deleted in any case.

        Raises:
            FailedPrecondition: the model reads no files, or its provider could not read this one.
            InvalidArgument: the file is too large.
            DeadlineExceeded: all of it took longer than `timeout` seconds.
        """
        with self._tables.held() as table:
            if not table.served:
                raise FailedPrecondition(faults.NO_CHAT[0], reason=faults.NO_CHAT[1])
            name = question.chat.model or next((one.model for one in table.served if one.reads_files), "")
            target = _reader_of(table.path(name).targets)
            try:
                async with asyncio.timeout(timeout):
                    return await self._read(target, question, pieces, timeout)
            except TimeoutError as error:
                raise DeadlineExceeded(
                    faults.timed_out(target.served.provider).message, reason=faults.TIMEOUT
                ) from error

    async def run(self) -> None:
        """Delete what dead processes left, at once and every few minutes, as long as the service runs."""
        while True:
            await self.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Delete every file of Tiku's that nobody can need any more."""
        for provider in self._providers():
            if not any(model.reads_files for model in provider.models):
                continue
            try:
                async with self._open_shelf(provider) as shelf:
                    for file in await shelf.files(_CALL_SECONDS):
                        known = _NAME.fullmatch(file.name)
                        if known and int(known[1]) < self._now():
                            await shelf.delete(file.id, _CALL_SECONDS)
                            logger.info("a file that was left was deleted", extra={"provider": provider.name})
            except TikuError as error:
                logger.warning("files that were left are still there", extra={"error": str(error)})

    async def _read(
        self, target: Target[ChatProvider], question: FileQuestion, pieces: AsyncIterator[bytes], timeout: float
    ) -> tuple[Completion, Served]:
        provider, loop = target.backend.provider, asyncio.get_running_loop()
        deadline = loop.time() + timeout
        suffix = PurePath(question.name).suffix
        shelved_name = f"tiku-{int(self._now() + timeout + _GRACE_SECONDS)}-{uuid.uuid4().hex}"
        if _SUFFIX.fullmatch(suffix):
            shelved_name += suffix
        async with self._open_shelf(provider) as shelf:
            if question.size_bytes > shelf.max_bytes:
                raise faults.file_too_large(shelf.max_bytes)
            file, counted = None, _Counted(pieces, shelf.max_bytes, question.size_bytes)
            try:
                file = await shelf.upload(shelved_name, counted, question.size_bytes, timeout)
                await self._ready(shelf, file, provider.name)
                messages = await shelf.messages(file, question.name, question.text, deadline - loop.time())
                place = f"{provider.name}/{target.model.name}"
                prompt = replace(question.chat, model=place, messages=messages, file_bytes=counted.bytes)
                return await self._complete(prompt, deadline - loop.time())
            finally:
                self._delete(provider, shelved_name, file)

    async def _ready(self, shelf: FileShelf, file: ShelvedFile, provider: str) -> None:
        """Wait until a file can be asked about.

        Raises:
            FailedPrecondition: the provider cannot read it.
        """
        wait = _FIRST_WAIT_SECONDS
        while file.state is FileState.PENDING:
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT_SECONDS, 1.6 * wait)
            try:
                file = await shelf.look(file.id, _CALL_SECONDS)
            except TikuError as error:
                if error.reason not in (*faults.RETRYABLE, faults.TIMEOUT):
                    raise
                wait = max(wait, error.retry_after or 0.0)
        if file.state is FileState.FAILED:
            raise faults.file_unreadable(provider)

    def _delete(self, provider: Provider, name: str, file: ShelvedFile | None) -> None:
        """Delete a file beside the call: it must not end with it."""
        task = asyncio.create_task(self._deleted(provider, name, file))
        self._deleting.add(task)
        task.add_done_callback(self._deleting.discard)

    async def _deleted(self, provider: Provider, name: str, file: ShelvedFile | None) -> None:
        """Delete a file by its id, or by its name where its upload had no answer, which says nothing of the file."""
        for wait in _DELETE_WAITS:
            is_last = await self._closes_within(wait)
            try:
                async with self._open_shelf(provider) as shelf:
                    known = file or await _named(shelf, name)
                    if known is not None:
                        await shelf.delete(known.id, _CALL_SECONDS)
                        return
            except TikuError as error:
                extra = {"provider": provider.name, "error": str(error)}
                logger.warning("a file could not be deleted yet", extra=extra)
            if is_last:
                return  # Whoever sweeps next deletes it.

    async def _closes_within(self, seconds: float) -> bool:
        """Wait for so many seconds, or less where the reader closes; return whether it does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()


class _Counted:
    """The bytes of a file as they come: at most so many, and as many as were announced, unless that is 0."""

    def __init__(self, pieces: AsyncIterator[bytes], max_bytes: int, announced: int) -> None:
        self._pieces = pieces
        self._max_bytes = max_bytes
        self._announced = announced
        self.bytes = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces, None)
        self.bytes += len(piece or b"")
        if self.bytes > self._max_bytes:
            raise faults.file_too_large(self._max_bytes)
        if self._announced and (self.bytes > self._announced or (piece is None and self.bytes < self._announced)):
            rule = "must be the size of the file"
            raise InvalidArgument(f"size_bytes {rule}.", violations=[FieldViolation("description.size_bytes", rule)])
        if piece is None:
            raise StopAsyncIteration
        return piece


async def _named(shelf: FileShelf, name: str) -> ShelvedFile | None:
    return next((file for file in await shelf.files(_CALL_SECONDS) if file.name == name), None)


def _reader_of(targets: Sequence[Target[ChatProvider]]) -> Target[ChatProvider]:
    """Return the preferred target that reads files, of those that may be asked now where there are any.

    Raises:
        FailedPrecondition: none does.
    """
    readers = [target for target in targets if target.model.reads_files]
    if not readers:
        message, reason = faults.NO_FILE_READER
        raise FailedPrecondition(message, reason=reason)
    return min(readers, key=lambda target: target.health.breaker.wait_seconds())
