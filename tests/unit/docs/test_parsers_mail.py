"""E-mails and web pages in one file: what of them is read, and in which encoding."""

from __future__ import annotations

import base64
import time
from email.header import Header
from email.message import EmailMessage
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import MAIL, TEXT
from services.docs.domain.upload.sniffing import admitted_media_type
from services.docs.values.parsed_document import (
    BlockKind,
    ParsedDocument,
    ParseError,
    ParseReason,
    ReadingWarning,
    WarningReason,
)

NOT_READ = (ReadingWarning(WarningReason.PARTS_NOT_READ),)


def read(data: bytes, tmp_path: Path, name: str = "a.eml") -> ParsedDocument:
    path = tmp_path / name
    path.write_bytes(data)
    assert admitted_media_type(data, name) == MAIL
    return parse(path, MAIL)


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name] = value
    return message


def test_a_mail_is_its_subject_its_head_and_its_text(tmp_path: Path) -> None:
    sent = "Fri, 01 Mar 2024 08:00:00 +0800"
    message = mail(Subject="周五的实验：铁生锈", From="Li <li@school.test>", To="class@school.test", Date=sent)
    message.set_content("Bring two iron nails.\n\nWe leave them in water.")
    parsed = read(message.as_bytes(), tmp_path)
    assert parsed.title == "周五的实验：铁生锈"
    assert parsed.blocks[0].kind is BlockKind.HEADING
    assert parsed.text == (
        f"周五的实验：铁生锈\n\nFrom: Li <li@school.test>\nTo: class@school.test\nDate: {sent}\n\n"
        "Bring two iron nails.\n\nWe leave them in water."
    )
    assert parsed.warnings == ()


def test_of_alternatives_the_page_is_read_and_attachments_are_warned_of(tmp_path: Path) -> None:
    message = mail(Subject="Nails", To="a@b.test")
    message.set_content("plain")
    message.add_alternative("<h2>Rust</h2><ol type=a><li>wet<li>dry</ol>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="a.pdf")
    parsed = read(message.as_bytes(), tmp_path)
    assert parsed.text.endswith("To: a@b.test\n\nRust\n\na. wet\nb. dry")
    assert parsed.warnings == NOT_READ


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-2022-jp", "鉄は錆びる。"),
        ("shift_jis", "鉄は錆びる。"),
        ("euc-kr", "철은 녹슨다."),
        ("ks_c_5601-1987", "철은 녹슨다."),
        ("gb2312", "铁会生锈。"),
        ("hz-gb-2312", "铁会生锈。"),
        ("big5", "鐵會生鏽。"),
        ("windows-1251", "Железо ржавеет."),
        ("koi8-r", "Железо ржавеет."),
        ("iso-8859-1", "Größe “ist” – gut"),
        ("windows-1250", "Žluťoučký kůň"),
        ("utf-8", "铁 → 锈"),
    ],
)
@pytest.mark.parametrize("encoding", ["8bit", "base64"])
def test_the_declared_encoding_counts(charset: str, text: str, encoding: str, tmp_path: Path) -> None:
    python_name = {"hz-gb-2312": "hz", "iso-8859-1": "cp1252"}.get(charset, charset)
    data = text.encode(python_name)
    if encoding == "base64":
        data = base64.encodebytes(data)
    head = f"To: a@b.test\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n"
    assert read(head.encode() + data, tmp_path).text == f"To: a@b.test\n\n{text}"


def test_headers_in_other_encodings(tmp_path: Path) -> None:
    subject = Header("铁会生锈", "gb2312").encode()
    data = f"Subject: {subject}\nFrom: =?x-unknown?B?AAAA?=\nTo: b@c.test\n\ntext".encode()
    parsed = read(data, tmp_path)
    assert parsed.text.startswith("铁会生锈\n\nFrom: =?x-unknown?B?AAAA?=\nTo: b@c.test")


