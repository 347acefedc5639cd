"""Grading of the objective kinds: every row of the table, every way in which an answer does not fit."""

from __future__ import annotations

import dataclasses

import pytest

from services.common.values import Source
from services.exercises.domain.grading.gaps import accepts
from services.exercises.domain.grading.objective import grade, match_answers
from services.exercises.values.question import AnswerKey, Generator, Option, Question, QuestionKind
from services.exercises.values.submission import Answer, Verdict
from services.kit.errors import InvalidArgument
from services.language.zh_values import in_digits


def question(kind: QuestionKind, key: AnswerKey, points: float = 1.0, number: int = 1) -> Question:
    options = tuple(Option(letter, letter) for letter in "ABCDE") if "CHOICE" in kind.name else ()
    return Question(
        question_id=f"q{number}",
        number=number,
        kind=kind,
        stem="?",
        options=options,
        answer_key=key,
        explanation="because",
        source=Source(0, 4, "text"),
        generator=Generator.CLOZE,
        model="",
        points=points,
    )


SINGLE = question(QuestionKind.SINGLE_CHOICE, AnswerKey(option_keys=("B",)))
MULTIPLE = question(QuestionKind.MULTIPLE_CHOICE, AnswerKey(option_keys=("A", "C", "D")), points=3.0)
TRUTH = question(QuestionKind.TRUE_FALSE, AnswerKey(truth=False))
BLANKS = question(QuestionKind.FILL_IN_THE_BLANK, AnswerKey(blanks=(("叶绿体", "chloroplast"), ("3",))), points=2.0)


@pytest.mark.parametrize(
    ("asked", "answer", "points", "verdict"),
    [
        (SINGLE, Answer("q1", option_keys=("B",)), 1.0, Verdict.CORRECT),
        (SINGLE, Answer("q1", option_keys=("A",)), 0.0, Verdict.INCORRECT),
        (SINGLE, Answer("q1"), 0.0, Verdict.UNANSWERED),
        (SINGLE, None, 0.0, Verdict.UNANSWERED),
        (MULTIPLE, Answer("q1", option_keys=("D", "A", "C")), 3.0, Verdict.CORRECT),
        (MULTIPLE, Answer("q1", option_keys=("A", "C")), 2.0, Verdict.PARTIAL),
        (MULTIPLE, Answer("q1", option_keys=("A", "C", "B")), 1.0, Verdict.PARTIAL),
        (MULTIPLE, Answer("q1", option_keys=("A", "B")), 0.0, Verdict.INCORRECT),
        (MULTIPLE, Answer("q1", option_keys=("A", "B", "C", "D", "E")), 1.0, Verdict.PARTIAL),
        (TRUTH, Answer("q1", truth=False), 1.0, Verdict.CORRECT),
        (TRUTH, Answer("q1", truth=True), 0.0, Verdict.INCORRECT),
        (BLANKS, Answer("q1", blanks=("叶绿体", "三")), 2.0, Verdict.CORRECT),
        (BLANKS, Answer("q1", blanks=(" Chloro plast ", "4")), 1.0, Verdict.PARTIAL),
        (BLANKS, Answer("q1", blanks=("", "  ")), 0.0, Verdict.UNANSWERED),
        (BLANKS, Answer("q1", blanks=("", "3")), 1.0, Verdict.PARTIAL),
    ],
)
def test_rules(asked: Question, answer: Answer | None, points: float, verdict: Verdict) -> None:
    result = grade(asked, answer)
    assert (result.points, result.verdict) == (points, verdict)
    assert result.max_points == asked.points
    assert (result.answer_key, result.explanation, result.source) == (
        asked.answer_key,
        asked.explanation,
        asked.source,
    )


@pytest.mark.parametrize(
    ("key", "given", "right"),
    [
        ("ATP", "ａｔｐ", True),
        ("二氧化碳", "二氧化碳。", True),
        ("thylakoid membrane", "Thylakoid-Membrane", True),
        ("1864", "１８６４", True),
        ("12", "十二", True),
        ("两百零五", "205", True),
        ("10,000", "10000", True),
        ("二〇二四", "2024", True),
        ("3.5", "35", False),
        ("3.5", " 3.5 ", True),
        ("-3", "3", False),
        ("cell", "cells", False),
        ("氧气", "", False),
        ("氧气", "？", False),
    ],
)
def test_what_counts_as_the_same_word(key: str, given: str, right: bool) -> None:
    assert accepts((key,), given) is right


