"""What is told to a learner after an answer: short, about the subject, and in the words of the quote."""

from __future__ import annotations

import re
from functools import cache

from services.exercises.domain.text.references import is_about_the_question
from services.exercises.domain.text.sentences import clip, split
from services.exercises.values.question import Substitution
from services.language.detection import LANGUAGES
from services.language.folding import flatten, fold
from services.language.words import units

LONGEST_EXPLANATION = 240
"""Characters."""
_LEAST_SHARED = 0.5
"""Share of an explanation's words that the quote has, below which it says what nothing here proves."""


@cache
def _label() -> re.Pattern[str]:
    """Compile what some models write before a text: the name of its field, in any language."""
    labels = "|".join(language.writing.labels for language in LANGUAGES)
    return re.compile(rf"^(?:{labels})\s*(?:\d+\s*)?[:：]\s*", re.IGNORECASE)


def unlabeled(text: str) -> str:
    """Return a text without the name of its field that some models write before it."""
    return _label().sub("", text)


def explanation_of(text: str, quote: str) -> str:
    """Return what an explanation says of its subject, at most 240 characters, cut where a sentence ends.

    Sentences that speak of the passage lose the words that do, or are left out. Where what is left is not for the
    better part in the words of the quote, the quote is the explanation: it is why the answer is right, while small
    models like to add what is not so.
    """
    language = LANGUAGES.of(text)
    kept = ""
    for sentence in split(unlabeled(text)):
        plain = language.writing.lead.sub("", sentence.text)
        if not fold(plain) or is_about_the_question(plain, language, quote) or fold(plain) in fold(kept):
            continue
        plain = plain[0].upper() + plain[1:]
        longer = plain if not kept else f"{kept}{' ' if language.spaced else ''}{plain}"
        if len(longer) > LONGEST_EXPLANATION:
            break
        kept = longer
    said = units(kept)
    return kept if said and len(said & units(quote)) >= _LEAST_SHARED * len(said) else quote_as_explanation(quote)


def quote_as_explanation(quote: str) -> str:
    """Return a quote, cut where it is too long for an explanation."""
    return clip(quote, LONGEST_EXPLANATION)


def why(quote: str, substitution: Substitution | None) -> str:
    """Return why a statement is false, or true where nothing in it was exchanged."""
    said = quote_as_explanation(flatten(quote))
    wording = LANGUAGES.of(quote).cloze.wording
    if substitution is None:
        return wording.true_explanation.format(sentence=said)
    return wording.false_explanation.format(old=substitution.old, new=substitution.new, sentence=said)
