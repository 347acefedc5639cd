"""What the stores hold, once all is quiet."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter, defaultdict

import aiohttp
import asyncpg

from tests.e2e.stack import Rest, Up
from tests.faults.checks import Facts

_PAGE = 10_000
_SECONDS = 20.0


async def collect(up: Up, facts: Facts) -> None:
    """Read everything that `facts` is to be compared with."""
    state = await up.state()
    async with asyncio.timeout(_SECONDS):
        listed = await up.rest.documents()
        facts.documents = {one["document_id"]: one["state"] for one in listed}
        facts.expected_chunks = {one["document_id"]: int(one.get("chunk_count", 0)) for one in listed}
        facts.unparsed = {one["document_id"] for one in listed if one["name"].endswith(".bin")}
        await _contents(up.rest, facts)
        facts.vectors = await asyncio.to_thread(_vectors, state["environment"]["TIKU_QDRANT_URL"])
        await _rows(state["environment"]["TIKU_POSTGRES_DSN"], facts)


async def _contents(rest: Rest, facts: Facts) -> None:
    for document in facts.uploads.keys() & facts.documents.keys():
        facts.files[document] = await _digest_of(rest, document)
        if document in facts.texts and facts.documents[document] == "DOCUMENT_STATE_INDEXED":
            written, _ = facts.texts[document]
            facts.texts[document] = (written, " ".join((await rest.text(document, 0, 0)).split()))


async def _digest_of(rest: Rest, document: str) -> str:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with rest._http.get(f"{rest.gateway}/api/v1/documents/{document}/file", timeout=timeout) as answer:
        return hashlib.sha256(await answer.read()).hexdigest()


def _vectors(url: str) -> Counter[str]:
    """Count the points of each document over all collections."""
    from qdrant_client import QdrantClient  # It takes a second, in each process that collects tests.

    port = int(url.rpartition(":")[2])
    client = QdrantClient(host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False)
    found: Counter[str] = Counter()
    with contextlib.closing(client):
        for collection in client.get_collections().collections:
            offset = None
            while True:
                records, offset = client.scroll(
                    collection.name, limit=_PAGE, offset=offset, with_payload=["document_id"], with_vectors=False
                )
                found.update(str((record.payload or {})["document_id"]) for record in records)
                if offset is None:
                    break
    return found


async def _rows(dsn: str, facts: Facts) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        chunks: dict[str, list[int]] = defaultdict(list)
        for row in await connection.fetch("SELECT document_id::text AS id, ordinal FROM docs.chunks"):
            chunks[row["id"]].append(row["ordinal"])
        events: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in await connection.fetch(
            "SELECT run_id::text AS id, number, name FROM exercises.run_events ORDER BY run_id, number"
        ):
            events[row["id"]].append((row["number"], row["name"]))
        runs = await connection.fetch("SELECT run_id::text AS id, state FROM exercises.runs")
        stored = await connection.fetch("SELECT submission_id::text FROM exercises.submissions")
    finally:
        await connection.close()
    facts.chunks, facts.run_events = chunks, events
    facts.runs = {row["id"]: row["state"] for row in runs}
    facts.stored_submissions = [row[0] for row in stored]
