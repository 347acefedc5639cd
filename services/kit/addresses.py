"""Addresses to listen on: `host:port`, with an IPv6 host in brackets, or `unix:path` for a gRPC server."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Final

from services.kit.start import StartError

_UNIX: Final = "unix:"
_LONGEST_PATH_BYTES: Final = 107
"""`sockaddr_un.sun_path` holds 108 bytes, and the last one ends the path."""
_HIGHEST_PORT: Final = 65535
_REASONS: Final = {
    errno.EADDRINUSE: "the port is in use",
    errno.EADDRNOTAVAIL: "the host is none of this machine's",
    errno.EACCES: "this account may not listen on that port",
    errno.EPERM: "this account may not listen on that port",
}


class ListenError(StartError):
    """An address cannot be listened on; the message says which, and why."""


def host_and_port(address: str) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host stands in brackets.

    Raises:
        ListenError: the address has another form.
    """
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare) != (bare != host) or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise ListenError(f"cannot listen on {address!r}: it is not host:port with a port of 0 to {_HIGHEST_PORT}")
    return bare, int(port)


def with_port(host: str, port: int) -> str:
    """Return `host:port`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reachable(host: str) -> str:
    """Return the host at which a server that listens on `host` is reached from this machine."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a TCP address and does not listen yet; it blocks while a name is looked up.

    Raises:
        ListenError: the port is taken, or the host is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE) if host else ()
        # IPv4 first, where a name has both.
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    except (OSError, ValueError):
        raise ListenError(f"cannot listen on {with_port(host, port)}: no host has the name {host!r}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        why = _REASONS.get(error.errno or 0, error.strerror)
        raise ListenError(f"cannot listen on {with_port(host, port)}: {why}") from error
    return listener


def check(address: str) -> None:
    """Check that a server could listen on an address now; it blocks.

    gRPC would write a line of its own beside the one that says why not.

    Raises:
        ListenError: it could not.
    """
    if not address.startswith(_UNIX):
        bound(*host_and_port(address)).close()
        return
    path = Path(address.removeprefix(_UNIX))
    if len(os.fsencode(path)) > _LONGEST_PATH_BYTES:
        raise ListenError(f"cannot listen on {address}: a socket's path has at most {_LONGEST_PATH_BYTES} bytes")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ListenError(f"cannot listen on {address}: no file can be made in {path.parent}")
