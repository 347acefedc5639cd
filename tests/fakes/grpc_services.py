"""The four services in memory, behind the kit's real server: what the gateway is tested against.

They follow the contract closely enough for the page to be used on them. What a test wants to see or steer stands in
`Script`: delays, faults, and what was cancelled.
"""
# ruff: noqa: N802  (the contract names the methods)

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from services.kit import context, errors
from services.kit.context import current as context_of_request
from services.kit.ids import new_id
from services.kit.server import App, Registration, running
from services.kit.settings import ServiceSettings
from services.retrieval.adapters.graphs.fake import FakeGraphStore
from services.retrieval.adapters.workers.fake import FakeMentionFinder
from services.retrieval.domain.graph.builder import GraphBuilder
from services.retrieval.domain.graph.explorer import GraphExplorer
from services.retrieval.ports import GraphStore
from services.retrieval.servicer import GraphServicer
from tiku.common.v1 import source_pb2
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc
from tiku.exercises.v1 import exercises_pb2, exercises_pb2_grpc, profile_pb2, profile_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc


@dataclass
class Script:
    """What the services are told to do, and what they saw."""

    pause: float = 0.0
    """Seconds between the events of a stream, and before a unary answer of Chat."""
    tokens: list[str] = field(default_factory=lambda: ["Hello", ", ", "world", "!"])
    fail_after: int | None = None
    """Number of stream events after which Answer and StreamChat fail."""
    fault: Exception | None = None
    """Raised by the next unary calls of Chat, and by streams at `fail_after`."""
    largest_upload: int = 64 * 1024 * 1024
    cancelled: list[str] = field(default_factory=list)
    """Names of the RPCs that ended by cancellation."""
    was_cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    finished_uploads: int = 0
    contexts: list[context.RequestContext] = field(default_factory=list)
    remaining: list[float | None] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    chunk_sizes: list[int] = field(default_factory=list)
    keep_uploads: bool = True
    """Whether UploadDocument keeps more than the first megabyte."""
    upload_gate: asyncio.Event | None = None
    """While it is not set, UploadDocument takes no more bytes."""

    def saw(self, request: Any) -> None:
        """Notes a request with its context."""
        self.requests.append(request)
        self.contexts.append(context.current())
        self.remaining.append(context.remaining())

    @contextlib.contextmanager
    def noting(self, rpc: str) -> Any:
        """Notes the cancellation of what runs inside."""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            # A generator that is cancelled while its last message is written sees only that it is closed.
            self.cancelled.append(rpc)
            self.was_cancelled.set()
            raise


