"""Composition root of the exercises service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from services.exercises.adapters.clients.files import LlmFileReadingModel
from services.exercises.adapters.clients.llm import LlmChatModel
from services.exercises.adapters.clients.retrieval import RETRIED, RetrievalPassageSource
from services.exercises.adapters.stores.postgres.schema import MIGRATIONS, SCHEMA
from services.exercises.adapters.stores.postgres.stores import PostgresStores
from services.exercises.adapters.workers.pooled import PooledMaterialWorker, warm
from services.exercises.domain.analysis.analyst import Analyst
from services.exercises.domain.bank import ExerciseBank
from services.exercises.domain.generation import checks
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.domain.generation.maker import ExerciseMaker
from services.exercises.domain.generation.material import MaterialReader
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.domain.grading.submissions import Submissions
from services.exercises.domain.runs.runs import RunLimits, Runs
from services.exercises.servicer import ExercisesServicer, ProfileServicer
from services.exercises.settings import ExercisesSettings
from services.exercises.values.exercise import Numbered, QuestionMade
from services.exercises.values.generation import GenerationLimits
from services.kit.channels import open_channel
from services.kit.failpoints import Failpoints, Points
from services.kit.ids import new_id
from services.kit.migrations import MAX_WAIT_SECONDS, migrate
from services.kit.server import App, Registration
from services.kit.workers import WorkerPool
from tiku.exercises.v1 import exercises_pb2_grpc, profile_pb2_grpc


async def build(settings: ExercisesSettings, stack: AsyncExitStack) -> App:
    """Build the service; `stack` closes what this opens. The service is ready while the database answers."""
    dsn = settings.postgres_dsn.get_secret_value()
    if settings.migrate:
        await migrate(dsn, SCHEMA, MIGRATIONS, max_wait=MAX_WAIT_SECONDS)
    stores = await stack.enter_async_context(
        PostgresStores.open(
            dsn,
            connections=settings.exercises_postgres_connections,
            statement_timeout_seconds=settings.exercises_statement_timeout_seconds,
        )
    )
    await asyncio.to_thread(checks.prepare)
    llm = await stack.enter_async_context(open_channel(settings.llm_target))
    retrieval = await stack.enter_async_context(open_channel(settings.retrieval_target, retry=RETRIED))
    docs = await stack.enter_async_context(open_channel(settings.docs_target))
    processes = await stack.enter_async_context(WorkerPool(1, warm))
    worker = PooledMaterialWorker(processes, settings.exercises_worker_timeout_seconds)
    model = LlmChatModel(
        llm,
        timeout=max(
            settings.exercises_question_timeout_seconds,
            settings.exercises_grading_timeout_seconds,
            settings.exercises_analysis_timeout_seconds,
        ),
    )
    failpoints = Failpoints(settings.failpoints)
    source = RetrievalPassageSource(retrieval, settings.exercises_retrieval_timeout_seconds)
    reader = MaterialReader(failpoints.around(source, {"passages": Points("exercises.run.material_read")}), worker)
    runs = await stack.enter_async_context(
        Runs.open(
            failpoints.around(
                failpoints.around(
                    stores.runs,
                    {"create": Points("exercises.run.created"), "add_events": Points("exercises.run.events_stored")},
                ),
                {
                    "add_events": Points(
                        "exercises.run.question_stored", before="exercises.run.question_accepted", when=_has_question
                    )
                },
            ),
            new_id(),
            RunLimits(
                max_live=settings.exercises_max_runs,
                lease_seconds=settings.exercises_lease_seconds,
                max_seconds=settings.exercises_run_timeout_seconds,
            ),
        )
    )
    generator = QuestionGenerator(
        model,
        worker,
        GenerationLimits(
            in_flight=settings.exercises_questions_in_flight,
            attempts=settings.exercises_model_attempts,
            question_seconds=settings.exercises_question_timeout_seconds,
            verify_keys=settings.exercises_verify_keys,
            model_explains=settings.exercises_model_explains,
            verification_seconds=settings.exercises_verification_timeout_seconds,
            cloze_after_seconds=settings.exercises_cloze_after_seconds,
        ),
    )
    grader = ShortAnswerGrader(model, settings.exercises_grading_timeout_seconds)
    analyst = Analyst(
        worker, model, LlmFileReadingModel(llm, docs), model_seconds=settings.exercises_analysis_timeout_seconds
    )
    submissions = Submissions(
        failpoints.around(stores.submissions, {"add": Points("exercises.submission.stored")}), grader
    )
    maker = ExerciseMaker(reader, generator.generate, runs)
    return App(
        name="exercises",
        registrations=[
            Registration(
                exercises_pb2_grpc.add_ExercisesServiceServicer_to_server,
                ExercisesServicer(maker, runs, ExerciseBank(stores.exercises, runs), submissions, analyst, reader),
                "tiku.exercises.v1.ExercisesService",
            ),
            Registration(
                profile_pb2_grpc.add_ProfileServiceServicer_to_server,
                ProfileServicer(stores.profiles),
                "tiku.exercises.v1.ProfileService",
            ),
        ],
        ready=stores.ping,
        background=[partial(_warm_workers, processes, settings.exercises_worker_timeout_seconds)],
    )


def _has_question(_: str, events: Sequence[Numbered]) -> bool:
    return any(isinstance(numbered.event, QuestionMade) for numbered in events)


async def _warm_workers(processes: WorkerPool, timeout: float) -> None:
    """Start the worker process before a call needs it; run as long as the server."""
    await processes.run(warm, timeout=timeout)
    await asyncio.Event().wait()
