"""The server and the channel together, over real gRPC: ids, deadlines, errors, validation, cancellation, drain."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit import context, errors, rpc_errors
from services.kit.addresses import ListenError
from services.kit.channels import open_channel
from services.kit.server import App, Registration, running
from services.kit.settings import ServiceSettings
from tests.waiting import at_once
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

_ASK = [llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="hi")]


class _Llm(llm_pb2_grpc.LlmServiceServicer):
    """Answers with what it knows of the request."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.behave: Any = None

    async def Chat(self, request: Any, context_: Any) -> Any:  # noqa: N802
        if self.behave is not None:
            await self.behave()
        here = context.current()
        left = context.remaining()
        text = f"{here.request_id}|{here.trace_id}|{here.user_id}|{left}"
        return llm_pb2.ChatResponse(message=llm_pb2.ChatMessage(content=text))

    async def StreamChat(self, request: Any, context_: Any) -> AsyncIterator[Any]:  # noqa: N802
        try:
            while True:
                yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text="x"))
                if self.behave is not None:
                    await self.behave()
                await asyncio.sleep(0.001)
        finally:
            self.closed.set()


class _Docs(docs_pb2_grpc.DocsServiceServicer):
    """Counts what it was sent, and remembers what it took for whole uploads."""

    def __init__(self) -> None:
        self.stored: list[int] = []

    async def UploadDocument(self, requests: Any, context_: Any) -> Any:  # noqa: N802
        size = 0
        async for request in requests:
            size += len(request.chunk)
        self.stored.append(size)
        return docs_pb2.UploadDocumentResponse(document=docs_pb2.Document(size_bytes=size))


def _app(llm: _Llm, docs: _Docs | None = None, **extra: Any) -> App:
    return App(
        "test",
        [
            Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, llm, "tiku.llm.v1.LlmService"),
            Registration(docs_pb2_grpc.add_DocsServiceServicer_to_server, docs or _Docs(), "tiku.docs.v1.DocsService"),
        ],
        **extra,
    )


async def _fails(call: Any) -> errors.TikuError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return rpc_errors.from_rpc_error(caught.value)


async def test_ids_user_and_deadline_cross_the_hop() -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        loop = asyncio.get_running_loop()
        trace = context.new_trace_id()
        token = context.enter(context.RequestContext("r-1", trace, "teacher", loop.time() + 5))
        try:
            answer = await llm_pb2_grpc.LlmServiceStub(channel).Chat(llm_pb2.ChatRequest(messages=_ASK))
        finally:
            context.leave(token)
        request_id, trace_id, user, left = answer.message.content.split("|")
        assert (request_id, trace_id, user) == ("r-1", trace, "teacher")
        assert 4 < float(left) < 5.1  # gRPC rounds what is left up to hundredths of a second on the wire.


@pytest.mark.parametrize("name", ["", "a b", " li", "x" * 129])
async def test_a_user_that_is_no_name_is_refused(name: str) -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server, grpc.aio.insecure_channel(server.address) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        request = llm_pb2.ChatRequest(messages=_ASK)
        error = await _fails(stub.Chat(request, metadata=(("x-tiku-user", name),)))
        assert isinstance(error, errors.InvalidArgument)
        assert (error.reason, error.violations[0].field) == ("INVALID_USER", "x-tiku-user")
        assert "printable ASCII" in error.message
        answer = await stub.Chat(request, metadata=(("x-tiku-user", "li@example.org"),))
        assert answer.message.content.split("|")[2] == "li@example.org"


async def test_a_spent_deadline_sends_nothing() -> None:
    llm = _Llm()
    async with running(_app(llm), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() - 1))
        try:
            with pytest.raises(errors.DeadlineExceeded):
                llm_pb2_grpc.LlmServiceStub(channel).Chat(llm_pb2.ChatRequest(messages=_ASK))
        finally:
            context.leave(token)


