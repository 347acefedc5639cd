"""The learner's profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What a learner says of themself."""

    user_id: str
    create_time: datetime
    update_time: datetime
    display_name: str = ""
    language: str = ""
    goal: str = ""
    daily_question_goal: int = 0
