"""What people are told of their files: all of it in both languages, with pages and figures."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.docs.domain.wording.wording import failure_text, page_ranges, told, warning_text
from services.docs.values.document import Failure
from services.docs.values.parsed_document import ParseReason, ReadingWarning, WarningReason
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
