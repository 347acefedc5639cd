"""The llm service with a file of providers, which changes while it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.kit.channels import open_channel
from services.kit.server import running
from services.llm.adapters.providers_file import ProvidersFileError
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

ASK = [pb.ChatMessage(role=pb.ROLE_USER, content="What is it?")]


def _entry(name: str, provider: ScriptedProvider, more: str = "") -> str:
    models = f'models = [{{ name = "{name}-1", aliases = ["best"] }}]'
    return f'[[providers]]\nname = "{name}"\nbase_url = "{provider.base_url}"\n{models}\n{more}\n'


@asynccontextmanager
async def _service(path: Path) -> AsyncIterator[LlmServiceStub]:
    settings = LlmSettings(
        llm_base_url="",
        llm_providers_file=path,
        llm_providers_poll_seconds=0.02,
        embed_model_path=None,
        drain_seconds=0.5,
    )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        yield LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))


async def test_a_changed_file_takes_effect_and_a_stream_ends_where_it_began(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    async with ScriptedProvider() as one, ScriptedProvider() as two:
        await asyncio.to_thread(path.write_text, _entry("one", one))
        async with _service(path) as stub:
            one.answer(Script(tokens=["a", "b", "c", "d"], pace=0.1))
            stream = stub.StreamChat(pb.StreamChatRequest(model="best", messages=ASK))
            await one.received(1)
            await asyncio.to_thread(path.write_text, "this is no file of providers")
            await asyncio.sleep(0.1)
            assert (await stub.Chat(pb.ChatRequest(model="best", messages=ASK))).provider == "one"
            await asyncio.to_thread(path.write_text, _entry("two", two))
            while (await stub.Chat(pb.ChatRequest(model="best", messages=ASK))).provider != "two":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            events = [event async for event in stream]
            assert "".join(event.delta.text for event in events) == "abcd"
            assert (events[-1].finish.provider, events[-1].finish.model) == ("one", "one-1")
            models = (await stub.ListModels(pb.ListModelsRequest())).models
            assert [(model.name, model.provider) for model in models] == [("two-1", "two"), ("best", "two")]


async def test_the_next_provider_of_an_alias_is_asked_by_its_own_name_for_the_model(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    async with ScriptedProvider() as one, ScriptedProvider() as two:
        await asyncio.to_thread(path.write_text, _entry("one", one) + _entry("two", two))
        async with _service(path) as stub:
            one.answer(Script(status=503))
            answer = await stub.Chat(pb.ChatRequest(model="best", messages=ASK))
            assert (answer.provider, answer.model) == ("two", "two-1")
            assert two.requests[0].body["model"] == "two-1"


@pytest.mark.parametrize(
    ("limit", "script"),
    [
        ("first_token_timeout_seconds = 0.05", Script(hang_at=0)),
        ("between_tokens_timeout_seconds = 0.05", Script(hang_at=2)),
        ("total_timeout_seconds = 0.05", Script(pace=0.03)),
    ],
)
async def test_a_provider_is_given_no_more_time_than_its_own(tmp_path: Path, limit: str, script: Script) -> None:
    path = tmp_path / "providers.toml"
    async with ScriptedProvider(lambda _: script) as one:
        await asyncio.to_thread(path.write_text, _entry("one", one, limit))
        async with _service(path) as stub:
            with pytest.raises(Exception, match="did not answer in time"):
                async for _ in stub.StreamChat(pb.StreamChatRequest(messages=ASK)):
                    pass
            await one.departure()


@pytest.mark.parametrize("hedged", [False, True])
async def test_a_caller_that_leaves_closes_every_provider_that_was_asked(tmp_path: Path, hedged: bool) -> None:
    path = tmp_path / "providers.toml"
    route = '[[routes]]\nalias = "best"\nstrategy = "hedged"\n'
    async with ScriptedProvider() as one, ScriptedProvider() as two:
        await asyncio.to_thread(path.write_text, _entry("one", one) + _entry("two", two) + route)
        async with _service(path) as stub:
            for _ in range(40 if hedged else 0):  # Until times are known, and two hedges are saved.
                await stub.Chat(pb.ChatRequest(model="best", messages=ASK))
            one.answer(Script(hang_at=0))
            two.answer(Script(hang_at=0))
            call = asyncio.ensure_future(stub.Chat(pb.ChatRequest(model="best", messages=ASK)))
            await (two if hedged else one).received(1)
            await asyncio.sleep(0.02)
            async with at_once():
                call.cancel()
                await one.departure()
                if hedged:
                    await two.departure()
            assert (one.active, two.active) == (0, 0)


async def test_a_wrong_file_stops_the_start_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    await asyncio.to_thread(path.write_text, "[[providers]]\nname = 'x'\n")
    with pytest.raises(ProvidersFileError, match=r"providers\[0\] \(x\).base_url: Field required"):
        async with _service(path):
            pytest.fail("started with a wrong file")
