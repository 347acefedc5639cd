from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from services.kit.interpreter import SWITCH_SECONDS, share_soon


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_a_thread_gives_the_interpreter_away_sooner_than_python_has_it() -> None:
    sys.setswitchinterval(0.005)
    share_soon()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
