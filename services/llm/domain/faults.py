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


def unavailable(provider: str, detail: object) -> TikuError:
    """Say that the provider could not be reached, failed, or cut the connection; `detail` is logged only."""
    logger.warning("provider %s unavailable: %s", provider, detail)
    return Unavailable("The model provider is unavailable.", reason=UNAVAILABLE, metadata={"provider": provider})


def bad_response(provider: str, detail: object) -> TikuError:
    """Say that the provider's answer is not of its protocol; `detail` is logged only."""
    logger.error("provider %s sent a response that cannot be read: %s", provider, detail)
    return Internal(
        "The model provider sent a response that cannot be read.",
        reason="PROVIDER_BAD_RESPONSE",
        metadata={"provider": provider},
    )


def timed_out(provider: str) -> TikuError:
    """Say that the provider did not finish within the time that the request had left."""
    return DeadlineExceeded(
        "The model provider did not answer in time.", reason="PROVIDER_TIMEOUT", metadata={"provider": provider}
    )


def too_late() -> TikuError:
    """Say that the request's deadline passed before a provider was asked."""
    return DeadlineExceeded("The deadline passed before the model was asked.", reason="DEADLINE_PASSED")


def busy(provider: str, retry_after: float) -> TikuError:
    """Say that every slot is taken and the queue is full; a slot is expected in `retry_after` seconds."""
    return ResourceExhausted(
        "The model is busy; try again shortly.",
        reason="PROVIDER_BUSY",
        metadata={"provider": provider},
        retry_after=retry_after,
    )


def model_not_found(model: str) -> TikuError:
    """Say that no provider serves the model that a request names."""
    return NotFound(f"There is no model named {model!r}.", reason="MODEL_NOT_FOUND", metadata={"model": model})


def from_status(
    provider: str, model: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> TikuError:
    """Return the error that an HTTP status and an error body of a provider stand for.

    Statuses follow OpenAI's table (https://platform.openai.com/docs/guides/error-codes) and llama.cpp's server,
    which says `exceed_context_size_error` where OpenAI says `context_length_exceeded`.
    """
    logger.warning("provider %s answered %d: %r", provider, status, body[:_LOGGED_BYTES])
    metadata = {"provider": provider}
    if status in (401, 403):
        return FailedPrecondition(
            "The model provider refused the configured key.", reason="PROVIDER_UNAUTHENTICATED", metadata=metadata
        )
    if status == 429:
        return ResourceExhausted(
            "The model provider's rate limit is reached.",
            reason=RATE_LIMITED,
            metadata=metadata,
            retry_after=_retry_after(headers or {}),
        )
    if status in (404, 400) and _MODEL_UNKNOWN.search(body):
        return model_not_found(model)
    if status in (400, 413, 422):
        if status == 413 or _CONTEXT_TOO_LONG.search(body):
            return InvalidArgument(
                "The conversation is longer than the model can read.",
                reason="CONTEXT_TOO_LONG",
                metadata={**metadata, "model": model},
            )
        return InvalidArgument(
            "The model provider rejected the request.", reason="PROVIDER_REJECTED", metadata=metadata
        )
    if status in (408, 409) or status >= 500:
        return Unavailable("The model provider is unavailable.", reason=UNAVAILABLE, metadata=metadata)
    return Internal(
        "The model provider sent a response that cannot be read.", reason="PROVIDER_BAD_RESPONSE", metadata=metadata
    )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a provider asks for; an HTTP date is read as a short wait."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _QUICK_RETRY_SECONDS
    return seconds if 0 <= seconds < float("inf") else _QUICK_RETRY_SECONDS
