"""One fault at a time in a running stack under load, and what it did."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from tests.e2e import material
from tests.e2e.stack import Event, Refused, Up, points
from tests.faults.arming import arm, fired
from tests.faults.checks import Facts, Finding, findings

CALL_SECONDS = 15.0
"""The deadline that the load names for each of its calls."""
WELL_SECONDS = 15.0
"""So soon after a fault all is well again."""
_QUIET_SECONDS = 40.0
"""So long jobs and runs may take to come to rest: a lease has to run out, and a retry has to come."""
_STOP_SECONDS = 3.0
_FIRE_SECONDS = 10.0
_PATIENCE_SECONDS = 10.0
"""How long the load waits past the deadline before it takes a call for one that never ends."""
_HEADERS = {"X-Request-Timeout": str(CALL_SECONDS)}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault: `point` is armed with `action`, or, without a point, `process` gets the signal that `action` names."""

    process: str
    action: str
    point: str = ""

    @property
    def name(self) -> str:
        """The name by which the command line and the table call it."""
        return f"{self.point or self.process}={self.action}"


CASES = (
    Case("docs", "kill", "docs.upload.row_written"),
    Case("docs", "kill", "docs.upload.object_stored"),
    Case("docs", "kill", "docs.upload.confirmed"),
    Case("docs", "stop", "docs.index.job_taken"),
    Case("docs", "sleep(2)", "docs.index.parsed"),
    Case("docs", "kill", "docs.index.chunks_stored"),
    Case("docs", "error(Unavailable)", "docs.index.embedded"),
    Case("docs", "kill", "docs.index.vectors_stored"),
    Case("docs", "error(Unavailable)", "docs.index.progress_stored"),
    Case("retrieval", "kill", "retrieval.answer.passages_found"),
    Case("retrieval", "hang", "retrieval.answer.first_text"),
    Case("llm", "kill", "llm.chat.first_token"),
    Case("llm", "hang", "llm.chat.asked"),
    Case("exercises", "kill", "exercises.run.created"),
    Case("exercises", "kill", "exercises.run.events_stored"),
    Case("exercises", "kill", "exercises.submission.stored"),
    Case("gateway", "kill"),
    Case("retrieval", "stop"),
    Case("qdrant", "kill"),
    Case("postgres", "kill"),
)


@dataclass(slots=True)
class Outcome:
    """What one fault did."""

    case: Case
    reached: bool
    well_seconds: float
    found: list[Finding]


