"""Server streams as events: form, timing, heartbeats, errors, cancellation."""

from __future__ import annotations

import asyncio
import itertools
import time

import aiohttp
import orjson
import pytest

from gateway.app import running
from services.kit import errors
from tests.fakes.grpc_services import fake_services
from tests.integration.gateway.conftest import Stack, settings_for
from tests.waiting import at_once

CHAT = {"messages": [{"role": "ROLE_USER", "content": "hi"}]}


def events_of(text: str) -> list[dict[str, str]]:
    """The events in a stream's text, each as its fields; comments are left out."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith(":")]
        if lines:
            found.append(dict(line.split(": ", 1) for line in lines))
    return found


async def test_the_oneof_names_the_event(stack: Stack) -> None:
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT)
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"].startswith("no-cache")
    assert response.headers["X-Accel-Buffering"] == "no"
    events = events_of(await response.text())
    assert [event["event"] for event in events] == ["delta"] * 4 + ["finish"]
    assert "".join(orjson.loads(event["data"])["text"] for event in events[:4]) == "Hello, world!"
    assert all("id" not in event for event in events)


async def test_a_wrapped_event_is_unwrapped_and_numbered(stack: Stack) -> None:
    body = {"text": "Plants make sugar from light. Roots take up water.", "count": 2}
    response = await stack.http.post("/api/v1/exercises:generate", json=body)
    events = events_of(await response.text())
    assert [int(event["id"]) for event in events] == list(range(1, len(events) + 1))
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "done"
    questions = [orjson.loads(event["data"])["question"] for event in events if event["event"] == "question"]
    assert [question["number"] for question in questions] == [1, 2]
    run_id = orjson.loads(events[0]["data"])["run_id"]
    resumed = await stack.http.get(f"/api/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(len(events) - 2)})
    assert [event["event"] for event in events_of(await resumed.text())] == ["usage", "done"]
    by_query = await stack.http.get(f"/api/v1/runs/{run_id}/events?after={len(events) - 1}")
    assert [event["event"] for event in events_of(await by_query.text())] == ["done"]


async def test_a_bad_last_event_id_is_refused(stack: Stack) -> None:
    document = stack.services.docs.put("a.txt", b"text", parse=True)
    response = await stack.http.get(f"/api/v1/documents/{document.document_id}/events", headers={"Last-Event-ID": "x"})
    assert response.status == 400
    assert (await response.json(content_type=None))["errors"][0]["field"] == "Last-Event-ID"


async def test_progress_comes_as_it_happens(stack: Stack) -> None:
    stack.script.pause = 0.05
    document = stack.services.docs.put("a.txt", b"some text", parse=True)
    response = await stack.http.get(f"/api/v1/documents/{document.document_id}/events")
    arrivals = []
    async for line in response.content:
        if line.startswith(b"event:"):
            arrivals.append(time.monotonic())
    gaps = [after - before for before, after in itertools.pairwise(arrivals)]
    assert len(arrivals) > 10
    assert sorted(gaps)[len(gaps) // 2] > 0.03


async def test_an_error_before_the_first_event_is_a_plain_response(stack: Stack) -> None:
    stack.script.fail_after = 0
    stack.script.fault = errors.ResourceExhausted("Slow down.", retry_after=4)
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT)
    assert (response.status, response.headers["Retry-After"]) == (429, "4")
    assert response.content_type == "application/problem+json"
    bad = await stack.http.post("/api/v1/answer", json={"question": ""})
    assert bad.status == 400
    assert (await bad.json(content_type=None))["errors"][0]["field"] == "question"


async def test_an_error_after_it_is_an_event(stack: Stack) -> None:
    stack.script.fail_after = 2
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT)
    events = events_of(await response.text())
    assert [event["event"] for event in events] == ["delta", "delta", "error"]
    problem = orjson.loads(events[-1]["data"])
    assert (problem["status"], problem["reason"]) == (503, "UNAVAILABLE")
    assert problem["request_id"] == response.headers["X-Request-ID"]


async def test_the_deadline_ends_a_stream(stack: Stack) -> None:
    stack.script.pause = 0.15
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT, headers={"X-Request-Timeout": "0.2"})
    events = events_of(await response.text())
    assert events[-1]["event"] == "error"
    assert orjson.loads(events[-1]["data"])["status"] == 504
    await stack.script.was_cancelled.wait()
    assert stack.script.cancelled == ["StreamChat"]


async def test_silence_is_filled_with_comments() -> None:
    async with fake_services() as services:
        services.script.pause = 1.0
        services.script.tokens = ["a", "b"]
        async with (
            running(settings_for(services, heartbeat_seconds=0.05)) as gateway,
            aiohttp.ClientSession(gateway.url) as http,
        ):
            began = time.monotonic()
            response = await http.post("/api/v1/chat:stream", json=CHAT)
            text = await response.text()
            took = time.monotonic() - began
    for silence in text.split("event: ")[1:3]:  # What follows the first event, and the second.
        assert ": still here" in silence
    assert text.count(": still here") <= took / 0.05
    assert [event["event"] for event in events_of(text)] == ["delta", "delta", "finish"]


@pytest.mark.parametrize("position", range(6))
async def test_a_client_that_leaves_stops_the_rpc_at_once(stack: Stack, position: int) -> None:
    """At every token position; the stream is silent when it happens, so no write can tell."""
    stack.script.tokens = [str(n) for n in range(20)]
    stack.script.pause = 60.0 if position == 0 else 0.02
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT)
    seen = 0
    async for line in response.content:
        if line.startswith(b"event:"):
            seen += 1
            if seen > position:
                break
    stack.script.pause = 60.0
    await asyncio.sleep(0.05)
    assert stack.script.cancelled == []
    async with at_once():
        response.close()
        await stack.script.was_cancelled.wait()
    assert stack.script.cancelled == ["StreamChat"]


async def test_an_unpaced_stream_does_not_hold_up_others(stack: Stack) -> None:
    stack.script.tokens = ["x" * 40] * 2000
    streams = [asyncio.create_task(_drain(stack)) for _ in range(3)]
    await asyncio.sleep(0.1)
    answered = 0
    while not all(stream.done() for stream in streams):
        assert (await stack.http.get("/healthz")).status == 200
        answered += 1
    assert [await stream for stream in streams] == [2001] * 3
    # Services, gateway and client share one loop here: were a stream never to yield, next to none would be answered.
    assert answered > 10


async def _drain(stack: Stack) -> int:
    response = await stack.http.post("/api/v1/chat:stream", json=CHAT)
    return len(events_of(await response.text()))


async def test_five_hundred_streams_at_once() -> None:
    async with fake_services() as services:
        services.script.pause = 0.3
        async with (
            running(settings_for(services)) as gateway,
            aiohttp.ClientSession(gateway.url, connector=aiohttp.TCPConnector(limit=0)) as http,
        ):

            async def one() -> int:
                response = await http.post("/api/v1/chat:stream", json=CHAT)
                return len(events_of(await response.text()))

            counts = await asyncio.gather(*(one() for _ in range(550)))
    assert set(counts) == {5}
