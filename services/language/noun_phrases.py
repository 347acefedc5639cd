"""Key terms of a language that writes spaces between its words: noun phrases, by lists of the other words.

A word that is neither grammar nor a verb nor too general may be part of a phrase. How a material itself uses a word
(after an article, after `to`) decides between noun and verb.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.language.key_terms import Category, NumberRules, TermSpan, spelled_rarity
from services.language.scripts import SPELLED

_WORD = re.compile(rf"(?!\d){SPELLED}+(?:[-'’/]{SPELLED}+)*")
_LONGEST_PHRASE = 3


class _Token(NamedTuple):
    start: int
    end: int
    text: str
    plain: str
    before: str
    """The word before, in folded case; empty at the beginning of a sentence."""


@dataclass(slots=True)
class _Usage:
    """How a material uses its words."""

    nouns: Counter[str] = field(default_factory=Counter)
    """Uses behind a determiner, of words in folded case."""
    verbs: Counter[str] = field(default_factory=Counter)
    """Uses behind a verb cue, of words in folded case."""
    lower: Counter[str] = field(default_factory=Counter)
    """Uses in lower case."""
    capital: Counter[str] = field(default_factory=Counter)
    """Uses with a capital inside a sentence, of words as they are written."""


@dataclass(frozen=True, slots=True)
class NounPhrases:
    """Finds noun phrases of at most three words, names, acronyms and numbers, by words in lower case."""

    function: frozenset[str]
    numbers: NumberRules
    determiners: frozenset[str] = frozenset()
    """Words that a noun follows."""
    verb_cues: frozenset[str] = frozenset()
    """Words that a verb follows."""
    general: frozenset[str] = frozenset()
    """Words too general to be asked for."""
    is_verb: Callable[[str], bool] = lambda word: False
    """Whether a word is a common verb in any of its forms."""
    verb_endings: tuple[str, ...] = ()
    """Endings that make a verb's form no noun."""
    noun_endings: tuple[str, ...] = ()
    """Endings of learned nouns."""
    modifier_endings: tuple[str, ...] = ()
    """Endings with which no phrase closes."""
    other_endings: tuple[str, ...] = ()
    """Endings of words that are in no phrase: adverbs, possessives."""
    singular: Callable[[str], str] = str
    """A word without its plural or verb ending, for looking it up."""
    is_plural: Callable[[str], bool] = lambda word: False

    def warm(self) -> None:
        """Do nothing: the lists are there."""

    def rarity(self, key: str) -> float:
        """Guess by the form of a term."""
        return spelled_rarity(key, self.noun_endings)

    def spans(self, sentences: Sequence[str]) -> list[list[TermSpan]]:
        """Read the whole material for how it uses its words, then each sentence."""
        rows = [_tokens(sentence) for sentence in sentences]
        usage = self._usage(rows)
        return [self._sentence_spans(sentence, row, usage) for sentence, row in zip(sentences, rows, strict=True)]

    def _usage(self, rows: Sequence[Sequence[_Token]]) -> _Usage:
        usage = _Usage()
        for row in rows:
            for i, token in enumerate(row):
                if token.text == token.plain:
                    usage.lower[token.plain] += 1
                elif i:
                    usage.capital[token.text] += 1
                if token.before in self.determiners:
                    usage.nouns[token.plain] += 1
                elif token.before in self.verb_cues:
                    usage.verbs[token.plain] += 1
        return usage

    def _sentence_spans(self, sentence: str, row: Sequence[_Token], usage: _Usage) -> list[TermSpan]:
        spans = self.numbers.spans(sentence)
        phrase: list[_Token] = []
        for token in row:
            joins = not phrase or sentence[phrase[-1].end : token.start] == " "
            if joins and self._may_be_in_phrase(token, phrase, usage):
                phrase.append(token)
                continue
            spans.extend(self._phrase_span(phrase, sentence, usage))
            phrase = [token] if self._may_be_in_phrase(token, [], usage) else []
        spans.extend(self._phrase_span(phrase, sentence, usage))
        return sorted(spans)

    def _may_be_in_phrase(self, token: _Token, phrase: Sequence[_Token], usage: _Usage) -> bool:
        plain = token.plain
        if plain in self.function or len(plain) < 2 or plain.endswith(self.other_endings):
            return False
        if token.before in self.verb_cues:
            return False
        if not token.text.islower() and token.before:
            return True
        if plain in self.general or self.singular(plain) in self.general:
            return False
        return self._is_used_as_noun(token, phrase, usage)

    def _is_used_as_noun(self, token: _Token, phrase: Sequence[_Token], usage: _Usage) -> bool:
        plain = token.plain
        if self.is_verb(plain):
            named = token.before in self.determiners and not plain.endswith(self.verb_endings)
            return named and usage.nouns[plain] > usage.verbs[plain]
        base = self.singular(plain)
        if phrase and base != plain and usage.verbs[base] > usage.nouns[base]:
            return False
        return usage.verbs[plain] <= usage.nouns[plain] or plain.endswith(self.noun_endings)

    def _phrase_span(self, phrase: list[_Token], sentence: str, usage: _Usage) -> list[TermSpan]:
        """Return the span of a phrase, as a list; empty when it is no term."""
        phrase = self._without_modifiers(phrase, usage)
        if not phrase:
            return []
        if len(phrase) > _LONGEST_PHRASE:
            phrase = phrase[-2:]
        start, end = phrase[0].start, phrase[-1].end
        text = sentence[start:end]
        if len(text) < 3 and not text.isupper():
            return []
        if len(phrase) == 1 and text.isupper():
            return [(start, end, Category.ACRONYM)]
        # A sentence's first word is a name only when it is written as one elsewhere.
        if any(token.text[0].isupper() and (token.start or usage.capital[token.text]) for token in phrase):
            # A single word that is written small as well has its capital in titles and companies' names only.
            titled = len(phrase) == 1 and usage.lower[phrase[0].plain]
            return [] if titled else [(start, end, Category.NAME)]
        # Whether the first word of a sentence is a name, nothing tells but its use elsewhere.
        if len(phrase) == 1 and not self._is_known_noun(phrase[0].plain, usage):
            return []
        plural = self.is_plural(phrase[-1].text)
        return [(start, end, Category.PLURAL if plural else Category.CONCEPT)]

    def _without_modifiers(self, phrase: list[_Token], usage: _Usage) -> list[_Token]:
        while phrase and phrase[-1].text.islower() and phrase[-1].text.endswith(self.modifier_endings):
            if usage.nouns[phrase[-1].text] > 1:
                break
            phrase = phrase[:-1]
        return phrase

    def _is_known_noun(self, plain: str, usage: _Usage) -> bool:
        ends_as_noun = self.singular(plain).endswith(self.noun_endings)
        return usage.nouns[plain] > 0 or usage.lower[plain] > 1 or ends_as_noun


def _tokens(sentence: str) -> list[_Token]:
    row: list[_Token] = []
    for match in _WORD.finditer(sentence):
        before = row[-1].plain if row else ""
        row.append(_Token(match.start(), match.end(), match.group(), match.group().casefold(), before))
    return row
