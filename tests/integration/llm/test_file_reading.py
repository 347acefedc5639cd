"""Files that providers read themselves: whatever goes wrong, at whichever step, none is left there."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from services.kit.channels import open_channel
from services.kit.errors import TikuError
from services.kit.rpc_errors import from_rpc_error
from services.kit.server import running
from services.llm.adapters.files.dialects import DIALECTS
from services.llm.adapters.files.http import HttpFileShelf
from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.app import build
from services.llm.domain import faults
from services.llm.domain.file_reading import FileReader
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import ChatRouter, FixedTable
from services.llm.domain.targets import RoutingTable
from services.llm.domain.tries import RetryPolicy
from services.llm.settings import LlmSettings
from services.llm.values.providers import Model, Provider
from tests.fakes.file_provider import Fault, FileProvider
from tests.waiting import eventually
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = bytes(range(256)) * 1000
NAMES = list(DIALECTS)


@dataclass
class House:
    """A real llm service with a provider of each dialect."""

    stub: LlmServiceStub
    providers: dict[str, FileProvider]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One service for all tests."""
    async with AsyncExitStack() as stack:
        providers = {name: await stack.enter_async_context(FileProvider(name)) for name in NAMES}
        file = tmp_path_factory.mktemp("providers") / "providers.toml"
        file.write_text(described(providers))
        settings = LlmSettings(
            llm_providers_file=file, llm_base_url="", embed_model_path=None, drain_seconds=0.2, llm_attempts=1
        )
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        stub = LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))
        # What was left by others is deleted at the start.
        await eventually(lambda: all(provider.steps == ["list"] for provider in providers.values()))
        yield House(stub, providers)


def described(providers: dict[str, FileProvider]) -> str:
    """Return a providers file."""
    return "\n".join(
        f'[[providers]]\nname = "{name}"\nbase_url = "{provider.base_url}"\ndialect = "{name}"\n'
        f'models = [{{ name = "{name}-long", reads_files = true }}, "{name}-short"]'
        for name, provider in providers.items()
    )


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait for long."""
    monkeypatch.setattr("services.llm.domain.file_reading._FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("services.llm.domain.file_reading._LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr("services.llm.domain.file_reading._DELETE_WAITS", (0.0, 0.05, 0.1, 0.3))


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest, house: House) -> FileProvider:
    """A provider as it was at first."""
    provider = house.providers[request.param]
    provider.files.clear()
    provider.faults.clear()
    provider.reached.clear()
    for kept in (provider.steps, provider.asked, provider.read, provider.begun):
        kept.clear()
    provider.looks, provider.pieces, provider.unreadable, provider.answer = 2, 0, False, "It says so."
    return provider


def read(house: House, provider: FileProvider, data: bytes = DATA, *, timeout: float = 60, **fields: Any) -> Any:
    """Begin to ask about a file."""
    description = {"model": f"{provider.dialect}-long", "name": "报告 1.pdf", "question": "What does it say?", **fields}

    async def requests() -> AsyncIterator[pb.ReadFileRequest]:
        yield pb.ReadFileRequest(description=pb.ReadFileDescription(**description))
        for start in range(0, len(data), 50_000):
            yield pb.ReadFileRequest(chunk=data[start : start + 50_000])

    return house.stub.ReadFile(requests(), timeout=timeout)


async def refused(call: Any) -> TikuError:
    """Return why a call failed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def none_left(provider: FileProvider) -> None:
    """Wait until no file is there."""
    await eventually(lambda: not provider.files)


async def cleared(provider: FileProvider, lists: int = 4) -> None:
    """Wait until all that looks for a file whose upload had no answer has looked, and none is there."""
    await eventually(
        lambda: not provider.files and (provider.steps.count("list") >= lists or "delete" in provider.steps)
    )
    assert not provider.files


