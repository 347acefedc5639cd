"""Composition root of the exercises service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from services.exercises.adapters import workers
from services.exercises.adapters.clients.llm import LlmChatModel
from services.exercises.adapters.clients.retrieval import RETRIED, RetrievalLibrary
from services.exercises.adapters.stores.postgres import PostgresExerciseStore, PostgresProfileStore, open_pool
from services.exercises.domain.analysis.analyst import Analyst
from services.exercises.domain.bank import Exercises
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.domain.generation.maker import ExerciseMaker
from services.exercises.domain.generation.material import MaterialReader
from services.exercises.domain.grading.short_answers import ShortAnswerGrader, ShortAnswerLimits
from services.exercises.domain.grading.submissions import Submissions
from services.exercises.domain.runs.runs import RunLimits, Runs
from services.exercises.servicer import ExercisesServicer, ProfileServicer
from services.exercises.settings import ExercisesSettings
from services.exercises.values.generation import GenerationLimits
from services.kit.channels import open_channel
from services.kit.ids import new_id
from services.kit.server import App, Registration
from services.kit.workers import WorkerPool
from tiku.exercises.v1 import exercises_pb2_grpc, profile_pb2_grpc
from tiku.llm.v1 import llm_pb2_grpc
from tiku.retrieval.v1 import retrieval_pb2_grpc


async def build(settings: ExercisesSettings, stack: AsyncExitStack) -> App:
    """Wires the service; what it opens, `stack` closes. Ready while the database answers."""
    pool = await stack.enter_async_context(
        open_pool(
            settings.postgres_dsn.get_secret_value(),
            max_size=settings.exercises_pool_size,
            command_timeout=settings.exercises_database_seconds,
        )
    )
    llm = await stack.enter_async_context(open_channel(settings.llm_target))
    retrieval = await stack.enter_async_context(open_channel(settings.retrieval_target, retry=RETRIED))
    processes = await stack.enter_async_context(WorkerPool(1, workers.warm))

    store = PostgresExerciseStore(pool)
    model = LlmChatModel(
        llm_pb2_grpc.LlmServiceStub(llm),
        timeout=max(
            settings.exercises_question_seconds,
            settings.exercises_grading_seconds,
            settings.exercises_analysis_seconds,
        ),
    )
    reader = MaterialReader(
        RetrievalLibrary(retrieval_pb2_grpc.RetrievalServiceStub(retrieval), settings.exercises_retrieval_seconds),
        workers.PooledCutter(processes, settings.exercises_worker_seconds),
    )
    runs = await stack.enter_async_context(
        Runs.open(
            store,
            new_id(),
            RunLimits(
                most_live=settings.exercises_most_runs,
                lease_seconds=settings.exercises_lease_seconds,
                longest_seconds=settings.exercises_run_seconds,
            ),
        )
    )
    generator = QuestionGenerator(
        model,
        workers.PooledCloze(processes, settings.exercises_worker_seconds),
        GenerationLimits(
            in_flight=settings.exercises_questions_in_flight,
            retries=settings.exercises_model_retries,
            question_seconds=settings.exercises_question_seconds,
            verify_keys=settings.exercises_verify_keys,
            confirmation_seconds=settings.exercises_confirmation_seconds,
        ),
    )
    grader = ShortAnswerGrader(model, ShortAnswerLimits(seconds=settings.exercises_grading_seconds))
    analyst = Analyst(
        workers.PooledExtractor(processes, settings.exercises_worker_seconds),
        model,
        model_seconds=settings.exercises_analysis_seconds,
    )
    exercises = Exercises(store, runs)
    maker = ExerciseMaker(reader, generator.generate, runs)
    return App(
        name="exercises",
        registrations=[
            Registration(
                exercises_pb2_grpc.add_ExercisesServiceServicer_to_server,
                ExercisesServicer(maker, runs, exercises, Submissions(store, grader), analyst, reader),
                "tiku.exercises.v1.ExercisesService",
            ),
            Registration(
                profile_pb2_grpc.add_ProfileServiceServicer_to_server,
                ProfileServicer(PostgresProfileStore(pool)),
                "tiku.exercises.v1.ProfileService",
            ),
        ],
        ready=store.ping,
        background=[_warmed(processes, settings.exercises_worker_seconds)],
    )


def _warmed(processes: WorkerPool, timeout: float) -> Callable[[], Coroutine[Any, Any, None]]:
    """Starts the worker process beside the first calls instead of in one; lasts as long as the server."""

    async def warm() -> None:
        await processes.run(workers.warm, timeout=timeout)
        await asyncio.Event().wait()

    return warm
