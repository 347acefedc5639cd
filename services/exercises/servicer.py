"""The gRPC edge of exercises: translate in, call the domain, translate out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from services.common.messages import cleaned, message_of
from services.exercises import messages
from services.exercises.domain.analysis.analyst import Analyst
from services.exercises.domain.bank import ExerciseBank
from services.exercises.domain.generation.maker import ExerciseMaker
from services.exercises.domain.generation.material import MaterialReader
from services.exercises.domain.grading.submissions import Submissions
from services.exercises.domain.profile import IMMUTABLE_FIELDS, MUTABLE_FIELDS, changes
from services.exercises.domain.runs.runs import Runs
from services.exercises.ports import ProfileStore
from services.kit import context
from tiku.exercises.v1 import exercises_pb2, exercises_pb2_grpc, profile_pb2, profile_pb2_grpc

_MAX_ANALYZED_PASSAGES = 200


class ExercisesServicer(exercises_pb2_grpc.ExercisesServiceServicer):
    """`tiku.exercises.v1.ExercisesService`, on the exercises of the request's user."""

    def __init__(
        self,
        maker: ExerciseMaker,
        runs: Runs,
        bank: ExerciseBank,
        submissions: Submissions,
        analyst: Analyst,
        reader: MaterialReader,
    ) -> None:
        self._maker = maker
        self._runs = runs
        self._bank = bank
        self._submissions = submissions
        self._analyst = analyst
        self._reader = reader

    async def AnalyzeMaterial(
        self, request: exercises_pb2.AnalyzeMaterialRequest, _: Any
    ) -> exercises_pb2.AnalyzeMaterialResponse:
        """Say what a text teaches."""
        passages = await self._reader.text_passages(request.text)
        analysis = await self._analyst.analyze(passages, request.model)
        return exercises_pb2.AnalyzeMaterialResponse(analysis=message_of(exercises_pb2.MaterialAnalysis, analysis))

    async def AnalyzeFile(self, request: exercises_pb2.AnalyzeFileRequest, _: Any) -> exercises_pb2.AnalyzeFileResponse:
        """Say what an indexed document teaches."""
        passages = await self._reader.passages([request.document_id], "", _MAX_ANALYZED_PASSAGES)
        analysis = await self._analyst.analyze(passages, request.model, request.document_id)
        by_provider = analysis.read_by_provider
        return exercises_pb2.AnalyzeFileResponse(
            analysis=message_of(exercises_pb2.MaterialAnalysis, analysis),
            read_by=exercises_pb2.FILE_READER_PROVIDER if by_provider else exercises_pb2.FILE_READER_TIKU,
        )

    async def GenerateExercise(
        self, request: exercises_pb2.GenerateExerciseRequest, _: Any
    ) -> AsyncIterator[exercises_pb2.GenerateExerciseResponse]:
        """Make questions and stream the run."""
        wanted = messages.generation_request(cleaned(request))
        async with aclosing(self._maker.make(context.current().user_id, wanted)) as run:
            async for numbered in run:
                if messages.is_shown(numbered.event, include_answers=request.include_answers):
                    event = messages.event_message(numbered, include_answers=request.include_answers)
                    yield exercises_pb2.GenerateExerciseResponse(event=event)

    async def ResumeRun(
        self, request: exercises_pb2.ResumeRunRequest, _: Any
    ) -> AsyncIterator[exercises_pb2.ResumeRunResponse]:
        """Stream the rest of a run."""
        owner = context.current().user_id
        async with aclosing(self._runs.follow(owner, request.run_id, request.after)) as run:
            async for numbered in run:
                if messages.is_shown(numbered.event, include_answers=request.include_answers):
                    event = messages.event_message(numbered, include_answers=request.include_answers)
                    yield exercises_pb2.ResumeRunResponse(event=event)

    async def CancelRun(self, request: exercises_pb2.CancelRunRequest, _: Any) -> exercises_pb2.CancelRunResponse:
        """Stop a run."""
        state = await self._runs.cancel(context.current().user_id, request.run_id)
        return exercises_pb2.CancelRunResponse(state=exercises_pb2.RunState.Value(f"RUN_STATE_{state.name}"))

    async def GetExercise(self, request: exercises_pb2.GetExerciseRequest, _: Any) -> exercises_pb2.GetExerciseResponse:
        """Return an exercise."""
        exercise = await self._bank.get(context.current().user_id, request.exercise_id)
        return exercises_pb2.GetExerciseResponse(
            exercise=messages.exercise_message(exercise, include_answers=request.include_answers)
        )

    async def ListExercises(
        self, request: exercises_pb2.ListExercisesRequest, _: Any
    ) -> exercises_pb2.ListExercisesResponse:
        """List exercises, newest first."""
        exercises, token = await self._bank.list(context.current().user_id, request.page_size, request.page_token)
        return exercises_pb2.ListExercisesResponse(
            exercises=[messages.exercise_message(exercise, include_answers=False) for exercise in exercises],
            next_page_token=token,
        )

    async def SubmitExercise(
        self, request: exercises_pb2.SubmitExerciseRequest, _: Any
    ) -> exercises_pb2.SubmitExerciseResponse:
        """Grade answers."""
        exercise = await self._bank.get(context.current().user_id, request.exercise_id)
        answers = [messages.answer_value(cleaned(answer)) for answer in request.answers]
        submission = await self._submissions.submit(exercise, answers)
        return exercises_pb2.SubmitExerciseResponse(submission=messages.submission_message(submission))

    async def DeleteExercise(
        self, request: exercises_pb2.DeleteExerciseRequest, _: Any
    ) -> exercises_pb2.DeleteExerciseResponse:
        """Remove an exercise."""
        await self._bank.delete(context.current().user_id, request.exercise_id)
        return exercises_pb2.DeleteExerciseResponse()


class ProfileServicer(profile_pb2_grpc.ProfileServiceServicer):
    """`tiku.exercises.v1.ProfileService`."""

    def __init__(self, profiles: ProfileStore) -> None:
        self._profiles = profiles

    async def GetProfile(self, _request: profile_pb2.GetProfileRequest, _: Any) -> profile_pb2.GetProfileResponse:
        """Return the caller's profile."""
        profile = await self._profiles.get_or_create(context.current().user_id)
        return profile_pb2.GetProfileResponse(profile=message_of(profile_pb2.Profile, profile))

    async def UpdateProfile(
        self, request: profile_pb2.UpdateProfileRequest, _: Any
    ) -> profile_pb2.UpdateProfileResponse:
        """Change the caller's profile."""
        given = cleaned(request.profile)
        wanted = changes(
            values={name: getattr(given, name) for name in MUTABLE_FIELDS},
            mask=list(request.update_mask.paths),
            set_fields={field.name for field, _ in given.ListFields()} & {*MUTABLE_FIELDS, *IMMUTABLE_FIELDS},
        )
        profile = await self._profiles.update(context.current().user_id, wanted)
        return profile_pb2.UpdateProfileResponse(profile=message_of(profile_pb2.Profile, profile))