@pytest.mark.parametrize("size", [0, len(DATA)])
async def test_a_file_is_read_and_deleted(house: House, provider: FileProvider, size: int) -> None:
    answer = await read(house, provider, size_bytes=size)
    assert answer.text == "It says so."
    assert (answer.provider, answer.model) == (provider.dialect, f"{provider.dialect}-long")
    assert answer.usage.prompt_tokens == len(DATA)
    assert provider.read == [DATA]
    assert "报告" in provider.asked[0]["messages"][0]["content"]
    await none_left(provider)
    between = {"dashscope": ["look", "look"], "kimi": ["look", "look", "content"], "openai": []}
    assert provider.steps == ["upload", *between[provider.dialect], "ask", "delete"]


async def test_an_answer_has_to_match_its_schema(house: House, provider: FileProvider) -> None:
    options = pb.ChatOptions(max_tokens=99)
    options.structured_output.name = "points"
    options.structured_output.json_schema.update({"type": "object", "required": ["a"]})
    provider.answer = '```json\n{"a": 1}\n```'
    answer = await read(house, provider, options=options)
    assert (answer.text, answer.schema_check.matches) == ('{"a": 1}', True)
    provider.answer = "{}"
    assert (await refused(read(house, provider, options=options))).reason == "SCHEMA_NOT_MATCHED"
    await none_left(provider)


STEPS = {
    "dashscope": ["upload", "look", "ask"],
    "kimi": ["upload", "look", "content", "ask"],
    "openai": ["upload", "ask"],
}
FAULTS = {
    "400": Fault(400),
    "401": Fault(401),
    "429": Fault(429),
    "500": Fault(500),
    "500 and done": Fault(500, done=True),
    "cut": Fault(),
    "cut and done": Fault(done=True),
}
PLACES = [(name, step) for name in NAMES for step in STEPS[name]]


def at(house: House, name: str) -> FileProvider:
    """Return a provider as the fixture does."""
    provider: FileProvider = house.providers[name]
    provider.files.clear()
    provider.faults.clear()
    provider.reached.clear()
    provider.steps.clear()
    provider.looks, provider.unreadable = 2, False
    return provider


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize(("name", "step"), PLACES)
async def test_whatever_fails_no_file_is_left(house: House, name: str, step: str, fault: Fault) -> None:
    provider = at(house, name)
    # A question that is cut on a kept connection is sent once more, on a new one.
    provider.fail(step, *[fault] * (2 if step == "ask" and not fault.status else 1))
    if (step == "look" and fault.status not in (400, 401)) or (step == "content" and not fault.status):
        assert (await read(house, provider)).text  # What only reads may be tried again.
    else:
        await refused(read(house, provider))
    await cleared(provider)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(("name", "step"), PLACES)
async def test_a_caller_that_leaves_leaves_no_file(house: House, name: str, step: str, done: bool) -> None:
    provider = at(house, name)
    provider.fail(step, Fault(hang=True, done=done))
    call = read(house, provider)
    waiting = asyncio.ensure_future(call)
    await provider.step(step)
    if step == "upload" and done:
        await eventually(lambda: bool(provider.files))
    waiting.cancel()
    await asyncio.wait([waiting])
    await cleared(provider)


@pytest.mark.parametrize(("name", "step"), PLACES)
async def test_a_deadline_leaves_no_file(house: House, name: str, step: str) -> None:
    provider = at(house, name)
    provider.fail(step, Fault(hang=True, done=True))
    assert (await refused(read(house, provider, timeout=0.5))).status == "DEADLINE_EXCEEDED"
    await cleared(provider)


async def test_a_caller_that_leaves_in_the_middle_of_the_bytes(house: House, provider: FileProvider) -> None:
    going = asyncio.Event()

    async def requests() -> AsyncIterator[pb.ReadFileRequest]:
        described = pb.ReadFileDescription(model=f"{provider.dialect}-long", name="a.pdf", question="What?")
        yield pb.ReadFileRequest(description=described)
        for _ in range(4):
            yield pb.ReadFileRequest(chunk=DATA)
        going.set()
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(house.stub.ReadFile(requests()))
    await going.wait()
    await provider.step("upload")
    await eventually(lambda: provider.pieces > 0)  # The bytes are passed on as they come.
    waiting.cancel()
    await asyncio.wait([waiting])
    await cleared(provider)
    assert "ask" not in provider.steps


