from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import EmbeddedChunk, QueryEmbedding
from tests.unit.retrieval.fakes import MODEL, PLAIN, THRESHOLDS, chunk, query

ENGLISH, CHINESE = np.array([0.9, 0, 0], np.float32), np.array([0, 0.9, 0], np.float32)
MEANS = Calibration(0.4, THRESHOLDS, {"en": ENGLISH, "zh": CHINESE}, {"en": ENGLISH, "zh": CHINESE})
LIBRARY = {"Water boils.": [0.9, 0.0, 0.4], "火是热的。": [0.0, 0.9, -0.4]}


class ChineseEmbedder:
    """Embeds every question as Chinese and about water."""

    async def embed_query(self, text: str) -> QueryEmbedding:
        return QueryEmbedding(MODEL, [0.0, 0.9, 0.4])

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        raise NotImplementedError


async def found(centering: Centering) -> list[tuple[str, float]]:
    store = FakeVectorStore()
    chunks = [EmbeddedChunk(chunk(text, i), vector) for i, (text, vector) in enumerate(LIBRARY.items())]
    await ChunkIndexer(store, centering, FakeWordReader()).index(MODEL, "alice", chunks)
    hits = await DenseRetriever(ChineseEmbedder(), store, centering).find(query("水在几度沸腾？"))
    assert {hit.embedding_model for hit in hits} == {MODEL}
    assert all(hit.similarity == hit.score for hit in hits)
    return [(hit.chunk.text, hit.score) for hit in hits]


async def test_a_question_finds_its_answer_in_the_other_language_first() -> None:
    (text, score), (_, other) = await found(Centering(Calibrations({MODEL: MEANS})))
    assert text == "Water boils."
    assert score > 0.9 > 0 > other


async def test_without_means_the_language_decides() -> None:
    assert (await found(PLAIN))[0][0] == "火是热的。"
