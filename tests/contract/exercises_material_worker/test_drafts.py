"""What every cloze generator owes the domain: one in a thread, and one in worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.adapters.workers.pooled import PooledMaterialWorker, warm
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.ports import MaterialWorker
from services.exercises.values.question import Generator, QuestionKind
from services.kit.errors import DeadlineExceeded
from services.kit.workers import WorkerPool
from tests.unit.exercises.fakes import material
from tests.waiting import at_once

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "pooled"])
async def generator(request: pytest.FixtureRequest) -> AsyncIterator[MaterialWorker]:
    """A generator of one kind."""
    if request.param == "fake":
        yield FakeMaterialWorker()
        return
    async with WorkerPool(1, warm) as pool:
        yield PooledMaterialWorker(pool, timeout=60)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_drafts_are_of_the_wanted_kinds_no_more_than_wanted_and_quote_their_passage(
    generator: MaterialWorker, language: str
) -> None:
    passages = passages_of_text(material(language))
    wanted = {QuestionKind.TRUE_FALSE: 2, QuestionKind.FILL_IN_THE_BLANK: 3, QuestionKind.SINGLE_CHOICE: 1}
    drafts = await generator.drafts(passages, wanted, seed=1)
    assert {kind: len(made) for kind, made in drafts.items()} == wanted
    for kind, made in drafts.items():
        for draft in made:
            assert (draft.kind, draft.generator) == (kind, Generator.CLOZE)
            assert draft.quote in passages[draft.passage].text


async def test_equal_seeds_give_equal_drafts(generator: MaterialWorker) -> None:
    passages, wanted = passages_of_text(material("en")), dict.fromkeys(QuestionKind, 3)
    first = await generator.drafts(passages, wanted, seed=7)
    assert await generator.drafts(passages, wanted, seed=7) == first
    assert await generator.drafts(passages, wanted, seed=8) != first


async def test_a_material_that_carries_nothing_gives_nothing(generator: MaterialWorker) -> None:
    drafts = await generator.drafts(passages_of_text("Hello there"), dict.fromkeys(QuestionKind, 3), seed=1)
    assert not any(drafts.values())


async def test_a_caller_that_leaves_waits_for_no_worker(generator: MaterialWorker) -> None:
    passages = passages_of_text(material("zh") * 20)
    making = asyncio.create_task(generator.drafts(passages, dict.fromkeys(QuestionKind, 20), seed=1))
    await asyncio.sleep(0.05)
    async with at_once():
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making


async def test_a_worker_that_takes_too_long_is_left() -> None:
    async with WorkerPool(1, warm) as pool:
        with pytest.raises(DeadlineExceeded):
            await PooledMaterialWorker(pool, timeout=0.001).drafts(
                passages_of_text(material("zh")), dict.fromkeys(QuestionKind, 20), seed=1
            )