@pytest.mark.parametrize("fault", [Fault(500), Fault(429), Fault(), Fault(done=True)])
async def test_a_deletion_that_fails_is_tried_again(house: House, provider: FileProvider, fault: Fault) -> None:
    provider.fail("delete", fault, fault)
    assert (await read(house, provider)).text
    await none_left(provider)


async def test_a_file_that_turns_up_after_its_upload_was_given_up(house: House, provider: FileProvider) -> None:
    """A provider may take what it got over a connection that broke, and be done with it later."""
    provider.fail("upload", Fault())
    reading = asyncio.ensure_future(read(house, provider, name="a.txt"))
    await asyncio.wait([reading])
    await eventually(lambda: provider.steps.count("list") >= 1)
    provider.keep(provider.begun[-1])
    await eventually(lambda: "delete" in provider.steps)
    assert not provider.files


async def test_a_file_that_the_provider_cannot_read(house: House, provider: FileProvider) -> None:
    provider.unreadable = True
    if provider.dialect == "openai":  # Which reads when it is asked.
        provider.fail("ask", Fault(400))
    reason = "PROVIDER_REJECTED" if provider.dialect == "openai" else "FILE_UNREADABLE"
    assert (await refused(read(house, provider))).reason == reason
    await none_left(provider)


async def test_a_file_that_is_never_ready_takes_as_long_as_its_call(house: House, provider: FileProvider) -> None:
    if provider.dialect == "openai":
        pytest.skip("is ready at once")
    provider.looks = 1_000_000
    error = await refused(read(house, provider, timeout=0.4))
    assert error.status == "DEADLINE_EXCEEDED"
    assert provider.steps.count("look") > 2
    await none_left(provider)


async def test_what_is_refused_before_anything_is_sent(house: House, provider: FileProvider) -> None:
    async def alone(*requests: pb.ReadFileRequest) -> AsyncIterator[pb.ReadFileRequest]:
        for request in requests:
            yield request

    short = read(house, provider, model=f"{provider.dialect}-short")
    assert (await refused(short)).reason == "MODEL_READS_NO_FILES"
    too_large = await refused(read(house, provider, size_bytes=1 << 40))
    assert (too_large.reason, too_large.violations[0].field) == ("FILE_TOO_LARGE", "chunk")
    chunk = pb.ReadFileRequest(chunk=b"x")
    assert (await refused(house.stub.ReadFile(alone(chunk)))).reason == "MISPLACED_DESCRIPTION"
    assert (await refused(house.stub.ReadFile(alone()))).reason == "MISPLACED_DESCRIPTION"
    assert provider.steps == []


@pytest.mark.parametrize("wrong", [-1, 1])
async def test_a_size_that_is_not_the_files(house: House, provider: FileProvider, wrong: int) -> None:
    error = await refused(read(house, provider, size_bytes=len(DATA) + wrong))
    assert error.violations[0].field == "description.size_bytes"
    await none_left(provider)


async def test_a_file_that_turns_out_too_large(
    house: House, provider: FileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpFileShelf, "max_bytes", 100_000)
    assert (await refused(read(house, provider))).reason == "FILE_TOO_LARGE"
    await none_left(provider)
    assert "ask" not in provider.steps


async def test_models_that_read_files_are_listed_and_the_first_is_the_default(house: House) -> None:
    listed = await house.stub.ListModels(pb.ListModelsRequest())
    assert {model.name for model in listed.models if model.reads_files} == {f"{name}-long" for name in NAMES}
    provider = at(house, NAMES[0])
    assert (await read(house, provider, model="")).provider == NAMES[0]


