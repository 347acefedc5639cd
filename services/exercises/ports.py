"""What the domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.exercises.events import Numbered
from services.exercises.extracting import Extract
from services.exercises.grading import Submission
from services.exercises.profile import Profile
from services.exercises.question import Draft, Exercise, Passage, QuestionKind, RunState


@dataclass(frozen=True, slots=True)
class Turn:
    """One message to a model; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model read and wrote."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True, slots=True)
class ChatEnd:
    """The end of a model's answer."""

    model: str
    usage: TokenUsage
    cut: bool = False
    """Whether the token limit cut the answer."""


@dataclass(frozen=True, slots=True)
class ChatTask:
    """What a model is asked, and the JSON Schema that its answer must match."""

    turns: tuple[Turn, ...]
    schema_name: str
    schema: Mapping[str, Any]
    max_tokens: int
    temperature: float = 0.3
    model: str = ""
    """Empty for the default model."""
    seed: int | None = None


class ChatModel(Protocol):
    """A language model that writes JSON."""

    def stream(self, task: ChatTask) -> AbstractAsyncContextManager[AsyncIterator[str | ChatEnd]]:
        """The answer as it is written: texts, then one ChatEnd. Leaving the context stops the model.

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


class Extractor(Protocol):
    """Reads material without a model, outside the event loop."""

    async def extract(self, passages: Sequence[Passage], count: int) -> Extract:
        """Up to `count` key sentences, the most central first, with level and what can be asked."""
        ...


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is stored."""

    run_id: str
    exercise_id: str
    owner: str
    state: RunState
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Exercises of one page, newest first, and the last one's id when there are more."""

    exercises: tuple[Exercise, ...]
    next_before: str | None


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

    async def list_exercises(self, owner: str, *, limit: int, before: str | None) -> Page:
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