@dataclass
class _Stored:
    document: docs_pb2.Document
    content: bytes
    text: str
    events: list[docs_pb2.WatchDocumentResponse] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class FakeDocs(docs_pb2_grpc.DocsServiceServicer):
    """Documents in a dictionary."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.stored: dict[str, _Stored] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    def _get(self, document_id: str) -> _Stored:
        if document_id not in self.stored:
            raise errors.NotFound("No such document.", reason="DOCUMENT_NOT_FOUND")
        return self.stored[document_id]

    async def UploadDocument(self, request_iterator: Any, context: Any) -> docs_pb2.UploadDocumentResponse:
        description = None
        content = bytearray()
        with self._script.noting("UploadDocument"):
            async for request in request_iterator:
                if request.HasField("description"):
                    description = request.description
                    self._script.saw(request)
                    continue
                self._script.chunk_sizes.append(len(request.chunk))
                if self._script.keep_uploads or not content:
                    content += request.chunk
                if len(content) > self._script.largest_upload:
                    raise errors.InvalidArgument(
                        "The file is too large.",
                        reason="FILE_TOO_LARGE",
                        violations=[
                            errors.FieldViolation("file", f"must be at most {self._script.largest_upload} bytes")
                        ],
                    )
                if self._script.upload_gate is not None:
                    await self._script.upload_gate.wait()
            # A cancelled call ends the requests first and is cancelled a few turns of the loop later (grpc.aio 1.82).
            await asyncio.sleep(0.005)
        if description is None or not content:
            raise errors.InvalidArgument("The file is empty.", violations=[errors.FieldViolation("file", "is empty")])
        if "/" in description.name:
            raise errors.InvalidArgument(
                "Bad name.", violations=[errors.FieldViolation("name", "must not hold folders")]
            )
        digest = hashlib.sha256(content).hexdigest()
        same = next((stored.document for stored in self.stored.values() if stored.document.sha256 == digest), None)
        if same is not None and description.refuse_duplicate:
            raise errors.AlreadyExists(
                "You have it.", reason="DUPLICATE_FILE", metadata={"document_id": same.document_id, "name": same.name}
            )
        self._script.finished_uploads += 1
        return docs_pb2.UploadDocumentResponse(
            document=self.put(description.name, bytes(content), description.parse, description.kind), duplicate_of=same
        )

    def put(
        self, name: str, content: bytes, parse: bool, kind: int = 0, media_type: str = "text/plain"
    ) -> docs_pb2.Document:
        """Stores a document as an upload would."""
        text = content.decode("utf-8", "replace")
        document = docs_pb2.Document(
            document_id=new_id(),
            name=name,
            kind=kind,  # type: ignore[arg-type]
            media_type=media_type,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            state=docs_pb2.DOCUMENT_STATE_UPLOADED,
        )
        document.create_time.GetCurrentTime()
        stored = self.stored[document.document_id] = _Stored(document, content, text)
        if parse:
            self._start(stored)
        return document

    def _start(self, stored: _Stored) -> None:
        stored.document.state = docs_pb2.DOCUMENT_STATE_QUEUED
        job = asyncio.create_task(self._job(stored))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _job(self, stored: _Stored) -> None:
        def tell(**event: Any) -> None:
            response = docs_pb2.WatchDocumentResponse(number=len(stored.events) + 1, **event)
            response.time.GetCurrentTime()
            stored.events.append(response)
            stored.changed.set()
            stored.changed = asyncio.Event()

        stored.document.state = docs_pb2.DOCUMENT_STATE_PROCESSING
        for stage, total in (
            (docs_pb2.STAGE_PARSING, 6),
            (docs_pb2.STAGE_CHUNKING, 12),
            (docs_pb2.STAGE_INDEXING, 12),
        ):
            for done in range(0, total + 1, max(1, total // 4)):
                await asyncio.sleep(self._script.pause)
                tell(progress=docs_pb2.DocumentProgress(stage=stage, done=done, total=total))
        if stored.text.startswith("ENCRYPTED"):
            stored.document.state = docs_pb2.DOCUMENT_STATE_FAILED
            stored.document.failure.reason = "ENCRYPTED_FILE"
            stored.document.failure.message = "The file is protected by a password."
            tell(failed=stored.document.failure)
            return
        if stored.text.startswith("SCANNED"):
            stored.document.warnings.add(reason="PAGES_WITHOUT_TEXT")
        stored.document.state = docs_pb2.DOCUMENT_STATE_INDEXED
        stored.document.page_count, stored.document.chunk_count = 6, 12
        stored.document.text_length = len(stored.text)
        stored.document.language = "zh" if any("\u4e00" <= c <= "\u9fff" for c in stored.text) else "en"
        tell(indexed=docs_pb2.DocumentIndexed(document=stored.document))

    async def GetDocument(self, request: Any, context: Any) -> docs_pb2.GetDocumentResponse:
        self._script.saw(request)
        for warning in self._get(request.document_id).document.warnings:
            warning.message = f"Pages 3–4 hold only images ({context_of_request().accept_language})."
        return docs_pb2.GetDocumentResponse(document=self._get(request.document_id).document)

    async def ListDocuments(self, request: Any, context: Any) -> docs_pb2.ListDocumentsResponse:
        self._script.saw(request)
        newest = [stored.document for stored in reversed(self.stored.values())]
        for warning in (warning for document in newest for warning in document.warnings):
            warning.message = f"Pages 3–4 hold only images ({context_of_request().accept_language})."
        return docs_pb2.ListDocumentsResponse(documents=newest[: request.page_size or 50])

    async def DeleteDocument(self, request: Any, context: Any) -> docs_pb2.DeleteDocumentResponse:
        self._get(request.document_id)
        del self.stored[request.document_id]
        return docs_pb2.DeleteDocumentResponse()

    async def DownloadDocument(self, request: Any, context: Any) -> AsyncIterator[docs_pb2.DownloadDocumentResponse]:
        stored = self._get(request.document_id)
        end = request.offset_bytes + request.length_bytes if request.length_bytes else len(stored.content)
        part = stored.content[request.offset_bytes : end]
        with self._script.noting("DownloadDocument"):
            yield docs_pb2.DownloadDocumentResponse(
                description=docs_pb2.DownloadDescription(
                    name=stored.document.name,
                    media_type=stored.document.media_type,
                    size_bytes=len(stored.content),
                    offset_bytes=request.offset_bytes,
                    length_bytes=len(part),
                    sha256=stored.document.sha256,
                )
            )
            for start in range(0, len(part), 65536):
                await asyncio.sleep(self._script.pause)
                yield docs_pb2.DownloadDocumentResponse(chunk=part[start : start + 65536])

    async def GetDocumentText(self, request: Any, context: Any) -> docs_pb2.GetDocumentTextResponse:
        text = self._get(request.document_id).text
        end = min(request.end or len(text), len(text))
        return docs_pb2.GetDocumentTextResponse(
            text=text[request.start : end], start=request.start, end=end, text_length=len(text)
        )

    async def ParseDocument(self, request: Any, context: Any) -> docs_pb2.ParseDocumentResponse:
        self._script.saw(request)
        stored = self._get(request.document_id)
        if stored.document.state == docs_pb2.DOCUMENT_STATE_UPLOADED:
            self._start(stored)
        return docs_pb2.ParseDocumentResponse(document=stored.document)

    async def WatchDocument(self, request: Any, context: Any) -> AsyncIterator[docs_pb2.WatchDocumentResponse]:
        self._script.saw(request)
        stored = self._get(request.document_id)
        sent = request.after
        with self._script.noting("WatchDocument"):
            while True:
                changed = stored.changed
                for event in stored.events[sent:]:
                    yield event
                    sent = event.number
                    if event.WhichOneof("event") != "progress":
                        return
                await changed.wait()


class FakeLlm(llm_pb2_grpc.LlmServiceServicer):
    """Says what the script says."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def _usage(self) -> source_pb2.TokenUsage:
        count = len(self._script.tokens)
        return source_pb2.TokenUsage(prompt_tokens=7, completion_tokens=count, total_tokens=7 + count)

    async def Chat(self, request: Any, context: Any) -> llm_pb2.ChatResponse:
        self._script.saw(request)
        with self._script.noting("Chat"):
            await asyncio.sleep(self._script.pause)
        if self._script.fault is not None:
            raise self._script.fault
        return llm_pb2.ChatResponse(
            message=llm_pb2.ChatMessage(role=llm_pb2.ROLE_ASSISTANT, content="".join(self._script.tokens)),
            finish_reason=llm_pb2.FINISH_REASON_STOP,
            usage=self._usage(),
            model=request.model or "fake-1",
            provider="fake",
        )

    async def StreamChat(self, request: Any, context: Any) -> AsyncIterator[llm_pb2.StreamChatResponse]:
        self._script.saw(request)
        with self._script.noting("StreamChat"):
            for number, token in enumerate(self._script.tokens):
                if self._script.fail_after == number:
                    raise self._script.fault or errors.Unavailable("The provider went away.")
                yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=token))
                await asyncio.sleep(self._script.pause)
            yield llm_pb2.StreamChatResponse(
                finish=llm_pb2.ChatFinish(
                    finish_reason=llm_pb2.FINISH_REASON_STOP,
                    usage=self._usage(),
                    model=request.model or "fake-1",
                    provider="fake",
                )
            )

    async def Embed(self, request: Any, context: Any) -> llm_pb2.EmbedResponse:
        self._script.saw(request)
        vectors = [llm_pb2.Embedding(values=[0.6, 0.8, float(len(text))]) for text in request.texts]
        return llm_pb2.EmbedResponse(
            embeddings=vectors, dimension=3, model=request.model or "fake-embedder", usage=self._usage()
        )

    async def Rerank(self, request: Any, context: Any) -> llm_pb2.RerankResponse:
        self._script.saw(request)
        order = sorted(range(len(request.documents)), key=lambda i: -len(request.documents[i]))
        results = [llm_pb2.RankedDocument(index=i, score=1 / (rank + 1)) for rank, i in enumerate(order)]
        return llm_pb2.RerankResponse(
            results=results[: request.top_n or None], model="fake-reranker", usage=self._usage()
        )

    async def ListModels(self, request: Any, context: Any) -> llm_pb2.ListModelsResponse:
        return llm_pb2.ListModelsResponse(
            models=[
                llm_pb2.Model(name="fake-1", provider="fake", purpose=llm_pb2.MODEL_PURPOSE_CHAT, default=True),
                llm_pb2.Model(name="fake-1", provider="another", purpose=llm_pb2.MODEL_PURPOSE_CHAT),
                llm_pb2.Model(name="org/fake-embedder", provider="fake", purpose=llm_pb2.MODEL_PURPOSE_EMBEDDING),
            ]
        )

    async def ReadFile(self, request_iterator: Any, context: Any) -> llm_pb2.ReadFileResponse:
        size = 0
        question = ""
        async for request in request_iterator:
            question = request.description.question or question
            size += len(request.chunk)
        return llm_pb2.ReadFileResponse(text=f"{question} {size}")


