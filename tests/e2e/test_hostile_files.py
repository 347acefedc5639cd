"""Files that take a parser long, beside files that do not: nobody waits for the others.

How long others take meanwhile is measured by `python -m benchmarks hostile-files`; here it is the order that counts.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.stack import Rest
from tests.hostile_files import HOSTILE, crowded_page

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

REASONS = {
    "forms.pdf": "TOO_COMPLEX",
    "nested.html": "TOO_COMPLEX",
    "comments.md": "NO_TEXT",
    "deep.docx": "TOO_COMPLEX",
}
"""One of each format; `tests/unit/docs/test_parsers_hostile.py` has the others."""
MORE_THAN_JOBS = 25


async def test_more_slow_files_than_jobs_run_at_once_hold_up_no_short_one(rest: Rest) -> None:
    refused = await asyncio.gather(*(_refused(rest, name) for name in REASONS))
    page = crowded_page(60_000)
    slow = [await rest.upload(f"{number}.pdf", page + b" " * number) for number in range(MORE_THAN_JOBS)]
    try:
        for number in range(3):
            short = await rest.indexed("note.txt", f"Note {number}. Paper was made of bark, hemp and rags.".encode())
            assert short["state"] == "DOCUMENT_STATE_INDEXED"
        states = {document["document_id"]: document["state"] for document in await rest.documents()}
        left = [document for document in slow if states[document["document_id"]] != "DOCUMENT_STATE_INDEXED"]
        assert len(left) > MORE_THAN_JOBS // 2, "the slow files were not slow enough to hold anyone up"
    finally:
        for document in slow:
            await rest.call("DELETE", f"/documents/{document['document_id']}")
    assert dict(refused) == REASONS


async def _refused(rest: Rest, name: str) -> tuple[str, str]:
    """Upload a hostile file, wait for its end, and return its name and the reason."""
    document: dict[str, Any] = await rest.upload(name, HOSTILE[name]())
    last = (await rest.watch(document["document_id"]))[-1]
    await rest.call("DELETE", f"/documents/{document['document_id']}")
    return name, str(last.data.get("reason", last.name))
