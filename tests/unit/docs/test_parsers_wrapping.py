"""Plain text whose lines an editor broke: sentences go on over them, and verse, lists and tables stay as they are."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.adapters.parsers.wrapping import margin_of, paragraphs_of, unwrapped
from services.docs.domain.upload.media_types import TEXT

ENGLISH = (
    "The savages of these islands have the unenviable reputation of being, in common with several other tribes, the "
    "nearest approach to primeval man. According to Virchow their dance is demon worship of a purely anthropomorphic "
    "character, and no musical instrument of any kind was known to them. The Tierra del Fuegians have precisely the "
    "same customs, and neither Magellan nor Darwin heard a song from the Andaman Islands or the Malay Peninsula."
)
CHINESE = (
    "话说天下大势分久必合合久必分周末七国分争并入于秦及秦灭之后楚汉分争又并入于汉汉朝自高祖斩白蛇而起义一统天下后来光武中兴"
    "传至献帝遂分为三国推其致乱之由殆始于桓灵二帝桓帝禁锢善类崇信宦官及桓帝崩灵帝即位大将军窦武太傅陈蕃共相辅佐。"
)


def ragged(text: str, widest: int) -> list[str]:
    """Lines of a person who breaks them by eye, so that every third is a word or two shorter."""
    lines: list[str] = []
    words = text.split()
    while words:
        line = words.pop(0)
        limit = widest - (9 if len(lines) % 3 == 1 else 0)
        while words and len(line) + 1 + len(words[0]) <= limit:
            line += f" {words.pop(0)}"
        lines.append(line)
    return lines


def read(source: str, tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text(source, encoding="utf-8")
    parsed = parse(tmp_path / "file", TEXT)
    return [parsed.text[block.start : block.end] for block in parsed.blocks]


@pytest.mark.parametrize("widest", [60, 66, 72, 79])
def test_ragged_lines_are_joined(widest: int, tmp_path: Path) -> None:
    paragraph = "\n".join(ragged(ENGLISH, widest))
    assert read("\n\n".join([paragraph] * 3), tmp_path) == [ENGLISH] * 3


def test_paragraphs_by_indent_stay_apart(tmp_path: Path) -> None:
    paragraphs = [textwrap.fill(ENGLISH, 70, initial_indent="    ") for _ in range(3)]
    assert read("\n".join(paragraphs), tmp_path) == ["\n".join([ENGLISH] * 3)]


@pytest.mark.parametrize("characters", [18, 21, 30, 35])
def test_lines_with_blank_ones_between_them_are_one_paragraph(characters: int, tmp_path: Path) -> None:
    lines = [CHINESE[start : start + characters] for start in range(0, len(CHINESE), characters)]
    title = "第一回 宴桃园豪杰三结义"
    text = "\n\n".join([title, *(f"    {line}" for line in [*lines, *lines, *lines])])
    assert read(text, tmp_path) == [title, CHINESE, CHINESE, CHINESE]
    english = " ".join([ENGLISH] * 3)
    assert read("\n\n".join(textwrap.wrap(english, 64)), tmp_path) == [english]


def test_a_wrapped_paragraph_that_begins_like_a_heading_is_none(tmp_path: Path) -> None:
    opening = f"Chapter 4 of the report describes how the islands were found. {ENGLISH}"
    text = "\n\n".join("\n".join(ragged(part, 66)) for part in (ENGLISH, opening))
    assert read(f"Chapter 4 Islands\n\n{text}", tmp_path) == ["Chapter 4 Islands", ENGLISH, opening]


VERSE = (
    "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\nCould frame thy symmetry?"
)
TABLE = (
    "Name of the river      Length in km   Sea into which it flows\n"
    "Yangtze                6300           the East China Sea"
)
LETTER = "Yours sincerely\nand with many greetings\nAda King\nLondon, 3 May"


@pytest.mark.parametrize("kept", [VERSE, LETTER])
def test_what_is_no_prose_keeps_its_lines(kept: str, tmp_path: Path) -> None:
    prose = "\n".join(ragged(ENGLISH, 72))
    assert read(f"{prose}\n\n{kept}\n\n{prose}", tmp_path) == [ENGLISH, kept, ENGLISH]


def test_rows_of_a_table_and_items_keep_their_lines(tmp_path: Path) -> None:
    prose = "\n".join(ragged(ENGLISH, 72))
    assert len(read(f"{prose}\n\n{TABLE}", tmp_path)[1].split("\n")) == 2
    item = ENGLISH[:150].rsplit(" ", 1)[0]
    items = "\n".join("\n  ".join(ragged(f"- {item}", 70)) for _ in range(3))
    assert read(f"{prose}\n\n{items}", tmp_path)[1:] == [item] * 3


@pytest.mark.parametrize(
    "source",
    [
        VERSE * 4,
        "\n".join(["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"] * 6),
        "\n\n".join(["论文题目之一", "关于图书馆建设的几点思考与建议", "大学生心理健康教育的现状"] * 6),
        "apples\npears\nplums and cherries\nthe fruit of the sea\nfigs\nnuts\n" * 3,
        "One sentence a line, as some people write.\nAnother sentence stands on this one.\n" * 5,
    ],
)
def test_lines_that_nobody_broke_at_a_margin(source: str) -> None:
    paragraphs = paragraphs_of(source)
    assert margin_of(paragraphs) == 0
    assert unwrapped(paragraphs[0], 0) == "\n".join(paragraphs[0])


def test_a_long_paragraph_takes_time_by_its_length(tmp_path: Path) -> None:
    lines = ["x" * 70 if number % 2 else "y" * 20 for number in range(20_000)]
    parsed = read("\n".join(lines), tmp_path)
    assert sum(map(len, parsed)) >= 20_000 * 45
