"""The service from its port: index, search, retrieve, answer, delete; owners, deadlines, errors and cancellation."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Sequence
from typing import Any

import grpc
import protovalidate
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.channels import open_channel
from services.kit.rpc_errors import from_rpc_error
from services.kit.server import running
from services.llm.adapters.embedders.fake import hashed_vector
from services.retrieval.app import build
from services.retrieval.settings import RetrievalSettings
from tests.integration.retrieval.conftest import Bench
from tests.waiting import at_once
from tiku.docs.v1 import docs_pb2
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import retrieval_pb2

TEXTS = [
    "Photosynthesis needs light and chlorophyll. It happens in the chloroplast. Plants make sugar this way.",
    "Respiration happens in mitochondria. It releases energy from sugar.",
    "水循环包括蒸发、凝结和降水。太阳是水循环的能量来源。🙂 海洋蒸发最多。",
]
QUESTION = "In which part of plants does photosynthesis, which needs light, happen: the chloroplast?"


def metadata(user: str) -> tuple[tuple[str, str], ...]:
    return (("x-tiku-user", user),)


def user() -> str:
    return f"user-{uuid.uuid4()}"


def chunk_of(document: str, ordinal: int, text: str, start: int) -> retrieval_pb2.Chunk:
    """A chunk in which every English sentence has a page of its own."""
    return retrieval_pb2.Chunk(
        chunk_id=str(uuid.uuid5(uuid.UUID(document), f"{ordinal}:{start}")),
        document_id=document,
        document_name="生物.pdf",
        ordinal=ordinal,
        text=text,
        page=ordinal + 1,
        start=start,
        end=start + len(text),
        heading_path=["Biology"],
        page_starts=[start + stop.end() for stop in re.finditer(r"\. ", text)],
        document_kind=docs_pb2.DOCUMENT_KIND_MATERIAL,
    )


async def index(bench: Bench, owner: str, texts: Sequence[str] = TEXTS) -> tuple[str, str]:
    """Indexes texts as one document of chunks; returns its id and its normalized text."""
    document, normalized, chunks = str(uuid.uuid4()), "", []
    for ordinal, text in enumerate(texts):
        chunk = chunk_of(document, ordinal, text, len(normalized))
        chunks.append(retrieval_pb2.IndexedChunk(chunk=chunk, vector=hashed_vector(text, 64)))
        normalized += text + "\n"
    request = retrieval_pb2.IndexChunksRequest(embedding_model="hashing", chunks=chunks)
    response = await bench.retrieval.IndexChunks(request, metadata=metadata(owner))
    assert response.indexed_count == len(texts)
    return document, normalized


async def ask(bench: Bench, owner: str, question: str = QUESTION) -> list[retrieval_pb2.AnswerResponse]:
    call = bench.retrieval.Answer(retrieval_pb2.AnswerRequest(question=question), metadata=metadata(owner))
    return [event async for event in call]


async def test_what_was_indexed_is_found_with_everything_that_was_said_of_it(bench: Bench) -> None:
    owner = user()
    document, _ = await index(bench, owner)
    request = retrieval_pb2.SearchRequest(query=TEXTS[2], limit=2)
    response = await bench.retrieval.Search(request, metadata=metadata(owner))
    assert len(response.hits) == 2
    best = response.hits[0]
    assert best.chunk == chunk_of(document, 2, TEXTS[2], len(TEXTS[0]) + len(TEXTS[1]) + 2)
    assert best.score == pytest.approx(1.0, abs=1e-5)
    assert list(best.legs) == [retrieval_pb2.LegHit(leg="vector", rank=1, score=best.score)]
    assert bench.llm.kinds == [llm_pb2.EMBED_KIND_QUERY]
    assert bench.llm.users == [owner]


@pytest.mark.parametrize(("question", "best"), [("光合作用发生在哪里？", 0), ("What is the water cycle?", 2)])
async def test_a_question_is_translated_for_passages_in_another_language(
    bench: Bench, question: str, best: int
) -> None:
    owner = user()
    await index(bench, owner)
    request = retrieval_pb2.RetrieveRequest(query=question, limit=3)
    response = await bench.retrieval.Retrieve(request, metadata=metadata(owner))
    assert [report.leg for report in response.legs] == ["vector", "words", "translated"]
    first = {leg.leg: hit.chunk.text for hit in response.hits for leg in hit.legs if leg.rank == 1}
    assert first["translated"] == TEXTS[best]


async def test_another_user_finds_nothing_and_deletes_nothing(bench: Bench) -> None:
    owner, other = user(), user()
    document, _ = await index(bench, owner)
    for request in (
        retrieval_pb2.SearchRequest(query=QUESTION),
        retrieval_pb2.SearchRequest(query=QUESTION, filter=retrieval_pb2.Filter(document_ids=[document])),
    ):
        assert not (await bench.retrieval.Search(request, metadata=metadata(other))).hits
    delete = retrieval_pb2.DeleteDocumentRequest(document_id=document)
    await bench.retrieval.DeleteDocument(delete, metadata=metadata(other))
    found = await bench.retrieval.Search(retrieval_pb2.SearchRequest(query=QUESTION), metadata=metadata(owner))
    assert len(found.hits) == 3
    await bench.retrieval.DeleteDocument(delete, metadata=metadata(owner))
    found = await bench.retrieval.Search(retrieval_pb2.SearchRequest(query=QUESTION), metadata=metadata(owner))
    assert not found.hits


async def test_retrieve_fuses_and_an_empty_query_reads_in_order(bench: Bench) -> None:
    owner = user()
    document, _ = await index(bench, owner)
    found = await bench.retrieval.Retrieve(
        retrieval_pb2.RetrieveRequest(query="energy from sugar respiration"), metadata=metadata(owner)
    )
    assert found.hits[0].chunk.ordinal == 1
    assert [(report.leg, report.hit_count, report.reason) for report in found.legs] == [
        ("vector", 3, ""),
        ("words", 2, ""),
        ("translated", 1, ""),
    ]
    assert [(leg.leg, leg.rank) for leg in found.hits[0].legs] == [("vector", 1), ("words", 1)]
    asked = len(bench.llm.kinds)
    spread = await bench.retrieval.Retrieve(
        retrieval_pb2.RetrieveRequest(filter=retrieval_pb2.Filter(document_ids=[document]), limit=2),
        metadata=metadata(owner),
    )
    assert [hit.chunk.ordinal for hit in spread.hits] == [0, 2]
    assert [report.leg for report in spread.legs] == ["spread"]
    assert len(bench.llm.kinds) == asked


async def test_passages_that_say_the_same_give_way_to_others(bench: Bench) -> None:
    owner = user()
    await index(bench, owner, [TEXTS[1], TEXTS[1], TEXTS[0]])
    query = "energy from sugar respiration"

    async def found(diversity: float) -> set[str]:
        request = retrieval_pb2.RetrieveRequest(query=query, limit=2, diversity=diversity)
        return {hit.chunk.text for hit in (await bench.retrieval.Retrieve(request, metadata=metadata(owner))).hits}

    assert await found(0.0) == {TEXTS[1]}
    assert await found(0.8) == {TEXTS[0], TEXTS[1]}


async def test_an_answer_is_cited_with_slices_of_the_normalized_text(bench: Bench) -> None:
    owner = user()
    document, normalized = await index(bench, owner)
    bench.llm.tokens = ["It ", "happens in the chloroplast [", "1", "]", ". ", "Plants make sugar【1】."]
    events = await ask(bench, owner)
    assert events[0].HasField("sources")
    done = events[-1].done
    assert done.outcome == retrieval_pb2.ANSWER_OUTCOME_ANSWERED
    assert done.text == "It happens in the chloroplast [1]. Plants make sugar[1]."
    assert (done.model, done.usage.total_tokens) == ("scripted", 10)
    assert "".join(event.delta.text for event in events if event.HasField("delta")) == done.text
    citations = [event.citation for event in events if event.HasField("citation")]
    assert [citation.source.quote for citation in citations] == [
        "It happens in the chloroplast.",
        "Plants make sugar this way.",
    ]
    assert [citation.source.page for citation in citations] == [2, 3]
    for source in [*events[0].sources.sources, *(citation.source for citation in citations)]:
        assert source.document_id == document
        assert normalized[source.start : source.end] == source.quote


async def test_without_a_chat_model_the_answer_is_extracted(bench: Bench) -> None:
    owner = user()
    _, normalized = await index(bench, owner)
    events = await ask(bench, owner)
    done = events[-1].done
    assert (done.outcome, done.model) == (retrieval_pb2.ANSWER_OUTCOME_ANSWERED, "")
    citations = [event.citation for event in events if event.HasField("citation")]
    assert citations
    for citation in citations:
        assert f"{citation.source.quote} [{citation.number}]" in done.text
        assert normalized[citation.source.start : citation.source.end] == citation.source.quote
        assert done.text[citation.answer_start : citation.answer_end] == f"[{citation.number}]"


@pytest.mark.parametrize("question", ["Who won the election in Peru?", "秘鲁总统选举谁获胜？"])
async def test_what_the_material_does_not_hold_is_said_so_without_asking_a_model(bench: Bench, question: str) -> None:
    owner = user()
    await index(bench, owner)
    bench.llm.tokens = ["Lima [1]."]
    events = await ask(bench, owner, question)
    assert not events[0].sources.sources
    assert events[-1].done.outcome == retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL
    assert not bench.llm.writing.is_set()


async def test_a_user_without_material_gets_the_same_answer(bench: Bench) -> None:
    events = await ask(bench, user())
    assert events[-1].done.outcome == retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL


async def test_leaving_cancels_the_models_stream_within_100_ms(bench: Bench) -> None:
    owner = user()
    await index(bench, owner)
    bench.llm.tokens, bench.llm.endless, bench.llm.pace = ["word "], True, 0.005

    call = bench.retrieval.Answer(retrieval_pb2.AnswerRequest(question=QUESTION), metadata=metadata(owner))
    for _ in range(4):
        await call.read()
    async with at_once():
        call.cancel()
        await bench.llm.cancelled.wait()


async def test_a_deadline_holds_through_the_hops(bench: Bench) -> None:
    bench.llm.embed_delay = 5.0
    async with at_once(2.0):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await bench.retrieval.Search(retrieval_pb2.SearchRequest(query="q"), timeout=1.0, metadata=metadata(user()))
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0 < bench.llm.time_left[0] <= 1.0


async def test_a_failing_embedder_is_reported_as_what_it_is(bench: Bench) -> None:
    bench.llm.embed_broken = True
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await bench.retrieval.Search(retrieval_pb2.SearchRequest(query="q"), metadata=metadata(user()))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_without_an_embedder_words_find_what_they_can(bench: Bench) -> None:
    owner = user()
    await index(bench, owner)
    bench.llm.embed_broken = True
    found = await bench.retrieval.Retrieve(
        retrieval_pb2.RetrieveRequest(query="energy from sugar respiration"), metadata=metadata(owner)
    )
    assert found.hits[0].chunk.ordinal == 1
    vector, words = found.legs
    assert (vector.hit_count, words.hit_count, words.reason) == (0, 2, "")
    assert vector.reason


def _indexed(**changes: Any) -> retrieval_pb2.IndexChunksRequest:
    chunk = chunk_of(str(uuid.uuid4()), 0, "text", 0)
    for name, value in changes.items():
        setattr(chunk, name, value)
    indexed = retrieval_pb2.IndexedChunk(chunk=chunk, vector=[1.0, 0.0])
    return retrieval_pb2.IndexChunksRequest(embedding_model="hashing", chunks=[indexed])


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("IndexChunks", retrieval_pb2.IndexChunksRequest(embedding_model="m"), "chunks"),
        ("IndexChunks", _indexed(chunk_id="x"), "chunks[0].chunk.chunk_id"),
        ("IndexChunks", _indexed(end=9), "chunks[0].chunk.end"),
        ("DeleteDocument", retrieval_pb2.DeleteDocumentRequest(document_id="../etc"), "document_id"),
        ("Search", retrieval_pb2.SearchRequest(query=""), "query"),
        ("Search", retrieval_pb2.SearchRequest(query=" \n"), "query"),
        ("Search", retrieval_pb2.SearchRequest(query="q", limit=201), "limit"),
        (
            "Search",
            retrieval_pb2.SearchRequest(query="q", filter=retrieval_pb2.Filter(document_ids=["x"])),
            "filter.document_ids[0]",
        ),
        (
            "Search",
            retrieval_pb2.SearchRequest(query="q", filter=retrieval_pb2.Filter(min_page=5, max_page=4)),
            "filter",
        ),
        (
            "Search",
            retrieval_pb2.SearchRequest(
                query="q", filter=retrieval_pb2.Filter(kinds=[docs_pb2.DOCUMENT_KIND_UNSPECIFIED])
            ),
            "filter.kinds[0]",
        ),
        ("Retrieve", retrieval_pb2.RetrieveRequest(), "filter.document_ids"),
    ],
)
async def test_bad_input_is_named_by_its_field(bench: Bench, method: str, request_: Any, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(bench.retrieval, method)(request_, metadata=metadata(user()))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in from_rpc_error(raised.value).violations] == [field]


@pytest.mark.parametrize("question", ["", "  ", "???"])
async def test_a_blank_question_is_refused(bench: Bench, question: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ask(bench, user(), question)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_it_is_serving_while_qdrant_answers_and_not_without(bench: Bench) -> None:
    async def becomes(address: str, wanted: int) -> bool:
        async with open_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for _ in range(300):
                if (await stub.Check(health_pb2.HealthCheckRequest())).status == wanted:
                    return True
                await asyncio.sleep(0.02)
            return False

    assert await becomes(bench.address, health_pb2.HealthCheckResponse.SERVING)
    settings = RetrievalSettings(qdrant_url="http://127.0.0.1:9", drain_seconds=0)
    app = await build(settings, bench.stack)
    async with running(app, "127.0.0.1:0", settings) as server:
        assert await becomes(server.address, health_pb2.HealthCheckResponse.NOT_SERVING)


async def test_large_batches_and_searches_keep_the_loop_free(bench: Bench) -> None:
    owner, document = user(), str(uuid.uuid4())
    text = "Photosynthesis happens in the chloroplast. 光合作用在叶绿体中进行。" * 20
    vector = list(hashed_vector(text, 384))
    chunks = [
        retrieval_pb2.IndexedChunk(chunk=chunk_of(document, i, text, i * 10_000), vector=vector) for i in range(1024)
    ]
    # The model whose vectors are centered: the most work that indexing does.
    request = retrieval_pb2.IndexChunksRequest(embedding_model="multilingual-e5-small", chunks=chunks)
    turns: list[float] = []

    async def watch() -> None:
        while True:
            # Processor time of this thread: what the loop's own work took. Calls that would block take none, and are
            # blockbuster's to find.
            began = time.thread_time()
            await asyncio.sleep(0.001)
            turns.append(time.thread_time() - began)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        await bench.retrieval.IndexChunks(request, metadata=metadata(owner))
        spread = retrieval_pb2.RetrieveRequest(filter=retrieval_pb2.Filter(document_ids=[document]), limit=200)
        assert len((await bench.retrieval.Retrieve(spread, metadata=metadata(owner))).hits) == 200
        watching.cancel()
    assert len(turns) > 10
    # The longest turn is one native call that nothing divides, which checks the largest message by its rules: a core
    # that is slow now takes as much longer for this one. All turns together take some thirty times as long.
    received = retrieval_pb2.IndexChunksRequest.FromString(request.SerializeToString())
    began = time.thread_time()
    assert not protovalidate.Validator().collect_violations(received)
    checked = time.thread_time() - began
    assert max(turns) < 6 * checked, f"the longest turn took {max(turns) * 1e3:.1f} ms, of {sum(turns) * 1e3:.0f}"