class FakeRetrieval(retrieval_pb2_grpc.RetrievalServiceServicer):
    """Answers from the first sentences of what FakeDocs holds."""

    def __init__(self, script: Script, docs: FakeDocs) -> None:
        self._script = script
        self._docs = docs

    def _sources(self, document_ids: list[str]) -> list[source_pb2.Source]:
        found = []
        for stored in self._docs.stored.values():
            if document_ids and stored.document.document_id not in document_ids:
                continue
            for quote, start, end in sentences(stored.text)[:4]:
                found.append(
                    source_pb2.Source(
                        document_id=stored.document.document_id,
                        document_name=stored.document.name,
                        chunk_id=chunk_id_of(stored.document.document_id),
                        page=1 + start // 300,
                        start=start,
                        end=end,
                        quote=quote,
                    )
                )
        return found[:4]

    async def Answer(self, request: Any, context: Any) -> AsyncIterator[retrieval_pb2.AnswerResponse]:
        self._script.saw(request)
        sources = self._sources(list(request.filter.document_ids))
        with self._script.noting("Answer"):
            yield retrieval_pb2.AnswerResponse(sources=retrieval_pb2.AnswerSources(sources=sources))
            if not sources:
                text = "The material does not hold the answer."
                yield retrieval_pb2.AnswerResponse(delta=retrieval_pb2.AnswerDelta(text=text))
                yield retrieval_pb2.AnswerResponse(
                    done=retrieval_pb2.AnswerDone(outcome=retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL, text=text)
                )
                return
            whole = ""
            for number, source in enumerate(sources, 1):
                piece = f"{source.quote} "
                for start in range(0, len(piece), 6):
                    if self._script.fail_after is not None and len(whole) > self._script.fail_after:
                        raise self._script.fault or errors.Unavailable("The provider went away.")
                    whole += piece[start : start + 6]
                    yield retrieval_pb2.AnswerResponse(delta=retrieval_pb2.AnswerDelta(text=piece[start : start + 6]))
                    await asyncio.sleep(self._script.pause / 4)
                mark = f"[{number}] "
                yield retrieval_pb2.AnswerResponse(delta=retrieval_pb2.AnswerDelta(text=mark))
                yield retrieval_pb2.AnswerResponse(
                    citation=retrieval_pb2.Citation(
                        number=number,
                        source=source,
                        answer_start=len(whole),
                        answer_end=len(whole) + len(mark) - 1,
                    )
                )
                whole += mark
            yield retrieval_pb2.AnswerResponse(
                done=retrieval_pb2.AnswerDone(
                    outcome=retrieval_pb2.ANSWER_OUTCOME_ANSWERED,
                    text=whole,
                    usage=source_pb2.TokenUsage(prompt_tokens=812, completion_tokens=64, total_tokens=876),
                    model="fake-1",
                )
            )

    async def Search(self, request: Any, context: Any) -> retrieval_pb2.SearchResponse:
        self._script.saw(request)
        return retrieval_pb2.SearchResponse()


