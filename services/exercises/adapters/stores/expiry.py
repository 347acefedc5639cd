"""How a run ends whose process died, and what is said of one that has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.exercises.values.events import Done, Numbered, QuestionMade, QuestionRefused
from services.exercises.values.question import Generator
from services.exercises.values.run import RunState
from services.kit.errors import Aborted

NUMBER_GAP = 1_000_000
"""Between the last stored event and the one that ends an interrupted run: the tokens in between had numbers and were
not stored, and a reader who saw them must still find the end above the last number it saw."""


def interrupted(exercise_id: str, stored: Sequence[Numbered]) -> Numbered:
    """The last event of a run of which these events were stored."""
    events = [numbered.event for numbered in stored]
    made = Counter(event.question.generator for event in events if isinstance(event, QuestionMade))
    done = Done(
        state=RunState.FAILED,
        exercise_id=exercise_id,
        question_count=made.total(),
        model_count=made[Generator.MODEL],
        cloze_count=made[Generator.CLOZE],
        rejected_count=sum(isinstance(event, QuestionRefused) for event in events),
        reason="INTERRUPTED",
        message="The process that worked at the run ended.",
    )
    return Numbered((stored[-1].number if stored else 0) + NUMBER_GAP, done)


def run_ended() -> Aborted:
    """A run that has ended, or is gone, takes no more events."""
    return Aborted("The run has ended.", reason="RUN_ENDED")