async def test_a_deadline_ends_the_handler() -> None:
    llm = _Llm()
    ended = asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    llm.behave = forever
    async with running(_app(llm), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        call = llm_pb2_grpc.LlmServiceStub(channel).Chat(llm_pb2.ChatRequest(messages=_ASK), timeout=0.2)
        assert isinstance(await _fails(call), errors.DeadlineExceeded)
        await ended.wait()


async def test_a_bad_field_is_named_on_every_kind_of_call() -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        error = await _fails(stub.Chat(llm_pb2.ChatRequest(messages=[llm_pb2.ChatMessage(content="x")])))
        assert (type(error), error.violations[0].field) == (errors.InvalidArgument, "messages[0].role")
        error = await _fails(anext(aiter(stub.StreamChat(llm_pb2.StreamChatRequest()))))
        assert (type(error), error.violations[0].field) == (errors.InvalidArgument, "messages")

        async def upload() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            yield docs_pb2.UploadDocumentRequest(description=docs_pb2.UploadDescription(name="a"))
            yield docs_pb2.UploadDocumentRequest()

        error = await _fails(docs_pb2_grpc.DocsServiceStub(channel).UploadDocument(upload()))
        assert (type(error), error.violations[0].field) == (errors.InvalidArgument, "payload")


async def test_errors_keep_their_reason_and_faults_say_nothing() -> None:
    llm = _Llm()

    async def refuse() -> None:
        raise errors.ResourceExhausted("Wait.", reason="PROVIDER_RATE_LIMITED", retry_after=2)

    async def crash() -> None:
        raise KeyError("a secret")

    async with running(_app(llm), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        llm.behave = refuse
        error = await _fails(stub.Chat(llm_pb2.ChatRequest(messages=_ASK)))
        assert (error.status, error.reason, error.retry_after) == ("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED", 2)
        llm.behave = crash
        error = await _fails(stub.Chat(llm_pb2.ChatRequest(messages=_ASK)))
        assert (error.status, "secret" in error.message) == ("INTERNAL", False)
        stream = stub.StreamChat(llm_pb2.StreamChatRequest(messages=_ASK))
        iterator = aiter(stream)
        assert (await anext(iterator)).delta.text == "x"
        error = await _fails(anext(iterator))
        assert error.status == "INTERNAL"


async def test_an_unserved_method_is_unimplemented(caplog: pytest.LogCaptureFixture) -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        error = await _fails(llm_pb2_grpc.LlmServiceStub(channel).ListModels(llm_pb2.ListModelsRequest()))
        assert error.status == "UNIMPLEMENTED"
        assert "tiku.llm.v1.LlmService/ListModels" in error.message
    assert not [record for record in caplog.records if record.name == "tiku.access"], "it is no fault of ours"


@pytest.mark.parametrize("position", [1, 2, 5, 20])
async def test_a_client_that_leaves_closes_the_stream_within_100_ms(position: int) -> None:
    llm = _Llm()
    async with running(_app(llm), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        call = llm_pb2_grpc.LlmServiceStub(channel).StreamChat(llm_pb2.StreamChatRequest(messages=_ASK))
        for _ in range(position):
            await call.read()
        async with at_once():
            call.cancel()
            await llm.closed.wait()


async def test_a_full_server_refuses_and_says_when_to_come_back() -> None:
    llm = _Llm()
    release = asyncio.Event()
    llm.behave = release.wait
    settings = ServiceSettings(max_in_flight=2)
    async with running(_app(llm), "127.0.0.1:0", settings) as server, open_channel(server.address) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        calls = [stub.Chat(llm_pb2.ChatRequest(messages=_ASK)) for _ in range(2)]
        await asyncio.sleep(0.2)
        error = await _fails(stub.Chat(llm_pb2.ChatRequest(messages=_ASK)))
        assert (error.reason, error.retry_after) == ("SERVER_FULL", 1.0)
        release.set()
        assert len(await asyncio.gather(*calls)) == 2
        await stub.Chat(llm_pb2.ChatRequest(messages=_ASK))


async def test_health_follows_what_the_service_needs() -> None:
    needed = asyncio.Event()

    async def ready() -> None:
        if not needed.is_set():
            raise ConnectionError("the store does not answer")

    async with running(_app(_Llm(), ready=ready), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def status() -> int:
            await asyncio.sleep(0.3)
            for name in ("", "tiku.llm.v1.LlmService"):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            return int(answer.status)

        assert await status() == health_pb2.HealthCheckResponse.NOT_SERVING
        needed.set()
        assert await status() == health_pb2.HealthCheckResponse.SERVING


async def test_a_call_in_flight_ends_well_while_the_server_drains() -> None:
    llm = _Llm()
    started, release = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await release.wait()

    llm.behave = wait
    async with open_channel("127.0.0.1:1") as _:
        pass
    manager = running(_app(llm), "127.0.0.1:0")
    server = await manager.__aenter__()
    async with open_channel(server.address) as channel:
        call = llm_pb2_grpc.LlmServiceStub(channel).Chat(llm_pb2.ChatRequest(messages=_ASK))
        answer = asyncio.ensure_future(call)
        await started.wait()
        stopping = asyncio.create_task(manager.__aexit__(None, None, None))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        release.set()
        assert (await answer).message.content
        await stopping


async def test_a_failed_background_task_ends_the_server() -> None:
    async def crash() -> None:
        raise RuntimeError("the queue is gone")

    async with running(_app(_Llm(), background=[crash]), "127.0.0.1:0") as server:
        with pytest.raises(RuntimeError, match="the queue is gone"):
            await server.wait_for_failure()


async def test_a_taken_port_is_heard_of() -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server:
        with pytest.raises(ListenError, match="in use"):
            async with running(_app(_Llm()), server.address):
                pass


async def test_a_blocked_loop_is_seen() -> None:
    async with running(_app(_Llm()), "127.0.0.1:0") as server:
        await asyncio.sleep(0.05)
        deadline = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < deadline:
            pass
        await asyncio.sleep(0.05)
        assert server.lag.lag().max > 0.15


async def test_an_abandoned_stream_is_closed() -> None:
    """The gate for an upgrade of grpcio (docs/adr/0007): a call that nobody holds any more ends on the server."""
    llm = _Llm()
    llm.behave = lambda: asyncio.sleep(30)
    async with running(_app(llm), "127.0.0.1:0") as server, open_channel(server.address) as channel:

        async def abandon() -> None:
            call = llm_pb2_grpc.LlmServiceStub(channel).StreamChat(llm_pb2.StreamChatRequest(messages=_ASK))
            await call.read()

        await abandon()
        gc.collect()
        await llm.closed.wait()


async def test_a_cancelled_upload_is_never_taken_for_a_whole_one() -> None:
    docs = _Docs()
    async with running(_app(_Llm(), docs), "127.0.0.1:0") as server, open_channel(server.address) as channel:
        upload: Any = docs_pb2_grpc.DocsServiceStub(channel).UploadDocument  # The stubs know the iterator style only.
        for _ in range(30):
            call = upload()
            await call.write(docs_pb2.UploadDocumentRequest(description=docs_pb2.UploadDescription(name="a")))
            await call.write(docs_pb2.UploadDocumentRequest(chunk=b"x" * 1000))
            call.cancel()
        await asyncio.sleep(0.3)
        assert docs.stored == []
        call = upload()
        await call.write(docs_pb2.UploadDocumentRequest(chunk=b"x" * 1000))
        await call.done_writing()
        assert (await call).document.size_bytes == 1000
