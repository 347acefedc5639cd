"""The public REST API as typed calls: JSON is read into the messages that the protos declare.

Unknown members are ignored, so that an older client works with a newer server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from services.client import sse
from services.client.errors import ApiError, ClientError, StreamCutShort, Unreachable
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2
from tiku.retrieval.v1 import retrieval_pb2

M = TypeVar("M", bound=Message)

CALL_SECONDS: Final = 60.0
GRADING_SECONDS: Final = 600.0
"""A model reads short answers, and on a busy machine it takes its time."""
STREAM_SECONDS: Final = 3600.0
"""An upload or a run of many questions may take long; the gateway allows no more than this."""
SILENCE_SECONDS: Final = 120.0
"""A silent stream sends a heartbeat well before."""
CONNECT_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 5.0
"""The server knows the deadline; its own word on a missed one arrives within this."""
PIECE_BYTES: Final = 256 * 1024
RESUMES: Final = 5


class TikuClient:
    """A connection to one gateway; an asynchronous context manager.

    Every call raises Unreachable when nothing answers and ApiError when the server refuses or fails. Streams are
    asynchronous iterators; leaving one early closes its connection, which stops the work on the server.
    """

    def __init__(self, server: str, *, resume_pause: float = 0.2) -> None:
        """`resume_pause` is what the first new attempt at a broken stream waits, in seconds; it doubles."""
        self.server = server
        self._resume_pause = resume_pause
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def upload(
        self,
        file: Path,
        kind: docs_pb2.DocumentKind.ValueType,
        *,
        parse: bool = True,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> docs_pb2.Document:
        """Store a file, read from disk piece by piece; `on_bytes` is told of each piece sent.

        Raises OSError when the file cannot be read.
        """
        params = {
            "name": file.name,
            "kind": docs_pb2.DocumentKind.Name(kind),
            "parse": "true" if parse else "false",
        }
        size = (await asyncio.to_thread(file.stat)).st_size
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        async with aclosing(_pieces(file, on_bytes)) as body:
            answer = await self._call(
                "POST",
                "/documents",
                docs_pb2.UploadDocumentResponse,
                seconds=STREAM_SECONDS,
                params=params,
                data=body,
                headers=headers,
            )
        return answer.document

    async def document(self, document_id: str) -> docs_pb2.Document:
        path = f"/documents/{quote(document_id, safe='')}"
        return (await self._call("GET", path, docs_pb2.GetDocumentResponse)).document

    async def delete_document(self, document_id: str) -> None:
        path = f"/documents/{quote(document_id, safe='')}"
        await self._call("DELETE", path, docs_pb2.DeleteDocumentResponse)

    async def text(self, document_id: str, start: int, end: int) -> str:
        """The slice [start, end) of the document's normalized text, in code points."""
        path = f"/documents/{quote(document_id, safe='')}/text"
        params = {"start": str(start), "end": str(end)}
        return (await self._call("GET", path, docs_pb2.GetDocumentTextResponse, params=params)).text

    async def watch(self, document_id: str) -> AsyncGenerator[docs_pb2.WatchDocumentResponse, None]:
        """The events of the document's job until it ends, each once.

        A connection that breaks is taken up again after the last event seen, a few times without a new event.
        """
        after, broken = 0, 0
        while True:
            try:
                async with aclosing(self._watch_once(document_id, after)) as watched:
                    async for event in watched:
                        after, broken = event.number, 0
                        yield event
                        if event.WhichOneof("event") in {"indexed", "failed"}:
                            return
                raise StreamCutShort("the document's progress")
            except (StreamCutShort, Unreachable):
                broken += 1
                if broken > RESUMES:
                    raise
                await asyncio.sleep(self._resume_pause * 2 ** (broken - 1))

    async def _watch_once(self, document_id: str, after: int) -> AsyncGenerator[docs_pb2.WatchDocumentResponse, None]:
        path = f"/documents/{quote(document_id, safe='')}/events"
        async with aclosing(self._events("GET", path, params={"after": str(after)})) as stream:
            async for event in stream:
                message = docs_pb2.WatchDocumentResponse(number=int(event.id or 0))
                if _fill_choice(message, event):
                    yield message

    async def answer(
        self, question: str, document_ids: Sequence[str] = ()
    ) -> AsyncGenerator[retrieval_pb2.AnswerResponse, None]:
        """A cited answer: sources, text piece by piece, citations, done."""
        body = {"question": question, "filter": {"document_ids": list(document_ids)}}
        async with aclosing(self._events("POST", "/answer", json=body)) as stream:
            async for event in stream:
                message = retrieval_pb2.AnswerResponse()
                if _fill_choice(message, event):
                    yield message
                    if message.WhichOneof("event") == "done":
                        return
        raise StreamCutShort("the answer")

    async def generate(
        self, request: exercises_pb2.GenerateExerciseRequest
    ) -> AsyncGenerator[exercises_pb2.RunEvent, None]:
        """A run's events: progress, the model's text, each question as it is complete, done."""
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        async with aclosing(self._events("POST", "/exercises:generate", json=body)) as stream:
            async for event in stream:
                message = exercises_pb2.RunEvent(number=int(event.id or 0))
                if _fill_choice(message, event):
                    yield message
                    if message.WhichOneof("event") == "done":
                        return
        raise StreamCutShort("the run")

    async def exercise(self, exercise_id: str, *, include_answers: bool = False) -> exercises_pb2.Exercise:
        path = f"/exercises/{quote(exercise_id, safe='')}"
        params = {"include_answers": "true" if include_answers else "false"}
        return (await self._call("GET", path, exercises_pb2.GetExerciseResponse, params=params)).exercise

    async def submit(self, exercise_id: str, answers: Sequence[exercises_pb2.Answer]) -> exercises_pb2.Submission:
        """Hand answers in; returns the grades."""
        path = f"/exercises/{quote(exercise_id, safe='')}:submit"
        body = {"answers": [json_format.MessageToDict(a, preserving_proto_field_name=True) for a in answers]}
        graded = exercises_pb2.SubmitExerciseResponse
        return (await self._call("POST", path, graded, seconds=GRADING_SECONDS, json=body)).submission

    async def _call(
        self, method: str, path: str, answer: type[M], *, seconds: float = CALL_SECONDS, **request: Any
    ) -> M:
        patience = aiohttp.ClientTimeout(total=seconds + GRACE_SECONDS, connect=CONNECT_SECONDS)
        async with self._request(method, path, seconds, patience, **request) as response:
            members = orjson.loads(await response.read())
        return json_format.ParseDict(members, answer(), ignore_unknown_fields=True)

    async def _events(self, method: str, path: str, **request: Any) -> AsyncGenerator[sse.Event, None]:
        """A stream's events. An `error` event is raised as ApiError; a broken connection ends the stream."""
        headers = {"Accept": "text/event-stream"}
        silence = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self._request(method, path, STREAM_SECONDS, silence, headers=headers, **request) as response:
            try:
                async for event in sse.events(response.content.iter_any()):
                    if event.name == "error":
                        raise ApiError.from_problem(orjson.loads(event.data), 500)
                    yield event
            except (aiohttp.ClientError, TimeoutError):
                return

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, seconds: float, timeout: aiohttp.ClientTimeout, **request: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; the server is told the `seconds` that it has, the socket keeps to `timeout`."""
        if self._session is None:
            raise ClientError("the client is closed")
        headers = {"X-Request-Timeout": f"{seconds:g}", **request.pop("headers", {})}
        url = f"{self.server}/api/v1{path}"
        try:
            async with self._session.request(method, url, headers=headers, timeout=timeout, **request) as response:
                if response.status >= 400:
                    raise ApiError.from_problem(_members(await response.read()), response.status)
                yield response
        except aiohttp.ClientConnectionError as error:
            raise Unreachable(self.server, str(error) or type(error).__name__) from error
        except aiohttp.ClientError as error:
            raise ClientError(f"{self.server} answered in a way that cannot be read: {error}") from error
        except TimeoutError as error:
            raise Unreachable(self.server, "no answer in time") from error


async def _pieces(file: Path, on_bytes: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    reader = await asyncio.to_thread(os.open, file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while piece := await asyncio.to_thread(os.read, reader, PIECE_BYTES):
            yield piece
            on_bytes(len(piece))
    finally:
        os.close(reader)


def _fill_choice(message: Message, event: sse.Event) -> bool:
    """Set the member of the message's oneof that the event names; False if this client does not know it."""
    field = message.DESCRIPTOR.fields_by_name.get(event.name)
    if field is None or field.message_type is None:
        return False
    member = getattr(message, event.name)
    member.SetInParent()
    json_format.ParseDict(orjson.loads(event.data), member, ignore_unknown_fields=True)
    return True


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"detail": body[:200].decode("utf-8", "replace").strip()}
    return members if isinstance(members, dict) else {}
