from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import cast

import pytest

from services.client.errors import ClientError
from services.client.rest import TikuClient
from services.evaluation.retrieval import Evaluation
from services.evaluation.sets import Question, QuestionSet
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import retrieval_pb2 as pb

PASSAGES = [f"passage {i}" for i in range(40)]
QUESTIONS = [Question(f"what is in passage {i}", {i: 1.0}) for i in range(40)]


class FakeStack:
    """Finds a passage by the number in the question, and answers where it is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[int, str]] = {}
        self.embedded: list[str] = []
        self.sizes: list[int] = []
        self.broken = False
        self.reranks = False

    async def embed(self, texts: Sequence[str], kind: llm_pb2.EmbedKind.ValueType) -> llm_pb2.EmbedResponse:
        assert kind == llm_pb2.EMBED_KIND_PASSAGE
        self.embedded += texts
        return llm_pb2.EmbedResponse(embeddings=[llm_pb2.Embedding(values=[1.0])] * len(texts), model="m")

    async def index_chunks(self, request: pb.IndexChunksRequest) -> None:
        for indexed in request.chunks:
            assert indexed.chunk.end - indexed.chunk.start == len(indexed.chunk.text)
            self.stored.setdefault(indexed.chunk.document_id, {})[indexed.chunk.ordinal] = indexed.chunk.text

    async def delete_chunks(self, document_id: str) -> None:
        self.sizes.append(len(self.stored.pop(document_id)))

    async def retrieve(self, query: str, document_ids: Sequence[str], limit: int) -> pb.RetrieveResponse:
        if self.broken:
            raise ClientError("down")
        wanted = int(query.rpartition(" ")[2])
        hits = [
            pb.Hit(
                chunk=pb.Chunk(ordinal=ordinal),
                legs=[pb.LegHit(leg="words", rank=rank), *([pb.LegHit(leg="vector", rank=1)] if rank == 2 else [])],
            )
            for rank, ordinal in enumerate((wanted, wanted + 1), start=1)
        ]
        reports = [pb.LegReport(leg="vector", elapsed_ms=5), pb.LegReport(leg="words", elapsed_ms=2, reason="LATE")]
        if self.reranks:  # The two change places; a third was not reranked.
            for rank, hit in enumerate(hits, start=1):
                hit.legs.add(leg="fused", rank=rank)
            hits = [*reversed(hits), pb.Hit(chunk=pb.Chunk(ordinal=wanted + 2))]
            reports.append(pb.LegReport(leg="rerank", elapsed_ms=7))
        return pb.RetrieveResponse(hits=hits, legs=reports)

    async def answer(self, question: str, document_ids: Sequence[str]) -> AsyncGenerator[pb.AnswerResponse, None]:
        there = int(question.rpartition(" ")[2]) in self.stored[document_ids[0]]
        if there:
            yield pb.AnswerResponse(citation=pb.Citation(number=1))
        outcome = pb.ANSWER_OUTCOME_ANSWERED if there else pb.ANSWER_OUTCOME_NOT_IN_MATERIAL
        yield pb.AnswerResponse(done=pb.AnswerDone(outcome=outcome))


def evaluation(stack: FakeStack) -> Evaluation:
    return Evaluation(cast(TikuClient, stack), QuestionSet(PASSAGES, QUESTIONS, range(40)), lambda *_: None)


async def test_each_leg_has_its_own_ranking_of_each_question() -> None:
    stack = FakeStack()
    found = await evaluation(stack).rankings(QUESTIONS[:3])
    assert found.ranked == {
        "vector": [[1], [2], [3]],
        "words": [[0, 1], [1, 2], [2, 3]],
        "fused": [[0, 1], [1, 2], [2, 3]],
    }
    assert found.elapsed_ms == {"vector": [5, 5, 5], "words": [2, 2, 2]}
    assert found.failed == {"vector": 0, "words": 3}
    assert stack.sizes == [40]


async def test_the_order_before_and_after_reranking_are_both_told() -> None:
    stack = FakeStack()
    stack.reranks = True
    found = await evaluation(stack).rankings(QUESTIONS[:2])
    assert found.ranked == {
        "vector": [[1], [2]],
        "words": [[0, 1], [1, 2]],
        "fused": [[0, 1, 2], [1, 2, 3]],
        "reranked": [[1, 0, 2], [2, 1, 3]],
    }
    assert found.elapsed_ms["rerank"] == [7, 7]


@pytest.mark.parametrize("size", [10, 40])
async def test_a_question_is_gone_when_its_passage_is(size: int) -> None:
    stack = FakeStack()
    refused = await evaluation(stack).refusals(size, 8)
    assert (refused.answerable, refused.unanswerable) == (0.0, 1.0)
    assert refused.questions == (8 if size == 10 else 4)
    assert stack.sizes == [refused.passages]
    assert refused.passages == (10 if size == 10 else 36)


async def test_strangers_make_a_library_larger() -> None:
    stack = FakeStack()
    strangers = [f"stranger {i}" for i in range(100)]
    subject = Evaluation(
        cast(TikuClient, stack), QuestionSet(PASSAGES, QUESTIONS, range(40), strangers), lambda *_: None
    )
    assert subject.sizes == [10, 100, 120]
    refused = [await subject.refusals(size, 8) for size in subject.sizes]
    assert [one.passages for one in refused] == stack.sizes == [10, 100, 120]
    assert {(one.answerable, one.unanswerable, one.questions) for one in refused} == {(0.0, 1.0, 8)}


async def test_no_passage_is_embedded_twice() -> None:
    stack = FakeStack()
    subject = evaluation(stack)
    await subject.refusals(10, 5)
    await subject.rankings(QUESTIONS[:1])
    assert sorted(stack.embedded) == sorted(PASSAGES)


async def test_what_was_stored_is_removed_whatever_happens() -> None:
    stack = FakeStack()
    stack.broken = True
    with pytest.raises(ClientError):
        await evaluation(stack).rankings(QUESTIONS)
    assert stack.stored == {}
