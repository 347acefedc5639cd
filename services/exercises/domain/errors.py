"""Errors that more than one room raises."""

from __future__ import annotations

from services.kit.errors import Aborted, NotFound


def no_exercise(exercise_id: str) -> NotFound:
    """Return the error for an exercise that the caller does not have."""
    return NotFound(
        f"There is no exercise {exercise_id}.", reason="EXERCISE_NOT_FOUND", metadata={"exercise_id": exercise_id}
    )


def run_ended() -> Aborted:
    """Return the error for events of a run that has ended or is gone."""
    return Aborted("The run has ended.", reason="RUN_ENDED")
