"""What clients do while something breaks, and what they were promised."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp

from tests.e2e import material
from tests.e2e.stack import RefusedError, Rest
from tests.faults.checks import Facts, Part, Stream

CALL_SECONDS = 5.0
"""The deadline that each call names."""
_PATIENCE_SECONDS = 10.0
"""How long a client waits past the deadline before it takes a call for one that never ends."""
_FAILURES = (RefusedError, aiohttp.ClientError, TimeoutError)
_HEADERS = {"X-Request-Timeout": str(CALL_SECONDS)}
_RAW_BYTES = 700 * 1024
_EVENTS_BEFORE_LEAVING = 4
_Result = TypeVar("_Result")


class Load:
    """Clients of one gateway; what they learn goes into `facts`."""

    def __init__(self, rest: Rest, facts: Facts) -> None:
        self._rest = rest
        self._facts = facts
        self._material = ""
        self._exercise = ""
        self._count = 0
        self.stall_seconds = 0.0
        """Time for which the gateway itself stands still: no call can end within it."""
        self.refusals: set[str] = set()
        """The reasons of the calls that were refused."""

    async def prepare(self) -> None:
        """Store what the load asks about, and what it can delete."""
        document = await self._rest.indexed("silk-road.md", material.MARKDOWN.encode())
        self._material = document["document_id"]
        self._facts.uploads[self._material] = _digest(material.MARKDOWN.encode())
        run = Stream("run")
        await self.generate(run, detached=False)
        self._exercise = (await self._rest.call("GET", "/exercises"))["exercises"][0]["exercise_id"]
        await self._upload_text()

    async def run(self) -> None:
        """Call everything at once; failures are allowed, lateness is not."""
        self.refusals.clear()
        pdf = await asyncio.to_thread(material.PDF.read_bytes)
        await asyncio.gather(
            self._upload_and_watch(self._upload_text()),
            self._upload_and_watch(self._upload_pdf(pdf)),
            self._timed("upload", self._upload_raw()),
            self._timed("answer", self.answer(self._stream(Stream("answer")))),
            self._timed("generate", self.generate(self._stream(Stream("run")), detached=False)),
            self._leave_and_come_back(self._stream(Stream("run"))),
            self._timed("submit", self._submit()),
            self._timed("delete", self._delete()),
        )

    async def probe(self) -> str:
        """Return what a new upload, answer or generation ends with if it does not go through; empty if all do."""
        document, answer, run = Stream("document"), Stream("answer"), Stream("run")
        try:
            document.subject = await self._upload_text()
            await self._read(document, "GET", f"/documents/{document.subject}/events")
            await self.answer(answer)
            await self.generate(run, detached=False)
        except _FAILURES as error:
            return repr(error)
        ends = [stream.events[-1][1] if stream.events else "nothing" for stream in (document, answer, run)]
        if ends != ["indexed", "done", "done"]:
            return f"streams ended with {ends}"
        return "" if "citation" in [name for _, name in answer.events] else "an answer without a citation"

    async def read_on(self) -> None:
        """Read the streams of runs and documents further that have not ended."""
        for stream in self._facts.streams:
            if stream.subject and not stream.ended:
                with contextlib.suppress(*_FAILURES):
                    await self._read(stream, "GET", _path_of(stream), params={"after": str(stream.last)})

    async def answer(self, stream: Stream) -> None:
        """Ask a question that the material answers."""
        asked = {"question": "How did paper making spread westward?", "filter": {"document_ids": [self._material]}}
        await self._read(stream, "POST", "/answer", asked)

    async def generate(self, stream: Stream, *, detached: bool) -> None:
        """Have an exercise made."""
        await self._read(stream, "POST", "/exercises:generate", self._wish(detached))

    def _wish(self, detached: bool) -> dict[str, object]:
        documents = {"document_ids": [self._material]}
        return {"documents": documents, "count": 2, "include_answers": True, "detached": detached}

    def _stream(self, stream: Stream) -> Stream:
        self._facts.streams.append(stream)
        return stream

    async def _timed(self, name: str, call: Awaitable[_Result]) -> _Result | None:
        clock = asyncio.get_running_loop().time
        began, allowed = clock(), CALL_SECONDS + self.stall_seconds
        try:
            async with asyncio.timeout(allowed + _PATIENCE_SECONDS * self._facts.slowness):
                return await call
        except _FAILURES as error:
            if isinstance(error, RefusedError):
                self.refusals.add(error.reason)
            return None
        finally:
            self._facts.calls.append((name, clock() - began, allowed))

    async def _read(
        self,
        stream: Stream,
        method: str,
        path: str,
        body: object = None,
        *,
        params: dict[str, str] | None = None,
        most: int = 0,
    ) -> None:
        """Read a stream over one connection, to its end or so many events."""
        part = Part()
        stream.parts.append(part)
        async with self._rest.stream(method, path, body, headers=_HEADERS, params=params) as events:
            async for event in events:
                part.events.append((event.number, event.name))
                if event.name == "started":
                    stream.subject = event.data["run_id"]
                if len(part.events) == most:
                    return
        part.closed = True

    async def _leave_and_come_back(self, stream: Stream) -> None:
        """Leave a run that goes on by itself, and read it further at once."""
        wish = self._wish(detached=True)
        begin = self._read(stream, "POST", "/exercises:generate", wish, most=_EVENTS_BEFORE_LEAVING)
        await self._timed("generate", begin)
        if stream.subject and not stream.ended:
            rest = self._read(stream, "GET", _path_of(stream), params={"after": str(stream.last)})
            await self._timed("resume", rest)

    async def _upload_and_watch(self, upload: Awaitable[str]) -> None:
        document = await self._timed("upload", upload)
        if document is not None:
            stream = self._stream(Stream("document", document))
            await self._timed("watch", self._read(stream, "GET", _path_of(stream)))

    async def _upload_text(self) -> str:
        self._count += 1
        text = f"Caravan {self._count} carried {self._count * 3} bales of silk. It came home after the winter.\n" * 20
        document = await self._upload(f"caravan-{self._count}.txt", text.encode())
        self._facts.texts[document] = (" ".join(text.split()), "")
        return document

    async def _upload_pdf(self, pdf: bytes) -> str:
        """Upload a file that takes a parser a moment, and that several documents share."""
        return await self._upload("photosynthesis.pdf", pdf)

    async def _upload_raw(self) -> str:
        """Upload a file that takes several messages and is not parsed."""
        raw = await asyncio.to_thread(os.urandom, _RAW_BYTES)
        return await self._upload("raw.bin", raw, kind="DOCUMENT_KIND_DOCUMENT", parse=False)

    async def _upload(self, name: str, data: bytes, *, kind: str = "DOCUMENT_KIND_MATERIAL", parse: bool = True) -> str:
        answer = await self._rest.call(
            "POST",
            "/documents",
            data=data,
            params={"name": name, "kind": kind, "parse": str(parse).lower()},
            headers={**_HEADERS, "Content-Type": "application/octet-stream"},
        )
        document = str(answer["document"]["document_id"])
        self._facts.uploads[document] = _digest(data)
        return document

    async def _submit(self) -> None:
        answer = await self._rest.call("POST", f"/exercises/{self._exercise}:submit", {"answers": []}, headers=_HEADERS)
        self._facts.submissions.append(answer["submission"]["submission_id"])

    async def _delete(self) -> None:
        """Delete the oldest upload; one whose deletion is not confirmed may be there or not."""
        document = next(one for one in self._facts.uploads if one != self._material)
        del self._facts.uploads[document]
        self._facts.texts.pop(document, None)
        self._facts.streams[:] = [stream for stream in self._facts.streams if stream.subject != document]
        await self._rest.call("DELETE", f"/documents/{document}", headers=_HEADERS)
        self._facts.deleted.append(document)


def _path_of(stream: Stream) -> str:
    return f"/{'runs' if stream.kind == 'run' else 'documents'}/{stream.subject}/events"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
