from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from services.kit.errors import Unavailable
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import QueryEmbedding
from tests.unit.retrieval.fakes import MODEL, PLAIN, THRESHOLDS, chunk

KNOWN = Calibrations({MODEL: Calibration(0.4, THRESHOLDS, {}, {}, support=0.5)})
WATER, PERU, ELSE = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
MEANINGS = {"沸腾": WATER, "boil": WATER, "利马": PERU, "Lima": PERU}


class MeaningEmbedder:
    """Embeds a text as the meaning of the first word that it holds, and remembers what it was given."""

    def __init__(self, error: Exception | None = None, meanings: Mapping[str, Sequence[float]] = MEANINGS) -> None:
        self.batches: list[Sequence[str]] = []
        self._error = error
        self._meanings = meanings

    async def embed_query(self, text: str) -> QueryEmbedding:
        raise NotImplementedError

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        assert model == MODEL
        self.batches.append(texts)
        if self._error is not None:
            raise self._error
        return [next((vector for word, vector in self._meanings.items() if word in text), ELSE) for text in texts]


async def is_grounded(embedder: MeaningEmbedder, answer: str, *passages: str, model: str = MODEL) -> bool:
    chunks = [chunk(text, ordinal) for ordinal, text in enumerate(passages)]
    return await GroundednessCheck(embedder, PLAIN, KNOWN).is_grounded("水在几度沸腾？", answer, chunks, model)


async def test_a_statement_that_a_sentence_says_too_is_backed() -> None:
    assert await is_grounded(MeaningEmbedder(), "水在一百摄氏度时沸腾。", "Ice is cold. Water boils at 100 degrees.")


async def test_a_statement_that_no_sentence_says_is_not() -> None:
    embedder = MeaningEmbedder()
    assert not await is_grounded(
        embedder, "秘鲁的首都是利马。", "Ice is cold. Water boils at 100 degrees.", "Snow is white."
    )
    assert embedder.batches[1] == ["Ice is cold.", "Water boils at 100 degrees.", "Snow is white."]


async def test_one_backed_sentence_is_enough() -> None:
    assert await is_grounded(MeaningEmbedder(), "秘鲁的首都是利马。水在一百摄氏度时沸腾。", "Water boils.")


async def test_a_statement_too_short_to_mean_anything_is_read_with_its_question() -> None:
    embedder = MeaningEmbedder()
    assert await is_grounded(embedder, "20 °C", "Water boils at 20 degrees.")
    assert embedder.batches[0] == ["水在几度沸腾？ 20 °C"]


@pytest.mark.parametrize(
    ("answer", "passage", "grounded"),
    [
        ("1859年", "The paper mill was founded in 1859 and employed 900 people.", True),
        ("31,000人。", "Halden has 31,000 inhabitants.", True),
        ("In 1859.", "造纸厂建于1859年，雇用九百人。", True),
        ("1860年", "The paper mill was founded in 1859 and employed 900 people.", False),
        ("5", "It has 5 arches.", False),
        ("1859年，900人", "It was founded in 1859. It employed 900 people.", False),
    ],
)
async def test_a_figure_alone_is_said_by_a_sentence_that_has_it(answer: str, passage: str, grounded: bool) -> None:
    embedder = MeaningEmbedder(meanings={"工厂": WATER, "It ": PERU, "The ": PERU})
    chunks = [chunk(passage, 0)]
    check = GroundednessCheck(embedder, PLAIN, KNOWN)
    assert await check.is_grounded("工厂是哪一年建立的？", answer, chunks, MODEL) is grounded
    assert bool(embedder.batches) is not grounded


async def test_no_more_is_embedded_than_it_takes() -> None:
    embedder = MeaningEmbedder()
    assert await is_grounded(embedder, "水在一百摄氏度时沸腾。", "Water boils.", *["Snow is white."] * 100)
    assert [len(batch) for batch in embedder.batches] == [1, 16]


@pytest.mark.parametrize(("error", "model"), [(Unavailable("down"), MODEL), (None, "text-embedding-9")])
async def test_what_cannot_be_judged_is_believed(error: Exception | None, model: str) -> None:
    assert await is_grounded(MeaningEmbedder(error), "秘鲁的首都是利马。", "Snow is white.", model=model)
