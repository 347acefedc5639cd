"""What every extractor owes the domain: one in a thread, and one in worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.adapters.workers.pooled import PooledMaterialWorker, warm
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.ports import MaterialWorker
from services.exercises.values.analysis import Level
from services.exercises.values.question import QuestionKind
from services.kit.errors import DeadlineExceeded
from services.kit.workers import WorkerPool
from tests.unit.exercises.fakes import material
from tests.waiting import at_once

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "pooled"])
async def extractor(request: pytest.FixtureRequest) -> AsyncIterator[MaterialWorker]:
    """An extractor of one kind."""
    if request.param == "fake":
        yield FakeMaterialWorker()
        return
    async with WorkerPool(1, warm) as pool:
        yield PooledMaterialWorker(pool, timeout=60)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_key_sentences_stand_in_the_material_and_are_no_more_than_wanted(
    extractor: MaterialWorker, language: str
) -> None:
    text = material(language)
    found = await extractor.extract(passages_of_text(text), 4)
    assert len(found.key_sentences) == 4
    for sentence in found.key_sentences:
        assert text[sentence.source.start : sentence.source.end] == sentence.source.quote
    assert found.language == language
    assert isinstance(found.level, Level)
    assert found.carries.keys() == set(QuestionKind)
    assert all(count > 0 for count in found.carries.values())


async def test_the_most_central_sentences_come_first(extractor: MaterialWorker) -> None:
    passages = passages_of_text(material("en"))
    some, more = await extractor.extract(passages, 2), await extractor.extract(passages, 5)
    assert some.key_sentences == more.key_sentences[:2]


async def test_a_text_of_a_few_words_has_no_key_sentence(extractor: MaterialWorker) -> None:
    found = await extractor.extract(passages_of_text("Hello there"), 5)
    assert found.key_sentences == ()
    assert not any(found.carries.values())


async def test_a_caller_that_leaves_waits_for_no_worker(extractor: MaterialWorker) -> None:
    extracting = asyncio.create_task(extractor.extract(passages_of_text(material("zh") * 20), 5))
    await asyncio.sleep(0.05)
    async with at_once():
        extracting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await extracting


async def test_a_worker_that_takes_too_long_is_left() -> None:
    async with WorkerPool(1, warm) as pool:
        with pytest.raises(DeadlineExceeded):
            await PooledMaterialWorker(pool, timeout=0.001).extract(passages_of_text(material("zh")), 5)
