"""The converted default embedding model, loaded by the library that serves it."""

from __future__ import annotations

import asyncio

import pytest

from services import models


@pytest.mark.model
async def test_a_question_is_nearer_to_the_passage_that_answers_it() -> None:
    folder = await models.path("multilingual-e5-small")
    if folder is None:
        pytest.skip("no multilingual-e5-small in TIKU_MODELS_DIR: `tiku models pull multilingual-e5-small` brings it")

    def encode() -> list[float]:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device="cpu")
        vectors = model.encode(
            [
                "query: 光合作用是什么",
                "passage: 光合作用是绿色植物利用光能，把二氧化碳和水合成为有机物，并释放氧气的过程。",
                "passage: 牛顿第一定律指出，物体在不受外力时保持静止或匀速直线运动。",
            ]
        )
        assert vectors.shape == (3, 384)
        return [float(vectors[0] @ vectors[i]) for i in range(3)]

    itself, answer, unrelated = await asyncio.to_thread(encode)
    assert itself == pytest.approx(1.0, abs=1e-5)
    assert answer > 0.9
    assert answer > unrelated + 0.05
