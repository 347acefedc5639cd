"""The knowledge graph through REST, on the engine that `tiku up --graph` starts when it is first asked for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.e2e.stack import RefusedError, Rest, Up
from tests.fakes.tutor import MODEL, Tutor

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

TEXT = "Photosynthesis (光合作用) in the chloroplast makes glucose. The chloroplast holds chlorophyll."


async def call(rest: Rest, method: str, **body: Any) -> Any:
    return await rest.call("POST", f"/graph:{method}", body)


async def test_each_call_walks_to_the_engine_and_back_and_a_deletion_leaves_nothing(stack: Up) -> None:
    document_id, chunk_id = str(uuid.uuid4()), str(uuid.uuid4())
    before = await call(stack.rest, "probe")
    assert before["available"]
    assert before["engine"] == "ArcadeDB"
    assert "arcadedb" in (await stack.state())["engines"]
    chunk = {"chunk_id": chunk_id, "document_id": document_id, "document_name": "n.md", "text": TEXT, "end": len(TEXT)}
    added = await call(stack.rest, "addChunks", chunks=[chunk])
    assert added["mention_count"] > 3
    quote = {"document_id": document_id, "chunk_id": chunk_id, "start": 0, "end": len(TEXT), "quote": TEXT}
    places = [{"start": TEXT.index(name), "end": TEXT.index(name) + len(name)} for name in ("chloroplast", "glucose")]
    named = [{**place, "surface": TEXT[place["start"] : place["end"]], "quote": quote} for place in places]
    relation = {"from_index": 0, "to_index": 1, "predicate": "makes", "quote": quote}
    ids = (await call(stack.rest, "upsert", mentions=named, relations=[relation]))["entity_ids"]

    (entity,) = (await call(stack.rest, "findEntities", name="光合作用"))["entities"]
    assert {name.lower() for name in (entity["name"], *entity["aliases"])} == {"光合作用", "photosynthesis"}
    around = await call(stack.rest, "expand", entity_ids=[entity["entity_id"]], depth=2)
    assert {"chloroplast", "glucose"} <= {found["name"] for found in around["entities"]}
    (made,) = (r for r in around["relations"] if r["predicate"] == "makes")
    assert (made["from_entity_id"], made["to_entity_id"], made["sources"][0]["quote"]) == (*ids, TEXT)
    survey = await call(stack.rest, "survey", document_ids=[document_id])
    assert survey["present"]
    assert {"chloroplast", "glucose"} <= {found["name"] for found in survey["entities"]}
    explained = await call(stack.rest, "explain", entity_id=entity["entity_id"])
    assert explained["links"][0]["sources"][0]["document_id"] == document_id
    decided = await call(stack.rest, "decide", first_entity_id=ids[0], second_entity_id=ids[1], same=True)
    await call(stack.rest, "undo", decision_id=decided["decision_id"])

    cypher = "MATCH (e:Entity {key: $name})<-[m:MENTIONS]-(s) RETURN m.surface AS name, count(s) AS times"
    table = await call(stack.rest, "query", cypher=cypher, parameters={"name": "glucose"})
    assert (table["columns"], table["rows"][0][0]) == (["name", "times"], "glucose")
    with pytest.raises(RefusedError) as refused:
        await call(stack.rest, "query", cypher="MATCH (n) DETACH DELETE n")
    assert (refused.value.status, refused.value.reason, refused.value.fields) == (400, "CYPHER_REFUSED", ["cypher"])

    await stack.rest.call("DELETE", f"/chunks/documents/{document_id}")
    assert await call(stack.rest, "probe") == before


async def test_chunks_of_a_caller_are_indexed_searched_and_retrieved(stack: Up) -> None:
    rest = stack.rest
    document_id = str(uuid.uuid4())
    texts = [TEXT, "The mitochondrion sets energy free. It is said to be the power plant of the cell."]
    embedded = await rest.call("POST", "/embed", {"kind": "EMBED_KIND_PASSAGE", "texts": texts})
    chunks = [
        {
            "chunk": {
                "chunk_id": str(uuid.uuid4()),
                "document_id": document_id,
                "document_name": "n.md",
                "ordinal": ordinal,
                "text": text,
                "end": len(text),
            },
            "vector": one["values"],
        }
        for ordinal, (text, one) in enumerate(zip(texts, embedded["embeddings"], strict=True))
    ]
    indexed = await rest.call("POST", "/chunks:index", {"embedding_model": embedded["model"], "chunks": chunks})
    assert int(indexed["indexed_count"]) == 2
    asked = {"query": "What does the chloroplast hold?", "filter": {"document_ids": [document_id]}}
    found = await rest.call("POST", "/search", asked)
    assert [hit["chunk"]["text"] for hit in found["hits"]] == texts
    retrieved = await rest.call("POST", "/retrieve", asked)
    assert retrieved["hits"][0]["chunk"]["text"] == TEXT
    assert {leg["leg"] for leg in retrieved["legs"]} >= {"vector", "words"}
    assert not any(leg.get("reason") for leg in retrieved["legs"])
    await rest.call("DELETE", f"/chunks/documents/{document_id}")
    assert not (await rest.call("POST", "/search", asked))["hits"]


async def test_a_model_extracts_what_can_be_stored_as_it_is(stack: Up, tutor: Tutor) -> None:
    found = await call(stack.rest, "extract", text=TEXT)
    assert {mention["surface"] for mention in found["mentions"]} >= {"Photosynthesis", "chloroplast", "光合作用"}
    for mention in found["mentions"]:
        assert TEXT[mention["start"] : mention["end"]] == mention["surface"]
    (relation, *_) = found["relations"]
    assert relation["predicate"] == "with"
    assert (found["model"], len(found["aliases"]), len(tutor.requests)) == (MODEL, 1, 1)
    document_id, chunk_id = str(uuid.uuid4()), str(uuid.uuid4())
    said = {kind: found[kind] for kind in ("mentions", "relations", "aliases")}
    for quoted in (one for of_kind in said.values() for one in of_kind):
        quoted["quote"] |= {"document_id": document_id, "chunk_id": chunk_id}
    ids = (await call(stack.rest, "upsert", **said))["entity_ids"]
    around = await call(stack.rest, "expand", entity_ids=ids[:1])
    assert {found["name"].lower() for found in around["entities"]} >= {"photosynthesis", "chloroplast"}
    await stack.rest.call("DELETE", f"/chunks/documents/{document_id}")


async def test_a_document_goes_into_the_graph_behind_its_vectors_and_leaves_it_with_them(stack: Up) -> None:
    rest = stack.rest
    before = await call(rest, "probe")
    built: dict[str, str] = {}
    for file, text, name in (
        ("note.md", TEXT, "chloroplast"),
        ("笔记.md", "光合作用在叶绿体中进行。叶绿体含有叶绿素，叶绿素吸收光能。", "叶绿素"),
    ):
        document = await rest.indexed(file, text.encode())
        assert document["graph_state"] == "GRAPH_STATE_UNSPECIFIED", "this stack builds graphs when asked"
        document_id = document["document_id"]
        asked = (await rest.call("POST", f"/documents/{document_id}:parse", {"graph": True}))["document"]
        assert (asked["state"], asked["graph_state"]) == ("DOCUMENT_STATE_INDEXED", "GRAPH_STATE_QUEUED")
        (*_, indexed, last) = await rest.watch(document_id, params={"graph": "true"})
        assert (indexed.name, last.name) == ("indexed", "graph_built")
        assert (await rest.watch(document_id))[-1].name == "indexed"
        shown = last.data["document"]
        assert (shown["graph_state"], shown["graph_chunk_count"]) == ("GRAPH_STATE_BUILT", document["chunk_count"])
        built[name] = document_id
    for name, document_id in built.items():
        (entity,) = (await call(rest, "findEntities", name=name, document_ids=[document_id]))["entities"]
        around = await call(rest, "expand", entity_ids=[entity["entity_id"]], document_ids=[document_id])
        assert around["relations"], name
        cypher = "MATCH (e:Entity {key: $name})<-[m:MENTIONS]-(s) RETURN count(s) AS times"
        assert (await call(rest, "query", cypher=cypher, parameters={"name": name}))["rows"][0][0] >= 1
    for document_id in built.values():
        await rest.call("DELETE", f"/documents/{document_id}")
    after = await call(rest, "probe")
    assert after == before
