"""Velin, a language that nobody speaks: all that Tiku must know of it, in this one file."""

from __future__ import annotations

from collections.abc import Sequence

from services.language.key_terms import NumberRules
from services.language.language import (
    AnsweringRules,
    ClozeRules,
    ClozeWording,
    Definition,
    GradingRules,
    Language,
    ListRules,
    Readability,
    ReadingRules,
    Script,
    SentenceRules,
    StatementRules,
    StemRules,
    Words,
)
from services.language.noun_phrases import NounPhrases
from services.language.patterns import Pattern, words

_FUNCTION = words("kal vey tir sul pen rin nol mas")
_VERBS = words("fakan donan portan bibar kreskan restar nomar")
_DEFINITION = Pattern(r"^(?P<term>\w+) nomar (?P<meaning>kal .{8,})‖$")


def _definition(text: str) -> Definition | None:
    match = _DEFINITION.match(text)
    return Definition(match["term"], match["meaning"]) if match else None


def _word_length(sentences: Sequence[str]) -> float:
    """Average length of words, which says little, but in no other language's way."""
    found = " ".join(sentences).split()
    return sum(map(len, found)) / len(found)


VELIN = Language(
    code="x-velin",
    script=Script.LATIN,
    words=Words(function=_FUNCTION, stem=lambda word: word.removesuffix("s")),
    sentences=SentenceRules(stops="‖"),
    reading=ReadingRules(
        shortest=5,
        longest=30,
        capital=True,
        opens_badly=Pattern(r"^(?:Rin|Nol)\b"),
        definition=_definition,
        lists=ListRules(
            closed=Pattern(r"(?:donan|restar) (?P<list>(?:\w+ mey )+\w+)"),
            between=Pattern(" mey "),
            is_member=str.isalpha,
        ),
    ),
    statements=StatementRules(negation=Pattern(r"\bnol\b"), opposites=(("tago", "nokto"),)),
    key_terms=NounPhrases(
        function=_FUNCTION | {"mey"},
        numbers=NumberRules(after_year=Pattern(r" anos\b")),
        determiners=words("kal tir sul pen"),
        is_verb=_VERBS.__contains__,
        noun_endings=("mo",),
    ),
    readability=Readability(_word_length, easy=4.0, hard=6.0),
    cloze=ClozeRules(
        wording=ClozeWording(
            gap_explanation="Tota: {sentence}",
            choose="Kelo restar?\n{gapped}",
            choose_number="Kel numero restar?\n{gapped}",
            choose_described="Kelo nomar «{meaning}»?",
            choice_explanation="Restar «{answer}»: {sentence}",
            true_explanation="Vera: {sentence}",
            false_explanation="Falsa, «{old}» nol «{new}»: {sentence}",
            choose_members="Kelos restar?\n{gapped}",
            members_explanation="Restar {members}: {sentence}",
            member_separator=" mey ",
            choose_statements="Kelos vera?",
            choose_statements_about="Kelos vera pen {topic}?",
            exchange_note="«{old}» nol «{new}»",
            note_separator=" vey ",
            statements_explanation="Falsa: {notes}‖",
            define="Diktu: kelo nomar {name}?",
            describe="Diktu pen {name}‖",
            answer_explanation="Vidu: {sentence}",
            rubric_point="Diktu «{term}»",
        ),
        longest_heading=3,
        good_length=50,
        longest_option=90,
        hedge=Pattern(r"\b(?:nol|mas)\b"),
    ),
    grading=GradingRules(no_model="Nol modelo‖", unsound="Nol sura‖"),
    answering=AnsweringRules(not_in_material="Nol sul kal texto‖", unsupported="(Nol sul kal texto‖)"),
    stems=StemRules(shortest_question=2, task=Pattern(r"^Diktu\b")),
)
