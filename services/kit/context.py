"""What every hop of a request knows: its ids, who asks, and how much time is left.

Set by the server's interceptors in the task that handles the call, so that everything below it sees the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import re
from dataclasses import dataclass

DEVELOPMENT_USER = "dev"
"""Owner of everything while accounts are off."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request as every hop knows it."""

    request_id: str = ""
    trace_id: str = ""
    """32 hexadecimal digits, W3C Trace Context."""
    user_id: str = DEVELOPMENT_USER
    deadline: float | None = None
    """Instant on the running loop's clock at which the caller stops waiting; None for never."""


# Seeded by the system and no secret: os.urandom lets go of the GIL for every id, and gRPC's polling thread takes it.
_ids = random.Random()  # noqa: S311
_TRACEPARENT = re.compile(r"[^-]*-(?!0{32})([0-9a-f]{32})-[^-]*-")
_NOBODY = RequestContext()
_current: contextvars.ContextVar[RequestContext] = contextvars.ContextVar("tiku_request", default=_NOBODY)


def current() -> RequestContext:
    """The request that this task works for; outside of one, the development user's without ids or deadline."""
    return _current.get()


def enter(context: RequestContext) -> contextvars.Token[RequestContext]:
    """Makes `context` the current one of this task and of those that it starts."""
    return _current.set(context)


def leave(token: contextvars.Token[RequestContext]) -> None:
    """Takes back what `enter` did."""
    _current.reset(token)


def remaining() -> float | None:
    """Seconds until the caller stops waiting, never below 0; None when there is no deadline."""
    deadline = _current.get().deadline
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


def new_request_id() -> str:
    """A request id for a caller that sent none: 16 hexadecimal digits."""
    return f"{_ids.getrandbits(64):016x}"


def new_trace_id() -> str:
    """A trace id of W3C Trace Context: 32 hexadecimal digits."""
    return f"{_ids.getrandbits(128):032x}"


def traceparent(trace_id: str) -> str:
    """The header that continues a trace under a new span."""
    return f"00-{trace_id}-{_ids.getrandbits(64):016x}-01"


def trace_id_of(header: str) -> str | None:
    """The trace id in a `traceparent` header; None when the header is not one."""
    found = _TRACEPARENT.match(header)
    return found[1] if found else None
