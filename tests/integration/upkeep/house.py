"""A small real stack with documents, exercises and submissions, and all that is stored of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import uuid
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console

from services.upkeep.backup import back_up
from services.upkeep.check import check
from services.upkeep.contents import Manifest
from services.upkeep.progress import shown
from services.upkeep.restore import restore as restore_backup
from services.upkeep.restore import verified
from services.upkeep.servers import reached
from tests.e2e import material
from tests.e2e.stack import Event, Rest, Up, command, running
from tests.fakes.tutor import MODEL, Tutor

SEARCHES = ("How did paper making spread?", "地震波分为哪两种？")
_COMMAND_SECONDS = 120.0
_PART_BYTES = 1024 * 1024


def environment(tutor: Tutor) -> dict[str, str]:
    """What a stack is told: a scripted chat model, and vectors from hashed words."""
    return {
        "TIKU_LLM_BASE_URL": tutor.base_url,
        "TIKU_LLM_MODEL": MODEL,
        "TIKU_LLM_API_KEY": "sk-of-the-tests",
        "TIKU_EMBED_BASE_URL": tutor.base_url,
        "TIKU_EMBED_MODEL": "hashing",
        "TIKU_RETRIEVAL_RELEVANCE_THRESHOLD": "0.05",
        # So short that a second pass happens within a test.
        "TIKU_DOCS_DELETION_DELAY_SECONDS": "2",
    }


def up(data: Path, tutor: Tutor) -> AbstractAsyncContextManager[Up]:
    """Bring a stack up on a folder for a block."""
    return running(data, **environment(tutor))


async def tiku(data: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command on a data folder; return its exit code and all that it printed."""
    process = await command(data, arguments[0], "--data", str(data), *arguments[1:], counted=True, **variables)
    async with asyncio.timeout(_COMMAND_SECONDS):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def summary(output: str) -> dict[str, Any]:
    """Return the JSON that a command printed among its steps."""
    found: dict[str, Any] = json.loads(output[output.find("{") : output.rfind("}") + 1])
    return found


async def backup(data: Path, file: Path, *, vectors: bool = True) -> Manifest:
    """Back a stack up as `tiku backup` does, in this process: the command loads its libraries for a second."""
    with shown(Console(file=io.StringIO())) as steps:
        async with reached(data, alone=False) as servers:
            manifest, _ = await back_up(servers, file, steps, vectors=vectors)
    return manifest


async def restore(data: Path, file: Path, *, replace: bool = False) -> None:
    """Restore a backup as `tiku restore` does, in this process."""
    with shown(Console(file=io.StringIO())) as steps:
        async with verified(file, steps) as found, reached(data, alone=True) as servers:
            await restore_backup(servers, found, file.name, steps, replace=replace)


async def fsck(data: Path, *, deep: bool = False, repair: bool = False) -> dict[str, dict[str, Any]]:
    """Return what `tiku fsck` finds, by kind; in this process."""
    with shown(Console(file=io.StringIO())) as steps:
        async with reached(data, alone=False) as servers:
            found = await check(servers, steps, deep=deep, repair=repair)
    return {kind.name: asdict(of_kind) for kind, of_kind in found.items()}


async def fill(rest: Rest) -> dict[str, str]:
    """Store documents in both languages, an exercise of each with a submission; return the documents' ids by name."""
    ids = {}
    for name, data in (
        ("silk-road.md", material.MARKDOWN.encode()),
        ("板块构造.txt", material.CHINESE_TEXT.encode()),
        ("photosynthesis.pdf", await asyncio.to_thread(material.PDF.read_bytes)),
    ):
        ids[name] = (await rest.indexed(name, data))["document_id"]
    for document_id in list(ids.values())[:2]:
        events = await generate(rest, document_id)
        exercise = events[0].data["exercise_id"]
        questions = [event.data for event in events if event.name == "question"]
        given = [{"question_id": q.get("question", q)["question_id"], "blanks": ["camel"]} for q in questions]
        await rest.call("POST", f"/exercises/{exercise}:submit", {"answers": given})
    await rest.call("PATCH", "/profile", {"goal": "阅读 papers"})
    return ids


