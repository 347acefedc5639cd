"""Which passages fit into the context of a chat model, beside the question and the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from services.language.sentences import split_sentences
from services.retrieval.values.chunk import Chunk, Hit

_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef\u3000-\u303f]")
_PROMPT_TOKENS = 200
"""Tokens of the rules and of the frame around the passages."""
_PASSAGE_TOKENS = 6
"""Tokens of a passage's number and its two line breaks."""


def estimate_tokens(text: str) -> int:
    """Return a cautious estimate of a text's tokens in a Chinese-English vocabulary such as Qwen's.

    0.8 a CJK character, 1.4 a Latin word or one for three letters of a long one, 0.8 for whatever else is visible.
    """
    cjk = len(_CJK.findall(text))
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    other = len(re.sub(r"\s", "", text)) - cjk - letters
    return int(0.8 * cjk + sum(max(1.4, len(word) / 3) for word in words) + 0.8 * max(0, other)) + 1


def fit(question: str, hits: Sequence[Hit], context_tokens: int, answer_tokens: int) -> list[Hit]:
    """Return the best hits whose passages fit into the context beside the question and the answer.

    `hits` come best first. The first one that does not fit is cut at the end of a sentence, where at least one
    sentence fits, and ends the list. A cut passage stays the slice of the normalized text that its offsets name.
    """
    left = context_tokens - answer_tokens - _PROMPT_TOKENS - estimate_tokens(question)
    fitting: list[Hit] = []
    for hit in hits:
        cost = estimate_tokens(hit.chunk.text) + _PASSAGE_TOKENS
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
        left -= estimate_tokens(chunk.text[span.start : span.end])
        if left < 0:
            break
        end = span.end
    if not end:
        return None
    last = chunk.start + end
    pages = tuple(offset for offset in chunk.page_starts if offset < last)
    return replace(chunk, text=chunk.text[:end], end=last, page_starts=pages)
