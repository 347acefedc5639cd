"""What survives when every process of the stack is killed at once, and what a stop leaves behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import material
from tests.e2e.stack import Rest, Up, command, points, running
from tests.fakes.tutor import Tutor
from tests.integration.upkeep import house

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


def _long_text() -> bytes:
    """Enough chunks that a kill meets the job under way; no two alike."""
    paragraphs = [
        f"Section {number}. In the year {1000 + number} a caravan of {number + 7} camels left the well {number}. "
        f"It carried {number * 3 + 1} bales of silk, and the journey took {number % 90 + 20} days. "
        f"The merchant of house {number} paid {number * 11 + 5} coins as toll before the gate opened."
        for number in range(160)
    ]
    return "\n\n".join(paragraphs).encode()


async def _everything(rest: Rest, document_id: str, exercise_id: str) -> dict[str, Any]:
    """What is stored of a document and of an exercise, as the API shows it."""
    chunks = await rest.call("GET", f"/documents/{document_id}/chunks", params={"page_size": "1000"})
    return {
        "document": await rest.call("GET", f"/documents/{document_id}"),
        "chunks": chunks["chunks"],
        "events": await rest.watch(document_id),
        "text": await rest.text(document_id, 0, 0),
        "exercise": await rest.call("GET", f"/exercises/{exercise_id}", params={"include_answers": "true"}),
        "profile": await rest.call("GET", "/profile"),
    }


async def _search(rest: Rest, document_id: str) -> list[str]:
    body = {"query": "paper making after a battle", "filter": {"document_ids": [document_id]}}
    return [hit["chunk"]["chunk_id"] for hit in (await rest.call("POST", "/search", body))["hits"]]


async def _vectors(up: Up, document_id: str) -> int:
    return await points((await up.state())["environment"]["TIKU_QDRANT_URL"], document_id)


async def _file(rest: Rest, document_id: str) -> bytes:
    async with rest._http.get(f"{rest.gateway}/api/v1/documents/{document_id}/file") as answer:
        return await answer.read()


async def test_everything_survives_a_kill_and_the_job_goes_on(stack_folder: Path, tutor: Tutor) -> None:
    data = stack_folder / "survival"
    text = _long_text()
    # Small batches, so that there is a middle to be killed in.
    settings = {**house.environment(tutor), "TIKU_DOCS_INDEX_BATCH": "1"}
    async with running(data, **settings) as up:
        rest = up.rest
        document_id = (await rest.indexed("silk-road.md", material.MARKDOWN.encode()))["document_id"]
        wish = {"documents": {"document_ids": [document_id]}, "count": 3}
        exercise_id = (await rest.events("POST", "/exercises:generate", wish))[0].data["exercise_id"]
        submission = await rest.call("POST", f"/exercises/{exercise_id}:submit", {"answers": []})
        await rest.call("PATCH", "/profile", {"display_name": "Marco", "daily_question_goal": 12})
        before = await _everything(rest, document_id, exercise_id)
        found = await _search(rest, document_id)
        await _second_is_refused(up)

        under_way = (await rest.upload("caravans.txt", text))["document_id"]
        seen = []
        async with rest.stream("GET", f"/documents/{under_way}/events") as events:
            async for event in events:
                seen.append(event)
                if event.data.get("stage") == "STAGE_INDEXING" and int(event.data["done"]) > 0:
                    break
        assert int(seen[-1].data["done"]) < int(seen[-1].data["total"])
        await up.kill()

    async with running(data, **settings) as up:
        rest = up.rest
        assert await _everything(rest, document_id, exercise_id) == before
        assert await _search(rest, document_id) == found
        assert await _file(rest, document_id) == material.MARKDOWN.encode()
        assert await _vectors(up, document_id) == len(before["chunks"])
        again = await rest.call("POST", f"/exercises/{exercise_id}:submit", {"answers": []})
        assert again["submission"]["grades"] == submission["submission"]["grades"]

        whole = await rest.watch(under_way)
        assert whole[: len(seen)] == seen
        assert [event.number for event in whole] == list(range(1, len(whole) + 1))
        assert whole[-1].name == "indexed"
        chunks = whole[-1].data["document"]["chunk_count"]
        assert await _vectors(up, under_way) == chunks
        assert await _file(rest, under_way) == text
        assert await up.stop() == 0
        assert not await asyncio.to_thread((data / "run" / "stack.json").exists)


async def _second_is_refused(up: Up) -> None:
    """A second stack on the folder says who holds it, and harms nothing."""
    second = await command(up.data, "up", "--data", str(up.data), "--port", "0", "--ports", "free", "--no-model")
    said, _ = await second.communicate()
    assert second.returncode == 1
    assert f"in use by process {up.process.pid}" in " ".join(said.decode().split())
    state = json.loads(await asyncio.to_thread((up.data / "run" / "stack.json").read_text))
    assert state["pid"] == up.process.pid
