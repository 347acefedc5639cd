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
    assert await is_grounded(embedder, "100 °C", "Water boils at 100 degrees.")
    assert embedder.batches[0] == ["水在几度沸腾？ 100 °C"]


async def test_no_more_is_embedded_than_it_takes() -> None:
    embedder = MeaningEmbedder()
    assert await is_grounded(embedder, "水在一百摄氏度时沸腾。", "Water boils.", *["Snow is white."] * 100)
    assert [len(batch) for batch in embedder.batches] == [1, 16]


@pytest.mark.parametrize(("error", "model"), [(Unavailable("down"), MODEL), (None, "text-embedding-9")])
async def test_what_cannot_be_judged_is_believed(error: Exception | None, model: str) -> None:
    assert await is_grounded(MeaningEmbedder(error), "秘鲁的首都是利马。", "Snow is white.", model=model)
