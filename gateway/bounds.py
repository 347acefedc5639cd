"""How much clients may hold at once, in all and each.

A client is an address: one that opens thousands of connections, or sends thousands of bodies that never end, is refused
before it holds everyone else out.
"""

from __future__ import annotations

import ipaddress
import math

from gateway.problems import ProblemError

_RETRY_AFTER_SECONDS = 1.0
_IPV6_CLIENT_BITS = 64
"""Bits of an IPv6 address that name a client; whoever has one such network has all addresses in it."""


class Bound:
    """An amount that clients hold, with a limit for all of them and one for each."""

    __slots__ = ("_by_client", "_of_each", "_what", "held", "limit")

    def __init__(self, what: str, limit: int, client_share: float) -> None:
        """Bound `what`, a plural noun phrase for the messages; `client_share` is the part that one client may hold."""
        self._what = what
        self.limit = limit
        self._of_each = math.ceil(limit * client_share)
        self._by_client: dict[str, int] = {}
        self.held = 0
        """What all clients hold now."""

    def hold(self, client: str, amount: int = 1) -> None:
        """Count what a client begins to hold, whether the limits allow it or not."""
        self.held += amount
        self._by_client[client] = self._by_client.get(client, 0) + amount

    def release(self, client: str, amount: int = 1) -> None:
        """Count what a client holds no more."""
        self.held -= amount
        left = self._by_client[client] - amount
        if left:
            self._by_client[client] = left
        else:
            del self._by_client[client]

    def exceeded_by(self, client: str) -> bool:
        """Return whether a client holds more than its share."""
        return self._by_client.get(client, 0) > self._of_each

    def largest(self) -> str:
        """Return the client that holds most."""
        return max(self._by_client, key=self._by_client.__getitem__)

    def refusal(self, client: str) -> ProblemError | None:
        """Return the refusal for a client: 503 if the server is full, 429 if its share is used up, else None."""
        if self.held <= self._of_each:
            return None  # No client can hold more than all do.
        if self.held > self.limit:
            return ProblemError(
                503, "OVERLOADED", f"Too many {self._what}; try again.", retry_after=_RETRY_AFTER_SECONDS
            )
        if self.exceeded_by(client):
            return ProblemError(
                429,
                "TOO_MANY_AT_ONCE",
                f"Too many {self._what} from your address; let some of them end first.",
                metadata={"limit": str(self._of_each)},
                retry_after=_RETRY_AFTER_SECONDS,
            )
        return None


def client_of(address: tuple[str, int] | None) -> str:
    """Return the client that a peer's address stands for: an IPv4 address, or an IPv6 network of 64 bits."""
    host = address[0] if address else ""
    if ":" not in host:
        return host
    try:
        parsed = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_CLIENT_BITS), strict=False))
