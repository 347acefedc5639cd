"""How much is read at once: everything, unless a server says that its model is slow."""

from __future__ import annotations

import pytest

from services.kit.errors import TikuError, Unavailable
from services.language.tokens import estimate_tokens
from services.retrieval.adapters.clients.fake import FakeModelDirectory
from services.retrieval.domain.answering.first_reading import whole
from services.retrieval.domain.answering.reading import Reading
from services.retrieval.values.chat import ServedModel
from tests.unit.retrieval.fakes import chunk

QUESTION = "Who built the lighthouse?"
PASSAGES = [chunk(" ".join(f"Fact {i} of passage {n} says something." for i in range(20)), n) for n in range(5)]


async def first(model: str = "", *served: ServedModel, error: TikuError | None = None) -> tuple[float, int]:
    parts = await Reading(FakeModelDirectory(served, error)).parts(QUESTION, PASSAGES, model)
    return estimate_tokens("\n".join(portion.text for portion in parts[0])), len(parts)


async def test_a_model_of_unknown_speed_reads_everything_at_once() -> None:
    for served in ([], [ServedModel("a", "cloud")], [ServedModel("b", "cloud", 50.0)]):
        parts = await Reading(FakeModelDirectory(served)).parts(QUESTION, PASSAGES, "a")
        assert parts == [whole(PASSAGES)]
    assert (await first(error=Unavailable("The llm service is gone.")))[1] == 1


async def test_a_fast_model_reads_everything_at_once() -> None:
    assert (await first("", ServedModel("a", "gpu", 2000.0)))[1] == 1


@pytest.mark.parametrize("speed", [60.0, 80.0, 120.0])
async def test_a_slow_model_first_reads_what_it_can_in_time(speed: float) -> None:
    tokens, parts = await first("", ServedModel("a", "local", speed))
    assert parts == 2
    assert 0.5 * 4 * speed < tokens <= 4 * speed


async def test_however_slow_a_model_is_it_reads_what_may_hold_an_answer() -> None:
    crawling, slow = await first("", ServedModel("a", "local", 0.5)), await first("", ServedModel("a", "local", 40.0))
    assert crawling == slow
    assert crawling[0] > 100


async def test_the_speed_is_that_of_the_model_that_is_asked() -> None:
    served = (ServedModel("a", "local", 50.0), ServedModel("b", "gpu", 2000.0), ServedModel("b", "local", 50.0))
    assert (await first("", *served))[1] == 2
    assert (await first("a", *served))[1] == 2
    assert (await first("b", *served))[1] == 1
