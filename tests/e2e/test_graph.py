"""The knowledge graph through REST, on the engine that `tiku up` starts when it is first asked for."""

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
