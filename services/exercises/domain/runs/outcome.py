"""What the events of a run come to, and how a run ends whose process died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.exercises.values.events import Done, Event, Numbered, QuestionMade, QuestionRefused
from services.exercises.values.question import Generator
from services.exercises.values.run import RunState

NUMBER_GAP = 1_000_000
"""Distance from the last stored event to the one that ends an interrupted run. Tokens had numbers and were not stored;
a reader who saw them must still find the end above the last number it saw."""


class RunTally:
    """The questions of a run, counted from its events."""

    def __init__(self) -> None:
        self._made: Counter[Generator] = Counter()
        self._refused = 0

    @property
    def question_count(self) -> int:
        """Questions that were made."""
        return self._made.total()

    def add(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, QuestionMade):
            self._made[event.question.generator] += 1
        elif isinstance(event, QuestionRefused):
            self._refused += 1

    def done(self, exercise_id: str, state: RunState, reason: str, message: str) -> Done:
        """Return the last event of a run that ends in `state`."""
        return Done(
            state=state,
            exercise_id=exercise_id,
            question_count=self.question_count,
            model_count=self._made[Generator.MODEL],
            cloze_count=self._made[Generator.CLOZE],
            rejected_count=self._refused,
            reason=reason,
            message=message,
        )


def interrupted(exercise_id: str, stored: Sequence[Numbered]) -> Numbered:
    """Return the last event of a run whose process died after it had stored these events."""
    tally = RunTally()
    for numbered in stored:
        tally.add(numbered.event)
    done = tally.done(exercise_id, RunState.FAILED, "INTERRUPTED", "The process that worked at the run ended.")
    return Numbered((stored[-1].number if stored else 0) + NUMBER_GAP, done)
