"""What can go wrong at a provider, as errors with stable reasons.

A provider's own words may hold keys, prompts or addresses: they are logged here and never reach a client.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from services.kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    TikuError,
    Unavailable,
)

logger = logging.getLogger(__name__)

UNAVAILABLE = "PROVIDER_UNAVAILABLE"
RATE_LIMITED = "PROVIDER_RATE_LIMITED"

RETRYABLE = frozenset({UNAVAILABLE, RATE_LIMITED})
"""Reasons after which the same call may well succeed."""

_LOGGED_BYTES = 2000
_CONTEXT_TOO_LONG = re.compile(
    rb"context_length_exceeded|exceed_context_size|context (length|size|window)|maximum context", re.IGNORECASE
)
_MODEL_UNKNOWN = re.compile(rb"model_not_found|model.{0,200}(not found|not exist|unknown)", re.IGNORECASE | re.DOTALL)
_QUICK_RETRY_SECONDS = 1.0


NO_CHAT = ("No chat model is configured: set TIKU_LLM_BASE_URL and TIKU_LLM_MODEL.", "NO_CHAT_PROVIDER")
"""Like the two that follow, message and reason of a call for whose purpose no model is configured."""
NO_EMBEDDER = ("No embedding model is configured: set TIKU_EMBED_MODEL_PATH or TIKU_EMBED_BASE_URL.", "NO_EMBEDDER")
NO_RERANKER = ("No rerank model is configured: set TIKU_RERANK_BASE_URL and TIKU_RERANK_MODEL.", "NO_RERANK_PROVIDER")


def unavailable(provider: str, detail: object = None) -> TikuError:
    """Return that the provider could not be reached, failed, or cut the connection; `detail` is logged only."""
    if detail is not None:
        logger.warning("provider %s unavailable: %s", provider, detail)
    return _of(provider, Unavailable, UNAVAILABLE, "The model provider is unavailable.")


def bad_response(provider: str, detail: object = None) -> TikuError:
    """Return that the provider's answer is not of its protocol; `detail` is logged only."""
    if detail is not None:
        logger.error("provider %s sent a response that cannot be read: %s", provider, detail)
    message = "The model provider sent a response that cannot be read."
    return _of(provider, Internal, "PROVIDER_BAD_RESPONSE", message)


def timed_out(provider: str) -> TikuError:
    """Return that the provider did not finish within the time that the request had left."""
    return _of(provider, DeadlineExceeded, "PROVIDER_TIMEOUT", "The model provider did not answer in time.")


def busy(provider: str, retry_after: float) -> TikuError:
    """Return that every slot is taken and the queue is full; a slot is expected in `retry_after` seconds."""
    message = "The model is busy; try again shortly."
    return _of(provider, ResourceExhausted, "PROVIDER_BUSY", message, retry_after=retry_after)


def model_not_found(model: str) -> TikuError:
    """Return that no provider serves the model that a request names."""
    return NotFound(f"There is no model named {model!r}.", reason="MODEL_NOT_FOUND", metadata={"model": model})


def from_status(
    provider: str, model: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> TikuError:
    """Return the error that an HTTP status and an error body of a provider stand for.

    Statuses follow OpenAI's table (https://platform.openai.com/docs/guides/error-codes) and llama.cpp's server,
    which says `exceed_context_size_error` where OpenAI says `context_length_exceeded`.
    """
    logger.warning("provider %s answered %d: %r", provider, status, body[:_LOGGED_BYTES])
    if status in (401, 403):
        message = "The model provider refused the configured key."
        return _of(provider, FailedPrecondition, "PROVIDER_UNAUTHENTICATED", message)
    if status == 429:
        message, wait = "The model provider's rate limit is reached.", _retry_after(headers or {})
        return _of(provider, ResourceExhausted, RATE_LIMITED, message, retry_after=wait)
    if status in (404, 400) and _MODEL_UNKNOWN.search(body):
        return model_not_found(model)
    if status == 413 or (status in (400, 422) and _CONTEXT_TOO_LONG.search(body)):
        message = "The conversation is longer than the model can read."
        return _of(provider, InvalidArgument, "CONTEXT_TOO_LONG", message, model=model)
    if status in (400, 422):
        return _of(provider, InvalidArgument, "PROVIDER_REJECTED", "The model provider rejected the request.")
    return unavailable(provider) if status in (408, 409) or status >= 500 else bad_response(provider)


def _of(
    provider: str, kind: type[TikuError], reason: str, message: str, retry_after: float | None = None, **more: str
) -> TikuError:
    return kind(message, reason=reason, metadata={"provider": provider, **more}, retry_after=retry_after)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a provider asks for; an HTTP date is read as a short wait."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _QUICK_RETRY_SECONDS
    return seconds if 0 <= seconds < float("inf") else _QUICK_RETRY_SECONDS
