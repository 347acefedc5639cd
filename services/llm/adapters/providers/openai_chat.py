"""Chat with any server that speaks OpenAI's API, whatever carries the bytes."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from services.kit.errors import TikuError
from services.kit.sse import Event, EventDecoder
from services.llm.adapters.providers import wire
from services.llm.adapters.providers.adaptations import Adaptations
from services.llm.adapters.providers.alike_events import AlikeEvents
from services.llm.adapters.providers.answers import (
    AnswerReader,
    FailedAnswerError,
    UnreadableAnswerError,
    completion_of,
    failure,
    joined,
    raise_error_in,
)
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta

PATH = "/chat/completions"
_MAX_BODY_BYTES = 32 << 20
_MAX_EVENT_BYTES = 2 << 20
_DRAIN_SECONDS = 0.05
_MOST_ADAPTATIONS = 8
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


class OpenAiChat(ABC):
    """A ChatProvider; what a subclass adds is how a request is sent.

    A parameter that a model refuses and can do without is left out or translated, at once and from then on.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._adaptations = Adaptations(name)

    @abstractmethod
    def _post(self, body: dict[str, Any], timeout: float) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send a request and yield the body of its answer in pieces, all within `timeout` seconds.

        Leaving the block before the body's end closes the connection.

        Raises:
            FailedAnswerError: the status is not that of an answer.
            TikuError: whatever else goes wrong on the way.
        """

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return one whole answer within `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        for tries in range(_MOST_ADAPTATIONS + 1):
            body = self._adaptations.adapted(wire.encode_chat(prompt, stream=False))
            try:
                async with self._post(body, _left(deadline)) as pieces:
                    data = await self._whole(pieces)
                    return self._completion(data, prompt.n)
            except (FailedAnswerError, ValueError) as error:
                if not self._adapts(body, error, tries):
                    raise self._fault(prompt.model, error) from error
        raise AssertionError("the last try raises")

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas, then one `ChatFinish`, within `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        for tries in range(_MOST_ADAPTATIONS + 1):
            body = self._adaptations.adapted(wire.encode_chat(prompt, stream=True))
            begun = False
            try:
                async with self._post(body, _left(deadline)) as pieces:
                    stream = _Stream(prompt.n)
                    while (piece := await _next(pieces, stream)) is not None:
                        for delta in stream.feed(piece):
                            begun = True
                            yield delta
                        if stream.done:
                            await _drain(pieces)
                            break
                    for delta in stream.close():
                        begun = True
                        yield delta
                    finish = stream.finish()
            except (FailedAnswerError, ValueError) as error:
                if begun or not self._adapts(body, error, tries):
                    raise self._fault(prompt.model, error) from error
                continue
            if finish is None:
                raise faults.unavailable(self._name, "the stream ended before the answer did")
            yield finish
            return

    async def _whole(self, pieces: AsyncIterator[bytes]) -> bytes:
        answer = bytearray()
        async for piece in pieces:
            answer += piece
            if len(answer) > _MAX_BODY_BYTES:
                raise UnreadableAnswerError(f"a body of more than {_MAX_BODY_BYTES} bytes")
        return bytes(answer)

    def _completion(self, data: bytes, n: int) -> Completion:
        """Return the answer in a whole body, also where a provider streams unasked."""
        data = data.removeprefix(_BOM).lstrip(_SPACE)
        if not data.startswith((b"data:", b"event:", b":", b"id:")):
            chats = wire.decode_chats(data)
            if len(chats) == 1:
                return completion_of(chats[0], n)
        stream = _Stream(n)
        deltas = [*stream.feed(data), *stream.close()]
        finish = stream.finish()
        if finish is None:
            raise faults.unavailable(self._name, "the stream ended before the answer did")
        return joined(deltas, finish)

    def _adapts(self, body: dict[str, Any], error: Exception, tries: int) -> bool:
        """Return whether the same request is worth another try, in another form."""
        if not isinstance(error, FailedAnswerError) or tries == _MOST_ADAPTATIONS:
            return False
        return self._adaptations.learn(body, error.status, error.body)

    def _fault(self, model: str, error: Exception) -> TikuError:
        if isinstance(error, FailedAnswerError):
            return faults.from_status(self._name, model, error.status, error.body, error.headers)
        return faults.bad_response(self._name, error)


class _Stream:
    """Makes deltas of the bytes of a streamed answer, also where a provider sends a whole one unasked."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._decoder = EventDecoder(_MAX_EVENT_BYTES)
        self._reader = AnswerReader(n)
        self._alike = AlikeEvents()
        self._head: bytes | None = b""
        """What came before it was known whether these are events; None once they are."""
        self._finish: ChatFinish | None = None
        self.done = False
        """Whether the provider said that it is."""

    def feed(self, piece: bytes) -> Iterator[TextDelta]:
        """Yield what a piece of the body adds, texts that came together as one."""
        texts: list[str] = []
        parsed = b""
        try:
            piece = piece if self._head is None else self._begun(piece)
            if self._reader.is_said and self._decoder.is_between:
                texts, piece = self._alike.read(piece)
            for event in self._decoder.feed(piece) if piece else ():
                chats = self._chats_of(event)
                if len(chats) == 1 and event.name != "error" and (text := self._reader.text(chats[0])):
                    texts.append(text)
                    parsed = event.data
                    continue
                for delta in self._added(event, chats):
                    yield from _together(texts)
                    parsed = event.data
                    yield delta
                if self.done:
                    break
        except (FailedAnswerError, ValueError):
            yield from _together(texts)
            raise
        if texts:
            yield TextDelta("".join(texts), pieces=len(texts))
        if parsed:
            self._alike.learn(parsed)

    def _begun(self, piece: bytes) -> bytes:
        """Return what came so far once these are events; nothing while they may be none."""
        piece = (self._head or b"") + piece
        begun = piece.removeprefix(_BOM).lstrip(_SPACE)
        if not begun or _BOM.startswith(begun) or begun.startswith((b"{", b"<", b"[")):
            self._head = piece
            if len(piece) > _MAX_BODY_BYTES:
                raise UnreadableAnswerError(f"a body of more than {_MAX_BODY_BYTES} bytes")
            return b""
        self._head = None
        return begun

    def close(self) -> Iterator[TextDelta]:
        """Yield what is left where the body ends."""
        if self._head is None:
            if not self.done:
                for event in self._decoder.close():
                    yield from self._added(event, self._chats_of(event))
            yield from self._reader.close()
            self._finish = self._reader.finish()
        elif head := self._head.removeprefix(_BOM).strip(_SPACE):
            chats = wire.decode_chats(head)
            if len(chats) == 1:
                completion = completion_of(chats[0], self._n)
                yield from completion.deltas()
                self._finish = completion.finish()
                return
            for chat in chats:
                yield from self._reader.feed(chat)
            yield from self._reader.close()
            self._finish = self._reader.finish()

    @property
    def is_ended(self) -> bool:
        """Whether the provider said how the answers ended."""
        return self._reader.is_ended

    def finish(self) -> ChatFinish | None:
        """Return the end of the answer; None where the body ended before it."""
        return self._finish

    def _chats_of(self, event: Event) -> list[wire.WireChat]:
        """Return what an event holds; note where it says that the provider is done."""
        data = event.data
        if data.startswith(b"{"):
            return wire.decode_chats(data)
        data = data.strip()
        if data.strip(b'"').upper() == b"[DONE]":
            self.done = True
            self._reader.done()
            return []
        # Words, such as "ping", only keep the connection alive.
        return wire.decode_chats(data) if data.startswith((b"{", b"[")) else []

    def _added(self, event: Event, chats: list[wire.WireChat]) -> Iterator[TextDelta]:
        for chat in chats:
            if event.name == "error":
                raise_error_in(chat)
                raise failure(event.data.decode("utf-8", "replace"))
            yield from self._reader.feed(chat)


def _together(texts: list[str]) -> Iterator[TextDelta]:
    """Yield texts as one, and forget them."""
    if texts:
        yield TextDelta("".join(texts), pieces=len(texts))
        texts.clear()


async def _next(pieces: AsyncIterator[bytes], stream: _Stream) -> bytes | None:
    """Return the next piece of a body, None at its end; where it breaks off behind all answers, nothing is missing."""
    try:
        return await anext(pieces, None)
    except Exception:
        if stream.is_ended:
            return None
        raise


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read the few bytes after the last event, so that the connection can serve the next call."""
    with contextlib.suppress(Exception):  # All that was to be said is.
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass


def _left(deadline: float) -> float:
    return max(0.001, deadline - asyncio.get_running_loop().time())
