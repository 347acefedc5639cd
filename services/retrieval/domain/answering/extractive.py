"""An answer without a language model: the sentences of the passages that come nearest to the question."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from services.common.model_failures import NONE, ModelFailure
from services.kit.errors import TikuError
from services.language.sentences import Span, ends_as_question, split_sentences
from services.language.terms import coverage, terms
from services.retrieval.domain.answering.citations import CitedText
from services.retrieval.ports import Embedder
from services.retrieval.values.answer import AnswerDone, AnswerEvent, AnswerOutcome
from services.retrieval.values.chat import ChatFinish
from services.retrieval.values.chunk import Chunk

logger = logging.getLogger(__name__)

_PASSAGES = 3
_MOST_EMBEDDED = 12
_MOST_SENTENCES = 2
_WORDS_WEIGHT = 0.15
_FRAGMENT = 0.05
"""Taken from the score of a heading or a table row, which rarely answers alone."""
_CLOSE = 0.02
"""A second sentence is worth reading only when its score comes this near to the best."""


class ExtractiveAnswerer:
    """Chooses sentences by cosine to the question and by shared terms; by terms alone when embedding fails."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def answer(
        self, question: str, passages: Sequence[Chunk], finish: ChatFinish, failure: ModelFailure = NONE
    ) -> Sequence[AnswerEvent]:
        """Return the chosen sentences with their citations, then the end; a model was asked and failed as is said."""
        text = CitedText(question, passages)
        events: list[AnswerEvent] = []
        for number, span in await self.extract(question, passages):
            events += text.quote(number, span)
        done = AnswerDone(
            AnswerOutcome.ANSWERED, text.text, finish.usage, finish.model, failure.reason, failure.message
        )
        return (*events, done)

    async def extract(self, question: str, passages: Sequence[Chunk]) -> list[tuple[int, Span]]:
        """Return one or two sentences, the best first, each with its passage's number; none only without a passage."""
        candidates = [
            (number, span)
            for number, chunk in enumerate(passages[:_PASSAGES], start=1)
            for span in split_sentences(chunk.text)
        ]
        if not candidates:
            return []
        # Questions of the material have the words of the learner's, and answer none.
        told = [one for one in candidates if not ends_as_question(passages[one[0] - 1].text[slice(*one[1])])]
        candidates = told or candidates
        texts = [passages[number - 1].text[span.start : span.end] for number, span in candidates]
        asked = terms(question)
        words = [_WORDS_WEIGHT * coverage(asked, terms(text)) - _FRAGMENT * _is_fragment(text) for text in texts]
        # Embedding is what costs time here: sentences that share nothing with the question are left out first.
        near = sorted(sorted(range(len(texts)), key=lambda i: (-words[i], i))[:_MOST_EMBEDDED])
        cosines = await self._cosines(question, [texts[i] for i in near])
        scores = {i: cosine + words[i] for i, cosine in zip(near, cosines, strict=True)}
        order = sorted(near, key=lambda i: (-scores[i], i))
        chosen = [i for i in order[:_MOST_SENTENCES] if scores[i] >= scores[order[0]] - _CLOSE]
        return [candidates[i] for i in chosen]

    async def _cosines(self, question: str, texts: Sequence[str]) -> list[float]:
        try:
            query = await self._embedder.embed_query(question)
            vectors = await self._embedder.embed_passages(texts, query.model)
        except TikuError as error:
            logger.warning("embedding failed, sentences are chosen by words alone", extra={"error": repr(error)})
            return [0.0] * len(texts)
        return [sum(a * b for a, b in zip(query.vector, vector, strict=True)) for vector in vectors]


def _is_fragment(text: str) -> bool:
    return not text.rstrip("\"'”’」』）)]").endswith((".", "。", "！", "!", "？", "?", "…"))
