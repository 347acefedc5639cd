"""The commands on servers that variables name, without a data folder."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import asyncpg
import pytest

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from services.kit.migrations import migrate_in, read_migrations
from services.upkeep.servers import SCHEMAS
from tests.engines import engine
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


async def test_servers_are_restored_checked_and_backed_up(filled: Filled, fresh: Path, postgres_database: str) -> None:
    place = fresh.parent
    vectors = qdrant(place / "qdrant", free_port(), place / "qdrant.log")
    variables = {
        "TIKU_POSTGRES_DSN": postgres_database,
        "TIKU_QDRANT_URL": vectors.url,
        "TIKU_DOCS_OBJECTS_PATH": str(place / "objects"),
    }
    async with engine(vectors.spec):
        service = await asyncpg.connect(postgres_database, server_settings={"application_name": "tiku-docs"})
        code, output = await house.tiku(fresh, "restore", str(filled.backup), **variables)
        assert code == 1
        assert "services are connected to the database (tiku-docs): stop them first" in output
        await service.close()
        code, output = await house.tiku(fresh, "restore", str(filled.backup), **variables)
        assert code == 0, output
        assert await house.rows(postgres_database) == filled.rows
        assert await house.objects(place) == filled.objects
        code, output = await house.tiku(fresh, "fsck", "--deep", **variables)
        assert (code, output.splitlines()[-1]) == (0, "nothing is wrong")
        code, output = await house.tiku(fresh, "backup", str(place / "again.tar"), "--json", **variables)
        assert code == 0, output
        again = house.summary(output)
        assert again["points"] == sum(len(rows) for name, rows in filled.rows.items() if name == "docs.chunks")
        assert again["objects"] == len(filled.ids)
        assert again["index_again"] == again["missing"] == []
    assert not await asyncio.to_thread(fresh.exists)


async def test_a_backup_of_an_older_schema_is_brought_up_to_date(fresh: Path, postgres_database: str) -> None:
    place = fresh.parent
    vectors = qdrant(place / "qdrant", free_port(), place / "qdrant.log")
    variables = {
        "TIKU_POSTGRES_DSN": postgres_database,
        "TIKU_QDRANT_URL": vectors.url,
        "TIKU_DOCS_OBJECTS_PATH": str(place / "objects"),
    }
    document_id = str(uuid.uuid4())
    sql = await asyncpg.connect(postgres_database)
    async with sql.transaction():
        for schema, folder in SCHEMAS.items():
            files = await asyncio.to_thread(read_migrations, folder)
            await migrate_in(sql, schema, files, only={name for name, _ in files[:2]})
        await sql.execute("SET LOCAL search_path TO docs")
        await sql.execute(
            "INSERT INTO documents (document_id, owner, name, kind, media_type, size_bytes, sha256, state, "
            "create_time, update_time, instance) VALUES ($1, 'a', '名\t\\', 'DOCUMENT', 'text/plain', 1, 'c', "
            "'DELETING', now(), now(), $1)",
            document_id,
        )
        await sql.execute("INSERT INTO chunks VALUES ($1, 0, $1, '一\n二', 0, 0, 3, '{a,b}')", document_id)
    assert not await sql.fetchval("SELECT count(*) FROM pg_attribute WHERE attname = 'page_starts'")
    async with engine(vectors.spec):
        code, output = await house.tiku(fresh, "backup", str(place / "old.tar"), **variables)
        assert code == 0, output
        code, output = await house.tiku(fresh, "fsck", **variables)
        assert code == 1
        assert "the database is not of this version" in output
        code, output = await house.tiku(fresh, "restore", str(place / "old.tar"), "--replace", **variables)
        assert code == 0, output
    row = await sql.fetchrow("SELECT name, body, page_starts FROM docs.documents JOIN docs.chunks USING (document_id)")
    await sql.close()
    assert row is not None
    assert tuple(row) == ("名\t\\", "一\n二", [])
