"""Runs, each of which makes an exercise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is stored."""

    run_id: str
    exercise_id: str
    owner: str
    state: RunState
    create_time: datetime
