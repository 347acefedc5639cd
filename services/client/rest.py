"""The public REST API as typed calls: JSON is read into the messages that the protos declare.

Unknown members are ignored, so an older client works with a newer server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from services.client.errors import ApiError, ClientError, StreamCutShortError, UnreachableError
from services.kit.sse import Event, EventDecoder
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import graph_pb2, retrieval_pb2

M = TypeVar("M", bound=Message)

CALL_SECONDS: Final = 60.0
GRADING_SECONDS: Final = 600.0
"""A model reads short answers, and that takes long on a busy machine."""
STREAM_SECONDS: Final = 3600.0
"""The longest upload or run that the gateway allows."""
SILENCE_SECONDS: Final = 120.0
"""A stream without events sends a heartbeat well before."""
CONNECT_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 5.0
"""The server knows the deadline; its error for a missed one arrives within this time."""
PIECE_BYTES: Final = 256 * 1024
MAX_EVENT_BYTES: Final = 64 * 1024 * 1024
LAST_EVENTS: Final = frozenset({"done", "indexed", "failed", "graph_built", "graph_failed"})
RESUMES: Final = 5
"""How often in a row a broken stream is resumed without a new event."""


class TikuClient:
    """A connection to one gateway.

    Every call raises `UnreachableError` when nothing answers and `ApiError` when the server refuses or fails. Streams
    are asynchronous iterators; whoever leaves one early closes its connection, and that stops the work on the server.
    """

    def __init__(self, server: str, session: aiohttp.ClientSession, resume_pause_seconds: float) -> None:
        self.server = server
        self._session = session
        self._resume_pause_seconds = resume_pause_seconds

    @classmethod
    @asynccontextmanager
    async def open(cls, server: str, *, resume_pause_seconds: float = 0.2, languages: str = "") -> AsyncIterator[Self]:
        """Open a client of the gateway at the URL `server`; the pause before a stream is resumed doubles each time.

        `languages` is a header `Accept-Language`: that of what people are told.
        """
        headers = {"Accept-Language": languages} if languages else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield cls(server, session, resume_pause_seconds)

    async def upload(
        self,
        file: Path,
        kind: docs_pb2.DocumentKind.ValueType,
        *,
        parse: bool = True,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> docs_pb2.UploadDocumentResponse:
        """Store a file, read from disk piece by piece; tell `on_bytes` the size of each piece that was sent."""
        params = {"name": file.name, "kind": docs_pb2.DocumentKind.Name(kind), "parse": "true" if parse else "false"}
        size = (await asyncio.to_thread(file.stat)).st_size
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        async with aclosing(_pieces(file, on_bytes)) as body:
            return await self._call(
                "POST",
                "/documents",
                docs_pb2.UploadDocumentResponse,
                seconds=STREAM_SECONDS,
                params=params,
                data=body,
                headers=headers,
            )

    async def document(self, document_id: str) -> docs_pb2.Document:
        """Return a document."""
        path = f"/documents/{quote(document_id, safe='')}"
        return (await self._call("GET", path, docs_pb2.GetDocumentResponse)).document

    async def delete_document(self, document_id: str) -> None:
        """Delete a document with its chunks."""
        path = f"/documents/{quote(document_id, safe='')}"
        await self._call("DELETE", path, docs_pb2.DeleteDocumentResponse)

    async def text(self, document_id: str, start: int, end: int) -> str:
        """Return the slice [start, end) of the document's normalized text, in code points."""
        path = f"/documents/{quote(document_id, safe='')}/text"
        params = {"start": str(start), "end": str(end)}
        return (await self._call("GET", path, docs_pb2.GetDocumentTextResponse, params=params)).text

    async def watch(
        self, document_id: str, *, graph: bool = False
    ) -> AsyncGenerator[docs_pb2.WatchDocumentResponse, None]:
        """Yield each event of the document's job once, until it ends, and with `graph` of the one on its graph.

        A broken stream is resumed behind the last event, a few times without a new one.
        """
        path = f"/documents/{quote(document_id, safe='')}/events"
        after, broken = 0, 0
        while True:
            params = {"after": str(after), "graph": "true" if graph else "false"}
            events = self._stream(
                docs_pb2.WatchDocumentResponse,
                "GET",
                path,
                "the document's progress",
                go_on=lambda event: graph and event.indexed.document.graph_state == docs_pb2.GRAPH_STATE_QUEUED,
                params=params,
            )
            try:
                async with aclosing(events):
                    async for event in events:
                        after, broken = event.number, 0
                        yield event
                return
            except (StreamCutShortError, UnreachableError):
                broken += 1
                if broken > RESUMES:
                    raise
                await asyncio.sleep(self._resume_pause_seconds * 2 ** (broken - 1))

    async def embed(self, texts: Sequence[str], kind: llm_pb2.EmbedKind.ValueType) -> llm_pb2.EmbedResponse:
        """Return a vector for each text."""
        body = {"texts": list(texts), "kind": llm_pb2.EmbedKind.Name(kind)}
        return await self._call("POST", "/embed", llm_pb2.EmbedResponse, seconds=GRADING_SECONDS, json=body)

    async def chat(self, request: llm_pb2.ChatRequest, seconds: float) -> llm_pb2.ChatResponse:
        """Return a model's whole answer."""
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        return await self._call("POST", "/chat", llm_pb2.ChatResponse, seconds=seconds, json=body)

    async def index_chunks(self, request: retrieval_pb2.IndexChunksRequest) -> None:
        """Store chunks with their vectors."""
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        await self._call("POST", "/chunks:index", retrieval_pb2.IndexChunksResponse, json=body)

    async def delete_chunks(self, document_id: str) -> None:
        """Remove the chunks of a document that was stored as chunks alone."""
        path = f"/chunks/documents/{quote(document_id, safe='')}"
        await self._call("DELETE", path, retrieval_pb2.DeleteDocumentResponse)

    async def retrieve(self, query: str, document_ids: Sequence[str], limit: int) -> retrieval_pb2.RetrieveResponse:
        """Return passages of documents, and how each leg found them."""
        body = {"query": query, "filter": {"document_ids": list(document_ids)}, "limit": limit}
        return await self._call("POST", "/retrieve", retrieval_pb2.RetrieveResponse, json=body)

    def answer(
        self, question: str, document_ids: Sequence[str] = ()
    ) -> AsyncGenerator[retrieval_pb2.AnswerResponse, None]:
        """Yield a cited answer: its sources, its text piece by piece, its citations, its end."""
        body = {"question": question, "filter": {"document_ids": list(document_ids)}}
        return self._stream(retrieval_pb2.AnswerResponse, "POST", "/answer", "the answer", json=body)

    def generate(self, request: exercises_pb2.GenerateExerciseRequest) -> AsyncGenerator[exercises_pb2.RunEvent, None]:
        """Yield a run's events: progress, the model's text, each question once it is complete, the end."""
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        return self._stream(exercises_pb2.RunEvent, "POST", "/exercises:generate", "the run", json=body)

    async def graph_state(self) -> graph_pb2.ProbeResponse:
        """Return whether there is a graph, and what it holds."""
        return await self._call("POST", "/graph:probe", graph_pb2.ProbeResponse, json={})

    async def entities(self, name: str, document_ids: Sequence[str], limit: int) -> Sequence[graph_pb2.Entity]:
        """Return the entities that a name may mean; without a name, the most mentioned."""
        body = {"name": name, "document_ids": list(document_ids), "limit": limit}
        return (await self._call("POST", "/graph:findEntities", graph_pb2.FindEntitiesResponse, json=body)).entities

    async def expand(self, entity_id: str, document_ids: Sequence[str], limit: int) -> graph_pb2.ExpandResponse:
        """Return what lies around an entity, itself first."""
        body = {"entity_ids": [entity_id], "document_ids": list(document_ids), "limit": limit}
        return await self._call("POST", "/graph:expand", graph_pb2.ExpandResponse, json=body)

    async def explain(self, entity_id: str) -> graph_pb2.ExplainResponse:
        """Return why an entity's names are one."""
        return await self._call("POST", "/graph:explain", graph_pb2.ExplainResponse, json={"entity_id": entity_id})

    async def exercise(self, exercise_id: str, *, include_answers: bool = False) -> exercises_pb2.Exercise:
        """Return an exercise; its keys and explanations only with `include_answers`."""
        path = f"/exercises/{quote(exercise_id, safe='')}"
        params = {"include_answers": "true" if include_answers else "false"}
        return (await self._call("GET", path, exercises_pb2.GetExerciseResponse, params=params)).exercise

    async def submit(self, exercise_id: str, answers: Sequence[exercises_pb2.Answer]) -> exercises_pb2.Submission:
        """Submit answers and return their grades."""
        path = f"/exercises/{quote(exercise_id, safe='')}:submit"
        body = {"answers": [json_format.MessageToDict(a, preserving_proto_field_name=True) for a in answers]}
        graded = exercises_pb2.SubmitExerciseResponse
        return (await self._call("POST", path, graded, seconds=GRADING_SECONDS, json=body)).submission

    async def _call(
        self, method: str, path: str, answer: type[M], *, seconds: float = CALL_SECONDS, **request: Any
    ) -> M:
        timeout = aiohttp.ClientTimeout(total=seconds + GRACE_SECONDS, connect=CONNECT_SECONDS)
        async with self._request(method, path, seconds, timeout, **request) as response:
            members = orjson.loads(await response.read())
        return json_format.ParseDict(members, answer(), ignore_unknown_fields=True)

    async def _stream(
        self,
        answer: type[M],
        method: str,
        path: str,
        what: str,
        *,
        go_on: Callable[[M], bool] = lambda _: False,
        **request: Any,
    ) -> AsyncGenerator[M, None]:
        """Yield the messages of a stream up to one of `LAST_EVENTS`; `what` is the stream in the error without one.

        `go_on` says that an event is not the last one, in spite of its name.
        """
        numbered = "number" in answer.DESCRIPTOR.fields_by_name
        async with aclosing(self._events(method, path, **request)) as events:
            async for event in events:
                message = answer(**({"number": int(event.id or 0)} if numbered else {}))
                if _fill_choice(message, event):
                    yield message
                    if event.name in LAST_EVENTS and not go_on(message):
                        return
        raise StreamCutShortError(what)

    async def _events(self, method: str, path: str, **request: Any) -> AsyncGenerator[Event, None]:
        """Yield a stream's events; raise an `error` event as `ApiError`. A broken connection ends the stream."""
        headers = {"Accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self._request(method, path, STREAM_SECONDS, timeout, headers=headers, **request) as response:
            try:
                decoder = EventDecoder(MAX_EVENT_BYTES)
                async for piece in response.content.iter_any():
                    for event in decoder.feed(piece):
                        if event.name == "error":
                            raise ApiError.from_problem(orjson.loads(event.data), 500)
                        yield event
            except (aiohttp.ClientError, TimeoutError):
                return

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, seconds: float, timeout: aiohttp.ClientTimeout, **request: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request. The server is told how many `seconds` it has; `timeout` is that of the socket."""
        headers = {"X-Request-Timeout": f"{seconds:g}", **request.pop("headers", {})}
        url = f"{self.server}/api/v1{path}"
        try:
            async with self._session.request(method, url, headers=headers, timeout=timeout, **request) as response:
                if response.status >= 400:
                    raise ApiError.from_problem(_members(await response.read()), response.status)
                yield response
        except aiohttp.ClientConnectionError as error:
            raise UnreachableError(self.server, str(error) or type(error).__name__) from error
        except aiohttp.ClientError as error:
            raise ClientError(f"{self.server} answered in a way that cannot be read: {error}") from error
        except TimeoutError as error:
            raise UnreachableError(self.server, "no answer in time") from error


async def _pieces(file: Path, on_bytes: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    reader = await asyncio.to_thread(os.open, file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while piece := await asyncio.to_thread(os.read, reader, PIECE_BYTES):
            yield piece
            on_bytes(len(piece))
    finally:
        os.close(reader)


def _fill_choice(message: Message, event: Event) -> bool:
    """Set the member of the message's oneof that the event names; return False if this client does not know it."""
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
