"""Bodies that are still coming: how slow they may be, and how many at once."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import Message, Receive

from gateway.bounds import Bound
from gateway.problems import ProblemError
from gateway.settings import GatewaySettings

_SETTLED_SECONDS = 1.0
"""Age from which a body that is still coming counts against the bound; what comes in two pieces is whole before."""

_CLOSE = (b"connection", b"close")


class Intake:
    """What the requests of all clients hold while they are served, and while they are still being sent."""

    def __init__(self, settings: GatewaySettings) -> None:
        share = settings.max_client_share
        self.requests = Bound("requests are being served", settings.max_in_flight, share)
        self.senders = Bound("requests are still being sent", settings.max_sending, share)
        self.uploads = Bound("files are being sent on to a service", settings.max_uploads, share)
        """Calls that hold a service while a body is still coming: the service has places for others, too."""
        self.pending_bytes = Bound("bytes wait for the rest of their bodies", 32 * settings.max_json_bytes, share)
        """Bytes of bodies that are kept until their ends come."""
        self.stall_seconds = settings.body_stall_seconds
        self.bytes_per_second = settings.min_body_bytes_per_second
        self._settled: dict[str, dict[Sending, None]] = {}
        """Who counts in `senders`, by client, the one that has been silent longest first."""

    def settle(self, sending: Sending, client: str) -> None:
        """Count a sender; at a limit, the one that has been silent longest is refused.

        It is one of the same client where that holds its share, else one of the client that holds most.
        """
        self.senders.hold(client)
        self._settled.setdefault(client, {})[sending] = None
        if problem := self.senders.refusal(client):
            crowd = client if problem.status == 429 else self.senders.largest()
            silent = next(iter(self._settled[crowd]))
            self.unsettle(silent, crowd)
            silent.refuse(problem)

    def progressed(self, sending: Sending, client: str) -> None:
        """Note that bytes came from a sender that counts."""
        settled = self._settled.get(client, {})
        if sending in settled:
            del settled[sending]
            settled[sending] = None

    def unsettle(self, sending: Sending, client: str) -> None:
        """Stop counting a sender; one that was refused counts no more already."""
        settled = self._settled.get(client, {})
        if sending not in settled:
            return
        del settled[sending]
        self.senders.release(client)
        if not settled:
            del self._settled[client]


class Sending:
    """One request whose body is still coming; until it has come, the request does not count as being served.

    A sender may be silent for `stall_seconds` at most. Each byte gives back time at the least rate that is allowed, up
    to that much. Only time in which we wait for the client counts: a slow service behind us is not the client's fault.
    """

    __slots__ = ("_began", "_client", "_clock", "_credit", "_intake", "_kept", "_refusal", "_settled", "_waiting")

    def __init__(self, intake: Intake, client: str) -> None:
        self._intake = intake
        self._client = client
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._credit = intake.stall_seconds
        self._settled = False
        self._kept = 0
        self._refusal: ProblemError | None = None
        self._waiting: asyncio.Timeout | None = None
        intake.requests.release(client)

    async def receive(self, receive: Receive, deadline: float) -> Message:
        """Return the next event of the request; `deadline` is an instant on the loop's clock.

        Raises:
            ProblemError: 408, the client is too slow or the time is spent; 429 or 503, too many are being sent.
        """
        while True:
            now = self._clock()
            wait = min(self._credit, deadline - now)
            if not self._settled:
                wait = min(wait, self._unsettled_seconds(now))
            if self._refusal is not None:
                raise self._refusal
            try:
                async with asyncio.timeout(wait) as self._waiting:
                    event = await receive()
            except TimeoutError:
                self._credit -= self._clock() - now
                self._refuse_late(deadline)
                continue
            if self._settled:
                self._intake.progressed(self, self._client)
            earned = len(event.get("body", b"")) / self._intake.bytes_per_second
            self._credit = min(self._intake.stall_seconds, self._credit - (self._clock() - now) + earned)
            return event

    def refuse(self, problem: ProblemError) -> None:
        """End the sender, if it waits for a byte now, or when it does."""
        problem.headers = (*problem.headers, _CLOSE)
        self._refusal = problem
        if self._waiting is not None and not self._waiting.expired():
            with contextlib.suppress(RuntimeError):  # It has got its bytes, and waits no more.
                self._waiting.reschedule(self._clock())

    def keep(self, size: int) -> None:
        """Count bytes that are kept until the body's end.

        Raises:
            ProblemError: 429 or 503, too many bytes wait already.
        """
        self._intake.pending_bytes.hold(self._client, size)
        self._kept += size
        if problem := self._intake.pending_bytes.refusal(self._client):
            raise problem

    def finish(self) -> None:
        """Count the request as being served again."""
        if self._settled:
            self._intake.unsettle(self, self._client)
        if self._kept:
            self._intake.pending_bytes.release(self._client, self._kept)
        self._intake.requests.hold(self._client)

    def _unsettled_seconds(self, now: float) -> float:
        """Return the time until this sender counts; when it is up, count it."""
        left = self._began + _SETTLED_SECONDS - now
        if left > 0:
            return left
        self._settled = True
        self._intake.settle(self, self._client)
        return self._credit

    def _refuse_late(self, deadline: float) -> None:
        if self._refusal is not None:
            raise self._refusal
        if self._clock() >= deadline:
            raise _late("The body did not come within the time allowed for this request.")
        if self._credit <= 0:
            raise _late(
                f"The body came to a halt, or comes at less than {self._intake.bytes_per_second} bytes per second."
            )


def _late(detail: str) -> ProblemError:
    return ProblemError(408, "BODY_TOO_SLOW", detail, headers=[_CLOSE])
