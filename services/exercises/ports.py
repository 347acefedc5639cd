"""Ports: what the domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.exercises.values.analysis import MaterialExtract
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.exercise import Exercise, ExercisePage, Numbered, RunRow
from services.exercises.values.profile import Profile
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.exercises.values.submission import Submission


class ChatModel(Protocol):
    """A language model that writes JSON."""

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[str | ChatFinish]]:
        """Open the answer as it is written: texts, then one ChatFinish. Leaving the context stops the model.

        The iterator raises what the model's service raises, as TikuError.

        Raises:
            FailedPrecondition: no model is configured; reason NO_CHAT_PROVIDER.
            DeadlineExceeded: the model takes too long.
        """


class FileReadingModel(Protocol):
    """Language models whose provider reads the file of a document itself."""

    async def reads_files(self, model: str) -> bool:
        """Return whether a model does; an empty name is the default model."""

    async def ask(self, document_id: str, request: ChatRequest, timeout: float) -> str:
        """Return what a model writes about the file of one of the caller's documents.

        Raises:
            TikuError: what the model's service or that of documents raises.
        """


class PassageSource(Protocol):
    """Where the passages of indexed documents are read."""

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> list[Passage]:
        """Return at most `limit` passages about a topic, best first; without one, an even spread in reading order."""


class MaterialWorker(Protocol):
    """Reads material without a model, outside the event loop: a quarter of a megabyte takes a while."""

    async def split(self, text: str) -> tuple[Passage, ...]:
        """Return the passages of a text's normal form, in order; one without letters is InvalidArgument, EMPTY_TEXT."""

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Return up to the wanted number of questions of each kind, best first; equal seeds give equal questions."""

    async def extract(self, passages: Sequence[Passage], count: int) -> MaterialExtract:
        """Return up to `count` key sentences, the most central first, with level and what can be asked."""


class ExerciseStore(Protocol):
    """Stores exercises with their questions. An owner does not see the exercises of another."""

    async def get(self, owner: str, exercise_id: str) -> Exercise | None:
        """Return an exercise with its questions; None when the owner has none of this id."""

    async def list(self, owner: str, *, limit: int, before: str | None) -> ExercisePage:
        """Return an owner's exercises, newest first, without questions, those older than the exercise `before`."""

    async def delete(self, owner: str, exercise_id: str) -> str | None:
        """Remove an exercise with all that belongs to it and return its run's id; None when the owner has none such."""


class RunStore(Protocol):
    """Stores runs with their events, and the leases under which processes hold them."""

    async def create(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """Store an exercise without questions and its running run, held by `instance` for `lease_seconds`."""

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """Store events of a running run, all or none; readable when this returns.

        The question of a `QuestionMade` goes into the run's exercise; a `Done`, the last one, ends the run.

        Raises:
            Aborted: the run has ended or is gone, and nothing is stored; reason RUN_ENDED.
        """

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """Return a run's stored events with higher numbers, in order."""

    async def get(self, owner: str, run_id: str) -> RunRow | None:
        """Return a run; None when the owner has none of this id."""

    async def request_cancel(self, run_id: str) -> None:
        """Note that the instance that holds a run is to cancel it."""

    async def renew_leases(self, run_ids: Collection[str], lease_seconds: float) -> set[str]:
        """Keep those of the runs that are running; return the ids of those that somebody asked to cancel."""

    async def expire(self) -> list[str]:
        """End every running run whose lease ran out as FAILED, reason INTERRUPTED; return their ids.

        The last event's number is far above the stored ones', since tokens had numbers too and were not stored.
        """


class SubmissionStore(Protocol):
    """Stores graded answers."""

    async def add(self, submission: Submission) -> bool:
        """Store a submission; False when its exercise is gone."""


class ProfileStore(Protocol):
    """Stores profiles."""

    async def get_or_create(self, user_id: str) -> Profile:
        """Return a user's profile, made on first use."""

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """Set the named fields of a user's profile, made on first use, and its update time."""
