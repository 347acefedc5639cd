"""Verifying a key: the model that wrote a question answers it, without its key and in a fresh conversation.

Round-trip consistency (Alberti et al. 2019, "Synthetic QA Corpora Generation with Roundtrip Consistency"). A key that
follows from how its question was made is not verified. What is left to ask is a choice among options or sentences:
that a small model does well, while asked for yes or no it says yes.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

from services.exercises.domain.prompts.tasks import KEY_VERIFICATIONS, MissingWord, OptionLetter, OptionLetters, Truth
from services.exercises.domain.text.sentences import split
from services.exercises.domain.text.statements import is_verbatim, says_the_same
from services.exercises.values.question import GAP, Draft, Passage, QuestionKind
from services.exercises.values.refusal import RefusedError
from services.language.detection import LANGUAGES
from services.language.folding import fold
from services.language.prompts import fill, texts_in

_READ_BEFORE, _READ_AFTER = 150, 100
"""Characters around the quote that are read again."""
_STATEMENT_ENDS = "。.！!；;"


class KeyVerification:
    """One question that the model is asked again; `request` is what it is asked."""

    def __init__(self, draft: Draft, quote: str, passage: Passage, model: str) -> None:
        language = LANGUAGES.of(passage.text)
        material = _around(quote, passage.text)
        self._draft = draft
        self._quote = quote
        self._prompt = KEY_VERIFICATIONS[draft.kind]
        of_sentences = draft.kind is QuestionKind.SHORT_ANSWER
        choices = _sentences(material, quote) if of_sentences else draft.options
        self._choices = dict(zip(string.ascii_uppercase, choices, strict=False))
        """Options or sentences by their letters."""
        options = "\n".join(f"{letter}. {text}" for letter, text in self._choices.items())
        letters = list(self._choices)
        limits: dict[str, Any] = {"enum": letters} if self._prompt.answer is OptionLetter else {}
        if self._prompt.answer is OptionLetters:
            limits = {"items": {"type": "string", "enum": letters}, "minItems": 1, "maxItems": len(letters)}
        question = texts_in(language, self._prompt.texts).parts[draft.kind.value]
        self.request = self._prompt.request(
            language,
            material=options if of_sentences else material,
            question=fill(question, {"stem": draft.stem, "options": options}),
            limits={"answer": limits},
            temperature=0.0,
            model=model,
            seed=0,
        )

    def holds(self, value: Mapping[str, Any]) -> bool:
        """Return whether the model's answer, a JSON object, is the question's key."""
        try:
            answer = self._prompt.answer.decode(value)
        except RefusedError:
            return False
        draft = self._draft
        match answer:
            case Truth():
                return answer.answer is draft.truth
            case MissingWord():
                return any(_same(answer.answer, key) for key in draft.blanks[0])
            case OptionLetters():
                # What the source lists is right; what a learner might tick as well must not be there.
                chosen = self._places(answer.answer)
                return bool(chosen) and chosen <= set(draft.correct)
            case OptionLetter() if draft.kind is QuestionKind.SHORT_ANSWER:
                return _same(self._choices.get(answer.answer, ""), self._quote)
            case OptionLetter():
                return self._places([answer.answer]) == set(draft.correct)

    def _places(self, letters: Iterable[str]) -> set[int]:
        """Return the positions of the options that letters name, from 0."""
        return {place for place, letter in enumerate(self._choices) if letter in letters}


def is_certain(draft: Draft, quote: str) -> bool:
    """Return whether a question's key follows from how it was made."""
    if draft.kind is QuestionKind.FILL_IN_THE_BLANK:
        return says_the_same(draft.stem.replace(GAP, draft.blanks[0][0], 1), quote)
    changed = draft.substitution is not None
    return draft.kind is QuestionKind.TRUE_FALSE and (changed or is_verbatim(draft.stem, quote))


def _around(quote: str, text: str) -> str:
    """Return the sentences of a passage that hold the quote, with their neighbors."""
    start = text.find(quote)
    end = start + len(quote)
    kept = [
        s
        for s in split(text, wrapped=False)
        if (s.start >= start - _READ_BEFORE and s.end <= end + _READ_AFTER) or (s.end > start and s.start < end)
    ]
    return text[kept[0].start : kept[-1].end] if kept else quote


def _sentences(material: str, quote: str) -> tuple[str, ...]:
    """Return what the material says, sentence by sentence, without its headings and table rows."""
    texts = (sentence.text for sentence in split(material, wrapped=False))
    kept = tuple(text for text in texts if text[-1] in _STATEMENT_ENDS or _same(text, quote))
    return kept[: len(string.ascii_uppercase)] or (quote,)


def _same(one: str, other: str) -> bool:
    """Return whether two answers are the same, or one a part of the other: 太阳 and 太阳辐射."""
    plain, wanted = fold(one), fold(other)
    return bool(plain) and bool(wanted) and (plain in wanted or wanted in plain)
