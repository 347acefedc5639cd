"""The graph over gRPC: on the embedded engine, and where there is none."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from services.kit.channels import open_channel
from services.kit.server import running
from services.retrieval.app import build
from services.retrieval.settings import RetrievalSettings
from tests.engines import BoltServer
from tests.integration.retrieval.conftest import Bench
from tiku.common.v1 import source_pb2
from tiku.retrieval.v1 import graph_pb2 as g
from tiku.retrieval.v1 import graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc

TEXTS = (
    "光合作用（photosynthesis）在叶绿体中进行，把光能变成化学能。",
    "Photosynthesis in the chloroplast makes glucose. The chloroplast holds chlorophyll.",
)


class Client:
    """Stubs to a service, as one user."""

    def __init__(self, channel: Any, user: str) -> None:
        self._graph = graph_pb2_grpc.GraphServiceStub(channel)
        self._retrieval = retrieval_pb2_grpc.RetrievalServiceStub(channel)
        self.user = user

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._graph, method)(request, metadata=(("x-tiku-user", self.user),), timeout=60)

    async def index(self, found: list[retrieval_pb2.Chunk]) -> None:
        indexed = [retrieval_pb2.IndexedChunk(chunk=chunk, vector=[1.0, 0.0]) for chunk in found]
        request = retrieval_pb2.IndexChunksRequest(embedding_model="hashing", chunks=indexed)
        await self._retrieval.IndexChunks(request, metadata=(("x-tiku-user", self.user),), timeout=60)

    async def retrieve(self, question: str) -> retrieval_pb2.RetrieveResponse:
        request = retrieval_pb2.RetrieveRequest(query=question)
        return await self._retrieval.Retrieve(request, metadata=(("x-tiku-user", self.user),), timeout=60)

    async def delete(self, document_id: str) -> None:
        request = retrieval_pb2.DeleteDocumentRequest(document_id=document_id)
        await self._retrieval.DeleteDocument(request, metadata=(("x-tiku-user", self.user),), timeout=60)


@pytest.fixture
async def client(bench: Bench, qdrant_url: str, arcadedb_server: BoltServer) -> AsyncIterator[Client]:
    settings = RetrievalSettings(
        qdrant_url=qdrant_url,
        llm_target=bench.address,
        drain_seconds=0.2,
        neo4j_url=arcadedb_server.url,
        neo4j_user=arcadedb_server.user,
        neo4j_password=SecretStr(arcadedb_server.password),
        retrieval_graph_leg_enabled=True,
    )
    async with AsyncExitStack() as stack:
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        channel = await stack.enter_async_context(open_channel(server.address))
        yield Client(channel, f"user-{uuid.uuid4().hex}")


def chunks(document_id: str) -> list[retrieval_pb2.Chunk]:
    return [
        retrieval_pb2.Chunk(
            chunk_id=str(uuid.uuid5(uuid.UUID(document_id), str(ordinal))),
            document_id=document_id,
            document_name="生物.md",
            ordinal=ordinal,
            text=text,
            start=ordinal * 1000,
            end=ordinal * 1000 + len(text),
        )
        for ordinal, text in enumerate(TEXTS)
    ]


async def test_the_graph_is_a_leg_where_it_is_enabled(client: Client) -> None:
    found = chunks(str(uuid.uuid4()))
    await client.index(found)
    await client.call("AddChunks", g.AddChunksRequest(chunks=found))
    response = await client.retrieve("What does photosynthesis make?")
    # No llm service is here, so the vectors are missing and the report says so.
    assert [(leg.leg, bool(leg.reason)) for leg in response.legs] == [
        ("vector", True),
        ("words", False),
        ("graph", False),
        ("translated", False),  # One of the passages that were found is Chinese.
    ]
    assert {leg.leg for hit in response.hits for leg in hit.legs} == {"words", "graph", "translated"}
    await client.delete(found[0].document_id)
    assert not (await client.retrieve("What does photosynthesis make?")).hits


async def test_a_document_goes_in_is_walked_asked_and_leaves_nothing(client: Client) -> None:
    document_id = str(uuid.uuid4())
    empty = await client.call("Probe", g.ProbeRequest())
    assert (empty.available, empty.engine, empty.entity_count) == (True, "ArcadeDB", 0)
    added = await client.call("AddChunks", g.AddChunksRequest(chunks=chunks(document_id)))
    assert (added.chunk_count, added.mention_count > 3) == (2, True)
    again = await client.call("AddChunks", g.AddChunksRequest(chunks=chunks(document_id)))
    assert (again.chunk_count, again.mention_count) == (2, 0)
    probe = await client.call("Probe", g.ProbeRequest())
    assert (probe.mention_count, probe.chunk_count) == (added.mention_count, 2)

    (found,) = (await client.call("FindEntities", g.FindEntitiesRequest(name="光合作用"))).entities
    assert {name.lower() for name in (found.name, *found.aliases)} >= {"光合作用", "photosynthesis"}
    explained = await client.call("Explain", g.ExplainRequest(entity_id=found.entity_id))
    assert explained.links[0].sources[0].quote == TEXTS[0]
    around = await client.call("Expand", g.ExpandRequest(entity_ids=[found.entity_id]))
    assert around.entities[0].entity_id == found.entity_id
    assert len(around.entities) > 1
    assert all(source.document_id == document_id for relation in around.relations for source in relation.sources)
    survey = await client.call("Survey", g.SurveyRequest(document_ids=[document_id]))
    assert survey.present
    assert {found.entity_id, *(one.entity_id for one in around.entities)} <= {one.entity_id for one in survey.entities}
    first = chunks(document_id)[0].chunk_id
    passage = await client.call("Survey", g.SurveyRequest(document_ids=[document_id], chunk_ids=[first], limit=2))
    assert len(passage.entities) == 2
    elsewhere = await client.call("Survey", g.SurveyRequest(document_ids=[str(uuid.uuid4())]))
    assert (len(elsewhere.entities), elsewhere.present) == (0, False)

    request = g.QueryRequest(cypher="MATCH (e:Entity)<-[m:MENTIONS]-(s) RETURN m.surface AS 名, s.text LIMIT 1")
    table = await client.call("Query", request)
    assert table.columns == ["名", "s.text"]
    assert table.rows[0][0] in table.rows[0][1]

    await client.delete(document_id)
    left = await client.call("Probe", g.ProbeRequest())
    assert (left.entity_count, left.mention_count, left.alias_count, left.chunk_count) == (0, 0, 0, 0)


async def test_mentions_of_a_caller_are_kept_by_owner_and_decided_on(client: Client) -> None:
    document_id, chunk_id = str(uuid.uuid4()), str(uuid.uuid4())
    text = "Newton (牛顿) wrote Principia"
    quote = source_pb2.Source(document_id=document_id, chunk_id=chunk_id, start=5, end=5 + len(text), quote=text)
    mentions = [
        g.Mention(surface=name, start=5 + text.index(name), end=5 + text.index(name) + len(name), quote=quote)
        for name in ("Newton", "牛顿", "Principia")
    ]
    request = g.UpsertRequest(
        mentions=mentions,
        relations=[g.RelationMention(from_index=0, to_index=2, predicate="wrote", quote=quote)],
        aliases=[g.AliasStatement(first_index=0, second_index=1, quote=quote)],
    )
    first = await client.call("Upsert", request)
    assert await client.call("Upsert", request) == first
    around = await client.call("Expand", g.ExpandRequest(entity_ids=[first.entity_ids[1]]))
    assert [(r.predicate, r.sources[0].quote) for r in around.relations if r.predicate] == [("wrote", text)]
    newton, niudun = first.entity_ids[:2]
    made = await client.call("Decide", g.DecideRequest(first_entity_id=newton, second_entity_id=niudun))
    apart = await client.call("Explain", g.ExplainRequest(entity_id=newton))
    assert [link.same for link in apart.links] == [False, False]
    assert apart.links[0].decide_time.seconds > 0 or apart.links[1].decide_time.seconds > 0
    await client.call("Undo", g.UndoRequest(decision_id=made.decision_id))
    together = await client.call("Explain", g.ExplainRequest(entity_id=newton))
    assert [link.same for link in together.links] == [True]

    mine, client.user = client.user, f"{client.user}-other"
    assert (await client.call("Probe", g.ProbeRequest())).mention_count == 0
    assert not (await client.call("Expand", g.ExpandRequest(entity_ids=[newton]))).entities
    assert not (await client.call("Query", g.QueryRequest(cypher="MATCH (n) RETURN n"))).rows
    await client.delete(document_id)
    client.user = mine
    assert (await client.call("Probe", g.ProbeRequest())).mention_count == 3


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (g.UpsertRequest(aliases=[g.AliasStatement(quote=source_pb2.Source(quote="x"))]), "aliases[0].first_index"),
        (g.QueryRequest(cypher="MATCH (n) DETACH DELETE n"), "cypher"),
        (g.ExpandRequest(entity_ids=["x"]), "entity_ids[0]"),
        (g.AddChunksRequest(), "chunks"),
    ],
)
async def test_what_is_wrong_is_named(client: Client, request_: Any, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await client.call(type(request_).__name__.removesuffix("Request"), request_)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(raised.value.trailing_metadata())


@pytest.mark.parametrize(
    "method", ["AddChunks", "Upsert", "Query", "Expand", "Survey", "FindEntities", "Explain", "Decide", "Undo"]
)
async def test_without_an_engine_each_call_says_that_there_is_no_graph(bench: Bench, method: str) -> None:
    id_ = str(uuid.uuid4())
    fields: dict[str, dict[str, Any]] = {
        "AddChunks": {"chunks": chunks(id_)},
        "Query": {"cypher": "RETURN 1"},
        "Expand": {"entity_ids": [id_]},
        "Explain": {"entity_id": id_},
        "Decide": {"first_entity_id": id_, "second_entity_id": id_},
        "Undo": {"decision_id": id_},
    }
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(bench.graph, method)(getattr(g, f"{method}Request")(**fields.get(method, {})))
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "TIKU_NEO4J_URL" in (raised.value.details() or "")


async def test_without_an_engine_probe_says_why(bench: Bench) -> None:
    probe = await bench.graph.Probe(g.ProbeRequest())
    assert not probe.available
    assert "TIKU_NEO4J_URL" in probe.reason


EXTRACTION = {
    "entities": [
        {"name": "叶绿体", "kind": "term", "quote": "在叶绿体中进行"},
        {"name": "光合作用", "kind": "process", "quote": "光合作用（photosynthesis）在叶绿体中进行"},
        {"name": "线粒体", "kind": "term", "quote": "线粒体进行呼吸"},
    ],
    "relations": [
        {
            "subject": "光合作用",
            "predicate": "发生于",
            "object": "叶绿体",
            "quote": "光合作用（photosynthesis）在叶绿体中进行",
        }
    ],
}


async def test_models_extract_what_stands_in_a_text_and_it_can_be_stored(bench: Bench, client: Client) -> None:
    bench.llm.tokens = [json.dumps(EXTRACTION, ensure_ascii=False)]
    found = await bench.graph.Extract(g.ExtractRequest(text=TEXTS[0]))
    assert {mention.surface for mention in found.mentions} == {"叶绿体", "光合作用", "photosynthesis"}
    for mention in found.mentions:
        assert TEXTS[0][mention.start : mention.end] == mention.surface
    (relation,) = found.relations
    ends = [found.mentions[index].surface for index in (relation.from_index, relation.to_index)]
    assert (*ends, relation.predicate) == ("光合作用", "叶绿体", "发生于")
    assert len(found.aliases) == 1
    assert (found.model, found.usage.total_tokens) == ("scripted", 10)
    document, chunk = str(uuid.uuid4()), str(uuid.uuid4())
    said: list[Any] = [*found.mentions, *found.relations, *found.aliases]
    for quoted in said:
        quoted.quote.document_id, quoted.quote.chunk_id = document, chunk
    stored = await client.call(
        "Upsert",
        g.UpsertRequest(mentions=found.mentions, relations=found.relations, aliases=found.aliases),
    )
    assert len(set(stored.entity_ids)) == 3


async def test_without_a_model_extract_and_probe_say_so(bench: Bench) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await bench.graph.Extract(g.ExtractRequest(text=TEXTS[0]))
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert not (await bench.graph.Probe(g.ProbeRequest(try_models=True))).models


async def test_a_probe_tries_models_where_it_is_asked_to(bench: Bench) -> None:
    bench.llm.tokens = ["no object"]
    assert not (await bench.graph.Probe(g.ProbeRequest())).models
    (model,) = (await bench.graph.Probe(g.ProbeRequest(try_models=True))).models
    assert (model.model, model.can_extract) == ("scripted", False)
    assert "no JSON object" in model.reason
