"""What can go wrong at a provider, as errors with stable reasons.

A provider's own words may hold keys, prompts or addresses: they are logged here and never reach a client.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from services.kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
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
TIMEOUT = "PROVIDER_TIMEOUT"
BUSY = "PROVIDER_BUSY"
BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
MODEL_WITHOUT_PRICE = "MODEL_WITHOUT_PRICE"
BAD_RESPONSE = "PROVIDER_BAD_RESPONSE"
UNAUTHENTICATED = "PROVIDER_UNAUTHENTICATED"
FORBIDDEN = "PROVIDER_FORBIDDEN"
OUT_OF_CREDIT = "PROVIDER_OUT_OF_CREDIT"
MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
REJECTED = "PROVIDER_REJECTED"
CONTEXT_TOO_LONG = "CONTEXT_TOO_LONG"
CONTENT_FILTERED = "CONTENT_FILTERED"
SCHEMA_NOT_MATCHED = "SCHEMA_NOT_MATCHED"
FILE_TOO_LARGE = "FILE_TOO_LARGE"
FILE_UNREADABLE = "FILE_UNREADABLE"

RETRYABLE = frozenset({UNAVAILABLE, RATE_LIMITED})
"""Reasons after which the same call may well succeed."""
BLAMED = frozenset({UNAVAILABLE, TIMEOUT, BAD_RESPONSE, UNAUTHENTICATED, FORBIDDEN, OUT_OF_CREDIT, MODEL_NOT_FOUND})
"""Reasons that the provider is at fault, whatever it was asked."""
UNASKED = frozenset({BUSY, BUDGET_EXHAUSTED, MODEL_WITHOUT_PRICE})
"""Reasons for which a target was never asked."""
REFUSALS = frozenset({REJECTED, CONTEXT_TOO_LONG, CONTENT_FILTERED})
"""Reasons that may lie in the request."""

_LOGGED_BYTES = 2000
CONTEXT_WORDS = re.compile(
    rb"context_length_exceeded|exceed_context_size|context (length|size|window)|maximum context|prompt is too long"
    rb"|input is too long|(input|prompt).{0,40}too (long|large)|range of input length",
    re.IGNORECASE,
)
"""How providers say that a conversation is too long for a model."""
_NO_CREDIT = re.compile(
    rb"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|billing|credit balance|out of credit"
    rb"|arrear|overdue|good standing|FreeTierOnly|payment required|\\u4f59\\u989d\\u4e0d\\u8db3|"
    + "余额不足|欠费".encode(),
    re.IGNORECASE,
)
_FILTERED = re.compile(
    rb"content_filter|content[_ ]policy|ResponsibleAIPolicy|data_inspection|content[_ ]moderation|flagged"
    rb"|inappropriate content|sensitive content",
    re.IGNORECASE,
)
_KEY_REFUSED = re.compile(
    rb"api[_ ]key.{0,40}(not valid|invalid|incorrect|expired)|invalid[_ ]api[_ ]key", re.IGNORECASE
)
_WAIT_IN_WORDS = re.compile(
    rb"(?:try again in|retry after|retryDelay\W{1,6}) ?(\d+(?:\.\d+)?) ?(ms|s|m|seconds?)?\b", re.IGNORECASE
)
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_LONGEST_WAIT_SECONDS = 86_400.0
_MODEL_UNKNOWN = re.compile(rb"model_not_found|model.{0,200}(not found|not exist|unknown)", re.IGNORECASE | re.DOTALL)
_QUICK_RETRY_SECONDS = 1.0


NO_CHAT = ("No chat model is configured: set TIKU_LLM_BASE_URL and TIKU_LLM_MODEL.", "NO_CHAT_PROVIDER")
"""Like those that follow, message and reason of a call for whose purpose no model is configured."""
NO_EMBEDDER = ("No embedding model is configured: set TIKU_EMBED_MODEL_PATH or TIKU_EMBED_BASE_URL.", "NO_EMBEDDER")
NO_FILE_READER = ("No model reads files: set reads_files for one in TIKU_LLM_PROVIDERS_FILE.", "MODEL_READS_NO_FILES")
"""Also of a request that names a model that does not."""
NO_RERANKER = ("No reranker is configured: set TIKU_RERANK_MODEL_PATH or TIKU_RERANK_BASE_URL.", "NO_RERANK_PROVIDER")


def unavailable(provider: str, detail: object = None, retry_after: float | None = None) -> TikuError:
    """Return that the provider could not be reached, failed, or cut the connection; `detail` is logged only."""
    if detail is not None:
        logger.warning("provider %s unavailable: %s", provider, detail)
    message = "The model provider is unavailable."
    return _of(provider, Unavailable, UNAVAILABLE, message, retry_after=retry_after)


def bad_response(provider: str, detail: object = None) -> TikuError:
    """Return that the provider's answer is not of its protocol; `detail` is logged only."""
    if detail is not None:
        logger.error("provider %s sent a response that cannot be read: %s", provider, detail)
    message = "The model provider sent a response that cannot be read."
    return _of(provider, Internal, BAD_RESPONSE, message)


def timed_out(provider: str) -> TikuError:
    """Return that the provider did not finish within the time that the request had left."""
    return _of(provider, DeadlineExceeded, TIMEOUT, "The model provider did not answer in time.")


