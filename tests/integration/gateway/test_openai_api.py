"""OpenAI's own client against the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from services.kit import errors
from tests.integration.gateway.conftest import Stack
from tests.late import imported
from tests.waiting import eventually
from tiku.llm.v1 import llm_pb2

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ASK: list[Any] = [{"role": "user", "content": "hi"}]
CHAT = "/v1/chat/completions"


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    """The real client, without retries."""
    library = await imported("openai")
    # Making it reads certificates from disk.
    client: AsyncOpenAI = await asyncio.to_thread(
        lambda: library.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0, timeout=10)
    )
    yield client
    await client.close()


async def test_a_whole_answer(stack: Stack, client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="fake-2",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c"},
            {"role": "user", "content": "d"},
        ],
        temperature=0.2,
        top_p=0.9,
        max_completion_tokens=64,
        stop=["END"],
        seed=11,
        n=1,
        user="someone",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    )
    request = stack.script.requests[-1]
    assert [m.role for m in request.messages] == [5, 2, 3, 2]
    assert request.messages[1].content == "a\nb"
    options = request.options
    assert (options.temperature, options.top_p, options.max_tokens, options.seed) == (0.2, 0.9, 64, 11)
    assert list(options.stop) == ["END"]
    assert options.structured_output.name == "x"
    assert options.structured_output.json_schema["type"] == "object"
    assert answer.choices[0].message.content == "Hello, world!"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.model, answer.object) == ("fake-2", "chat.completion")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 4, 11)


async def test_a_streamed_answer(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fake-1", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello, world!"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None] * 4 + ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 11
    assert len({c.id for c in chunks}) == 1
    without = await client.chat.completions.create(model="fake-1", messages=ASK, stream=True)
    assert all([chunk.usage is None and chunk.choices async for chunk in without])


async def test_closing_a_stream_stops_it(stack: Stack, client: AsyncOpenAI) -> None:
    stack.script.pause = 0.05
    stack.script.tokens = ["x"] * 100
    stream = await client.chat.completions.create(model="", messages=ASK, stream=True)
    async for _ in stream:
        break
    await stream.close()
    await eventually(lambda: stack.script.cancelled == ["StreamChat"])


async def test_errors_arrive_as_the_clients_own(stack: Stack, client: AsyncOpenAI) -> None:
    import openai  # The client has it already.

    stack.script.fault = errors.ResourceExhausted("Slow down.", retry_after=3)
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(model="", messages=ASK)
    assert limited.value.response.headers["retry-after"] == "3"
    stack.script.fault = None
    with pytest.raises(openai.BadRequestError) as bad:
        await client.chat.completions.create(model="", messages=ASK, temperature=7)
    assert bad.value.param == "temperature"
    stack.script.fail_after = 2
    stream = await client.chat.completions.create(model="", messages=ASK, stream=True)
    with pytest.raises(openai.APIError, match="provider went away"):
        async for _ in stream:
            pass
    stack.script.fail_after = 0
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="", messages=ASK, stream=True)


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0].function", "invalid_type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "invalid_value"),
        ({"tools": {}}, "tools", "invalid_type"),
        ({"tool_choice": 1}, "tool_choice", "invalid_type"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 500}, "n", "invalid_value"),
        ({"logprobs": 3}, "logprobs", "invalid_type"),
        ({"logit_bias": {"7": "x"}}, "logit_bias", "invalid_type"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_field"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].name", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "assistant", "function_call": "f"}]}, "messages[0].function_call", "invalid_type"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": {"user": 1}, "content": "x"}]}, "messages[0].role", "invalid_value"),
        (
            {"messages": [{"role": "assistant", "function_call": {"arguments": "{}"}}]},
            "messages[0].function_call.name",
            "invalid_type",
        ),
        ({"functions": [5]}, "functions", "invalid_type"),
        ({"functions": [{"name": "f"}], "function_call": 5}, "function_call", "invalid_type"),
        ({"functions": [{"name": "f"}], "function_call": ["f"]}, "function_call", "invalid_type"),
        ({"functions": [{"name": "f"}], "function_call": {}}, "function_call.name", "invalid_type"),
        ({"functions": [{"name": "f"}], "tools": [{"type": "x"}]}, "functions", "invalid_value"),
        ({"function_call": {"name": "f"}}, "function_call", "invalid_value"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
            "messages[0].tool_calls[0].function",
            "invalid_type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].image_url",
            "invalid_value",
        ),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {}}, "stream_options", "invalid_value"),
        ({"stop": 5}, "stop", "invalid_value"),
        ({"response_format": {"type": None}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "invalid_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
            "response_format",
            "invalid_field",
        ),
    ],
)
async def test_what_is_not_served_is_named(stack: Stack, change: dict[str, Any], param: str, code: str) -> None:
    response = await stack.http.post(CHAT, json={"model": "m", "messages": ASK, **change})
    error = (await response.json())["error"]
    assert response.status == 400
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert error["message"]
    assert stack.script.requests == []


async def test_every_error_under_v1_has_openais_shape(stack: Stack) -> None:
    for verb, path, body, status in [
        ("POST", CHAT, b"{", 400),
        ("GET", CHAT, None, 405),
        ("POST", "/v1/audio/speech", b"{}", 404),
        ("POST", "/v1/embeddings", b"x" * (8 * 1024 * 1024 + 1), 413),
    ]:
        response = await stack.http.request(verb, path, data=body, headers={"Content-Type": "application/json"})
        assert response.status == status
        assert set((await response.json())["error"]) - {"metadata"} == {"message", "type", "param", "code"}


async def test_embeddings(stack: Stack, client: AsyncOpenAI) -> None:
    # The client asks for base64 and decodes it.
    answer = await client.embeddings.create(model="m", input=["ab", "你好吗"], extra_body={"input_type": "query"})
    assert stack.script.requests[-1].kind == llm_pb2.EMBED_KIND_QUERY
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[1].embedding == pytest.approx([0.6, 0.8, 3.0])
    assert answer.usage.prompt_tokens == 7
    plain = await client.embeddings.create(model="m", input="ab", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx([0.6, 0.8, 2.0])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, "2"]}, "input[1]"),
        ({"input": [[1], []]}, "input[1]"),
        ({"input": [[1], [-1]]}, "input[1][0]"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "input_type": "poem"}, "input_type"),
        ({"input": "a", "input_type": ["query"]}, "input_type"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": ["ok", ""]}, "input[1]"),
    ],
)
async def test_embeddings_refuse_by_name(stack: Stack, body: dict[str, Any], param: str) -> None:
    response = await stack.http.post("/v1/embeddings", json={"model": "m", **body})
    assert (response.status, (await response.json())["error"]["param"]) == (400, param)


async def test_rerank(stack: Stack) -> None:
    body = {"model": "m", "query": "q", "documents": ["a", {"text": "ccc"}, "bb"], "top_n": 2, "return_documents": True}
    response = await stack.http.post("/v1/rerank", json=body)
    answer = await response.json()
    assert response.status == 200, answer
    assert [result["index"] for result in answer["results"]] == [1, 2]
    assert answer["results"][0]["document"] == {"text": "ccc"}
    assert answer["results"][0]["relevance_score"] == 1.0
    assert answer["usage"] == {"total_tokens": 11}
    for bad, param in (
        ({"documents": []}, "documents"),
        ({"documents": [5]}, "documents[0]"),
        ({"query": None}, "query"),
    ):
        refused = await stack.http.post("/v1/rerank", json={**body, **bad})
        assert (refused.status, (await refused.json())["error"]["param"]) == (400, param)


async def test_models(client: AsyncOpenAI) -> None:
    import openai  # The client has it already.

    models = [model.id async for model in client.models.list()]
    assert models == ["fake-1", "org/fake-embedder"]
    assert (await client.models.retrieve("org/fake-embedder")).owned_by == "fake"
    assert (await client.models.retrieve("fake-1")).owned_by == "fake"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")
