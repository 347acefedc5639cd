from __future__ import annotations

import pytest

from services.language.lexicon import Lexicon, Phrase, lexicon

ENTRIES = """\
# CC-CEDICT
光合作用 光合作用 [guang1 he2 zuo4 yong4] /photosynthesis/
光 光 [guang1] /light/ray/CL:道[dao4]/
作用 作用 [zuo4 yong4] /to act on; to affect/action; function/
超級盃 超级杯 [chao1 ji2 bei1] /Super Bowl (American football championship game)/
諾曼底 诺曼底 [nuo4 man4 di3] /Normandy, France/
法國 法国 [Fa3 guo2] /France/French/
國 国 [guo2] /country/
冰川 冰川 [bing1 chuan1] /glacier/
冰河 冰河 [bing1 he2] /glacier/
冰凌 冰凌 [bing1 ling2] /icicle/variant of 冰[bing1]/
擁 拥 [yong1] /to hold somebody in both arms while never letting go again/
𠮷 𠮷 [ji2] /unofficial variant of 吉[ji2]/
什麼 什么 [shen2 me5] /what?/what sort of?/
什 什 [shi2] /ten (used in fractions)/assorted; miscellaneous/
么 么 [yao1] /youngest/tiny; insignificant/
C盤 C盘 [C pan2] /C drive of a computer/
not an entry
"""
LEXICON = Lexicon.of(ENTRIES.splitlines())


@pytest.mark.parametrize(
    ("question", "term", "phrase"),
    [
        ("光合作用需要什么？", "光合作用", ("photosynthesi",)),
        ("諾曼底在哪里？", "诺曼底", ("normandi",)),
        ("法國的首都", "法国", ("franc",)),
        ("超级杯是谁赢的？", "超级杯", ("super", "bowl")),
        ("光的作用", "作用", ("act",)),
        ("BSkyB在1990年", "bskyb", ("bskyb",)),
        ("BSkyB在1990年", "1990", ("1990",)),
    ],
)
def test_chinese_words_are_found_in_english(question: str, term: str, phrase: Phrase) -> None:
    assert phrase in LEXICON.translations(question, "en")[term]


@pytest.mark.parametrize(
    ("question", "term", "phrase"),
    [
        ("What is photosynthesis?", "photosynthesi", ("光合", "合作", "作用")),
        ("How do glaciers move?", "glacier", ("冰川",)),
        ("How do glaciers move?", "glacier", ("冰河",)),
        ("Who won the Super Bowl?", "bowl", ("超级", "级杯")),
        ("Which light?", "light", ("光",)),
        ("Who is Nakamura?", "nakamura", ("nakamura",)),
        ("What happened in 1990?", "1990", ("1990",)),
    ],
)
def test_english_words_are_found_in_chinese(question: str, term: str, phrase: Phrase) -> None:
    assert phrase in LEXICON.translations(question, "zh")[term]


@pytest.mark.parametrize(
    ("question", "code"), [("什么是这个？", "en"), ("What is the same?", "zh"), ("冰凌", "en"), ("", "en"), ("", "zh")]
)
def test_words_of_grammar_and_notes_of_the_dictionary_are_no_translations(question: str, code: str) -> None:
    found = LEXICON.translations(question, code)
    assert not {"variant", "dao4", "cl"} & {part for phrases in found.values() for phrase in phrases for part in phrase}
    assert not found or question == "冰凌"


@pytest.mark.parametrize("question", ["拥", "咖啡", "𠮷"])
def test_a_word_without_a_translation_is_left_out(question: str) -> None:
    assert not LEXICON.translations(question, "en")


def test_a_long_word_is_not_cut_into_shorter_ones() -> None:
    assert LEXICON.translations("光合作用", "en").keys() == {"光合作用"}


@pytest.mark.parametrize("question", ["什么是光？", "光是什麼？"])
def test_the_characters_of_a_word_of_grammar_are_not_translated(question: str) -> None:
    assert LEXICON.translations(question, "en").keys() == {"光"}


def test_what_stands_behind_the_comma_after_a_name_is_not_what_it_is_called() -> None:
    assert LEXICON.translations("诺曼底", "en") == {"诺曼底": (("normandi",),)}


def test_an_english_word_that_has_a_translation_is_not_its_own() -> None:
    assert LEXICON.translations("Does Nakamura see a glacier?", "zh") == {
        "nakamura": (("nakamura",),),
        "see": (("see",),),
        "glacier": (("冰川",), ("冰河",)),
    }


def test_one_word_of_two_is_not_said_by_the_words_for_both() -> None:
    assert ("超级", "级杯") not in LEXICON.translations("Is it a super idea?", "zh")["super"]


def test_a_language_that_is_not_in_the_dictionary_has_no_translations() -> None:
    assert not LEXICON.translations("光合作用", "ja")


@pytest.mark.parametrize(
    ("question", "code", "phrase"),
    [
        ("牛顿发现了什么定律？", "en", ("newton",)),
        ("細胞膜由什麼組成？", "en", ("cell", "membran")),
        ("Where is the Great Wall?", "zh", ("长城",)),
        ("What do chloroplasts contain?", "zh", ("叶绿", "绿体")),
    ],
)
def test_the_dictionary_that_ships_knows_words_of_lessons(question: str, code: str, phrase: Phrase) -> None:
    assert phrase in {one for phrases in lexicon().translations(question, code).values() for one in phrases}
