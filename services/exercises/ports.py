"""What the domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.exercises.values.analysis import MaterialExtract
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.events import Numbered
from services.exercises.values.exercise import Exercise, ExercisePage
from services.exercises.values.profile import Profile
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.exercises.values.run import RunRow
from services.exercises.values.submission import Submission


class ChatModel(Protocol):
    """A language model that writes JSON."""

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[str | ChatFinish]]:
        """The answer as it is written: texts, then one ChatFinish. Leaving the context stops the model.

        Raises FailedPrecondition with reason NO_CHAT_PROVIDER when no model is configured, and any other TikuError
        that the model's service gives.
        """
        ...


class Library(Protocol):
    """Where indexed documents are read."""

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> list[Passage]:
        """Passages about a topic, best first; with an empty topic an even spread in reading order."""
        ...


class TextCutter(Protocol):
    """Cuts texts into passages, outside the event loop: a quarter of a megabyte takes a while."""

    async def passages(self, text: str) -> tuple[Passage, ...]:
        """See `material.passages_of_text`."""
        ...


class ClozeMaker(Protocol):
    """Makes questions without a model, outside the event loop."""

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Up to the wanted number of questions of each kind, best first."""
        ...


class MaterialExtractor(Protocol):
    """Reads material without a model, outside the event loop."""

    async def extract(self, passages: Sequence[Passage], count: int) -> MaterialExtract:
        """Up to `count` key sentences, the most central first, with level and what can be asked."""
        ...


class ExerciseStore(Protocol):
    """Keeps exercises, runs and submissions. What another owner has is not there."""

    async def create_run(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """Stores an exercise without questions and its running run, held by `instance` for `lease_seconds`."""
        ...

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """Stores events of a running run, all or none; readable when this returns.

        The question of a `QuestionMade` goes into the run's exercise; a `Done`, the last one, ends the run. Aborted
        with reason RUN_ENDED when the run has ended or is gone: then nothing is stored.
        """
        ...

    async def renew_leases(self, instance: str, lease_seconds: float) -> set[str]:
        """Keeps an instance's running runs its own; the ids of those that somebody asked to cancel."""
        ...

    async def expire_runs(self) -> list[str]:
        """Ends every running run whose lease ran out as FAILED, reason INTERRUPTED; their ids.

        The last event's number is far above the stored ones', since tokens had numbers too and were not stored.
        """
        ...

    async def request_cancel(self, run_id: str) -> None:
        """Notes that a run is to be cancelled by the instance that holds it."""
        ...

    async def get_run(self, owner: str, run_id: str) -> RunRow | None:
        """A run; None when the owner has none of this id."""
        ...

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """A run's stored events with higher numbers, in order."""
        ...

    async def get_exercise(self, owner: str, exercise_id: str) -> Exercise | None:
        """An exercise with its questions; None when the owner has none of this id."""
        ...

    async def list_exercises(self, owner: str, *, limit: int, before: str | None) -> ExercisePage:
        """An owner's exercises, newest first, without questions, those older than the exercise `before`."""
        ...

    async def delete_exercise(self, owner: str, exercise_id: str) -> str | None:
        """Removes an exercise with its questions, run and submissions; its run's id, None when there is none."""
        ...

    async def add_submission(self, submission: Submission) -> bool:
        """Stores a submission; False when its exercise is gone."""
        ...

    async def get_submission(self, owner: str, submission_id: str) -> Submission | None:
        """A submission as it was graded; None when the owner has none of this id."""
        ...


class ProfileStore(Protocol):
    """Keeps profiles."""

    async def get_or_create(self, user_id: str) -> Profile:
        """A user's profile, made on first use."""
        ...

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """Sets the named fields of a user's profile, made on first use, and its update time."""
        ...
