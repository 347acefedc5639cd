"""Bad input through REST: each gets an error of the right status that names the field, and nothing of it stays."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from tests.e2e import material
from tests.e2e.conftest import UPLOAD_LIMIT_BYTES
from tests.e2e.stack import RefusedError, Rest, Up

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

NOBODY = "01890000-0000-7000-8000-000000000000"
LETTERED = "0189abcd-0000-7000-8000-000000000000"
PROBLEM = "application/problem+json"


@pytest.fixture
def objects(stack: Up) -> Callable[[], frozenset[str]]:
    """The files of the object store at the moment."""

    def found() -> frozenset[str]:
        folder = stack.data / "objects"
        return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    return found


async def _stored(rest: Rest, objects: Callable[[], frozenset[str]]) -> tuple[frozenset[str], frozenset[str]]:
    listed = frozenset(document["document_id"] for document in await rest.documents())
    return listed, await asyncio.to_thread(objects)


async def _same(
    rest: Rest, objects: Callable[[], frozenset[str]], before: tuple[frozenset[str], frozenset[str]]
) -> None:
    """Returns once what is stored is what was; a part of a refused upload goes a moment after the answer."""
    async with asyncio.timeout(10):
        while await _stored(rest, objects) != before:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def _zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _unchanged(_: str, content: bytes) -> bytes:
    return content


def _word(change: Callable[[str, bytes], bytes], **added: bytes) -> bytes:
    """The DOCX with each part replaced by `change(name, content)`, and more parts."""
    with zipfile.ZipFile(io.BytesIO(material.word_document())) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    return _zipped(**parts, **added)


def _pdf(password: str = "") -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(password, canPrint=0) if password else None)
    for number in range(1, 4):
        canvas.drawString(72, 700, f"Page {number} says that plants turn light into chemical energy.")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _ten_thousand_pages() -> bytes:
    """A small PDF whose page tree names one page 10,000 times."""
    contents = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 10000 /Kids [" + b" ".join([b"3 0 R"] * 10_000) + b"] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
    ]
    data = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(contents, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(data)
    return data + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer


def _with_entities(name: str, content: bytes) -> bytes:
    if name != "word/document.xml":
        return content
    levels = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
    declared = f'<!DOCTYPE bomb [<!ENTITY l0 "ha">{levels}]>'.encode()
    head, mark, body = content.partition(b"?>")
    return head + mark + declared + body.replace(b"Bridges", b"&l9;", 1)


@dataclass(frozen=True)
class BadFile:
    """A file that is refused, when it is sent or when it is read."""

    name: str
    data: Callable[[], bytes] = field(repr=False)
    reason: str
    at_upload: bool = True
    field: str = "chunk"


def _text() -> bytes:
    return b"An ordinary text about plants and light."


BAD_FILES = [
    BadFile("empty.txt", bytes, "EMPTY_FILE"),
    BadFile("picture.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000), "UNSUPPORTED_MEDIA_TYPE"),
    BadFile("archive.zip", lambda: _zipped(a=b"x" * 100), "UNSUPPORTED_MEDIA_TYPE"),
    BadFile("traversal.zip", lambda: _zipped(**{"../../etc/passwd": b"x"}), "UNSUPPORTED_MEDIA_TYPE"),
    BadFile("text.pdf", lambda: _text() * 10, "MEDIA_TYPE_MISMATCH"),
    BadFile("pdf.docx", _pdf, "MEDIA_TYPE_MISMATCH"),
    BadFile("../../etc/passwd", _text, "INVALID_NAME", field="description.name"),
    BadFile("..", _text, "INVALID_NAME", field="description.name"),
    BadFile("a\\b.txt", _text, "INVALID_NAME", field="description.name"),
    BadFile("a\nb.txt", _text, "INVALID_NAME", field="description.name"),
    BadFile("x" * 256, _text, "INVALID_FIELD", field="description.name"),
    BadFile("locked.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000), "ENCRYPTED_FILE"),
    BadFile("truncated.pdf", lambda: _pdf()[: len(_pdf()) // 2], "TRUNCATED_FILE", at_upload=False),
    BadFile("truncated.docx", lambda: material.word_document()[:25_000], "TRUNCATED_FILE", at_upload=False),
    BadFile("damaged.pdf", lambda: b"%PDF-1.7\n" + b"junk " * 500 + b"\n%%EOF\n", "CORRUPT_FILE", at_upload=False),
    BadFile("locked.pdf", lambda: _pdf("secret"), "ENCRYPTED_FILE", at_upload=False),
    BadFile("pages.pdf", _ten_thousand_pages, "TOO_MANY_PAGES", at_upload=False),
    BadFile("bomb.docx", lambda: _word(_unchanged, zeros=bytes(64 * 1024**2)), "ZIP_BOMB", at_upload=False),
    BadFile("entities.docx", lambda: _word(_with_entities), "XML_ENTITY", at_upload=False),
    BadFile("bytes.txt", lambda: b"Caf\xe9 \xff\xfe\x81 " * 50 + b"\x81\x8d\x8f\x90" * 200, "INVALID_ENCODING", False),
]


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name.encode("unicode_escape").decode()[:20])
async def test_a_bad_file_is_refused_and_leaves_nothing(
    rest: Rest, objects: Callable[[], frozenset[str]], bad: BadFile
) -> None:
    before = await _stored(rest, objects)
    data = await asyncio.to_thread(bad.data)
    if bad.at_upload:
        with pytest.raises(RefusedError) as refused:
            await rest.upload(bad.name, data)
        assert (refused.value.status, refused.value.reason) == (400, bad.reason)
        assert refused.value.fields == [bad.field]
        assert refused.value.content_type == PROBLEM
    else:
        document = await rest.upload(bad.name, data)
        events = await rest.watch(document["document_id"])
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert (events[-1].name, events[-1].data["reason"]) == ("failed", bad.reason)
        failed = (await rest.call("GET", f"/documents/{document['document_id']}"))["document"]
        assert (failed["state"], failed["failure"]) == ("DOCUMENT_STATE_FAILED", events[-1].data)
        chunks = await rest.call("GET", f"/documents/{document['document_id']}/chunks")
        assert (chunks["chunks"], failed["chunk_count"], failed["text_length"]) == ([], 0, 0)
        await rest.call("DELETE", f"/documents/{document['document_id']}")
    await _same(rest, objects, before)


async def _zeros(size: int) -> AsyncIterator[bytes]:
    piece = bytes(1024 * 1024)
    for _ in range(size // len(piece)):
        yield piece
    yield bytes(size % len(piece))


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
async def test_a_file_over_the_limit_is_refused(
    rest: Rest, objects: Callable[[], frozenset[str]], announced: bool
) -> None:
    before = await _stored(rest, objects)
    size = UPLOAD_LIMIT_BYTES + 1
    headers = {"Content-Type": "application/octet-stream"} | ({"Content-Length": str(size)} if announced else {})
    params = {"name": "large.bin", "kind": "DOCUMENT_KIND_DOCUMENT", "parse": "false"}
    with pytest.raises(RefusedError) as refused:
        await rest.call("POST", "/documents", data=_zeros(size), params=params, headers=headers)
    assert refused.value.reason == "FILE_TOO_LARGE"
    assert refused.value.status in (400, 413)
    await _same(rest, objects, before)


async def test_an_upload_that_breaks_off_leaves_nothing(rest: Rest, objects: Callable[[], frozenset[str]]) -> None:
    before = await _stored(rest, objects)

    async def half() -> AsyncIterator[bytes]:
        yield bytes(1024 * 1024)
        raise ConnectionResetError("the client's cable is pulled")

    with pytest.raises(aiohttp.ClientError):
        await rest.upload("half.bin", half(), kind="DOCUMENT_KIND_DOCUMENT", parse=False)
    await _same(rest, objects, before)


@dataclass(frozen=True)
class BadCall:
    """A call that is refused."""

    case: str
    method: str
    path: str
    body: Any
    status: int
    field: str = ""
    reason: str = ""


GENERATE, SEARCH, ANSWER = "/exercises:generate", "/search", "/answer"
BAD_CALLS = [
    BadCall("unknown document", "GET", f"/documents/{NOBODY}", None, 404),
    BadCall("unknown document's events", "GET", f"/documents/{NOBODY}/events", None, 404),
    BadCall("unknown document's text", "GET", f"/documents/{NOBODY}/text", None, 404),
    BadCall("unknown document's job", "POST", f"/documents/{NOBODY}:parse", {}, 404),
    BadCall("unknown document is deleted", "DELETE", f"/documents/{NOBODY}", None, 404),
    BadCall("unknown exercise", "GET", f"/exercises/{NOBODY}", None, 404),
    BadCall("unknown exercise is answered", "POST", f"/exercises/{NOBODY}:submit", {"answers": []}, 404),
    BadCall("unknown exercise is deleted", "DELETE", f"/exercises/{NOBODY}", None, 404),
    BadCall("unknown run", "GET", f"/runs/{NOBODY}/events", None, 404),
    BadCall("unknown run is cancelled", "POST", f"/runs/{NOBODY}:cancel", {}, 404),
    BadCall("unknown path", "GET", "/nothing", None, 404, reason="NO_SUCH_PATH"),
    BadCall("wrong method", "PATCH", "/documents", {}, 405, reason="METHOD_NOT_ALLOWED"),
    BadCall("no id at all", "GET", "/documents/not-an-id", None, 400, "document_id"),
    BadCall("no id of an exercise", "GET", "/exercises/not-an-id", None, 400, "exercise_id"),
    BadCall("page size", "GET", "/documents?page_size=501", None, 400, "page_size"),
    BadCall("page size no number", "GET", "/documents?page_size=many", None, 400, "page_size"),
    BadCall("page token", "GET", "/documents?page_token=forged", None, 400, "page_token"),
    BadCall("unknown parameter", "GET", "/documents?colour=red", None, 400, "colour"),
    BadCall("last event", "GET", f"/documents/{NOBODY}/events?after=-1", None, 400, "after"),
    BadCall("malformed JSON", "POST", SEARCH, b'{"query": "light', 400),
    BadCall("not an object", "POST", SEARCH, b"[1, 2]", 400),
    BadCall("not UTF-8", "POST", SEARCH, b'{"query": "\xff\xfe"}', 400),
    BadCall("unknown member", "POST", SEARCH, {"query": "light", "limitt": 3}, 400, "limitt"),
    BadCall("wrong type", "POST", SEARCH, {"query": 7}, 400, "query"),
    BadCall(
        "wrong nested type", "POST", SEARCH, {"query": "x", "filter": {"document_ids": "y"}}, 400, "filter.document_ids"
    ),
    BadCall(
        "no id in a filter",
        "POST",
        ANSWER,
        {"question": "x", "filter": {"document_ids": ["y"]}},
        400,
        "filter.document_ids[0]",
    ),
    BadCall("empty query", "POST", SEARCH, {"query": ""}, 400, "query"),
    BadCall("limit", "POST", SEARCH, {"query": "light", "limit": 201}, 400, "limit"),
    BadCall("no question", "POST", ANSWER, {}, 400, "question"),
    BadCall("blank question", "POST", ANSWER, {"question": "  \n"}, 400, "question"),
    BadCall("question of punctuation", "POST", ANSWER, {"question": "?!"}, 400, "question"),
    BadCall("query of punctuation", "POST", SEARCH, {"query": "。。。"}, 400, "query"),
    BadCall(
        "topic of punctuation",
        "POST",
        GENERATE,
        {"documents": {"document_ids": [NOBODY], "topic": "???"}},
        400,
        "documents.topic",
    ),
    BadCall(
        "an id twice, once in capitals",
        "POST",
        ANSWER,
        {"question": "x", "filter": {"document_ids": [LETTERED, LETTERED.upper()]}},
        400,
        "filter.document_ids",
    ),
    BadCall("nothing to ask about", "POST", GENERATE, {"count": 3}, 400, "material"),
    BadCall(
        "two materials", "POST", GENERATE, {"text": "x", "documents": {"document_ids": [NOBODY]}}, 400, "documents"
    ),
    BadCall("count", "POST", GENERATE, {"text": "x", "count": 51}, 400, "count"),
    BadCall("unknown kind", "POST", GENERATE, {"text": "x", "kinds": ["QUESTION_KIND_ESSAY"]}, 400, "kinds[0]"),
    BadCall("kind twice", "POST", GENERATE, {"text": "x", "kinds": [1, 1]}, 400, "kinds"),
    BadCall(
        "unknown material",
        "POST",
        GENERATE,
        {"documents": {"document_ids": [NOBODY]}},
        400,
        field="documents.document_ids",
        reason="NO_PASSAGES",
    ),
    BadCall("no messages", "POST", "/chat", {"messages": []}, 400, "messages"),
    BadCall("language", "PATCH", "/profile", {"language": "no language!"}, 400, "profile.language"),
    BadCall("cypher that writes", "POST", "/graph:query", {"cypher": "MATCH (n) DETACH DELETE n"}, 400, "cypher"),
]


@pytest.mark.parametrize("bad", BAD_CALLS, ids=lambda bad: bad.case)
async def test_a_bad_call_is_refused_with_the_field_named(rest: Rest, bad: BadCall) -> None:
    sent: dict[str, Any] = {}
    if isinstance(bad.body, bytes):
        sent = {"data": bad.body, "headers": {"Content-Type": "application/json"}}
    elif bad.body is not None:
        sent = {"body": bad.body}
    with pytest.raises(RefusedError) as refused:
        await rest.call(bad.method, bad.path, **sent)
    problem = refused.value
    assert (problem.status, problem.content_type) == (bad.status, PROBLEM), problem
    assert problem.problem["status"] == bad.status
    assert problem.problem["detail"]
    assert problem.problem["request_id"]
    if bad.field:
        assert bad.field in problem.fields, problem
    if bad.reason:
        assert problem.reason == bad.reason


@pytest.mark.parametrize("given", ["0", "-1", "soon", "3601"])
async def test_a_bad_deadline_is_refused(rest: Rest, given: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await rest.call("GET", "/documents", headers={"X-Request-Timeout": given})
    assert (refused.value.status, refused.value.fields) == (400, ["X-Request-Timeout"])


async def test_a_form_without_a_file_and_one_with_a_field_after_it(
    rest: Rest, objects: Callable[[], frozenset[str]]
) -> None:
    before = await _stored(rest, objects)
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    name = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na.txt\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsome text\r\n'
    for form, reason in ((name, "FILE_MISSING"), (file + name, "FIELD_AFTER_FILE"), (file + file, "FILE_REPEATED")):
        with pytest.raises(RefusedError) as refused:
            await rest.call("POST", "/documents", data=form + b"--b--\r\n", headers=boundary)
        assert (refused.value.status, refused.value.reason) == (400, reason)
    with pytest.raises(RefusedError) as refused:
        await rest.call("POST", "/documents", data=file, headers=boundary)
    assert refused.value.status == 400
    await _same(rest, objects, before)


async def test_an_answer_to_another_exercises_question_names_the_field(rest: Rest) -> None:
    wish = {"text": material.CHINESE_TEXT, "count": 1, "kinds": ["QUESTION_KIND_TRUE_FALSE"]}
    events = await rest.events("POST", GENERATE, wish)
    exercise_id = events[0].data["exercise_id"]
    question_id = next(event.data["question"]["question_id"] for event in events if event.name == "question")
    for answer, named in (
        ({"question_id": NOBODY, "truth": True}, "answers[0].question_id"),
        ({"question_id": question_id, "option_keys": ["A"]}, "answers[0].option_keys"),
    ):
        with pytest.raises(RefusedError) as refused:
            await rest.call("POST", f"/exercises/{exercise_id}:submit", {"answers": [answer]})
        assert refused.value.status == 400
        assert named in refused.value.fields
