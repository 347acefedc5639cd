"""Addresses to listen on, and what is said of those that nobody can."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from services.kit.addresses import ListenError, bound, check, host_and_port, reachable, with_port


@pytest.mark.parametrize("address", ["", "8080", ":8080", "a:b", "a:70000", "a:-1", "::1:80", "[a]:80", "http://a:80"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ListenError, match="host:port"):
        host_and_port(address)


@pytest.mark.parametrize(("host", "port", "address"), [("a.b", 1, "a.b:1"), ("::1", 80, "[::1]:80")])
def test_a_host_and_a_port_are_joined_and_split(host: str, port: int, address: str) -> None:
    assert with_port(host, port) == address
    assert host_and_port(address) == (host, port)


def test_a_server_on_all_addresses_is_reached_on_the_loopback() -> None:
    assert [reachable(host) for host in ("0.0.0.0", "::", "10.0.0.1")] == ["127.0.0.1", "127.0.0.1", "10.0.0.1"]


def test_a_port_in_use_is_said() -> None:
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: the port is in use"):
            check(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("203.0.113.7", "the host is none of this machine's"),
        ("", "no host has the name ''"),
        (f"{'a' * 70}.example", "no host has the name"),
        ("a\0b", "no host has the name"),
    ],
)
def test_a_host_that_is_not_here_is_said(host: str, words: str) -> None:
    with pytest.raises(ListenError, match=words):
        bound(host, 0)


def test_a_name_of_two_addresses_is_the_first_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr("services.kit.addresses.socket.getaddrinfo", lambda *_, **__: found)
    with bound("both", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_the_path_of_a_socket_is_looked_at(tmp_path: Path) -> None:
    check(f"unix:{tmp_path}/socket")
    with pytest.raises(ListenError, match="at most 107 bytes"):
        check(f"unix:{tmp_path}/{'a' * 107}")
    with pytest.raises(ListenError, match=f"no file can be made in {tmp_path}/none"):
        check(f"unix:{tmp_path}/none/socket")
