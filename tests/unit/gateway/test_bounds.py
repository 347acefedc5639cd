"""What clients may hold, who a client is, and how long a body may come."""

from __future__ import annotations

import asyncio
import math

import pytest
from starlette.types import Message

from gateway.bounds import Bound, client_of
from gateway.intake import Intake, Sending
from gateway.problems import ProblemError
from gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("address", "client"),
    [
        (("127.0.0.1", 80), "127.0.0.1"),
        (("::1", 80), "::/64"),
        (("2001:db8:1:2:3::4", 80), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::", 80), "2001:db8:1:2::/64"),
        (("::ffff:10.0.0.1", 80), "10.0.0.1"),
        (("fe80::1%eth0", 80), "fe80::/64"),
        (("not:an:address", 80), "not:an:address"),
        (None, ""),
    ],
)
def test_a_client_is_an_address_or_a_network(address: tuple[str, int] | None, client: str) -> None:
    assert client_of(address) == client


def test_a_client_and_all_clients_have_limits() -> None:
    bound = Bound("things are held", 8, 0.75)
    for _ in range(6):
        bound.hold("a")
        assert bound.refusal("a") is None
    bound.hold("a")
    refused = bound.refusal("a")
    assert refused is not None
    assert (refused.status, refused.retry_after) == (429, 1.0)
    bound.hold("b")
    assert bound.refusal("b") is None
    bound.hold("b")
    refused = bound.refusal("b")
    assert refused is not None
    assert refused.status == 503
    assert bound.largest() == "a"
    for _ in range(7):
        bound.release("a")
    bound.release("b", 2)
    assert bound.held == 0
    assert bound.refusal("a") is None


def test_a_limit_of_one_can_be_reached() -> None:
    bound = Bound("things are held", 1, 0.01)
    bound.hold("a")
    assert bound.refusal("a") is None


class _Client:
    """Sends a piece of a body every `pause` seconds."""

    def __init__(self, pause: float, size: int) -> None:
        self._pause = pause
        self._size = size

    async def __call__(self) -> Message:
        await asyncio.sleep(self._pause)
        return {"type": "http.request", "body": b"x" * self._size, "more_body": True}


async def _pieces_until_refused(client: _Client, seconds: float, **settings: float) -> tuple[int, ProblemError | None]:
    intake = Intake(GatewaySettings(**{"body_stall_seconds": 0.2, "min_body_bytes_per_second": 100, **settings}))  # type: ignore[arg-type]
    intake.requests.hold("a")
    sending = Sending(intake, "a")
    stop = asyncio.get_running_loop().time() + seconds
    pieces = 0
    try:
        while asyncio.get_running_loop().time() < stop:
            await sending.receive(client, math.inf)
            pieces += 1
    except ProblemError as problem:
        return pieces, problem
    finally:
        sending.finish()
        assert (intake.senders.held, intake.pending_bytes.held, intake.requests.held) == (0, 0, 1)
    return pieces, None


async def test_a_body_at_the_least_rate_goes_on() -> None:
    pieces, problem = await _pieces_until_refused(_Client(0.05, 20), 0.8)
    assert problem is None
    assert pieces > 4


@pytest.mark.parametrize("client", [_Client(0.05, 1), _Client(10, 1000)], ids=["a trickle", "a halt"])
async def test_a_slower_body_is_refused(client: _Client) -> None:
    _, problem = await _pieces_until_refused(client, 5)
    assert problem is not None
    assert (problem.status, problem.reason) == (408, "BODY_TOO_SLOW")
    assert (b"connection", b"close") in problem.response_headers()


async def test_much_at_once_buys_no_long_halt() -> None:
    intake = Intake(GatewaySettings(body_stall_seconds=0.2))
    intake.requests.hold("a")
    sending = Sending(intake, "a")
    await sending.receive(_Client(0, 10_000_000), math.inf)
    with pytest.raises(ProblemError):
        await asyncio.wait_for(sending.receive(_Client(60, 1), math.inf), 5)


async def test_at_its_limit_a_client_loses_the_sender_that_is_silent_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.intake._SETTLED_SECONDS", 0.01)
    intake = Intake(GatewaySettings(max_sending=4, body_stall_seconds=60))

    async def receive(client: _Client, pieces: int) -> None:
        intake.requests.hold("a")
        sending = Sending(intake, "a")
        try:
            for _ in range(pieces):
                await sending.receive(client, math.inf)
        finally:
            sending.finish()

    honest = asyncio.create_task(receive(_Client(0.02, 1000), 40))
    silent = []
    for _ in range(6):
        silent.append(asyncio.create_task(receive(_Client(60, 1), 1)))
        await asyncio.sleep(0.05)
    await honest
    refused = silent[:4]
    for task in refused:
        with pytest.raises(ProblemError) as caught:
            await task
        assert (caught.value.status, caught.value.reason) == (429, "TOO_MANY_AT_ONCE")
    assert not any(task.done() for task in silent[4:])
    for task in silent[4:]:
        task.cancel()
    await asyncio.gather(*silent[4:], return_exceptions=True)
    assert intake.senders.held == 0
    intake.requests.hold("b")
    assert intake.senders.refusal("b") is None


async def test_bytes_that_wait_are_bounded() -> None:
    intake = Intake(GatewaySettings(max_json_bytes=1024))
    for client in ("a", "b"):
        intake.requests.hold(client)
    first, second = Sending(intake, "a"), Sending(intake, "b")
    first.keep(24 * 1024)
    with pytest.raises(ProblemError) as refused:
        first.keep(1)
    assert refused.value.status == 429
    with pytest.raises(ProblemError) as refused:
        second.keep(8 * 1024)
    assert refused.value.status == 503
    first.finish()
    second.keep(1)
