"""The context of a request, known to every hop: its ids, its user, and how much time is left.

The server's stages set it in the task that handles the call, so that everything below sees the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import re
from dataclasses import dataclass

from services.kit import errors

DEVELOPMENT_USER = "dev"
"""The owner of everything while there are no accounts."""
USER_RULE = "must be 1 to 128 printable ASCII characters without spaces"
"""What the name of a user, of a key or of an organization has to be; no other is taken for somebody else's."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RequestContext:
    """One request as every hop knows it."""

    request_id: str = ""
    trace_id: str = ""
    """32 hexadecimal digits, W3C Trace Context."""
    user_id: str = DEVELOPMENT_USER
    deadline: float | None = None
    """Instant on the running loop's clock at which the caller stops waiting; None for never."""
    key: str = ""
    """Name of the key that the caller showed; empty for none."""
    organization: str = ""
    accept_language: str = ""
    """The languages in which the caller reads, as a header `Accept-Language`; empty where none is said."""


_ids = random.Random()  # noqa: S311
"""Makes ids, which are no secrets. os.urandom would release the GIL for each one to gRPC's polling thread."""
_USER = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"[^-]*-(?!0{32})([0-9a-f]{32})-[^-]*-")
_LANGUAGES = re.compile(r"[A-Za-z0-9*,;=. \-]{1,200}")
_NOBODY = RequestContext()
_current: contextvars.ContextVar[RequestContext] = contextvars.ContextVar("tiku_request", default=_NOBODY)


def current() -> RequestContext:
    """Return the request that this task works for; outside of one, the development user's without ids or deadline."""
    return _current.get()


def enter(context: RequestContext) -> contextvars.Token[RequestContext]:
    """Make `context` the current one of this task and of those that it starts."""
    return _current.set(context)


def leave(token: contextvars.Token[RequestContext]) -> None:
    """Undo an `enter`."""
    _current.reset(token)


def remaining() -> float | None:
    """Return the seconds until the caller stops waiting, never below 0; None when there is no deadline."""
    deadline = _current.get().deadline
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


def time_for(most: float, share: float = 1.0) -> float:
    """Return the seconds that a part of this request gets: `most`, or `share` of what is left where that is less.

    Raises:
        DeadlineExceeded: the request has none left.
    """
    left = remaining()
    if left is None:
        return most
    if left <= 0:
        raise errors.DeadlineExceeded("The time allowed for this request is spent.")
    return min(most, left * share)


def is_user(name: str) -> bool:
    """Return whether a name follows `USER_RULE`."""
    return _USER.fullmatch(name) is not None


def languages_of(header: str) -> str:
    """Return a header `Accept-Language` when it looks like one, else nothing: no request is refused for it."""
    return header if _LANGUAGES.fullmatch(header) else ""


def new_request_id() -> str:
    """Return a request id for a caller that sent none: 16 hexadecimal digits."""
    return f"{_ids.getrandbits(64):016x}"


def new_trace_id() -> str:
    """Return a trace id of W3C Trace Context: 32 hexadecimal digits."""
    return f"{_ids.getrandbits(128):032x}"


def traceparent(trace_id: str) -> str:
    """Return the header that continues a trace under a new span."""
    return f"00-{trace_id}-{_ids.getrandbits(64):016x}-01"


def trace_id_of(header: str) -> str | None:
    """Return the trace id in a `traceparent` header; None when the header is malformed."""
    found = _TRACEPARENT.match(header)
    return found[1] if found else None
