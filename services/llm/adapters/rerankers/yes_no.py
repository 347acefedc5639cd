"""A chat model as reranker: whether it would say "yes" or "no", asked of each document alone.

Nogueira et al., "Document Ranking with a Pretrained Sequence-to-Sequence Model", Findings of EMNLP 2020, order by the
same log-probability. The document stands before the question, so that a server that keeps prefixes reads it once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.common.values import TokenUsage
from services.kit.concurrency import gather
from services.llm.adapters.http import ProviderClient
from services.llm.domain import faults
from services.llm.values.relevance import Ranked, Ranking

_RULES = "You judge search results. Answer with one word: yes or no."
"""In English whatever the question's language: so "yes" and "no" are one token each."""
_TASK = (
    "Passage:\n{passage}\n\nQuestion: {question}\n\nDoes the passage hold the answer to the question? Answer yes or no."
)
_TOP = 20
"""Likeliest first tokens that are asked for, the most that OpenAI gives."""
_AT_ONCE = 2
"""Documents of one call that are judged at once: a local model gains nothing from more."""
_MAX_BODY_BYTES = 1 << 20


class _WireToken(msgspec.Struct):
    token: str
    logprob: float


class _WirePosition(msgspec.Struct):
    top_logprobs: list[_WireToken] = []


class _WireLogprobs(msgspec.Struct):
    content: list[_WirePosition] | None = None


class _WireChoice(msgspec.Struct):
    logprobs: _WireLogprobs | None = None


class _WireVerdict(msgspec.Struct):
    choices: list[_WireChoice] = []
    usage: TokenUsage | None = None


_decode = msgspec.json.Decoder(_WireVerdict).decode


@dataclass(frozen=True, slots=True)
class YesNoReranker:
    """A Reranker over the chat endpoint of a server that tells log-probabilities; scores are from 0 to 1."""

    _client: ProviderClient
    _model: str

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the best documents, best first, all within `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        judged = await gather([self._judge(query, document, deadline) for document in documents], _AT_ONCE)
        ranked = [Ranked(index, score) for index, (score, _) in enumerate(judged)]
        ranked.sort(key=lambda one: (-one.score, one.index))
        spent = [usage for _, usage in judged]
        usage = TokenUsage(sum(one.prompt_tokens for one in spent), sum(one.completion_tokens for one in spent))
        return Ranking(ranked[: top_n or None], usage)

    async def _judge(self, question: str, passage: str, deadline: float) -> tuple[float, TokenUsage]:
        """Return how much likelier "yes" is than "no", from 0 to 1, and what asking cost."""
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise faults.timed_out(self._client.name)
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": _RULES},
                {"role": "user", "content": _TASK.format(passage=passage, question=question)},
            ],
            "temperature": 0.0,
            "max_tokens": 1,
            "logprobs": True,
            "top_logprobs": _TOP,
        }
        verdict = await self._client.post_for("/chat/completions", body, left, _decode, _MAX_BODY_BYTES)
        found = verdict.choices[0].logprobs if verdict.choices else None
        tokens = found.content[0].top_logprobs if found is not None and found.content else []
        yes, no = _mass(tokens, "yes"), _mass(tokens, "no")
        if not yes + no:
            raise faults.bad_response(self._client.name, "an answer without log-probabilities of yes and no")
        return yes / (yes + no), verdict.usage or TokenUsage()


def _mass(tokens: Sequence[_WireToken], word: str) -> float:
    return sum(math.exp(min(0.0, one.logprob)) for one in tokens if one.token.strip().lower() == word)