async def test_many_at_once_with_every_fault(house: House) -> None:
    providers = [at(house, name) for name in NAMES]
    for provider in providers:
        for step in ("upload", "look", "ask", "delete", "list"):
            provider.fail(step, *FAULTS.values())
    calls = [read(house, provider) for provider in providers for _ in range(10)]
    await asyncio.gather(*calls, return_exceptions=True)
    for provider in providers:
        await none_left(provider)


def _sweeper(provider: FileProvider, later: float) -> FileReader:
    """Return the reader of a process that starts so many seconds later."""
    model = Model(name="m", reads_files=True)
    described = Provider(name="p", base_url=provider.base_url, dialect=provider.dialect, models=(model,))
    table: FixedTable[Any] = FixedTable(RoutingTable())
    chat = ChatRouter(table, Ledger(MemorySpendingStore()), RetryPolicy(), faults.NO_CHAT)
    return FileReader(chat.complete, table, lambda: [described], HttpFileShelf.open, lambda: time.time() + later)


async def test_what_is_swept_are_tikus_own_old_files(provider: FileProvider) -> None:
    now, mark = int(time.time()), "0" * 32
    others = ["report.pdf", "tiku-notes.pdf", f"tiku-{now - 9}-{mark}.pdf.bak", f"tiku-{now + 900}-{mark}.pdf"]
    for name in (*others, *(f"tiku-{now - 9}-{number:032x}.pdf" for number in range(7)), f"tiku-{now - 9}-{mark}"):
        provider.keep(name)
    await _sweeper(provider, 0).sweep()
    assert sorted(kept.name for kept in provider.files.values()) == sorted(others)
    provider.fail("list", Fault(500))
    await _sweeper(provider, 1000).sweep()
    assert len(provider.files) == len(others)
    await _sweeper(provider, 1000).sweep()
    assert len(provider.files) == len(others) - 1


async def test_a_stop_looks_once_more_at_once_for_a_file_that_may_turn_up(
    provider: FileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.llm.domain.file_reading._DELETE_WAITS", (0.0, 1000.0, 1000.0))
    like = _sweeper(provider, 0)
    (described,) = like._providers()
    async with FileReader.open(like._complete, like._tables, like._providers, HttpFileShelf.open) as reader:
        reader._delete(described, "tiku-1.pdf", None)
        await eventually(lambda: provider.steps == ["list"])
        provider.keep("tiku-1.pdf")
    assert provider.steps == ["list", "list", "delete"]
    assert not provider.files


_PROGRAM = """
import asyncio, sys
from contextlib import AsyncExitStack
from services.kit.channels import open_channel
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tiku.llm.v1 import llm_pb2 as pb, llm_pb2_grpc

async def requests():
    yield pb.ReadFileRequest(description=pb.ReadFileDescription(model=sys.argv[1], name="a.pdf", question="What?"))
    yield pb.ReadFileRequest(chunk=b"bytes")

async def main():
    settings = LlmSettings()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        stub = llm_pb2_grpc.LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))
        await stub.ReadFile(requests(), timeout=100)

asyncio.run(main())
"""


@pytest.mark.parametrize(("name", "step"), [("dashscope", "upload"), ("kimi", "look"), ("openai", "ask")])
async def test_what_a_killed_process_left_is_deleted_by_the_next(
    house: House, tmp_path: Path, name: str, step: str
) -> None:
    provider = at(house, name)
    provider.fail(step, Fault(hang=True, done=True))
    file = tmp_path / "providers.toml"
    await asyncio.to_thread(file.write_text, described({name: provider}))
    environment = {"TIKU_LLM_PROVIDERS_FILE": str(file), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, f"{name}-long", env=environment)
    try:
        await provider.step(step)
        await eventually(lambda: bool(provider.files))
    finally:
        process.kill()
        await process.wait()
    assert len(provider.files) == 1
    await _sweeper(provider, 0).sweep()
    assert len(provider.files) == 1  # Somebody could still need it.
    await _sweeper(provider, 200).sweep()
    assert not provider.files