@dataclass(slots=True)
class Trial:
    """A stack on which fault follows fault; `folder` is where its points are armed."""

    up: Up
    folder: Path
    facts: Facts = field(default_factory=Facts)
    exercise: str = ""
    _count: int = 0

    async def prepare(self) -> None:
        """Store what the load asks about."""
        document = await self.up.rest.indexed("silk-road.md", material.MARKDOWN.encode())
        self.facts.uploads.append(document["document_id"])
        self.exercise = (await self._generate())[0].data["exercise_id"]

    async def run(self, case: Case) -> Outcome:
        """Inject one fault under load, wait until all is quiet, and check everything."""
        loop = asyncio.get_running_loop()
        self.facts.calls.clear()
        pid = await self._pid(case.process)
        if case.point:
            await arm(self.folder, case.point, case.action)
        async with asyncio.TaskGroup() as group:
            load = group.create_task(self._load())
            reached = await self._inject(case, pid)
            lifted = loop.time()
            await load
        reached = reached or (bool(case.point) and await fired(self.folder, case.point))
        # A hang is lifted by the deadline of its call.
        if case.action == "hang":
            lifted = loop.time()
        stuck = await self._well_again(lifted)
        seconds = loop.time() - lifted
        found = [*stuck, *await self._quiet_findings()]
        return Outcome(case, reached, seconds, found)

    async def _inject(self, case: Case, pid: int) -> bool:
        if not case.point:
            await asyncio.sleep(0.2)
            os.kill(pid, signal.SIGSTOP if case.action == "stop" else signal.SIGKILL)
        elif not await self._fires(case.point):
            return False
        if case.action == "stop":
            await asyncio.sleep(_STOP_SECONDS)
            os.kill(pid, signal.SIGCONT)
        return True

    async def _fires(self, point: str) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRE_SECONDS):
                while await asyncio.to_thread((self.folder / point).exists):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.02)
                return True
        return False

    async def _pid(self, process: str) -> int:
        state = await self.up.state()
        return int((state["services"] | state["engines"])[process]["pid"])

    async def _load(self) -> None:
        """Two uploads, an answer, a generation and a submission at once; failures are allowed, lateness is not."""
        await asyncio.gather(
            self._timed("upload", self._upload()),
            self._timed("upload", self._upload()),
            self._timed("answer", self._answer()),
            self._timed("generate", self._generate()),
            self._timed("submit", self._submit()),
        )

    async def _timed(self, name: str, call: Awaitable[object]) -> None:
        began = asyncio.get_running_loop().time()
        with contextlib.suppress(Refused, aiohttp.ClientError, TimeoutError, IndexError):
            async with asyncio.timeout(CALL_SECONDS + _PATIENCE_SECONDS):
                await call
        self.facts.calls.append((name, asyncio.get_running_loop().time() - began, CALL_SECONDS))

    async def _upload(self) -> str:
        self._count += 1
        text = f"Caravan {self._count} carried {self._count * 3} bales of silk. It came home after the winter.\n" * 20
        document = await self._upload_call(text)
        self.facts.uploads.append(document)
        return document

    async def _upload_call(self, text: str) -> str:
        answer = await self.up.rest.call(
            "POST",
            "/documents",
            data=text.encode(),
            params={"name": f"caravan-{self._count}.txt", "kind": "DOCUMENT_KIND_MATERIAL", "parse": "true"},
            headers={**_HEADERS, "Content-Type": "application/octet-stream"},
        )
        return str(answer["document"]["document_id"])

    async def _answer(self) -> list[Event]:
        asked = {"question": "How did paper making spread westward?"}
        return await self.up.rest.events("POST", "/answer", asked, headers=_HEADERS)

    async def _generate(self) -> list[Event]:
        wish = {"documents": {"document_ids": self.facts.uploads[:1]}, "count": 2, "include_answers": True}
        return await self.up.rest.events("POST", "/exercises:generate", wish, headers=_HEADERS)

    async def _submit(self) -> None:
        answer = await self.up.rest.call(
            "POST", f"/exercises/{self.exercise}:submit", {"answers": []}, headers=_HEADERS
        )
        self.facts.submissions.append(answer["submission"]["submission_id"])

    async def _well_again(self, lifted: float) -> list[Finding]:
        """Wait until the gateway is ready and a new upload, answer and generation go through."""
        last = ""
        try:
            async with asyncio.timeout_at(lifted + WELL_SECONDS):
                while last := await self._unwell():  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return [Finding("stuck", f"not well {WELL_SECONDS:g} s after the fault: {last or 'a call hangs'}")]
        return []

    async def _unwell(self) -> str:
        rest = self.up.rest
        try:
            async with rest._http.get(f"{rest.gateway}/readyz") as answer:
                if answer.status != 200:
                    return f"/readyz is {answer.status}: {await answer.text()}"
            watched = await rest.watch(await self._upload())
            ends = [watched[-1].name, (await self._answer())[-1].name, (await self._generate())[-1].name]
        except (Refused, aiohttp.ClientError, IndexError) as error:
            return repr(error)
        return "" if ends == ["indexed", "done", "done"] else f"streams ended with {ends}"

    async def _quiet_findings(self) -> list[Finding]:
        """What is wrong once jobs and runs had time to come to rest."""
        found: list[Finding] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS):
                while True:
                    await self._collect()
                    found = findings(self.facts)
                    if not any(finding.kind in {"stuck", "lost"} for finding in found):
                        break
                    await asyncio.sleep(0.5)
        return found

    async def _collect(self) -> None:
        state = await self.up.state()
        facts = self.facts
        listed = await self.up.rest.documents()
        facts.documents = {one["document_id"]: one["state"] for one in listed}
        facts.expected_chunks = {one["document_id"]: int(one.get("chunk_count", 0)) for one in listed}
        url = state["environment"]["TIKU_QDRANT_URL"]
        facts.vectors = {one: await points(url, one) for one in facts.documents}
        await self._collect_rows(state["environment"]["TIKU_POSTGRES_DSN"])

    async def _collect_rows(self, dsn: str) -> None:
        facts = self.facts
        connection = await asyncpg.connect(dsn)
        try:
            chunks: dict[str, list[int]] = defaultdict(list)
            for row in await connection.fetch("SELECT document_id::text AS id, ordinal FROM docs.chunks"):
                chunks[row["id"]].append(row["ordinal"])
            events: dict[str, list[tuple[int, str]]] = defaultdict(list)
            for row in await connection.fetch(
                "SELECT run_id::text AS id, number, name FROM exercises.run_events ORDER BY run_id, number"
            ):
                events[row["id"]].append((row["number"], row["name"]))
            runs: list[Any] = await connection.fetch("SELECT run_id::text AS id, state FROM exercises.runs")
            stored = await connection.fetch("SELECT submission_id::text FROM exercises.submissions")
        finally:
            await connection.close()
        facts.chunks, facts.run_events = chunks, events
        facts.runs = {row["id"]: row["state"] for row in runs}
        facts.stored_submissions = [row[0] for row in stored]
