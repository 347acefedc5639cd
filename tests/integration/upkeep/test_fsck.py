"""`tiku fsck` finds each disagreement that is planted in a running stack, and mends it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.retrieval.adapters.stores.qdrant_upkeep import QdrantUpkeep
from services.upkeep.servers import reached
from tests.e2e.stack import Up
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

_NOBODY = str(uuid.UUID(int=7))


async def _addresses(up: Up) -> tuple[asyncpg.Connection, str]:
    variables = (await up.state())["environment"]
    return await asyncpg.connect(variables["TIKU_POSTGRES_DSN"]), variables["TIKU_QDRANT_URL"]


async def test_each_planted_disagreement_is_found_and_mended(filled: Filled, restored: Up) -> None:
    silk, plates, pdf = (filled.ids[name] for name in ("silk-road.md", "板块构造.txt", "photosynthesis.pdf"))
    data = restored.data
    assert await house.fsck(data, deep=True) == {}
    sql, url = await _addresses(restored)
    try:
        await _plant_objects(data / "objects", plates)
        await _plant_rows(sql, pdf)
        await _plant_points(url, silk, pdf)
        found = await house.fsck(data, deep=True)
        expected = {
            "UPLOAD_STRAY": 1,
            "ROW_STRAY": 1,
            "FILE_STRAY": 1,
            "TEXT_STRAY": 1,
            "TEXT_MISSING": 1,
            "CHUNKS_MISSING": 1,
            "POINT_STRAY": 1,
            "POINT_FOREIGN": 1,
            "POINT_SURPLUS": 1,
            "POINTS_MISSING": 1,
        }
        assert {kind: of_kind["count"] for kind, of_kind in found.items()} == expected
        assert plates in found["TEXT_MISSING"]["examples"][0]
        assert pdf in found["CHUNKS_MISSING"]["examples"][0]
        assert silk in found["POINTS_MISSING"]["examples"][0]
        mended = await house.fsck(data, deep=True, repair=True)
        assert {kind: of_kind["mended"] for kind, of_kind in mended.items()} == expected
        for document_id in (silk, plates, pdf):
            assert (await restored.rest.watch(document_id))[-1].name == "indexed"
        await _settled(data)
        assert await house.answers(restored.rest) == filled.answers
        assert await house.objects(data) == filled.objects
        await _a_lost_job(sql, data, silk)
    finally:
        await sql.close()


async def _settled(data: Path) -> None:
    """Wait until a row whose upload nobody finished is gone, too."""
    for _ in range(30):
        if not (found := await house.fsck(data, deep=True)):
            break
        await asyncio.sleep(1)
    assert found == {}


async def _plant_objects(stored: Path, plates: str) -> None:
    def plant() -> None:
        content = b"nobody's"
        (stored / "objects" / hashlib.sha256(content).hexdigest()).write_bytes(content)
        (stored / "texts" / _NOBODY).write_bytes(content)
        (stored / "uploads").mkdir(exist_ok=True)
        (stored / "uploads" / f"{uuid.uuid4()}.{uuid.uuid4()}").write_bytes(content)
        (stored / "texts" / plates).unlink()

    await asyncio.to_thread(plant)


async def _plant_rows(sql: asyncpg.Connection, pdf: str) -> None:
    await sql.execute("DELETE FROM docs.chunks WHERE document_id = $1 AND ordinal = 0", pdf)
    await sql.execute(
        "INSERT INTO docs.documents (document_id, owner, name, kind, media_type, size_bytes, sha256, state, "
        "create_time, update_time, instance) VALUES ($1, 'a', 'b', 'DOCUMENT', 'text/plain', 1, 'c', 'STORING', "
        "now(), now(), $2)",
        str(uuid.uuid4()),
        str(uuid.uuid4()),
    )


async def _plant_points(url: str, silk: str, pdf: str) -> None:
    async with QdrantUpkeep.open(url) as vectors:
        (collection,) = await vectors.collections()
        pages = vectors.points(collection, document_id=silk, vectors=True)
        point, *_ = [point async for page in pages for point in page]
        await vectors.load(
            collection,
            [
                _altered(point.message, document_id=_NOBODY),
                _altered(point.message, owner_id="somebody else"),
                _altered(point.message, ordinal=10_000),
            ],
        )
        await vectors.delete_points(collection, [point.point_id])


def _altered(message: bytes, **payload: Any) -> bytes:
    from qdrant_client import grpc as q

    point = q.PointStruct.FromString(message)
    point.id.uuid = str(uuid.uuid4())
    for key, value in payload.items():
        point.payload[key].CopyFrom(q.Value(integer_value=value) if key == "ordinal" else q.Value(string_value=value))
    return point.SerializeToString()


async def _a_lost_job(sql: asyncpg.Connection, data: Path, document_id: str) -> None:
    """The service queues lost jobs every minute, and may do so before this one is found."""
    for generation in range(99, 105):
        await sql.execute(
            "UPDATE docs.documents SET state = 'QUEUED', generation = $2 WHERE document_id = $1",
            *(document_id, generation),
        )
        found = await house.fsck(data)
        if "JOB_LOST" in found:
            break
        await _settled(data)
    assert found["JOB_LOST"]["examples"] == [document_id]
    await house.fsck(data, repair=True)
    await _settled(data)


async def test_a_generation_that_no_process_runs_is_ended(copied: Path) -> None:
    # A service would end it: the stack is stopped.
    async with reached(copied, alone=True) as servers:
        sql = await asyncpg.connect(servers.dsn)
        exercise = str(uuid.uuid4())
        await sql.execute(
            "INSERT INTO exercises.exercises (exercise_id, owner, title, language, document_ids) "
            "VALUES ($1, 'development', 't', 'en', '{}')",
            exercise,
        )
        await sql.execute(
            "INSERT INTO exercises.runs (run_id, exercise_id, owner, state, instance, lease_until) "
            "VALUES ($1, $2, 'development', 'running', 'gone', now() - interval '1 hour')",
            str(uuid.uuid4()),
            exercise,
        )
        await sql.close()
    assert (await house.fsck(copied, repair=True))["RUN_ABANDONED"]["mended"] == 1
    assert await house.fsck(copied) == {}


async def test_what_only_a_person_can_mend_is_reported(filled: Filled, copied: Path) -> None:
    files = copied / "objects" / "objects"
    names = sorted(name.partition("/")[2] for name in filled.objects if name.startswith("objects/"))

    def damage() -> None:
        (files / names[0]).unlink()
        content = bytearray((files / names[1]).read_bytes())
        content[0] ^= 1
        (files / names[1]).write_bytes(content)

    await asyncio.to_thread(damage)
    async with reached(copied, alone=True) as servers:
        sql = await asyncpg.connect(servers.dsn)
        changed = await sql.execute(
            "UPDATE exercises.questions SET body = jsonb_set(body, '{source,quote}', '\"never written\"') "
            "WHERE question_id = (SELECT min(question_id::text)::uuid FROM exercises.questions)"
        )
        await sql.close()
        assert changed == "UPDATE 1"
    expected = {"FILE_MISSING": (1, 0), "FILE_DAMAGED": (1, 0), "QUOTE_WRONG": (1, 0)}
    found = await house.fsck(copied, deep=True)
    assert {kind: (f["count"], f["mended"]) for kind, f in found.items()} == expected
    code, output = await house.tiku(copied, "fsck", "--json", "--deep", "--repair")
    assert code == 1
    told = house.summary(output)
    assert {kind: (f["count"], f["mended"]) for kind, f in told.items()} == expected
    code, output = await house.tiku(copied, "fsck")
    assert code == 1
    assert "document without its file" in output
    assert "question whose quote is not in its document" in output
