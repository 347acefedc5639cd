"""The commands on servers that variables name, without a data folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from tests.engines import engine
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


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
        again = json.loads(output[output.find("{") : output.rfind("}") + 1])
        assert again["points"] == sum(len(rows) for name, rows in filled.rows.items() if name == "docs.chunks")
        assert again["objects"] == len(filled.ids)
        assert again["index_again"] == again["missing"] == []
    assert not await asyncio.to_thread(fresh.exists)