@pytest.mark.parametrize("name", ["page.mht", "page.mhtml"])
def test_a_saved_page_is_the_page_without_its_head(name: str, tmp_path: Path) -> None:
    data = (
        b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://x.test/\r\nSubject: =?utf-8?Q?Rust?=\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="--B--"\r\n\r\n'
        b"----B--\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b'<meta charset=3D"gbk"><title>\xcc\xfa</title><h1>=CC=FA</h1><p>=C9=FA=D0=E2</p><footer>x</footer>\r\n'
        b"----B--\r\nContent-Type: text/css\r\n\r\np {}\r\n----B----\r\n"
    )
    parsed = read(data, tmp_path, name)
    assert (parsed.text, parsed.title) == ("铁\n\n生锈", "铁")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"To: a\nContent-Type: multipart/mixed; boundary=B\n\n--B\n--B--", None),
        (b"To: a\nContent-Type: multipart/mixed; boundary=B\n\nno part", None),
        (
            b"To: a\nContent-Type: text/plain; charset=gbk\n\n" + bytes(range(128, 256)) * 3,
            ParseReason.INVALID_ENCODING,
        ),
        (b"To: a\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n%%%%", None),
        (b"To: a\n" + b'Content-Type: multipart/mixed; boundary="B"\n\n--B\n' * 300, ParseReason.TOO_COMPLEX),
        (b"To: a\nContent-Type: multipart/mixed\n\nx", None),
        (b"To: a\nContent-Type: message/rfc822\n\n" * 5000, ParseReason.TOO_COMPLEX),
        (b"To: a\nContent-Type:\n message/RFC822\n\n" * 5000, ParseReason.TOO_COMPLEX),
        (b"To: a\nContent-Type: message/rfc822\n\nTo: b\nContent-Type: message/rfc822\n\nTo: c\n\ninner", None),
    ],
)
def test_damaged_and_hostile_messages(data: bytes, reason: ParseReason | None, tmp_path: Path) -> None:
    if reason is None:
        assert read(data, tmp_path).text.startswith("To: a")
        return
    with pytest.raises(ParseError) as refused:
        read(data, tmp_path)
    assert refused.value.reason is reason


@pytest.mark.parametrize("name", ["a.eml", "a.mht"])
def test_a_text_without_headers_is_no_message(name: str) -> None:
    assert admitted_media_type(b"Just a text.\nIt says: hello", name) == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
def test_headers_in_bare_letters(encoding: str, tmp_path: Path) -> None:
    text = (
        f"From: 王老師 <w@a.test>\r\nTo: =?utf-8?B?5byg?= 老師\r\nSubject: 鐵的實驗\r\n"
        f"Content-Type: text/plain; charset={encoding}\r\n\r\n鐵在潮濕的空氣中生鏽。"
    )
    parsed = read(text.encode(encoding), tmp_path)
    assert parsed.text == "鐵的實驗\n\nFrom: 王老師 <w@a.test>\nTo: 张 老師\n\n鐵在潮濕的空氣中生鏽。"


def test_a_header_of_many_words_takes_little_time(tmp_path: Path) -> None:
    started = time.process_time()
    parsed = read(b"To: a\nSubject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nrust", tmp_path)
    assert parsed.text.endswith("rust")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("declared", ["", "; boundary=lost"])
def test_parts_are_told_apart_by_the_boundary_that_stands_there(declared: str, tmp_path: Path) -> None:
    data = f"To: a\nContent-Type: multipart/mixed{declared}\n\n--b=1\nContent-Type: text/html; charset=utf-8\n\n"
    parsed = read(f"{data}<h2>铁</h2><p>rusts</p>\n--b=1--\n".encode(), tmp_path)
    assert parsed.text == "To: a\n\n铁\n\nrusts"


