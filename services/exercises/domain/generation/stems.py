"""Stems: whether one is whole, what it is about, and what it asks for.

What a stem is about are its words without those that only ask, and without the topic of the whole document. A question
for a cause, a purpose or an effect wants a sentence that gives one; small models ask so about any sentence that names
the thing.
"""

from __future__ import annotations

import re
from functools import cache
from operator import attrgetter

from services.common.values import Source
from services.exercises.domain.text.sentences import is_balanced, stands_alone
from services.exercises.values.question import GAP, Passage
from services.language.detection import LANGUAGES
from services.language.folding import flatten, fold
from services.language.language import Language
from services.language.scripts import is_han
from services.language.terms import units

ALIKE = 0.8
"""Jaccard similarity of folded character pairs from which two stems count as one."""
_CONTEXT = 120
"""Characters before a quote that opens with a pronoun, in which its subject is named."""
_FEWEST_AROUND, _LEAST_AROUND = 2, 0.4
"""Words of a stem, and their share of it, that the passage has where the answering sentence has none."""
_DEMANDS = ("cause", "purpose", "effect")
"""What a stem may ask for that not every sentence about its subject gives."""


_LONGEST_UNMARKED = 5
"""Words of a question that is whole without its mark."""


def is_fragment(stem: str, language: Language) -> bool:
    """Return whether a stem is less than a whole question, task or gapped sentence."""
    rules = language.stems
    if GAP not in stem and not is_balanced(stem):
        return True
    if rules.short_question.search(stem):
        return _ends_open(stem, language)
    if GAP not in stem and rules.unfinished.search(stem):
        return True
    whole = GAP in stem or asks(stem, language) or rules.task.search(stem)
    shortest = rules.shortest_marked if re.search(r"[?？]", stem) else rules.shortest_question
    return _length(stem, language) < shortest or not whole


def _ends_open(stem: str, language: Language) -> bool:
    """Return whether a short question without its mark may be the beginning of one: `What is another name for`."""
    if not language.spaced or not stem[-1].isalpha():
        return False
    words = re.findall(r"\w+", stem.casefold())
    names_what_follows = not language.statements.articles.isdisjoint(words[2:3])
    return len(words) > _LONGEST_UNMARKED or words[-1] in language.words.function or names_what_follows


def is_short_statement(stem: str, language: Language) -> bool:
    """Return whether a statement is too short to say something."""
    return _length(stem, language) < language.stems.shortest_statement


def asks(stem: str, language: Language) -> bool:
    """Return whether a stem is a question."""
    return language.stems.question.search(stem) is not None


def _length(stem: str, language: Language) -> int:
    return len(re.findall(r"\w+", stem.replace(GAP, " "))) if language.spaced else len(fold(stem))


def can_answer(quote: str, stem: str) -> bool:
    """Return whether a sentence can give what a stem asks for: why, what for, with what effect; other stems pass."""
    return all(_shows(f"{demand}.gives", quote) for demand in _DEMANDS if _shows(f"{demand}.asks", stem))


def _shows(pattern: str, text: str) -> bool:
    """Return whether a text matches the pattern of this name in the rules for stems of any language."""
    return any(attrgetter(pattern)(known.stems).search(text) for known in LANGUAGES)


def is_vague(stem: str, source: Source, passage: Passage, language: Language) -> bool:
    """Return whether the answering sentence holds nothing that a stem names; a definition may be asked for by name.

    A person may ask in other words than those of the sentence; then most of them stand around it.
    """
    said = flatten(source.quote)
    if not stands_alone(said, language):
        start = source.start - passage.start
        said = flatten(passage.text[max(0, start - _CONTEXT) : start]) + said
    topic = _content(passage.heading_path[0], language) if passage.heading_path else set()
    named = _content(stem, language)
    own = named - topic
    if any(_stands_in(unit, said) for unit in own):
        return False
    around = flatten(passage.text)
    if sum(_stands_in(unit, around) for unit in own) >= max(_FEWEST_AROUND, _LEAST_AROUND * len(own)):
        return False
    defines = _shows("definition.asks", stem) and _shows("definition.gives", said)
    return not (defines and any(_stands_in(unit, said[: len(said) // 2]) for unit in named))


def _content(text: str, language: Language) -> set[str]:
    """Return what a text names, in units: without the words that ask."""
    return units(language.stems.asking.sub(" ", text)) - _asking_units(language)


@cache
def _asking_units(language: Language) -> set[str]:
    return units(" ".join(sorted(language.stems.asking_words)))


def _stands_in(unit: str, text: str) -> bool:
    return unit in (fold(text) if is_han(unit[0]) else units(text))
