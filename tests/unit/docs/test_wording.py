"""What people are told of their files: all of it in both languages, with pages and figures."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.docs.domain.upload.sniffing import admitted_media_type
from services.docs.domain.wording.wording import failure_text, page_ranges, told, warning_text
from services.docs.values.document import Failure
from services.docs.values.parsed_document import ParseError, ParseReason, ReadingWarning, WarningReason
from services.kit import context

FOLDER = Path(__file__).parents[3] / "services" / "docs" / "domain" / "wording"
TEXTS = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.toml")}
SINGULAR = {key for key in TEXTS["en"] if key.endswith(".one")}
"""Chinese has no plural, so it may have one text for both."""


@contextmanager
def reading(languages: str) -> Iterator[None]:
    token = context.enter(context.RequestContext(accept_language=languages))
    try:
        yield
    finally:
        context.leave(token)


def names(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_say_the_same_things() -> None:
    assert set(TEXTS) == {"en", "zh"}
    assert set(TEXTS["en"]) - SINGULAR == set(TEXTS["zh"]) - SINGULAR
    for key, text in TEXTS["zh"].items():
        assert names(text) == names(TEXTS["en"][key]), key


@pytest.mark.parametrize("reason", [*ParseReason, *WarningReason])
def test_every_reason_of_the_parsers_has_a_text(reason: str) -> None:
    for texts in TEXTS.values():
        assert any(key == reason or key.startswith(f"{reason}.") for key in texts)


@pytest.mark.parametrize(
    ("failure", "english", "chinese"),
    [
        (
            Failure("TOO_MANY_PAGES", "", {"what": "slides", "found": "2500", "limit": "2000"}),
            "2,500 slides",
            "2,500 张",
        ),
        (Failure("CORRUPT_FILE", "", {"what": "page", "page": "7"}), "Page 7", "第 7 页"),
        (Failure("NO_TEXT", "", {"what": "pdf"}), "OCR", "OCR"),
        (Failure("NO_TEXT", "", {"pages": "0"}), "upload one with text", "没有文字"),
        (Failure("PROVIDER_UNAUTHENTICATED", "key refused"), "set a valid one", "设置有效的密钥"),
        (Failure("VECTOR_STORE_FAILED", "dimension 3"), "(dimension 3)", "（dimension 3）"),
        (Failure("EMBEDDING_COUNT", "", {"found": "1", "wanted": "2"}), "1 vectors for 2", "2 个段落"),
        (Failure("JOB_ABANDONED", "", {"what": "graph"}), "can be used", "可以使用"),
        (Failure("NEVER_HEARD_OF", "It broke."), "It broke.", "It broke."),
    ],
)
def test_a_failure_in_the_language_of_the_request(failure: Failure, english: str, chinese: str) -> None:
    assert english in failure_text(failure)
    with reading("zh-CN,zh;q=0.9"):
        assert chinese in failure_text(failure)


@pytest.mark.parametrize(
    ("pages", "english", "chinese"),
    [
        ((4,), "Page 4 holds only images.", "第 4 页只有图片"),
        ((3, 4, 5, 6, 7, 9), "Pages 3–7, 9 hold only images.", "第 3–7、9 页只有图片"),
        (tuple(range(1, 60, 2)), "Pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, … hold", "23、… 页只有图片"),
    ],
)
def test_a_warning_names_its_pages(pages: tuple[int, ...], english: str, chinese: str) -> None:
    warning = ReadingWarning(WarningReason.PAGES_WITHOUT_TEXT, pages)
    assert warning_text(warning).startswith(english)
    with reading("zh"):
        assert chinese in warning_text(warning)


def test_a_warning_of_a_format_without_pages() -> None:
    assert warning_text(ReadingWarning(WarningReason.WRONG_LETTERS)).startswith("The letters of this file")


def test_pages_as_runs() -> None:
    assert page_ranges([]) == []
    assert page_ranges([1, 2, 3, 5, 7, 8]) == [(1, 3), (5, 5), (7, 8)]


def test_a_refusal_before_anything_is_stored() -> None:
    assert told("FILE_TOO_LARGE", {"limit": "1048576"}).startswith("The file has more than the 1,048,576 bytes")
    with reading("zh"):
        assert told("NOT_STORED", {"why": told("EMPTY_FILE", {})}).startswith("文件没有保存。文件是空的")


def test_the_page_and_the_service_say_the_same_of_a_file_that_is_here_already() -> None:
    page = (FOLDER.parents[3] / "gateway" / "static" / "js" / "i18n.js").read_text(encoding="utf-8")
    assert re.findall(r'same_file: "([^"]*)"', page) == [TEXTS[language]["SAME_FILE"] for language in ("en", "zh")]


@pytest.mark.parametrize(
    ("head", "name", "english", "chinese"),
    [
        (
            b"%PDF-1.7\n",
            "a.docx",
            "the content is that of a .pdf file: let the name end in .pdf",
            "请把扩展名改成 .pdf",
        ),
        (b"{\\rtf1 x}", "课件.pptx", "The name ends in .pptx, but the content is that of a .rtf file", ".rtf 文件"),
        (b"plain words", "a.pdf", "that of a .txt file", ".txt 文件"),
        (b"\x89PNG\r\n\x1a\n", "scan.pdf", "the file is a picture. Text in pictures is not", "文件却是图片"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "页.docx", "The name ends in .docx, but the file is a picture", "文件却是图片"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "a.pdf", "damaged or of another format", "已损坏，或是无法读取的其他格式"),
        (b"abc\0\1\2\3", "a.docx", "damaged or of another format", "已损坏，或是无法读取的其他格式"),
    ],
)
def test_a_name_that_promises_another_format_is_told_in_words_of_names(
    head: bytes, name: str, english: str, chinese: str
) -> None:
    with pytest.raises(ParseError) as caught:
        admitted_media_type(head, name)
    assert caught.value.reason is ParseReason.MEDIA_TYPE_MISMATCH
    told_in_english = told(caught.value.reason, caught.value.metadata)
    assert english in told_in_english
    assert "application/" not in told_in_english
    with reading("zh-CN"):
        assert chinese in told(caught.value.reason, caught.value.metadata)
