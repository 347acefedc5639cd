"""The knowledge graph through REST, on the engine that `tiku up --graph` starts when it is first asked for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.e2e.stack import RefusedError, Rest, Up

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
