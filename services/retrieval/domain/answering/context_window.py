"""Which passages fit into the context of a chat model, beside the question and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.language.sentences import split_sentences
from services.language.tokens import cautious_tokens
from services.retrieval.values.chunk import Chunk, Hit

_PROMPT_TOKENS = 200
"""Tokens of the rules and of the frame around the passages."""
_PASSAGE_TOKENS = 6
"""Tokens of a passage's number and its two line breaks."""


def fit(question: str, hits: Sequence[Hit], context_tokens: int, answer_tokens: int) -> list[Hit]:
    """Return the best hits whose passages fit into the context beside the question and the answer.

    `hits` come best first. The first one that does not fit is cut at the end of a sentence, where at least one
    sentence fits, and ends the list. A cut passage stays the slice of the normalized text that its offsets name.
    """
    left = context_tokens - answer_tokens - _PROMPT_TOKENS - cautious_tokens(question)
    fitting: list[Hit] = []
    for hit in hits:
        cost = cautious_tokens(hit.chunk.text) + _PASSAGE_TOKENS
        if cost <= left:
            fitting.append(hit)
            left -= cost
            continue
        cut = _cut(hit.chunk, left - _PASSAGE_TOKENS)
        if cut is not None:
            fitting.append(replace(hit, chunk=cut))
        break
    return fitting


def _cut(chunk: Chunk, tokens: int) -> Chunk | None:
    end = 0
    left = tokens
    for span in split_sentences(chunk.text):
        left -= cautious_tokens(chunk.text[span.start : span.end])
        if left < 0:
            break
        end = span.end
    if not end:
        return None
    last = chunk.start + end
    pages = tuple(offset for offset in chunk.page_starts if offset < last)
    return replace(chunk, text=chunk.text[:end], end=last, page_starts=pages)