async def generate(rest: Rest, document_id: str) -> list[Event]:
    """Generate clozes from a document; return the events of the run."""
    wish = {
        "documents": {"document_ids": [document_id]},
        "count": 3,
        "generator": "GENERATOR_CHOICE_CLOZE_ONLY",
        "kinds": ["QUESTION_KIND_FILL_IN_THE_BLANK"],
        "include_answers": True,
    }
    return await rest.events("POST", "/exercises:generate", wish)


async def rows(dsn: str) -> dict[str, list[str]]:
    """Return every row of the services' tables as text, but those of the queue."""
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
            "WHERE table_schema IN ('docs', 'exercises') AND table_name NOT LIKE 'pgqueuer%'"
        )
        found = {}
        for name in (row["name"] for row in names):
            stored = await connection.fetch(f"SELECT (to_jsonb(t) - 'applied_at')::text FROM {name} t")  # noqa: S608
            found[name] = sorted(row[0] for row in stored)
        return found
    finally:
        await connection.close()


async def objects(data: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below `objects`, by its path."""
    return await asyncio.to_thread(_digests, data / "objects")


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def answers(rest: Rest) -> list[Any]:
    """Return what searches find, and what the answers to them cite."""
    found: list[Any] = []
    for question in SEARCHES:
        hits = (await rest.call("POST", "/search", {"query": question}))["hits"]
        found.append([hit["chunk"]["chunk_id"] for hit in hits])
        events = await rest.events("POST", "/answer", {"question": question})
        found.append([event.data["source"] for event in events if event.name == "citation"])
    return found


async def all_files(rest: Rest, ids: list[str]) -> list[str]:
    """Return the SHA-256 of each document's file as it is downloaded."""
    digests = []
    for document_id in ids:
        async with rest._http.get(f"{rest.gateway}/api/v1/documents/{document_id}/file") as answer:
            assert answer.status == 200
            digests.append(hashlib.sha256(await answer.read()).hexdigest())
    return digests


async def big_document(data: Path, size: int) -> None:
    """Store a file of `size` random bytes, as the upload of a document that is not parsed leaves it."""
    files = data / "objects" / "objects"
    digest = await asyncio.to_thread(_random_file, files, size)
    async with reached(data, alone=True) as servers:
        sql = await asyncpg.connect(servers.dsn)
        await sql.execute(
            "INSERT INTO docs.documents (document_id, owner, name, kind, media_type, size_bytes, sha256, state, "
            "create_time, update_time, instance) SELECT $1, owner, 'big.bin', 'DOCUMENT', 'application/octet-stream', "
            "$2, $3, 'UPLOADED', now(), now(), instance FROM docs.documents LIMIT 1",
            *(str(uuid.uuid4()), size, digest),
        )
        await sql.close()


def _random_file(folder: Path, size: int) -> str:
    """Write random bytes into a file that is named after their SHA-256, and return that."""
    digest = hashlib.sha256()
    with (folder / "new").open("wb") as file:
        for _ in range(size // _PART_BYTES):
            part = os.urandom(_PART_BYTES)
            digest.update(part)
            file.write(part)
    (folder / "new").rename(folder / digest.hexdigest())
    return digest.hexdigest()


async def appears(path: Path, at_least: int) -> None:
    """Wait until there are so many bytes in a file, or in the files of a folder."""

    def size() -> int:
        files = path.rglob("*") if path.is_dir() else [path]
        with contextlib.suppress(OSError):
            return sum(file.stat().st_size for file in files if file.is_file())
        return 0

    async with asyncio.timeout(_COMMAND_SECONDS):
        while await asyncio.to_thread(size) < at_least:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.005)
