"""The dialects of `/rerank`: where each server listens, what it is sent, and what it answers.

| dialect | spoken by |
| --- | --- |
| `cohere` | https://docs.cohere.com/reference/rerank |
| `jina` | https://jina.ai/reranker, and llama.cpp, vLLM, Infinity, Xinference, SiliconFlow |
| `tei` | https://github.com/huggingface/text-embeddings-inference |
| `dashscope` | https://www.alibabacloud.com/help/en/model-studio/text-rerank-api: `gte-rerank-v2` |
| `dashscope-compatible` | the same page: `qwen3-rerank` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.llm.values.relevance import RerankDialect

Score = tuple[int, float]
"""A document's position in the request, and its relevance."""


class _Ranked(msgspec.Struct):
    index: int
    relevance_score: float


class _Usage(msgspec.Struct):
    """All tokens together; llama.cpp adds `prompt_tokens`."""

    prompt_tokens: int | None = None
    total_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.total_tokens if self.prompt_tokens is None else self.prompt_tokens


class _JinaAnswer(msgspec.Struct):
    results: list[_Ranked]
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _CohereTokens(msgspec.Struct):
    input_tokens: float = 0


class _CohereMeta(msgspec.Struct):
    tokens: _CohereTokens | None = None


class _CohereAnswer(msgspec.Struct):
    results: list[_Ranked]
    meta: _CohereMeta | None = None


class _TeiRanked(msgspec.Struct):
    index: int
    score: float


class _DashScopeOutput(msgspec.Struct):
    results: list[_Ranked]


class _DashScopeAnswer(msgspec.Struct):
    output: _DashScopeOutput
    usage: _Usage = msgspec.field(default_factory=_Usage)


_jina = msgspec.json.Decoder(_JinaAnswer).decode
_cohere = msgspec.json.Decoder(_CohereAnswer).decode
_tei = msgspec.json.Decoder(list[_TeiRanked]).decode
_dashscope = msgspec.json.Decoder(_DashScopeAnswer).decode


def _scores(results: Sequence[_Ranked]) -> list[Score]:
    return [(item.index, item.relevance_score) for item in results]


def _read_jina(data: bytes) -> tuple[list[Score], int]:
    answer = _jina(data)
    return _scores(answer.results), answer.usage.tokens


def _read_cohere(data: bytes) -> tuple[list[Score], int]:
    answer = _cohere(data)
    tokens = answer.meta.tokens if answer.meta else None
    return _scores(answer.results), int(tokens.input_tokens) if tokens else 0


def _read_tei(data: bytes) -> tuple[list[Score], int]:
    return [(item.index, item.score) for item in _tei(data)], 0


def _read_dashscope(data: bytes) -> tuple[list[Score], int]:
    answer = _dashscope(data)
    return _scores(answer.output.results), answer.usage.tokens


def _cohere_body(model: str, query: str, documents: Sequence[str], most: int) -> Mapping[str, Any]:
    return {"model": model, "query": query, "documents": documents, "top_n": most}


def _jina_body(model: str, query: str, documents: Sequence[str], most: int) -> Mapping[str, Any]:
    return {**_cohere_body(model, query, documents, most), "return_documents": False}


def _tei_body(model: str, query: str, documents: Sequence[str], most: int) -> Mapping[str, Any]:
    # It serves one model, ignores the field, and refuses what is too long unless it may cut it.
    return {"model": model, "query": query, "texts": documents, "truncate": True}


def _dashscope_body(model: str, query: str, documents: Sequence[str], most: int) -> Mapping[str, Any]:
    return {
        "model": model,
        "input": {"query": query, "documents": documents},
        "parameters": {"top_n": most, "return_documents": False},
    }


@dataclass(frozen=True, slots=True)
class Wire:
    """How a dialect goes over the wire."""

    path: str
    """What follows the base URL."""
    body: Callable[[str, str, Sequence[str], int], Mapping[str, Any]]
    """The request for a model, a query, documents, and how many of them are wanted."""
    read: Callable[[bytes], tuple[list[Score], int]]
    """The scores of an answer, and the tokens that it counts (0 where it counts none)."""
    most_documents: int
    """How many documents one request may have; more are asked for in several."""
    address: str = ""
    """Part of the base URLs that speak it; empty where only a setting tells."""


WIRES: Final[Mapping[RerankDialect, Wire]] = {
    "jina": Wire("/rerank", _jina_body, _read_jina, most_documents=1000),
    "cohere": Wire("/rerank", _cohere_body, _read_cohere, most_documents=1000, address="//api.cohere."),
    # Its default limit (--max-client-batch-size).
    "tei": Wire("/rerank", _tei_body, _read_tei, most_documents=32),
    "dashscope-compatible": Wire("/reranks", _cohere_body, _read_jina, most_documents=500, address="/compatible-api/"),
    "dashscope": Wire(
        "/services/rerank/text-rerank/text-rerank",
        _dashscope_body,
        _read_dashscope,
        most_documents=500,
        address="//dashscope",
    ),
}


def dialect_of(base_url: str) -> RerankDialect:
    """Return the dialect of a server by its base URL: the most common one where that says nothing."""
    return next((name for name, wire in WIRES.items() if wire.address and wire.address in base_url), "jina")
