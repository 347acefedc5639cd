from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.sentences import runs_on, split_sentences


def sentences(text: str, *, clauses: bool = False) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, clauses=clauses)]


@pytest.mark.parametrize(
    "expected",
    [
        # Chinese
        ["光合作用需要光。", "呼吸作用不需要光！", "真的吗？", "是的。"],
        ["他说：“你好！”", "然后走了。"],
        ["“真的吗？”他问道。", "没有人回答。"],
        ["圆周率约为3.14。", "第1.2节讨论圆。"],
        ["水在100°C沸腾（在标准大气压下。海拔高则低）。", "这是常识。"],
        ["我……不知道。", "真的！！", "为什么？！"],
        ["第一句；第二句，还是第一句。", "第二句。"],
        [
            "他是 E.I.杜邦 和 J.A. 霍布森 的朋友。",
            "当然会上涨......当然！",
            "Merit Network,Inc.是一家公司.。",
            "（一句话。）",
            "又一句。",
            "它含维生素C.",
            "很多。",
        ],
        ["DNA是遗传物质.", "RNA也是."],
        ["使用Python 3.11。", "访问example.com查看。"],
        ["则物体的速度为 2．5 m/s．", "下列说法正确的是（　）．", "1．速度不变．", "一．选择题．"],
        ["列夫．托尔斯泰写了《战争与和平》．", "卡尔．马克思生于特里尔．"],
        # English
        ["Dr. Smith met J. K. Rowling at 5 p.m. on Monday.", "They talked."],
        ["The price rose to $3.50.", "It fell to $2.75 later."],
        ["See Fig. 3 and Eq. 4.", "They agree, i.e. both are right."],
        ["Plants need light, water, etc.", "They also need air."],
        ["The U.S. Army moved.", "It lives in the U.S.", "The end."],
        ["“Is it true?”", "“It is.”", "They left."],
        ["Stop!", "Why?", "Because..."],
        ["It is... well, difficult.", "Yes."],
        ["Take vitamin C.", "It helps."],
        ["The answer is No.", "Ask again, at No. 5 of the street."],
        ["Yahoo! was a company.", "What (really?) happened?"],
        ["1. First do this.", "2. Then do that."],
        ["A. one answer is here.", "B. another is there."],
        ["Is pH 7.0 neutral?", "Yes, e.g. water."],
        ["DNA stores the plan.", "mRNA carries it.", "pH matters."],
        ["plants need light.", "it drives the reaction.", "approx. half of it, i.e. a lot, conc. of salt included."],
        ["He said “no.” and left.", "“No.”", "Then he left."],
        # both
        ["Photosynthesis 是光合作用。", "The formula is 6CO₂ + 6H₂O.", "它很重要。"],
    ],
)
def test_good_borders(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_chinese_needs_no_spaces() -> None:
    assert sentences("第一句。第二句！“第三句。”第四句") == ["第一句。", "第二句！", "“第三句。”", "第四句"]


def test_line_breaks() -> None:
    assert sentences("力的三要素\n大小、方向\n作用点") == ["力的三要素", "大小、方向", "作用点"]
    assert sentences("the quick brown\nfox jumped.\nNew line") == ["the quick brown\nfox jumped.", "New line"]
    assert sentences("one paragraph\n\nanother paragraph") == ["one paragraph", "another paragraph"]


WRAPPED = (
    ("a pigment that absorbs the light energy of the Sun in the\n2 parts of the cell. Water is split.", 2),
    ("叶绿素是类囊体膜上吸收光能的主要色素并且主要吸收\n红光和蓝紫光。水被分解。", 2),
    ("Chlorophyll is the green pigment of plants and of algae\n- it absorbs light", 2),
    ("叶绿素是类囊体膜上吸收光能的主要色素并且主要吸收\n二、水的光解", 2),
    ("# Chlorophyll is the green pigment of plants and of algae\n2 of them", 2),
    ("Chlorophyll is the green pigment of plants and of algae\n\n2 of them", 2),
    ("力的三要素\n大小、方向\n作用点", 3),
)


@pytest.mark.parametrize(("text", "count"), WRAPPED)
def test_a_full_line_runs_on_where_lines_are_broken_to_a_width(text: str, count: int) -> None:
    assert len(split_sentences(text, wrapped=True)) == count


def test_elsewhere_a_line_break_is_meant() -> None:
    assert [len(split_sentences(text)) for text, _ in WRAPPED[:2]] == [3, 3]


def test_clauses_on_demand() -> None:
    assert sentences("第一句；第二句。", clauses=True) == ["第一句；", "第二句。"]
    assert sentences("first; second. Third.", clauses=True) == ["first;", "second.", "Third."]


def test_a_part_of_a_text() -> None:
    text = "Skip this. 取这句。And this. Not this."
    spans = split_sentences(text, 11, 25)
    assert [text[start:end] for start, end in spans] == ["取这句。", "And this."]


def test_nothing_to_split() -> None:
    assert split_sentences("") == []
    assert split_sentences(" \n \n") == []


ALPHABET = st.sampled_from(list('aB1。.！？!?；;…\n “”"（）()水Dr,，- '))


@given(st.text(ALPHABET, max_size=60) | st.text(max_size=60), st.booleans())
def test_every_visible_character_is_in_one_sentence(text: str, clauses: bool) -> None:
    spans = split_sentences(text, clauses=clauses)
    assert all(start < end for start, end in spans)
    assert [span for span in spans if text[span.start].isspace() or text[span.end - 1].isspace()] == []
    assert spans == sorted(spans)
    position = 0
    for start, end in spans:
        assert text[position:start].strip() == ""
        position = end
    assert text[position:].strip() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith, J. Doe et al. e.g. this", ["Dr. Smith, J. Doe et al. e.g. this"]),
        ("It is 3.5 km. Yes", ["It is 3.5 km.", "Yes"]),
        ("水是蓝的。天“很高。”为什么？无句号", ["水是蓝的。", "天“很高。”", "为什么？", "无句号"]),
        ("a heading\n\nA line\n", ["a heading", "A line"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences_of_both_languages(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == expected


def test_sentences_lose_nothing_but_white_space() -> None:
    text = " 第一句。Second one... third?! (Fourth.) “五。”\r\n six 🙂. "
    joined = "".join(text[start:end] for start, end in split_sentences(text))
    assert joined.replace(" ", "") == "".join(text.split())


@pytest.mark.parametrize(
    ("before", "after", "goes_on"),
    [
        ("The relaxation that we propose in the", "next section is different.", True),
        ("The relaxation that we propose in the", "Appendix is different.", True),
        ("It was seen in patients,", "Which is rare.", True),
        ("as shown by Kim et al.", "and others before them.", True),
        ("It is different.", "next section", False),
        ("It is different.", "The next section", False),
        ("Is it different?", "Next", False),
        ("Chapter One", "The sea is wide.", False),
        ("See the list below", "1. the first thing", False),
        ("See the list below", "• the first thing", False),
        ("Contents:", "the first thing", False),
        ("把一片在暗处放了一个星期的叶子取下来用碘液检验", "可以看到它不变蓝。", True),
        ("光合作用", "植物把光能变成化学能。", False),
        ("植物把光能变成化学能。", "叶子", False),
        ("植物需要水、", "光和二氧化碳。", True),
        ("It must hold that the voltage V", "≤ 5 V for each of them.", True),
        ("The rate is defined by k =", "2.5 per hour.", True),
        ("A new set of control strategies (ESATC", ") is described.", True),
        ("叶绿体的数目为 n（见下图", "），其中 n 是整数。", True),
        ("The list has the following items", "(1) the first", False),
        ("It is closed.", ") and goes on", False),
        ("", "and so on", False),
        ("and so on", "", False),
    ],
)
def test_a_sentence_that_goes_on_in_a_later_paragraph(before: str, after: str, goes_on: bool) -> None:
    assert runs_on(before, after) is goes_on
