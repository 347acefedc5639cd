"""Reading ahead what every answer begins with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from services.kit.errors import FailedPrecondition, Unavailable
from services.retrieval.adapters.clients.fake import FakeChatModel
from services.retrieval.domain.answering.warm_up import WarmUp
from services.retrieval.domain.prompts.answer import chat_messages
from services.retrieval.values.answer import Portion
from services.retrieval.values.chat import ChatFinish, ChatRequest


class LateChatModel(FakeChatModel):
    """Is not there for the first calls."""

    late = 3

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        if self.late:
            self.late -= 1
            raise Unavailable("Not yet.", reason="PROVIDER_UNAVAILABLE")
        async for item in super().stream(request):
            yield item


def shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


async def warmed(chat: FakeChatModel) -> list[ChatRequest]:
    """Return what was asked when nothing more is."""
    running = asyncio.create_task(WarmUp(chat, 0.001).run())
    await asyncio.sleep(0.1)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return chat.requests


@pytest.mark.parametrize("question", ["What is it?", "这是什么？"])
async def test_what_prompts_begin_with_is_read_once_in_each_language(question: str) -> None:
    requests = await warmed(FakeChatModel(["x"]))
    assert {request.max_tokens for request in requests} == {1}
    texts = ["\n".join(message.content for message in request.messages) for request in requests]
    assert len(set(texts)) == len(texts) == 2
    prompt = "\n".join(message.content for message in chat_messages(question, [Portion(1, "It is a lamp.")]))
    rest = min((prompt[shared(prompt, text) :] for text in texts), key=len)
    assert rest.strip().startswith("[1] It is a lamp.")


async def test_a_model_that_comes_late_is_waited_for() -> None:
    assert len(await warmed(LateChatModel(["x"]))) == 2


async def test_where_there_is_no_model_none_is_waited_for() -> None:
    assert len(await warmed(FakeChatModel([], error=FailedPrecondition("None.", reason="NO_CHAT_PROVIDER")))) == 2