class FakeGraph(graph_pb2_grpc.GraphServiceServicer):
    """The real servicer, on a store in memory or on one that a test gives it."""

    def __init__(self) -> None:
        self.store: GraphStore | None = FakeGraphStore()
        """None where no graph is kept."""
        self.fault: Exception | None = None
        """Raised by the next calls."""

    def _servicer(self) -> GraphServicer:
        if self.fault is not None:
            raise self.fault
        extractor: Any = None
        if self.store is None:
            return GraphServicer(extractor, extractor, None, None)
        builder = GraphBuilder(self.store, FakeMentionFinder())
        return GraphServicer(extractor, extractor, builder, GraphExplorer(self.store))

    async def AddChunks(self, request: Any, context: Any) -> Any:
        return await self._servicer().AddChunks(request, context)

    async def Upsert(self, request: Any, context: Any) -> Any:
        return await self._servicer().Upsert(request, context)

    async def Survey(self, request: Any, context: Any) -> Any:
        return await self._servicer().Survey(request, context)


class FakeExercises(exercises_pb2_grpc.ExercisesServiceServicer):
    """Makes questions of every kind from sentences, and grades them."""

    def __init__(self, script: Script, docs: FakeDocs) -> None:
        self._script = script
        self._docs = docs
        self.exercises: dict[str, exercises_pb2.Exercise] = {}
        self.runs: dict[str, list[exercises_pb2.RunEvent]] = {}

    def _material(self, request: Any) -> list[tuple[str, str, str]]:
        if request.WhichOneof("material") == "text":
            return [("", "", request.text)]
        return [
            (document_id, self._docs._get(document_id).document.name, self._docs._get(document_id).text)
            for document_id in request.documents.document_ids
        ]

    async def GenerateExercise(
        self, request: Any, context: Any
    ) -> AsyncIterator[exercises_pb2.GenerateExerciseResponse]:
        self._script.saw(request)
        material = self._material(request)
        count = request.count or 5
        kinds = list(request.kinds) or [1, 2, 3, 4, 5]
        run_id, exercise_id = new_id(), new_id()
        language = "zh" if any("\u4e00" <= c <= "\u9fff" for _, _, text in material for c in text) else "en"
        exercise = self.exercises[exercise_id] = exercises_pb2.Exercise(
            exercise_id=exercise_id,
            run_id=run_id,
            title=request.title or material[0][1] or "Untitled",
            language=language,
            run_state=exercises_pb2.RUN_STATE_RUNNING,
        )
        exercise.create_time.GetCurrentTime()
        events = self.runs[run_id] = []

        def event(**fields: Any) -> exercises_pb2.GenerateExerciseResponse:
            events.append(exercises_pb2.RunEvent(number=len(events) + 1, **fields))
            return exercises_pb2.GenerateExerciseResponse(event=events[-1])

        with self._script.noting("GenerateExercise"):
            yield event(started=exercises_pb2.RunStarted(run_id=run_id, exercise_id=exercise_id))
            yield event(progress=exercises_pb2.RunProgress(phase=exercises_pb2.RUN_PHASE_READING, done=4, total=8))
            await asyncio.sleep(self._script.pause)
            yield event(progress=exercises_pb2.RunProgress(phase=exercises_pb2.RUN_PHASE_READING, done=8, total=8))
            pool = [(i, n, s) for i, n, text in material for s in sentences(text)]
            for number in range(1, count + 1):
                kind = kinds[(number - 1) % len(kinds)]
                question = make_question(number, kind, pool, language)
                for piece, stem in (('{"stem": ', ""), ('"…', question.stem[:9]), ('", "options"', question.stem)):
                    if request.include_answers:
                        yield event(token=exercises_pb2.RunToken(text=piece))
                    yield event(writing=exercises_pb2.QuestionProgress(draft=number, kind=kind, stem=stem))
                    await asyncio.sleep(self._script.pause)
                if number == 2:
                    yield event(
                        rejected=exercises_pb2.QuestionRejected(kind=kind, reason="DUPLICATE_STEM", draft=number)
                    )
                exercise.questions.append(question)
                exercise.question_count = number
                exercise.points += question.points
                shown = exercises_pb2.Question()
                shown.CopyFrom(question)
                if not request.include_answers:
                    hide_answers(shown)
                yield event(question=exercises_pb2.QuestionCompleted(question=shown, draft=number))
                yield event(
                    progress=exercises_pb2.RunProgress(
                        phase=exercises_pb2.RUN_PHASE_GENERATING, done=number, total=count
                    )
                )
            exercise.run_state = exercises_pb2.RUN_STATE_DONE
            usage = source_pb2.TokenUsage(prompt_tokens=2048, completion_tokens=512, total_tokens=2560)
            yield event(usage=exercises_pb2.RunUsage(usage=usage))
            yield event(
                done=exercises_pb2.RunDone(
                    state=exercises_pb2.RUN_STATE_DONE,
                    exercise_id=exercise_id,
                    question_count=count,
                    model_count=count - count // 3,
                    cloze_count=count // 3,
                    rejected_count=1,
                )
            )

    async def ResumeRun(self, request: Any, context: Any) -> AsyncIterator[exercises_pb2.ResumeRunResponse]:
        self._script.saw(request)
        if request.run_id not in self.runs:
            raise errors.NotFound("No such run.", reason="RUN_NOT_FOUND")
        for event in self.runs[request.run_id]:
            if event.number > request.after:
                yield exercises_pb2.ResumeRunResponse(event=event)

    async def CancelRun(self, request: Any, context: Any) -> exercises_pb2.CancelRunResponse:
        self._script.saw(request)
        return exercises_pb2.CancelRunResponse(state=exercises_pb2.RUN_STATE_CANCELLED)

    def _get(self, exercise_id: str) -> exercises_pb2.Exercise:
        if exercise_id not in self.exercises:
            raise errors.NotFound("No such exercise.", reason="EXERCISE_NOT_FOUND")
        return self.exercises[exercise_id]

    async def GetExercise(self, request: Any, context: Any) -> exercises_pb2.GetExerciseResponse:
        exercise = exercises_pb2.Exercise()
        exercise.CopyFrom(self._get(request.exercise_id))
        if not request.include_answers:
            for question in exercise.questions:
                hide_answers(question)
        return exercises_pb2.GetExerciseResponse(exercise=exercise)

    async def ListExercises(self, request: Any, context: Any) -> exercises_pb2.ListExercisesResponse:
        listed = []
        for stored in reversed(self.exercises.values()):
            exercise = exercises_pb2.Exercise()
            exercise.CopyFrom(stored)
            exercise.ClearField("questions")
            listed.append(exercise)
        return exercises_pb2.ListExercisesResponse(exercises=listed)

    async def AnalyzeFile(self, request: Any, context: Any) -> exercises_pb2.AnalyzeFileResponse:
        self._script.saw(request)
        stored = self._docs._get(request.document_id)
        analysis = exercises_pb2.MaterialAnalysis(
            level=exercises_pb2.LEVEL_INTERMEDIATE,
            language=stored.document.language,
            generator=exercises_pb2.GENERATOR_MODEL,
            analyzed_length=len(stored.text),
        )
        for quote, start, end in sentences(stored.text)[:3]:
            source = source_pb2.Source(
                document_id=request.document_id, document_name=stored.document.name, start=start, end=end, quote=quote
            )
            analysis.key_points.add(text=f"Point: {quote}", source=source)
        analysis.suggestions.add(kind=exercises_pb2.QUESTION_KIND_SHORT_ANSWER, count=4, reason="It explains causes.")
        reader = exercises_pb2.FILE_READER_PROVIDER if "provider" in stored.text else exercises_pb2.FILE_READER_TIKU
        return exercises_pb2.AnalyzeFileResponse(analysis=analysis, read_by=reader)

    async def SubmitExercise(self, request: Any, context: Any) -> exercises_pb2.SubmitExerciseResponse:
        self._script.saw(request)
        exercise = self._get(request.exercise_id)
        answers = {answer.question_id: answer for answer in request.answers}
        grades = [grade(question, answers.get(question.question_id)) for question in exercise.questions]
        submission = exercises_pb2.Submission(
            submission_id=new_id(),
            exercise_id=exercise.exercise_id,
            grades=grades,
            points=sum(g.points for g in grades),
            max_points=sum(g.max_points for g in grades),
            needs_review_count=sum(g.verdict == exercises_pb2.VERDICT_NEEDS_REVIEW for g in grades),
        )
        return exercises_pb2.SubmitExerciseResponse(submission=submission)

    async def DeleteExercise(self, request: Any, context: Any) -> exercises_pb2.DeleteExerciseResponse:
        self._get(request.exercise_id)
        del self.exercises[request.exercise_id]
        return exercises_pb2.DeleteExerciseResponse()


