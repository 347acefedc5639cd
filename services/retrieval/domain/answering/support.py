"""Which sentence of a passage supports a statement, judged by the terms that both hold."""

from __future__ import annotations

from services.language.sentences import Span, split_sentences
from services.language.terms import coverage, terms
from services.retrieval.values.chunk import Chunk

_TELLING_TERMS = 3
"""A statement with fewer terms says little without its question."""


class CitablePassage:
    """A passage with the terms of its sentences, computed when first asked."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._spans: list[Span] = []
        self._terms: list[frozenset[str]] = []

    def support(self, statement: frozenset[str], question: frozenset[str]) -> tuple[float, Span]:
        """Return how well this passage supports a statement, 0 to 1, and the sentence that does.

        The sentence is the one that holds most of the statement's terms; between equals, it holds more of the
        question's terms, then it is shorter. Its share of the statement's terms is the support. A statement as short
        as "Yes" would be supported by any sentence: there, the question's terms count as the statement's.
        """
        if not self._spans:
            self._spans = split_sentences(self.chunk.text) or [Span(0, len(self.chunk.text))]
            self._terms = [terms(self.chunk.text[span.start : span.end]) for span in self._spans]
        best = max(
            range(len(self._spans)),
            key=lambda i: (
                coverage(statement, self._terms[i]),
                coverage(question, self._terms[i]),
                -len(self._terms[i]),
                -i,
            ),
        )
        wanted = statement if len(statement) >= _TELLING_TERMS else statement | question
        return coverage(wanted, self._terms[best]), self._spans[best]

    def quote(self, statement: frozenset[str], question: frozenset[str]) -> Span:
        """Return the sentence that supports a statement or is nearest the question, else the whole passage."""
        _, span = self.support(statement, question)
        shared = terms(self.chunk.text[span.start : span.end]) & (statement | question)
        return span if shared else Span(0, len(self.chunk.text))
