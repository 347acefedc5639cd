"""Which names this server answers to: its own, and those that the settings name.

A page of another site can point its own domain at this machine (DNS rebinding); the browser then takes our answers for
that site's. It still sends the domain as `Host`, and a name that is not ours is refused. An address cannot be rebound,
so a server that others may reach by its address takes any address for `Host`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence

from gateway.problems import ProblemError

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?)(?::([0-9]{1,5}))?", re.IGNORECASE)
_MAX_KNOWN = 256
"""Most values of the header that are remembered as allowed."""

_SINGLE = (b"host", b"origin", b"sec-fetch-site", b"x-tiku-user")
"""Headers that decide who may do what, and so may not be given twice."""


class Hosts:
    """The hosts that are served."""

    def __init__(self, allowed: Collection[str], listen_host: str) -> None:
        """Serve `allowed` (`name`, `name:port`, `*.domain` or `*`), local hosts, and the host that is listened on."""
        names = {name.lower().removesuffix(".") for name in allowed}
        self._any = "*" in names
        self._named = frozenset(name for name in names if not name.startswith("*."))
        self._domains = tuple(name[1:] for name in names if name.startswith("*."))
        self._listen = listen_host.lower()
        listened = _address(self._listen)
        self._any_address = self._listen != "localhost" and (listened is None or not listened.is_loopback)
        self._known: set[bytes] = set()

    def check(self, headers: Mapping[bytes, bytes], fields: Sequence[tuple[bytes, bytes]], http_version: str) -> None:
        """Check the host of a request; `fields` are the header fields that `headers` holds without repetitions.

        Raises:
            ProblemError: 400, the header is missing, doubled or malformed; 421, the host is not served here.
        """
        if len(headers) != len(fields):
            _refuse_doubled(fields)
        host = headers.get(b"host")
        if host in self._known:
            return
        if host is None:
            if http_version == "1.0":  # It came before the header, and no browser speaks it.
                return
            raise ProblemError(400, "MALFORMED_HOST", "The header Host is missing.")
        if not self._serves(host.decode("latin-1")):
            raise ProblemError(
                421,
                "UNKNOWN_HOST",
                "This server does not answer to that Host; TIKU_GATEWAY_ALLOWED_HOSTS names those that it answers to.",
            )
        if len(self._known) < _MAX_KNOWN:
            self._known.add(host)

    def is_named(self, host: str) -> bool:
        """Return whether the settings name a host, in lower case, with its port or without."""
        name, _, _ = _split(host)
        return self._any or name in self._named or host in self._named or name.endswith(self._domains)

    def _serves(self, host: str) -> bool:
        name, bare, _ = _split(host)
        if self.is_named(host.lower()) or name in ("localhost", self._listen) or bare == self._listen:
            return True
        address = _address(bare)
        return address is not None and (self._any_address or _is_loopback(address))


def _split(host: str) -> tuple[str, str, str]:
    """Return the name of a host in lower case without a final dot, the same without brackets, and the port.

    Raises:
        ProblemError: 400, it is malformed.
    """
    found = _HOST.fullmatch(host)
    if found is None or (found[2] and int(found[2]) > 65535):
        raise ProblemError(
            400, "MALFORMED_HOST", "The header Host is not a host name or address with an optional port."
        )
    name = found[1].lower().removesuffix(".")
    return name, name.strip("[]"), found[2] or ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped.is_loopback if mapped is not None else address.is_loopback


def _refuse_doubled(fields: Sequence[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in fields]
    for name in _SINGLE:
        if names.count(name) > 1:
            reason = "MALFORMED_HOST" if name == b"host" else "HEADER_REPEATED"
            raise ProblemError(400, reason, f"The header {name.decode().title()} is given more than once.")