def busy(provider: str, retry_after: float) -> TikuError:
    """Return that every slot is taken and the queue is full; a slot is expected in `retry_after` seconds."""
    message = "The model is busy; try again shortly."
    return _of(provider, ResourceExhausted, BUSY, message, retry_after=retry_after)


def model_not_found(model: str) -> TikuError:
    """Return that no provider serves the model that a request names."""
    return NotFound(f"There is no model named {model!r}.", reason=MODEL_NOT_FOUND, metadata={"model": model})


def file_too_large(max_bytes: int) -> TikuError:
    """Return that a file is larger than its provider takes."""
    return InvalidArgument(
        f"The file must have at most {max_bytes} bytes for this model.",
        reason=FILE_TOO_LARGE,
        violations=[FieldViolation("chunk", f"must have at most {max_bytes} bytes in all")],
    )


def file_unreadable(provider: str) -> TikuError:
    """Return that a provider could not read a file."""
    return _of(provider, FailedPrecondition, FILE_UNREADABLE, "The model provider could not read the file.")


def from_status(
    provider: str, model: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> TikuError:
    """Return the error that an HTTP status and an error body of a provider stand for.

    Statuses follow OpenAI's table (https://platform.openai.com/docs/guides/error-codes) and llama.cpp's server,
    which says `exceed_context_size_error` where OpenAI says `context_length_exceeded`.
    """
    logger.warning("provider %s answered %d: %r", provider, status, body[:_LOGGED_BYTES])
    if status == 402 or (status in (400, 403, 429) and _NO_CREDIT.search(body)):
        message = "The account at the model provider has no credit or quota left."
        return _of(provider, FailedPrecondition, OUT_OF_CREDIT, message)
    if status == 429:
        message, wait = "The model provider's rate limit is reached.", _wait(headers, body) or _QUICK_RETRY_SECONDS
        return _of(provider, ResourceExhausted, RATE_LIMITED, message, retry_after=wait)
    if status in (401, 403, 451):
        return _refused(provider, model, status, body)
    if status in (404, 400) and _MODEL_UNKNOWN.search(body):
        return model_not_found(model)
    if status == 413 or (status in (400, 422) and CONTEXT_WORDS.search(body)):
        message = "The conversation is longer than the model can read."
        return _of(provider, InvalidArgument, CONTEXT_TOO_LONG, message, model=model)
    if status in (400, 422):
        return _rejected(provider, body)
    if status in (408, 409, 425, 498, 499) or status >= 500:
        return unavailable(provider, retry_after=_wait(headers, b""))
    return bad_response(provider)


def _refused(provider: str, model: str, status: int, body: bytes) -> TikuError:
    """Return why a provider does not serve whoever holds the configured key."""
    if status == 401 or _KEY_REFUSED.search(body):
        return _of(provider, FailedPrecondition, UNAUTHENTICATED, "The model provider refused the configured key.")
    if _FILTERED.search(body):
        return _filtered(provider)
    message = "The model provider does not allow this to the configured key."
    return _of(provider, FailedPrecondition, FORBIDDEN, message, model=model)


def _rejected(provider: str, body: bytes) -> TikuError:
    """Return why a provider did not take a request."""
    if _KEY_REFUSED.search(body):
        return _of(provider, FailedPrecondition, UNAUTHENTICATED, "The model provider refused the configured key.")
    if _FILTERED.search(body):
        return _filtered(provider)
    return _of(provider, InvalidArgument, REJECTED, "The model provider rejected the request.")


def _filtered(provider: str) -> TikuError:
    return _of(provider, InvalidArgument, CONTENT_FILTERED, "The model provider's filter refused the request.")


def again(error: TikuError | None, provider: str, retry_after: float) -> TikuError:
    """Return the error of a provider that is left alone, for a call that did not reach it."""
    if error is None:
        return unavailable(provider, retry_after=retry_after)
    return type(error)(error.message, reason=error.reason, metadata=error.metadata, retry_after=retry_after)


def _of(
    provider: str, kind: type[TikuError], reason: str, message: str, retry_after: float | None = None, **more: str
) -> TikuError:
    return kind(message, reason=reason, metadata={"provider": provider, **more}, retry_after=retry_after)


def _wait(headers: Mapping[str, str] | None, body: bytes) -> float | None:
    """Return the seconds that a provider asks for: in a header of one kind or another, or in words; None for none.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    given = headers or {}
    waits = (
        _seconds(given.get("retry-after-ms", ""), 0.001),
        _seconds(given.get("retry-after", "")),
        _until(given.get("retry-after", "")),
        _duration(given.get("retry-after", "")),
        _in_words(body),
        *(_duration(given.get(f"x-ratelimit-reset-{what}", "")) for what in ("requests", "tokens")),
    )
    return next((wait for wait in waits if wait is not None and 0 <= wait <= _LONGEST_WAIT_SECONDS), None)


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        return float(text) * unit
    except ValueError:
        return None


def _until(text: str) -> float | None:
    """Return the seconds until an HTTP date."""
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _duration(text: str) -> float | None:
    """Return the seconds of a text such as 6m0s, 1.5s or 20ms."""
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        return None
    return sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1, 0.001), strict=True))


def _in_words(body: bytes) -> float | None:
    found = _WAIT_IN_WORDS.search(body)
    if found is None:
        return None
    return float(found[1]) * {b"ms": 0.001, b"m": 60.0}.get((found[2] or b"s").lower(), 1.0)
