"""The short form: faults of each kind, once each, on one stack. `python -m tests.faults` is the long one.

Workers that are killed while they index or delete are in `tests/integration/docs/test_processes.py` too.
"""

from __future__ import annotations

import pytest

from tests.faults.cases import CASES
from tests.faults.trial import trial

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

_TRIES = 3
"""Beside other tests, a fault may come when its load is over."""

_SHORT = (
    "gateway.upload.answered=kill",
    "docs.upload.object_stored=kill",
    "retrieval.answer.cited=kill",
    "llm.chat.first_token=kill",
    "exercises.run.question_accepted=kill",
    "qdrant=kill",
    "docs-postgres=cut",
    "gateway-exercises=cut",
)


async def test_nothing_is_lost_twice_stuck_or_late() -> None:
    cases = {case.name: case for case in CASES}
    async with trial() as made:
        for name in _SHORT:
            for _ in range(_TRIES):
                outcome = await made.run(cases[name])
                assert outcome.found == [], name
                if outcome.reached:
                    break
            assert outcome.reached, name
        assert await made.fsck() == []