class FakeProfile(profile_pb2_grpc.ProfileServiceServicer):
    """One profile a user."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def GetProfile(self, request: Any, context: Any) -> profile_pb2.GetProfileResponse:
        self._script.saw(request)
        return profile_pb2.GetProfileResponse(profile=profile_pb2.Profile(user_id=self._script.contexts[-1].user_id))

    async def UpdateProfile(self, request: Any, context: Any) -> profile_pb2.UpdateProfileResponse:
        self._script.saw(request)
        return profile_pb2.UpdateProfileResponse(profile=request.profile)


def chunk_id_of(document_id: str) -> str:
    """The id of the one chunk that FakeRetrieval knows of a document."""
    return str(uuid.uuid5(uuid.UUID(document_id), "0"))


def sentences(text: str) -> list[tuple[str, int, int]]:
    """Sentences with their offsets."""
    found = []
    start = 0
    for position, character in enumerate(text):
        if character in "。.!?！？\n":
            sentence = text[start : position + 1]
            lead = len(sentence) - len(sentence.lstrip())
            if len(sentence.strip()) > 8:
                found.append((sentence.strip(), start + lead, start + lead + len(sentence.strip())))
            start = position + 1
    return found or [(text.strip(), 0, len(text.strip()))]


def make_question(number: int, kind: int, pool: list[Any], language: str) -> exercises_pb2.Question:
    """A question of a kind about the next sentence."""
    document_id, name, (quote, start, end) = pool[(number - 1) % len(pool)]
    chinese = language == "zh"
    question = exercises_pb2.Question(
        question_id=new_id(),
        number=number,
        kind=kind,  # type: ignore[arg-type]
        generator=exercises_pb2.GENERATOR_CLOZE if number % 3 == 0 else exercises_pb2.GENERATOR_MODEL,
        model="" if number % 3 == 0 else "fake-1",
        points=2.0 if kind == exercises_pb2.QUESTION_KIND_SHORT_ANSWER else 1.0,
        explanation=("材料原文写道：" if chinese else "The material says so: ") + quote,
        source=source_pb2.Source(
            document_id=document_id, document_name=name, page=1 + start // 300, start=start, end=end, quote=quote
        ),
    )
    words = [quote[i : i + 6] for i in range(0, 24, 6)] if chinese else [*quote.split(), "a", "b", "c", "d"][:4]
    if kind in (exercises_pb2.QUESTION_KIND_SINGLE_CHOICE, exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE):
        question.stem = "下列哪一项出自这段材料？" if chinese else "Which of these words stands in the passage?"
        for key, word in zip("ABCD", words, strict=False):
            question.options.add(key=key, text=word)
        multiple = kind == exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE
        question.answer_key.option_keys.extend(["A", "C"] if multiple else ["B"])
    elif kind == exercises_pb2.QUESTION_KIND_TRUE_FALSE:
        question.stem = quote
        question.answer_key.truth = True
    elif kind == exercises_pb2.QUESTION_KIND_FILL_IN_THE_BLANK:
        question.stem = quote.replace(words[1], "____", 1)
        question.answer_key.blanks.add(accepted=[words[1]])
    else:
        question.stem = "用自己的话概括这段材料。" if chinese else "Say in your own words what the passage teaches."
        question.answer_key.reference = quote
        question.answer_key.rubric.add(text="要点完整" if chinese else "Names the main idea", points=2)
    return question


def hide_answers(question: exercises_pb2.Question) -> None:
    """Takes away what shows the key."""
    for name in ("answer_key", "explanation", "source"):
        question.ClearField(name)


def grade(question: exercises_pb2.Question, answer: exercises_pb2.Answer | None) -> exercises_pb2.Grade:
    """An exact grade; short answers that are long enough need review."""
    result = exercises_pb2.Grade(
        question_id=question.question_id,
        max_points=question.points,
        answer_key=question.answer_key,
        explanation=question.explanation,
        source=question.source,
    )
    key = question.answer_key
    right = False
    if answer is None:
        result.verdict, result.points = exercises_pb2.VERDICT_UNANSWERED, 0
        return result
    if question.kind == exercises_pb2.QUESTION_KIND_SHORT_ANSWER:
        if len(answer.text) > 60:
            result.verdict = exercises_pb2.VERDICT_NEEDS_REVIEW
            result.feedback = "No valid grade could be had."
            return result
        result.verdict, result.points = exercises_pb2.VERDICT_PARTIAL, question.points / 2
        result.feedback = "The main idea is there; an example is missing."
        result.rubric_results.add(
            text=key.rubric[0].text, points=question.points / 2, max_points=question.points, evidence=answer.text
        )
        return result
    if question.options:
        right = sorted(answer.option_keys) == list(key.option_keys)
    elif key.HasField("truth"):
        right = answer.HasField("truth") and answer.truth == key.truth
    else:
        right = list(answer.blanks) == [blank.accepted[0] for blank in key.blanks]
    result.verdict = exercises_pb2.VERDICT_CORRECT if right else exercises_pb2.VERDICT_INCORRECT
    result.points = question.points if right else 0
    return result


@dataclass
class FakeServices:
    """The running services."""

    script: Script
    docs: FakeDocs
    graph: FakeGraph
    exercises: FakeExercises
    targets: dict[str, str]


@contextlib.asynccontextmanager
async def fake_services(script: Script | None = None, *, max_in_flight: int = 5000) -> AsyncIterator[FakeServices]:
    """Serves the four services on free ports; each is SERVING when the block begins."""
    script = script or Script()
    docs = FakeDocs(script)
    graph = FakeGraph()
    exercises = FakeExercises(script, docs)
    apps = {
        "llm": [Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, FakeLlm(script), "tiku.llm.v1.LlmService")],
        "docs": [Registration(docs_pb2_grpc.add_DocsServiceServicer_to_server, docs, "tiku.docs.v1.DocsService")],
        "retrieval": [
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                FakeRetrieval(script, docs),
                "tiku.retrieval.v1.RetrievalService",
            ),
            Registration(
                graph_pb2_grpc.add_GraphServiceServicer_to_server,
                graph,
                "tiku.retrieval.v1.GraphService",
            ),
        ],
        "exercises": [
            Registration(
                exercises_pb2_grpc.add_ExercisesServiceServicer_to_server,
                exercises,
                "tiku.exercises.v1.ExercisesService",
            ),
            Registration(
                profile_pb2_grpc.add_ProfileServiceServicer_to_server,
                FakeProfile(script),
                "tiku.exercises.v1.ProfileService",
            ),
        ],
    }
    settings = ServiceSettings(drain_seconds=0, max_in_flight=max_in_flight)
    async with contextlib.AsyncExitStack() as stack:
        targets = {}
        for name, registrations in apps.items():
            server = await stack.enter_async_context(running(App(name, registrations), "127.0.0.1:0", settings))
            targets[name] = server.address
        await asyncio.sleep(0.02)
        yield FakeServices(script, docs, graph, exercises, targets)