@pytest.mark.parametrize(
    ("key", "following", "given", "right"),
    [
        ("100", " °C at sea level.", "100 °C", True),
        ("100", "摄氏度。", "一百摄氏度", True),
        ("12.5", "% of it", "12.5%", True),
        ("206", "块骨头", "206块", True),
        ("35", " kg", "35 kg", True),
        ("35", " kg", "3.5 kg", False),
        ("35", " kg", "35 g", False),
        ("3", ".5 kg", "3.5 kg", False),
        ("1", "0 m", "10 m", False),
        ("35", "", "35 kg", False),
    ],
)
def test_what_follows_a_gap_may_be_repeated(key: str, following: str, given: str, right: bool) -> None:
    assert accepts((key,), given, following) is right
    stem = f"____{following} and ____"
    twice = dataclasses.replace(BLANKS, stem=stem, answer_key=AnswerKey(blanks=((key,), ("3",))))
    assert grade(twice, Answer("q1", blanks=(given, "three"))).points == (2.0 if right else 1.0)


@pytest.mark.parametrize(
    ("keys", "given", "right"),
    [
        (("1 km",), "1000 m", False),
        (("1 km", "1000 m"), "100000 cm", True),
        (("1 km", "1公里"), "1000 m", False),
        (("2小时", "120分钟"), "7200 s", True),
        (("1 km", "1000 m"), "100 m", False),
    ],
)
def test_units_are_converted_where_the_key_has_two(keys: tuple[str, ...], given: str, right: bool) -> None:
    assert accepts(keys, given) is right


def gap(stem: str, *keys: str) -> Question:
    return dataclasses.replace(BLANKS, stem=stem, answer_key=AnswerKey(blanks=tuple((key,) for key in keys)))


@pytest.mark.parametrize(
    ("stem", "key", "given", "right"),
    [
        ("The singer ____ was born in Houston.", "Beyoncé", "Beyonce", True),
        ("The singer ____ was born in Houston.", "Beyoncé", "beyonce", True),
        ("The singer ____ was born in Houston.", "Beyoncé", "Beyoncè", False),
        ("The singer ____ was born in Houston.", "Beyoncé", "Beyond", False),
        ("The composer ____ came to Paris in 1831.", "Frédéric Chopin", "Fréderic Chopin", True),
        ("The composer ____ wrote nine symphonies.", "Dvořák", "Dvorak", True),
        ("The equation is named after ____ of Vienna.", "Schrödinger", "Schroedinger", True),
        ("The equation is named after ____ of Vienna.", "Schrödinger", "Schrodinger", True),
        ("The city of ____ is in the center of Poland.", "Łódź", "Lodz", True),
        ("He met his friends in a ____ in town.", "café", "cafe", True),
        ("该方程以____的名字命名。", "Schrödinger", "Schrodinger", True),
        # Small letters with marks are sounds in Chinese.
        ("“买”的拼音是____。", "mǎi", "mai", False),
        # What has the accent left out is another word here.
        ("The ____ is a document, and to resume is to go on.", "résumé", "resume", False),
        ("Il faut attendre la fin de l' ____ pour les vacances.", "été", "ete", False),
        ("The length is ____ in all.", "5 Å", "5 A", False),
        ("The symbol of this unit is ____ in books.", "Å", "A", False),
        ("The word is ____ here.", "cote", "côte", False),
    ],
)
def test_accents_may_be_left_out(stem: str, key: str, given: str, right: bool) -> None:
    verdict = grade(gap(stem, key), Answer("q1", blanks=(given,))).verdict
    assert verdict is (Verdict.CORRECT if right else Verdict.INCORRECT)


def test_no_other_gap_is_filled_by_a_word_without_its_accent() -> None:
    asked = gap("To ____ is to go on, and a ____ is a document.", "resume", "résumé")
    assert grade(asked, Answer("q1", blanks=("resume", "resume"))).points == 1.0
    assert grade(asked, Answer("q1", blanks=("resume", "résumé"))).points == 2.0


@pytest.mark.parametrize(
    ("text", "digits"),
    [("十", "10"), ("二十一", "21"), ("三百", "300"), ("一千零一", "1001"), ("两万三千", "23000"), ("亿", "亿")],
)
def test_chinese_numerals(text: str, digits: str) -> None:
    assert in_digits(text) == digits


ALL = [dataclasses.replace(q, question_id=f"q{i}") for i, q in enumerate((SINGLE, MULTIPLE, TRUTH, BLANKS))]


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ([Answer("q0", option_keys=("B",)), Answer("other", truth=True)], "answers[1].question_id"),
        ([Answer("q0", option_keys=("B",)), Answer("q0", option_keys=("A",))], "answers[1].question_id"),
        ([Answer("q0", option_keys=("Z",))], "answers[0].option_keys"),
        ([Answer("q0", option_keys=("A", "B"))], "answers[0].option_keys"),
        ([Answer("q1", option_keys=("A", "A"))], "answers[0].option_keys"),
        ([Answer("q2", option_keys=("A",))], "answers[0].option_keys"),
        ([Answer("q0", truth=True)], "answers[0].truth"),
        ([Answer("q2", text="true")], "answers[0].text"),
        ([Answer("q3", blanks=("x",))], "answers[0].blanks"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_field(answers: list[Answer], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        match_answers(ALL, answers)
    assert [violation.field for violation in refused.value.violations] == [field]
    assert field in refused.value.message
