"""What is done through the gateway: the demo's whole job, a short one, and a look at what the whole one left behind."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing
from pathlib import Path

from rich.console import Console

from services.client.rest import TikuClient
from services.client.views import show_answer, show_run
from services.demo.answers import faults, plan
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2 as pb
from tiku.retrieval.v1 import retrieval_pb2

QUESTION = "When does the pilot boat leave the harbour?"
TEXT = """# The harbour of {name}

The pilot boat of {name} leaves the harbour one hour before high tide.
A pilot climbs aboard the arriving freighter over a rope ladder at its side.
The lighthouse on the northern breakwater flashes twice every fifteen seconds.
Tugboats push the freighter against the quay while sailors fasten the hawsers.
"""


class NotHeldError(Exception):
    """Something that had to hold did not; the message says what was seen."""


class Job:
    """A short job, and the memory of the first one, whose document and exercise must outlive every kill."""

    def __init__(self, client: TikuClient) -> None:
        self._client = client
        self._quiet = Console(quiet=True)
        self._kept: tuple[docs_pb2.Document, str, pb.Exercise] | None = None

    async def play(self, name: str, *, at_most: float | None = None) -> str:
        """Upload a text of its own, ask, generate, answer, grade; gives a line of figures.

        Raises:
            NotHeldError: something is not as it has to be.
            TimeoutError: it took longer than `at_most` seconds.
        """
        async with asyncio.timeout(at_most):
            return await self._play(name)

    async def _play(self, name: str) -> str:
        document = await self.index(name)
        cited = await self.ask(document)
        exercise = await self._generate(document)
        planned = plan(exercise.questions)
        submission = await self._client.submit(exercise.exercise_id, [one.answer for one in planned])
        if found := faults(planned, submission):
            raise NotHeldError("; ".join(found))
        text = await self._client.text(document.document_id, 0, len(TEXT))
        self._kept = self._kept or (document, text, exercise)
        points = f"{submission.points:g}/{submission.max_points:g} points"
        return f"{cited} cited, {len(exercise.questions)} questions, {points}"

    async def look_back(self) -> str:
        """Whether rows, object, vectors and exercise of the first short job are still there. Raises NotHeldError."""
        if self._kept is None:
            raise NotHeldError("no job was played before")
        document, text, exercise = self._kept
        now = await self._client.document(document.document_id)
        if now.state != docs_pb2.DOCUMENT_STATE_INDEXED or now.chunk_count != document.chunk_count:
            raise NotHeldError(f"the first document is {docs_pb2.DocumentState.Name(now.state)}")
        if await self._client.text(document.document_id, 0, len(TEXT)) != text:
            raise NotHeldError("the first document's text is another")
        if (await self._client.exercise(exercise.exercise_id, include_answers=True)).questions != exercise.questions:
            raise NotHeldError("the first exercise is another")
        cited = await self.ask(document)
        return f"rows, text, exercise, vectors ({cited} cited)"

    async def index(self, name: str) -> docs_pb2.Document:
        """Uploads a text of its own and waits until it can be found. Raises NotHeldError."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.md"
            await asyncio.to_thread(file.write_text, TEXT.format(name=name), encoding="utf-8")
            document = (await self._client.upload(file, docs_pb2.DOCUMENT_KIND_MATERIAL)).document
        async with aclosing(self._client.watch(document.document_id)) as events:
            async for event in events:
                if event.WhichOneof("event") == "failed":
                    raise NotHeldError(f"indexing failed: {event.failed.message} [{event.failed.reason}]")
        return await self._client.document(document.document_id)

    async def ask(self, document: docs_pb2.Document) -> int:
        """How many citations the answer to `QUESTION` has. Raises NotHeldError where it has none, or is another."""
        async with aclosing(self._client.answer(QUESTION, [document.document_id])) as events:
            answered = await show_answer(self._quiet, events)
        if answered.outcome != retrieval_pb2.ANSWER_OUTCOME_ANSWERED or not answered.citations:
            raise NotHeldError(f"the question was not answered with a citation: {answered.text!r}")
        if "high tide" not in answered.text:
            raise NotHeldError(f"the answer is another: {answered.text!r}")
        return len(answered.citations)

    async def _generate(self, document: docs_pb2.Document) -> pb.Exercise:
        request = pb.GenerateExerciseRequest(
            count=2,
            include_answers=True,
            kinds=[pb.QUESTION_KIND_SINGLE_CHOICE, pb.QUESTION_KIND_SHORT_ANSWER],
            generator=pb.GENERATOR_CHOICE_MODEL_ONLY,
        )
        request.documents.document_ids.append(document.document_id)
        async with aclosing(self._client.generate(request)) as events:
            generated = await show_run(self._quiet, events, request.count)
        if generated.done.state != pb.RUN_STATE_DONE or len(generated.questions) != request.count:
            raise NotHeldError(f"{len(generated.questions)} questions: {generated.done.message}")
        exercise = await self._client.exercise(generated.exercise_id, include_answers=True)
        for question in exercise.questions:
            source = question.source
            if await self._client.text(document.document_id, source.start, source.end) != source.quote:
                raise NotHeldError(f"a quote is not what the text holds: {source.quote!r}")
        return exercise
