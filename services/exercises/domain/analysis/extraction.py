"""The extract of a material: its central sentences, its level, and what can be asked about it.

Sentences are ranked by TextRank (Mihalcea and Tarau 2004): PageRank over a graph in which two sentences are joined as
strongly as they share key terms, damping 0.85. What it yields is verbatim, so it is right by construction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.cloze.material import ClozeLine
from services.exercises.domain.text.sentences import sentences_of
from services.exercises.values.analysis import KeyPoint, Level, MaterialExtract
from services.exercises.values.question import Passage, QuestionKind
from services.language.detection import LANGUAGES, Languages
from services.language.folding import bigrams, fold, similarity
from services.language.language import Language

_DAMPING = 0.85
_ROUNDS = 30
_MOST_RANKED = 300
_MOST_COUNTED = 20
"""Questions of a kind that are looked for; no exercise asks for more at once."""
_TOO_LIKE = 0.5
"""Two key sentences of this similarity or more say the same."""
_SENTENCE_ENDS = frozenset("。！？.!?；;")
"""Marks that close a sentence whose difficulty counts."""


def extract(passages: Sequence[Passage], count: int, languages: Languages = LANGUAGES) -> MaterialExtract:
    """Read a whole material: work for a worker process."""
    cloze = Cloze(passages, seed=0, languages=languages)
    language, lines = cloze.material.language, cloze.material.lines[:_MOST_RANKED]
    carries = cloze.drafts(dict.fromkeys(QuestionKind, _MOST_COUNTED))
    told = [sentence.text for passage in passages for sentence in sentences_of(passage, languages)]
    return MaterialExtract(
        key_sentences=tuple(
            KeyPoint(line.text, passages[line.passage].source(line.start, line.end))
            for line in _central(lines, count, language)
        ),
        level=level_of(
            [text for text in told if text[-1] in _SENTENCE_ENDS or text[-1] in language.sentences.stops], language
        ),
        language=language.code,
        carries={kind: len(made) for kind, made in carries.items()},
    )


def _central(lines: Sequence[ClozeLine], count: int, language: Language) -> list[ClozeLine]:
    """Return the sentences that share most with the others, no two alike; what defines something counts for more."""
    terms = [frozenset(occurrence.term for occurrence in line.occurrences) for line in lines]
    rank = text_rank([_overlaps(terms, i) for i in range(len(lines))])
    weights = [1.3 if language.reading.definition(line.text) else 1.0 for line in lines]
    order = sorted(range(len(lines)), key=lambda i: -rank[i] * weights[i] * (1 + lines[i].score))
    chosen: list[ClozeLine] = []
    shapes: list[frozenset[str]] = []
    for line in (lines[i] for i in order):
        shape = bigrams(fold(line.text))
        if all(similarity(shape, other) < _TOO_LIKE for other in shapes):
            chosen.append(line)
            shapes.append(shape)
            if len(chosen) == count:
                break
    return chosen


def _overlaps(terms: Sequence[frozenset[object]], i: int) -> dict[int, float]:
    """Return a sentence's shared terms over the logs of both sizes, as TextRank weighs sentences."""
    return {
        j: len(shared) / (math.log(1 + len(terms[i])) + math.log(1 + len(other)))
        for j, other in enumerate(terms)
        if j != i and (shared := terms[i] & other)
    }


def text_rank(edges: Sequence[dict[int, float]]) -> list[float]:
    """Return the PageRank of a weighted undirected graph that is given as each node's neighbors.

    The ranks of nodes with neighbors sum to the number of these nodes; any other node keeps 1 - damping.
    """
    totals = [sum(neighbors.values()) for neighbors in edges]
    rank = [1.0] * len(edges)
    for _ in range(_ROUNDS):
        rank = [
            1 - _DAMPING + _DAMPING * sum(weight / totals[j] * rank[j] for j, weight in neighbors.items())
            for neighbors in edges
        ]
    return rank


def level_of(sentences: Sequence[str], language: Language) -> Level:
    """Return the level of a text that is given as its sentences; BEGINNER for an empty one."""
    formula = language.readability
    difficulty = formula.difficulty(sentences) if sentences else 0.0
    if not sentences or difficulty < formula.easy:
        return Level.BEGINNER
    return Level.INTERMEDIATE if difficulty <= formula.hard else Level.ADVANCED