def test_parts_within_parts_that_cannot_be_told_apart_are_warned_of(tmp_path: Path) -> None:
    lost = "".join(f"--b{number}\nContent-Type: multipart/mixed\n\n" for number in range(3000))
    assert read(f"To: a\nContent-Type: multipart/mixed\n\n{lost}".encode(), tmp_path).warnings == NOT_READ


def test_text_in_place_of_parts_is_read(tmp_path: Path) -> None:
    data = "To: a\nContent-Type: multipart/mixed; boundary=b\n\n铁 rusts in water.\n"
    assert read(data.encode(), tmp_path).text == "To: a\n\n铁 rusts in water."


@pytest.mark.parametrize(
    ("kind", "name", "warned"),
    [
        ("application/pdf", "a.pdf", True),
        ("application/pkcs7-mime", "smime.p7m", True),
        ("application/pkcs7-signature", "smime.p7s", False),
        ("image/png", "a.png", False),
    ],
)
def test_files_shown_within_a_mail_are_warned_of(kind: str, name: str, warned: bool, tmp_path: Path) -> None:
    data = (
        "To: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee below\n"
        f'--b\nContent-Type: {kind}; name="{name}"\nContent-Disposition: inline\n\nAAAA\n--b--\n'
    )
    assert read(data.encode(), tmp_path).warnings == (NOT_READ if warned else ())


def test_lines_that_flow_are_joined(tmp_path: Path) -> None:
    head = "To: a\nContent-Type: text/plain; charset=utf-8; format=flowed"
    english = f"{head}\n\nIron rusts \nin water.\nIt does not in oil.\n\n> Why does \n> it rust?\n"
    assert read(english.encode(), tmp_path).text == (
        "To: a\n\nIron rusts in water.\nIt does not in oil.\n\n> Why does it rust?"
    )
    chinese = f"{head}; delsp=yes\n\n铁在潮湿的空 \n气中生锈。\n"
    assert read(chinese.encode(), tmp_path).text == "To: a\n\n铁在潮湿的空气中生锈。"


def test_a_mark_before_the_head_is_no_part_of_it(tmp_path: Path) -> None:
    assert read(b"\xef\xbb\xbfSubject: Rust\nTo: a\n\nwet", tmp_path).title == "Rust"


@pytest.mark.parametrize("page", ["", "<p><img src=cid:a></p>\n", "<div><br>&nbsp;</div>"])
def test_of_alternatives_one_without_text_is_not_read(page: str, tmp_path: Path) -> None:
    message = mail(To="a@b.test")
    message.set_content("Bring two nails.")
    message.add_alternative(page, subtype="html")
    assert read(message.as_bytes(), tmp_path).text == "To: a@b.test\n\nBring two nails."


_INNER = "From: Wang <w@b.test>\nSubject: Rust\nDate: Sun, 1 Nov 2026 10:00:00 +0800\n\nBring two nails.\n"


@pytest.mark.parametrize(
    "part",
    [
        "Content-Type: message/rfc822",
        "Content-Type: message/rfc822; name=rust.eml\nContent-Disposition: attachment; filename=rust.eml",
        "Content-Type: message/rfc822\nContent-Disposition: inline",
    ],
)
def test_a_mail_within_a_mail_has_its_head(part: str, tmp_path: Path) -> None:
    head = "To: a@b.test\nSubject: Fwd: Rust\nContent-Type: multipart/mixed; boundary=b"
    parsed = read(f"{head}\n\n--b\n\nSee below.\n--b\n{part}\n\n{_INNER}--b--\n".encode(), tmp_path)
    assert parsed.title == "Fwd: Rust"
    assert parsed.text == (
        "Fwd: Rust\n\nTo: a@b.test\n\nSee below.\n\n"
        "Rust\n\nFrom: Wang <w@b.test>\nDate: Sun, 1 Nov 2026 10:00:00 +0800\n\nBring two nails."
    )
    assert [block.level for block in parsed.blocks if block.kind is BlockKind.HEADING] == [1, 2]
    assert parsed.warnings == ()
