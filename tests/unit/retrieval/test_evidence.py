from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.retrieval.domain.answering.evidence import signals
from services.retrieval.values.chunk import Hit, LegHit
from tests.unit.retrieval.fakes import hit

QUESTION = "How deep is Lake Baikal?"
LAKES = [f"Lake number {i} is deep." for i in range(30)]


def found(text: str, ordinal: int, cosine: float | None, words: float) -> Hit:
    legs = (LegHit("words", 1, words),) if words else ()
    return replace(hit(text, ordinal, cosine or 0.0), similarity=cosine, legs=legs)


LIBRARY = [found(text, i + 1, 0.5 - i / 100, 5 - i / 10) for i, text in enumerate(LAKES)]


def of(first: Hit, *, across: bool = False, question: str = QUESTION) -> Mapping[str, float]:
    result = signals(question, first, [first, *LIBRARY], across=across)
    assert result is not None
    return result


def test_a_word_that_few_candidates_hold_weighs_more() -> None:
    named, common = of(found("Baikal has much water.", 0, 0.5, 5)), of(found("A lake is deep.", 0, 0.5, 5))
    assert named["coverage"] < common["coverage"]
    assert named["rare"] > common["rare"]


@pytest.mark.parametrize(("cosine", "words"), [(0.9, 20.0), (0.6, 7.0)])
def test_leads_grow_with_the_distance_to_the_others(cosine: float, words: float) -> None:
    ahead, level = of(found("Baikal is deep.", 0, cosine, words)), of(found("Baikal is deep.", 0, 0.5, 5.0))
    assert all(ahead[name] > level[name] for name in ("cosine", "lead", "words_lead"))


def test_more_strangers_of_the_same_kind_change_little() -> None:
    first = found("Baikal is a deep lake.", 0, 0.7, 9)
    few = signals(QUESTION, first, [first, *LIBRARY[:12]], across=False)
    assert few is not None
    many = of(first)
    assert all(abs(few[name] - many[name]) < 0.12 for name in few)


def test_across_languages_words_say_nothing() -> None:
    assert of(found("Baikal is deep.", 0, 0.9, 20), across=True, question="贝加尔湖有多深？").keys() == {
        "cosine",
        "lead",
    }


def test_a_passage_that_vectors_did_not_find_is_no_nearer_than_the_farthest() -> None:
    assert of(found("Baikal is deep.", 0, None, 20))["cosine"] == min(one.similarity or 1 for one in LIBRARY)


def test_few_candidates_say_nothing() -> None:
    first = found("Baikal is deep.", 0, 0.9, 20)
    assert signals(QUESTION, first, [first, *LIBRARY[:5]], across=False) is None
    silent = [replace(one, legs=()) for one in [first, *LIBRARY]]
    assert signals(QUESTION, silent[0], silent, across=False) is None


def test_candidates_beyond_a_legs_first_forty_do_not_count() -> None:
    first = found("Baikal is a deep lake.", 0, 0.7, 9)
    far = [found("How Baikal?", i + 100, 0.01, 0.01) for i in range(50)]
    more = [found(f"Lake {i} is deep.", i + 50, 0.4, 3) for i in range(20)]
    one, other = (signals(QUESTION, first, [first, *LIBRARY, *more, *rest], across=False) for rest in ([], far))
    assert one == other


TRANSLATIONS = {
    "湖": (("lake",),),
    "贝加尔": (("baikal",),),
    "深": (("deep",), ("profound",)),
    "冰": (("ice", "sheet"),),
}


def across(first: str) -> Mapping[str, float]:
    one = translated(first, 0, 0.9, 20)
    result = signals("贝加尔湖有多深？", one, [one, *TRANSLATED], across=True, translations=TRANSLATIONS)
    assert result is not None
    return result


def translated(text: str, ordinal: int, cosine: float, score: float) -> Hit:
    return replace(hit(text, ordinal, cosine), similarity=cosine, legs=(LegHit("translated", 1, score),))


TRANSLATED = [translated(text, i + 2, 0.5 - i / 100, 2 - i / 20) for i, text in enumerate(LAKES)]


def test_across_languages_translations_are_held_and_rare_ones_weigh_more() -> None:
    named, common, both = (across(text) for text in ("Baikal.", "A deep lake.", "Baikal, the most profound lake."))
    assert common["translated"] < named["translated"] < both["translated"] < 1
    assert named.keys() == {"cosine", "lead", "agreement", "translated_lead", "translated"}


def test_vectors_and_translations_agree_where_both_find_the_same_passage_first() -> None:
    one, other = translated("Baikal.", 0, 0.9, 2), translated("A lake.", 1, 0.8, 3)
    both = translated("Baikal.", 0, 0.9, 4)
    found = [
        signals("q", first, [first, other, *TRANSLATED], across=True, translations=TRANSLATIONS)
        for first in (one, both)
    ]
    assert [signal["agreement"] for signal in found if signal] == [0.0, 1.0]


def test_of_a_translation_of_two_words_a_passage_holds_both() -> None:
    assert across("Baikal has ice.")["translated"] < across("Baikal has an ice sheet.")["translated"]


def test_where_no_translation_was_found_translations_say_nothing() -> None:
    silent = [replace(one, legs=()) for one in TRANSLATED]
    one = replace(translated("Baikal.", 0, 0.9, 1), legs=())
    assert signals("q", one, [one, *silent], across=True, translations=TRANSLATIONS) is None
    assert signals("q", TRANSLATED[0], TRANSLATED, across=True, translations={}) is None
