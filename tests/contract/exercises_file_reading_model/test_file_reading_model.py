"""The contract of FileReadingModel: files of documents, read by a model's provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.common.values import Message
from services.exercises.adapters.clients.fake import FakeFileReadingModel
from services.exercises.adapters.clients.files import LlmFileReadingModel
from services.exercises.ports import FileReadingModel
from services.exercises.values.chat import ChatRequest
from services.kit.channels import open_channel
from services.kit.errors import NotFound, TikuError
from services.kit.server import App, Registration, running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.file_provider import Fault, FileProvider
from tests.waiting import eventually
from tiku.docs.v1 import docs_pb2
from tiku.docs.v1.docs_pb2_grpc import DocsServiceServicer, add_DocsServiceServicer_to_server

DATA = b"The file itself. " * 50_000
ONE, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
ANSWER = '{"a": 1}'
ASK = ChatRequest(
    messages=(Message("system", "Be brief."), Message("user", "What does it teach?")),
    schema_name="points",
    schema={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    max_tokens=99,
    model="long",
)


class Documents(DocsServiceServicer):
    """Has one file, which may end early."""

    cut = False

    async def DownloadDocument(  # noqa: N802 - the contract names it
        self, request: docs_pb2.DownloadDocumentRequest, _: Any
    ) -> AsyncIterator[docs_pb2.DownloadDocumentResponse]:
        if request.document_id != ONE:
            raise NotFound("There is no such document.", reason="DOCUMENT_NOT_FOUND")
        described = docs_pb2.DownloadDescription(name="生物.pdf", size_bytes=len(DATA), length_bytes=len(DATA))
        yield docs_pb2.DownloadDocumentResponse(description=described)
        for start in range(0, len(DATA), 65_536):
            if self.cut and start:
                raise NotFound("It was deleted meanwhile.", reason="DOCUMENT_NOT_FOUND")
            yield docs_pb2.DownloadDocumentResponse(chunk=DATA[start : start + 65_536])


@pytest.fixture
async def provider() -> AsyncIterator[FileProvider]:
    async with FileProvider("dashscope") as server:
        server.answer = ANSWER
        yield server


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
async def real(provider: FileProvider, documents: Documents, tmp_path: Path) -> AsyncIterator[LlmFileReadingModel]:
    """Two real servers, of which the one of documents is scripted."""
    file = tmp_path / "providers.toml"
    await asyncio.to_thread(
        file.write_text,
        f'[[providers]]\nname = "p"\nbase_url = "{provider.base_url}"\ndialect = "dashscope"\n'
        'models = ["short", { name = "long", reads_files = true }]',
    )
    settings = LlmSettings(llm_providers_file=file, llm_base_url="", embed_model_path=None, drain_seconds=0.2)
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        app = App("docs", [Registration(add_DocsServiceServicer_to_server, documents, "tiku.docs.v1.DocsService")])
        docs = await stack.enter_async_context(running(app, "127.0.0.1:0"))
        yield LlmFileReadingModel(
            await stack.enter_async_context(open_channel(llm.address)),
            await stack.enter_async_context(open_channel(docs.address)),
        )


@pytest.fixture(params=["fake", "real"])
def model(request: pytest.FixtureRequest, real: LlmFileReadingModel) -> FileReadingModel:
    """Every adapter, with one file that one model reads."""
    return real if request.param == "real" else FakeFileReadingModel(ANSWER)


async def test_a_model_that_reads_files_is_asked_about_one(model: FileReadingModel) -> None:
    assert await model.reads_files("long")
    assert await model.ask(ONE, ASK, 60) == ANSWER


async def test_the_provider_gets_the_file_and_the_question(real: LlmFileReadingModel, provider: FileProvider) -> None:
    assert [await real.reads_files(name) for name in ("long", "short", "other", "")] == [True, False, False, False]
    assert await real.ask(ONE, ASK, 60) == ANSWER
    assert provider.read == [DATA]
    system, reference, user = provider.asked[0]["messages"]
    assert "生物.pdf" in system["content"]
    assert reference["content"].startswith("fileid://")
    assert user["content"] == "Be brief.\n\nWhat does it teach?"
    assert provider.asked[0]["response_format"]["json_schema"]["name"] == "points"
    await eventually(lambda: not provider.files)


@pytest.mark.parametrize("cut", [False, True])
async def test_a_document_that_is_not_there_is_why(
    real: LlmFileReadingModel, provider: FileProvider, documents: Documents, cut: bool
) -> None:
    documents.cut = cut
    with pytest.raises(TikuError) as caught:
        await real.ask(ONE if cut else OTHER, ASK, 60)
    assert caught.value.reason == "DOCUMENT_NOT_FOUND"
    await eventually(lambda: not provider.files)
    assert "ask" not in provider.steps


async def test_who_leaves_leaves_no_file(real: LlmFileReadingModel, provider: FileProvider) -> None:
    provider.fail("ask", Fault(hang=True))
    asking = asyncio.ensure_future(real.ask(ONE, ASK, 60))
    await provider.step("ask")
    asking.cancel()
    await asyncio.wait([asking])
    await eventually(lambda: not provider.files)


async def test_what_the_provider_says_is_raised(real: LlmFileReadingModel, provider: FileProvider) -> None:
    provider.fail("upload", Fault(400))
    with pytest.raises(TikuError) as caught:
        await real.ask(ONE, ASK, 60)
    assert caught.value.reason == "PROVIDER_REJECTED"
