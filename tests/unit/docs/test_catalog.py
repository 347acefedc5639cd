"""Reading what is kept, page by page and slice by slice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.domain.catalog.catalog import MOST_TEXT_CHARS, DocumentCatalog
from services.docs.domain.objects import object_key, text_key
from services.docs.values.document import Document, Job, JobKind, StoredChunk
from services.docs.values.parsed_document import ParsedFile
from services.kit import ids
from services.kit.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from services.kit.paging import encode_cursor

START = datetime(2026, 11, 22, tzinfo=UTC)
SOME_ID = "01a2243a-734a-7492-b2c4-0fdec7325207"
FILE = bytes(range(256)) * 10
TEXT = "题库 🙂 " * 60_000


class House:
    """A catalog of alice's, filled by hand."""

    def __init__(self) -> None:
        self.stores = FakeStores(FakeJobQueue())
        self.objects = FakeObjectStore()
        self.catalog = DocumentCatalog(self.stores.documents, self.objects)

    async def document(self, minutes: int = 0, *, parsed: bool = False) -> Document:
        moment = START + timedelta(minutes=minutes)
        row = Document(
            document_id=ids.new_id(),
            owner="alice",
            name="a.txt",
            kind=DocumentKind.MATERIAL,
            media_type="text/plain",
            size_bytes=len(FILE),
            sha256="ab" * 32,
            create_time=moment,
            update_time=moment,
        )
        await self.stores.documents.add(row)
        await self.objects.put(object_key(row.sha256), _once(FILE))
        stored = await self.stores.documents.confirm(row.document_id, parse=parsed)
        if parsed:
            job = Job(JobKind.INDEX, row.document_id, "alice", 1)
            await self.stores.jobs.begin(job)
            chunks = [StoredChunk(n, n, n + 3, TEXT[n : n + 3], 0, (), chunk_id=ids.new_id()) for n in range(250)]
            file = ParsedFile(0, len(TEXT), "zh", "", 250, Path("text"), Path("chunks"))
            await self.stores.jobs.save_parsed(job, file, _parts(chunks), [])
            await self.objects.put(text_key(row.document_id), _once(TEXT.encode("utf-32-le")))
        return stored


async def _parts(chunks: list[StoredChunk]) -> AsyncIterator[list[StoredChunk]]:
    yield chunks


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("wrong", ["", "nonsense", "01890000-0000-7000-8000-00000000000g", "' OR 1=1 --"])
async def test_an_id_that_cannot_be_is_not_found(house: House, wrong: str) -> None:
    with pytest.raises(NotFound) as caught:
        await house.catalog.get(wrong, "alice")
    assert caught.value.reason == "DOCUMENT_NOT_FOUND"


async def test_an_id_in_capitals_is_the_same_id(house: House) -> None:
    stored = await house.document()
    assert await house.catalog.get(stored.document_id.upper(), "alice") == stored


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
async def test_pages_are_disjoint_and_complete(house: House, size: int) -> None:
    rows = [await house.document(minutes) for minutes in range(7)]
    seen: list[Document] = []
    token = ""
    while True:
        page = await house.catalog.list("alice", kind=None, page_size=size, page_token=token)
        assert len(page.items) <= size
        seen += page.items
        if not (token := page.next_page_token):
            break
    assert seen == rows[::-1]


async def test_a_document_that_arrives_between_pages_shifts_nothing(house: House) -> None:
    rows = [await house.document(minutes) for minutes in range(4)]
    first = await house.catalog.list("alice", kind=None, page_size=2, page_token="")
    await house.document(99)
    second = await house.catalog.list("alice", kind=None, page_size=2, page_token=first.next_page_token)
    assert [*first.items, *second.items] == rows[::-1]


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        encode_cursor({}),
        encode_cursor({"t": "yesterday", "d": SOME_ID}),
        encode_cursor({"t": "2026-11-22T00:00:00", "d": SOME_ID}),
        encode_cursor({"t": START.isoformat(), "d": "x"}),
        encode_cursor({"t": 1, "d": 2}),
    ],
)
async def test_a_foreign_page_token_is_refused(house: House, token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await house.catalog.list("alice", kind=None, page_size=0, page_token=token)
    assert caught.value.violations[0].field == "page_token"


async def test_chunks_in_pages(house: House) -> None:
    document_id = (await house.document(parsed=True)).document_id
    first = await house.catalog.chunks(document_id, "alice", page_size=0, page_token="")
    assert [chunk.ordinal for chunk in first.items] == list(range(100))
    last = await house.catalog.chunks(document_id, "alice", page_size=200, page_token=first.next_page_token)
    assert [chunk.ordinal for chunk in last.items] == list(range(100, 250))
    assert last.next_page_token == ""
    other = await house.document()
    for token in (first.next_page_token, encode_cursor({"d": other.document_id, "o": -1})):
        with pytest.raises(InvalidArgument):
            await house.catalog.chunks(other.document_id, "alice", page_size=0, page_token=token)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 0, FILE), (5, 0, FILE[5:]), (0, 5, FILE[:5]), (100, 10**9, FILE[100:]), (len(FILE), 0, b"")],
)
async def test_a_range_of_the_file(house: House, offset: int, length: int, expected: bytes) -> None:
    stored = await house.document()
    download = await house.catalog.download(stored.document_id, "alice", offset, length)
    assert b"".join([part async for part in download.parts]) == expected
    assert (download.offset, download.length) == (offset, len(expected))


async def test_a_range_past_the_end(house: House) -> None:
    stored = await house.document()
    with pytest.raises(OutOfRange) as caught:
        await house.catalog.download(stored.document_id, "alice", len(FILE) + 1, 0)
    assert caught.value.violations[0].field == "offset_bytes"


@pytest.mark.parametrize(
    ("start", "end"), [(0, 5), (3, 4), (3, 3), (1000, 2000), (len(TEXT) - 1, 0), (len(TEXT), 0), (9, 10**9)]
)
async def test_a_slice_is_counted_in_code_points(house: House, start: int, end: int) -> None:
    document_id = (await house.document(parsed=True)).document_id
    found = await house.catalog.text(document_id, "alice", start, end)
    stop = min(end or len(TEXT), len(TEXT), start + MOST_TEXT_CHARS)
    assert (found.text, found.start, found.end) == (TEXT[start:stop], start, stop)
    assert found.text_length == len(TEXT)


async def test_at_most_so_many_characters_are_returned(house: House) -> None:
    document_id = (await house.document(parsed=True)).document_id
    found = await house.catalog.text(document_id, "alice", 7, 0)
    assert len(found.text) == MOST_TEXT_CHARS
    assert found.end == 7 + MOST_TEXT_CHARS


async def test_slices_that_cannot_be(house: House) -> None:
    document_id = (await house.document(parsed=True)).document_id
    with pytest.raises(OutOfRange):
        await house.catalog.text(document_id, "alice", len(TEXT) + 1, 0)
    with pytest.raises(InvalidArgument):
        await house.catalog.text(document_id, "alice", 5, 4)
    unread = await house.document()
    with pytest.raises(FailedPrecondition):
        await house.catalog.text(unread.document_id, "alice", 0, 0)


async def test_another_users_document_is_not_found(house: House) -> None:
    stored = await house.document(parsed=True)
    document_id = stored.document_id
    for call in (
        house.catalog.get(document_id, "bob"),
        house.catalog.parse(document_id, "bob"),
        house.catalog.download(document_id, "bob", 0, 0),
        house.catalog.text(document_id, "bob", 0, 0),
        house.catalog.chunks(document_id, "bob", page_size=0, page_token=""),
    ):
        with pytest.raises(NotFound):
            await call
