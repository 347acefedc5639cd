"""Calls within a process and calls over gRPC: whoever makes them sees the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest

from services.kit import context, errors, rpc_errors
from services.kit.channels import open_channel
from services.kit.in_process import InProcess
from services.kit.server import App, Registration, running
from services.kit.settings import ServiceSettings
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

CHAT, STREAM = "/tiku.llm.v1.LlmService/Chat", "/tiku.llm.v1.LlmService/StreamChat"
ASK = [llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="hi")]
WHOLE = llm_pb2.ChatRequest(messages=ASK).SerializeToString()
STREAMED = llm_pb2.StreamChatRequest(messages=ASK).SerializeToString()
END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # Not in the stubs.
WAYS = ["over gRPC", "in process"]


class Llm(llm_pb2_grpc.LlmServiceServicer):
    """Does what a test says before it answers."""

    def __init__(self) -> None:
        self.behave: Callable[[], Awaitable[object]] | None = None
        self.closed = asyncio.Event()
        self.written = 0

    async def Chat(self, request: Any, context_: Any) -> Any:  # noqa: N802
        try:
            if self.behave is not None:
                await self.behave()
        finally:
            self.closed.set()
        here, left = context.current(), context.remaining()
        text = f"{here.request_id}|{here.trace_id}|{here.user_id}|{here.key}|{here.accept_language}|{left}"
        return llm_pb2.ChatResponse(message=llm_pb2.ChatMessage(content=text))

    async def StreamChat(self, request: Any, context_: Any) -> AsyncIterator[Any]:  # noqa: N802
        try:
            for number in range(10_000):
                yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=f"{number} " + "x" * 10_000))
                self.written = number
                if self.behave is not None:
                    await self.behave()
        finally:
            self.closed.set()


@asynccontextmanager
async def reached(way: str, llm: Llm, **settings: Any) -> AsyncIterator[Any]:
    """Serve, and give what makes calls."""
    app = App("test", [Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, llm, "tiku.llm.v1.LlmService")])
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", ServiceSettings(**settings)))
        if way == "in process":
            yield InProcess(server.handlers)
        else:
            yield await stack.enter_async_context(open_channel(server.address))


async def failure(call: Awaitable[object]) -> errors.TikuError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return rpc_errors.from_rpc_error(caught.value)


@pytest.mark.parametrize("way", WAYS)
async def test_who_asks_and_until_when_is_known(way: str) -> None:
    async with reached(way, Llm()) as caller:
        trace, until = context.new_trace_id(), asyncio.get_running_loop().time() + 5
        token = context.enter(context.RequestContext("r-1", trace, "teacher", until, "k", "", "zh"))
        try:
            raw = await caller.unary_unary(CHAT)(WHOLE, timeout=60)
            assert context.current().user_id == "teacher"
        finally:
            context.leave(token)
    *who, left = llm_pb2.ChatResponse.FromString(raw).message.content.split("|")
    assert who == ["r-1", trace, "teacher", "k", "zh"]
    assert 4 < float(left) < 5.1


@pytest.mark.parametrize("way", WAYS)
async def test_a_spent_deadline_begins_nothing(way: str) -> None:
    llm = Llm()
    async with reached(way, llm) as caller:
        token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() - 1))
        try:
            with pytest.raises(errors.DeadlineExceeded):
                caller.unary_unary(CHAT)(WHOLE, timeout=60)
        finally:
            context.leave(token)
    assert not llm.closed.is_set()


@pytest.mark.parametrize("method", [CHAT, STREAM])
@pytest.mark.parametrize("way", WAYS)
async def test_a_deadline_ends_the_handler(way: str, method: str) -> None:
    llm = Llm()
    llm.behave = asyncio.Event().wait
    async with reached(way, llm) as caller:
        if method == CHAT:
            error = await failure(caller.unary_unary(CHAT)(WHOLE, timeout=0.2))
        else:
            call = caller.unary_stream(STREAM)(STREAMED, timeout=0.2)
            assert await call.read() is not END
            error = await failure(call.read())
        assert isinstance(error, errors.DeadlineExceeded)
        await llm.closed.wait()


@pytest.mark.parametrize(
    "fault",
    [
        errors.NotFound("Nobody has it.", reason="MODEL_NOT_FOUND", metadata={"model": "m"}),
        errors.ResourceExhausted("Slow.", reason="PROVIDER_RATE_LIMITED", retry_after=7.0),
        errors.InvalidArgument("Wrong.", violations=[errors.FieldViolation("options.n", "must be 1")]),
        RuntimeError("secret"),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("way", WAYS)
async def test_errors_are_told_alike(way: str, fault: Exception) -> None:
    async def fail() -> None:
        raise fault

    llm = Llm()
    llm.behave = fail
    async with reached(way, llm) as caller:
        whole = await failure(caller.unary_unary(CHAT)(WHOLE, timeout=5))
        call = caller.unary_stream(STREAM)(STREAMED, timeout=5)
        assert await call.read() is not END
        streamed = await failure(call.read())
    for error in (whole, streamed):
        if isinstance(fault, errors.TikuError):
            told = (error.status, error.message, error.reason, error.metadata, error.retry_after, error.violations)
            assert told == (
                *(fault.status, fault.message, fault.reason, fault.metadata, fault.retry_after, fault.violations),
            )
        else:
            assert isinstance(error, errors.Internal)
            assert "secret" not in error.message


@pytest.mark.parametrize("way", WAYS)
async def test_fields_are_checked_and_bytes_that_are_no_message_refused(way: str) -> None:
    async with reached(way, Llm()) as caller:
        error = await failure(caller.unary_unary(CHAT)(b"", timeout=5))
        assert (error.reason, [one.field for one in error.violations]) == ("INVALID_FIELD", ["messages"])
        error = await failure(caller.unary_unary(CHAT)(b"\xff\xff", timeout=5))
        assert error.reason == "MALFORMED_MESSAGE"


@pytest.mark.parametrize("way", WAYS)
async def test_a_full_service_refuses(way: str) -> None:
    llm, free = Llm(), asyncio.Event()

    async def wait() -> None:
        await free.wait()

    llm.behave = wait
    async with reached(way, llm, max_in_flight=1) as caller:
        call = caller.unary_stream(STREAM)(STREAMED, timeout=5)
        assert await call.read() is not END
        error = await failure(caller.unary_unary(CHAT)(WHOLE, timeout=5))
        assert (error.reason, error.retry_after) == ("SERVER_FULL", 1.0)
        call.cancel()
        await llm.closed.wait()
        free.set()
        await caller.unary_unary(CHAT)(WHOLE, timeout=5)


@pytest.mark.parametrize("canceled", ["the call", "who waits for it"])
@pytest.mark.parametrize("method", [CHAT, STREAM])
@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_is_canceled_ends_its_handler_at_once(way: str, method: str, canceled: str) -> None:
    llm, begun = Llm(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    llm.behave = hang
    async with reached(way, llm) as caller:
        if method == CHAT:
            call = caller.unary_unary(CHAT)(WHOLE, timeout=60)

            async def wait() -> None:
                await call
        else:
            call = caller.unary_stream(STREAM)(STREAMED, timeout=60)
            await call.read()

            async def wait() -> None:
                await call.read()

        waiting = asyncio.create_task(wait())
        await begun.wait()
        async with at_once(1):
            if canceled == "the call":
                call.cancel()
            else:
                waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            call.cancel()
            await llm.closed.wait()


async def takes_its_time() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.5)


async def does_not_listen() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def says_something_else() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise RuntimeError from None


@pytest.mark.parametrize("ended_by", ["deadline", "caller"])
@pytest.mark.parametrize("method", [CHAT, STREAM])
@pytest.mark.parametrize("behave", [takes_its_time, does_not_listen, says_something_else])
@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_is_over_waits_for_no_handler(
    way: str, behave: Callable[[], Awaitable[object]], method: str, ended_by: str
) -> None:
    llm = Llm()
    llm.behave = behave
    timeout = 0.2 if ended_by == "deadline" else 60
    async with reached(way, llm, drain_seconds=0.1) as caller, asyncio.timeout(5):
        call: Any
        if method == CHAT:
            call = caller.unary_unary(CHAT)(WHOLE, timeout=timeout)
            waiting = asyncio.ensure_future(awaited(call))
        else:
            call = caller.unary_stream(STREAM)(STREAMED, timeout=timeout)
            await call.read()
            waiting = asyncio.ensure_future(call.read())
        await asyncio.sleep(0.05)
        async with at_once(0.45):
            if ended_by == "deadline":
                assert isinstance(await failure(waiting), errors.DeadlineExceeded)
            else:
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
        if method == STREAM:
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await call.read()
        await llm.closed.wait()


async def awaited(call: Awaitable[Any]) -> Any:
    return await call


@pytest.mark.parametrize("method", [CHAT, STREAM])
@pytest.mark.parametrize("way", WAYS)
async def test_a_handler_that_cancels_itself_has_failed(way: str, method: str) -> None:
    async def behave() -> None:
        inner = asyncio.create_task(asyncio.Event().wait())
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    llm = Llm()
    llm.behave = behave
    async with reached(way, llm) as caller:
        if method == CHAT:
            error = await failure(caller.unary_unary(CHAT)(WHOLE, timeout=5))
        else:
            call = caller.unary_stream(STREAM)(STREAMED, timeout=5)
            await call.read()
            error = await failure(call.read())
        assert isinstance(error, errors.Internal)


async def test_a_stop_waits_for_what_handlers_do_in_the_end() -> None:
    llm, ended = Llm(), []

    async def behave() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.1)
            ended.append(1)

    llm.behave = behave
    async with reached("in process", llm) as caller:
        left, late = (caller.unary_unary(CHAT)(WHOLE, timeout=60) for _ in range(2))
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.sleep(0.01)
        await caller.stop(5)
        assert len(ended) == 2
        with pytest.raises(asyncio.CancelledError):
            await late


@pytest.mark.parametrize("way", WAYS)
async def test_a_stream_comes_whole_and_waits_for_its_reader(way: str) -> None:
    llm = Llm()
    async with reached(way, llm) as caller:
        call = caller.unary_stream(STREAM)(STREAMED, timeout=60)
        assert llm_pb2.StreamChatResponse.FromString(await call.read()).delta.text.startswith("0 ")
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert llm.written < 5_000
        for number in range(1, 10_000):
            raw = await call.read()
            assert llm_pb2.StreamChatResponse.FromString(raw).delta.text.partition(" ")[0] == str(number)
        assert await call.read() is END
        assert await call.read() is END


async def test_a_method_that_is_not_there_or_takes_a_stream_is_none() -> None:
    async with reached("in process", Llm()) as caller:
        assert caller.unary_unary("/tiku.llm.v1.LlmService/Nothing") is None
        assert caller.unary_unary("/tiku.llm.v1.LlmService/ReadFile") is None
        assert caller.unary_unary(STREAM) is None
        assert caller.unary_stream(CHAT) is None
