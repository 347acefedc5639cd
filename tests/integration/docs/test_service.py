"""The docs service through gRPC: one document's whole life."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

from tests.integration.docs.conftest import Client, Neighbors, study_text
from tiku.docs.v1 import docs_pb2


async def test_a_document_is_uploaded_read_back_listed_and_deleted(client: Client) -> None:
    data = study_text(3)
    stored = await client.upload("光合作用.md", data)
    assert stored.state == docs_pb2.DOCUMENT_STATE_UPLOADED
    assert stored.kind == docs_pb2.DOCUMENT_KIND_MATERIAL
    assert stored.media_type == "text/markdown"
    assert stored.size_bytes == len(data)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()

    assert await client.get(stored.document_id) == stored
    assert list((await client.list()).documents) == [stored]
    description, bytes_back = await client.download(stored.document_id)
    assert bytes_back == data
    assert description.size_bytes == len(data)

    await client.delete(stored.document_id)
    assert list((await client.list()).documents) == []


async def test_the_job_takes_a_document_into_the_index(client: Client, neighbors: Neighbors) -> None:
    stored = await client.upload("notes.md", study_text(12), parse=True)
    events = [event async for event in client.watch(stored.document_id)]

    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[-1].indexed.document.state == docs_pb2.DOCUMENT_STATE_INDEXED
    document = await client.get(stored.document_id)
    chunks = (await client.chunks(stored.document_id)).chunks
    assert document.chunk_count == len(chunks) > 4
    assert {document.language} <= {"en", "zh"}
    text = (await client.text(stored.document_id)).text
    assert document.text_length == len(text)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
    indexed = neighbors.retrieval.of(stored.document_id)
    assert not any(chunk.page or chunk.page_starts for chunk in indexed)
    assert [chunk.chunk_id for chunk in indexed] == [chunk.chunk_id for chunk in chunks]
    assert set(neighbors.retrieval.sent.values()) == {1}
    await client.delete(stored.document_id)
    assert neighbors.retrieval.of(stored.document_id) == []


async def test_the_index_learns_where_the_pages_of_a_chunk_begin(
    client: Client, neighbors: Neighbors, tmp_path: Path
) -> None:
    await asyncio.to_thread(_write_pdf, tmp_path / "pages.pdf")
    data = await asyncio.to_thread((tmp_path / "pages.pdf").read_bytes)
    stored = await client.upload("pages.pdf", data, parse=True)
    assert [event async for event in client.watch(stored.document_id)][-1].HasField("indexed")
    text = (await client.text(stored.document_id)).text
    (chunk,) = neighbors.retrieval.of(stored.document_id)
    assert chunk.page == 1
    assert list(chunk.page_starts) == [text.index(page) for page in PAGES[1:]]


PAGES = ("Leaves are green in spring.", "They turn red in autumn.", "They fall before winter.")


def _write_pdf(path: Path) -> None:
    canvas = Canvas(str(path))
    for page in PAGES:
        canvas.drawString(72, 700, page)
        canvas.showPage()
    canvas.save()
