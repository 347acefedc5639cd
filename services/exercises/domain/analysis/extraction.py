"""What a material says most: its central sentences, how demanding it is, and what can be asked about it.

Sentences are ranked by TextRank (Mihalcea and Tarau 2004): PageRank over a graph in which two sentences are joined as
strongly as they share key terms, damping 0.85. What it yields is verbatim, so it is right by construction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.exercises.domain.analysis.readability import level_of
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.text.definitions import definition_of
from services.exercises.domain.text.quotes import source_of
from services.exercises.domain.text.sentences import sentences_of
from services.exercises.values.analysis import KeySentence, MaterialExtract
from services.exercises.values.question import Passage, QuestionKind
from services.language.folding import bigrams, fold, similarity
from services.language.segmentation import Dictionary

_DAMPING = 0.85
_ROUNDS = 30
_MOST_RANKED = 300
_MOST_COUNTED = 20
"""Questions of a kind that are looked for; no exercise asks for more at once."""


def extract(passages: Sequence[Passage], count: int, dictionary: Dictionary) -> MaterialExtract:
    """Reads a whole material: work for a worker process."""
    cloze = Cloze(passages, dictionary, seed=0)
    lines = cloze.lines[:_MOST_RANKED]
    terms = [frozenset(occurrence.term for occurrence in line.occurrences) for line in lines]
    rank = text_rank([_overlaps(terms, i) for i in range(len(lines))])
    order = sorted(
        range(len(lines)),
        key=lambda i: -rank[i] * (1.3 if definition_of(lines[i].text, cloze.language) else 1.0) * (1 + lines[i].score),
    )
    chosen: list[int] = []
    for i in order:
        shape = bigrams(fold(lines[i].text))
        if all(similarity(shape, bigrams(fold(lines[j].text))) < 0.5 for j in chosen):
            chosen.append(i)
            if len(chosen) == count:
                break
    drafts = cloze.drafts(dict.fromkeys(QuestionKind, _MOST_COUNTED))
    sentences = [s.text for passage in passages for s in sentences_of(passage) if s.text[-1] in "。！？.!?；;"]
    return MaterialExtract(
        key_sentences=tuple(
            KeySentence(lines[i].text, source_of(passages[lines[i].passage], lines[i].start, lines[i].end))
            for i in chosen
        ),
        level=level_of(sentences, cloze.language, dictionary),
        language=cloze.language,
        carries={kind: len(made) for kind, made in drafts.items()},
    )


def _overlaps(terms: Sequence[frozenset[object]], i: int) -> dict[int, float]:
    """Shared terms over the logs of both sizes, as TextRank weighs sentences."""
    weights = {}
    for j, other in enumerate(terms):
        shared = len(terms[i] & other)
        if j != i and shared:
            weights[j] = shared / (math.log(1 + len(terms[i])) + math.log(1 + len(other)))
    return weights


def text_rank(edges: Sequence[dict[int, float]]) -> list[float]:
    """PageRank of a weighted undirected graph given as each node's neighbours; sums to the number of nodes that have
    any, a node without neighbours keeps 1 - damping."""
    totals = [sum(neighbours.values()) for neighbours in edges]
    rank = [1.0] * len(edges)
    for _ in range(_ROUNDS):
        rank = [
            1 - _DAMPING + _DAMPING * sum(weight / totals[j] * rank[j] for j, weight in neighbours.items())
            for neighbours in edges
        ]
    return rank
