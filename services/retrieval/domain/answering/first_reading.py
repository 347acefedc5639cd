"""What a slow model reads first: of the passages, the sentences in which the answer most likely stands (ADR 0077).

They are read as parts of their passages, under the same numbers, so that what is cited does not change. The rest is
read on behind them where they do not hold the answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.language.search_terms import Sought, search_terms
from services.language.sentences import Span, split_sentences
from services.language.terms import terms
from services.language.tokens import estimate_tokens
from services.retrieval.values.answer import Portion
from services.retrieval.values.chunk import Chunk

_FRAME_TOKENS = 15
"""Tokens around passages and question: their names, and the marks of messages."""
_NUMBER_TOKENS = 5
"""Tokens of a passage's number and the line breaks around it."""
_GAP = " … "
"""Between two sentences that do not stand side by side."""
_RANK_WEIGHT = 0.5
"""What the first passage's sentences have ahead of sentences of the last that hold as much of the question."""
_NEIGHBOR_WEIGHT = 0.35
"""What a sentence takes over of what its neighbors hold: an answer may say "it" for what the question asks about."""


def whole(passages: Sequence[Chunk]) -> list[Portion]:
    """Return all passages."""
    return [Portion(number, passage.text.strip()) for number, passage in enumerate(passages, start=1)]


def in_parts(question: str, passages: Sequence[Chunk], tokens: float) -> list[list[Portion]]:
    """Return what is read one after the other: at first about `tokens` with the question, then the rest, if any.

    The first part holds one sentence at least.
    """
    left = tokens - _FRAME_TOKENS - estimate_tokens(question)
    sentences = [
        _Sentence(number, span, estimate_tokens(passage.text[span.start : span.end]))
        for number, passage in enumerate(passages, start=1)
        for span in split_sentences(passage.text)
    ]
    if sum(sentence.tokens for sentence in sentences) + _NUMBER_TOKENS * len(passages) <= left or len(sentences) < 2:
        return [whole(passages)]
    chosen: set[int] = set()
    for place in _best_first(question, passages, sentences):
        numbers = {sentences[at].number for at in chosen}
        cost = sentences[place].tokens + _NUMBER_TOKENS * (sentences[place].number not in numbers)
        if cost <= left or not chosen:
            chosen.add(place)
            left -= cost
    first = [sentence for place, sentence in enumerate(sentences) if place in chosen]
    rest = [sentence for place, sentence in enumerate(sentences) if place not in chosen]
    return [_portions(passages, first), _portions(passages, rest)] if rest else [whole(passages)]


@dataclass(frozen=True, slots=True)
class _Sentence:
    number: int
    span: Span
    tokens: float


def _best_first(question: str, passages: Sequence[Chunk], sentences: Sequence[_Sentence]) -> list[int]:
    """Return the positions of sentences, the likeliest to hold the answer first."""
    wanted = search_terms(question).words.keys()
    sought = Sought(wanted)
    texts = [passages[one.number - 1].text[one.span.start : one.span.end] for one in sentences]
    asked = terms(question)
    # A heading or an entry of a list that says no more than the question holds no answer.
    holds = [sought.held_by(text) if terms(text) - asked else set() for text in texts]
    having = Counter(term for held in holds for term in held)
    rarity = {term: math.log(1 + len(sentences) / (having[term] + 0.5)) for term in wanted}
    # What no sentence holds tells none from another, and is most of a short question: 腾是, 是什, 什么.
    most = sum(rarity[term] for term in having) or 1.0
    own = [sum(rarity[term] for term in held) / most for held in holds]
    scores = []
    for place, sentence in enumerate(sentences):
        around = [own[at] for at in (place - 1, place + 1) if _stand_together(sentences, place, at)]
        rank = 1 - (sentence.number - 1) / len(passages)
        scores.append(own[place] + _NEIGHBOR_WEIGHT * max(around, default=0.0) + _RANK_WEIGHT * rank)
    return sorted(range(len(sentences)), key=lambda place: (-scores[place], place))


def _stand_together(sentences: Sequence[_Sentence], one: int, other: int) -> bool:
    return 0 <= other < len(sentences) and sentences[one].number == sentences[other].number


def _portions(passages: Sequence[Chunk], sentences: Iterable[_Sentence]) -> list[Portion]:
    """Return sentences in the order of their passages; those side by side as they stand there."""
    return [
        Portion(number, _text(passages[number - 1].text, [one.span for one in its]))
        for number, its in groupby(sentences, key=lambda one: one.number)
    ]


def _text(text: str, spans: Sequence[Span]) -> str:
    runs: list[Span] = []
    for span in spans:
        if runs and not text[runs[-1].end : span.start].strip():
            runs[-1] = Span(runs[-1].start, span.end)
        else:
            runs.append(span)
    return _GAP.join(text[run.start : run.end] for run in runs)
