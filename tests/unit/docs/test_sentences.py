from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.sentences import split_sentences


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
        ["DNA是遗传物质.", "RNA也是."],
        ["使用Python 3.11。", "访问example.com查看。"],
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
