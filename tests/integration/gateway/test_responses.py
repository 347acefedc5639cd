"""OpenAI's client asks for responses: what goes in, and what comes out of the same chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.raw_provider import sse, whole
from tests.integration.gateway.chains import WAYS, Chain, chained
from tests.late import imported

pytestmark = pytest.mark.asyncio(loop_scope="module")

USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "completion_tokens_details": {"reasoning_tokens": 1},
}
TOOL: Any = {
    "type": "function",
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object"},
    "strict": False,
}
CALLS = [
    {"id": f"c{number}", "type": "function", "function": {"name": "add", "arguments": f'{{"a": {number}}}'}}
    for number in (1, 2)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS)
async def chain(request: pytest.FixtureRequest) -> AsyncIterator[Chain]:
    """One chain for all tests, and one in which gateway and service share a process."""
    async with chained(request.param) as one:
        yield one


def play(chain: Chain, message: dict[str, Any], reason: str = "stop") -> None:
    """Have the provider answer the next call."""
    chain.provider.plays.append(
        whole({"choices": [{"message": message, "finish_reason": reason}], "usage": USAGE, "model": "m"})
    )


def stream(chain: Chain, *deltas: dict[str, Any], reason: str | None = "stop") -> None:
    """Have the provider answer the next call in pieces."""
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if reason is None:
        chain.provider.plays.append(sse(*chunks, {"error": {"message": "no", "code": 500}}))
    else:
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": USAGE}
        chain.provider.plays.append(sse(*chunks, end))


async def test_a_text_is_answered(chain: Chain) -> None:
    play(chain, {"content": "Hello", "reasoning_content": "hm"})
    answer = await chain.client.responses.create(
        model="m",
        input="hi",
        instructions="Be brief.",
        reasoning={"effort": "low"},
        max_output_tokens=9,
        text={"verbosity": "low"},
        metadata={"a": "b"},
        temperature=0.5,
    )
    assert (answer.status, answer.output_text, answer.model, answer.error) == ("completed", "Hello", "m", None)
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (3, 2, 5)
    assert answer.usage.output_tokens_details.reasoning_tokens == 1
    assert (answer.instructions, answer.temperature, answer.to_dict()["store"]) == ("Be brief.", 0.5, False)
    assert chain.asked == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "reasoning_effort": "low",
        "max_tokens": 9,
        "verbosity": "low",
        "metadata": {"a": "b"},
        "temperature": 0.5,
    }


async def test_items_are_messages(chain: Chain) -> None:
    play(chain, {"content": "Hello"})
    items: list[Any] = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I call."}]},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "7"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "8"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "developer", "content": "Go on."},
    ]
    await chain.client.responses.create(model="m", input=items)
    called = [{"id": call, "type": "function", "function": {"name": "add", "arguments": "{}"}} for call in ("c1", "c2")]
    picture = {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}}
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
    assert chain.asked["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Look."}, picture, file]},
        {"role": "assistant", "content": "I call.", "reasoning_content": "hm", "tool_calls": called},
        {"role": "tool", "content": "7", "tool_call_id": "c1"},
        {"role": "tool", "content": "8", "tool_call_id": "c2"},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "developer", "content": "Go on."},
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "function", "name": "add"}},
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "required",
                    "tools": [{"type": "function", "name": "add"}],
                }
            },
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "add"}}],
                    },
                }
            },
        ),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "s", "strict": False, "schema": {"type": "object"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "s", "strict": False, "schema": {"type": "object"}},
                }
            },
        ),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"store": True, "truncation": "auto", "include": ["reasoning.encrypted_content"]}, {}),
    ],
)
async def test_parameters_have_the_form_of_chats(chain: Chain, given: Any, sent: Any) -> None:
    play(chain, {"content": "{}"})
    await chain.client.responses.create(model="m", input="hi", tools=[TOOL], **given)
    described = {name: TOOL[name] for name in TOOL if name != "type"}
    assert chain.asked == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": described}],
        **sent,
    }


async def test_calls_are_items(chain: Chain) -> None:
    play(chain, {"content": None, "tool_calls": CALLS}, "tool_calls")
    answer: Any = await chain.client.responses.create(model="m", input="hi", tools=[TOOL])
    assert [(item.call_id, item.name, item.arguments) for item in answer.output] == [
        ("c1", "add", '{"a": 1}'),
        ("c2", "add", '{"a": 2}'),
    ]


@pytest.mark.parametrize(("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_is_cut_says_why(chain: Chain, reason: str, why: str) -> None:
    play(chain, {"content": "Hel"}, reason)
    answer = await chain.client.responses.create(model="m", input="hi")
    assert answer.incomplete_details is not None
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", why)


async def test_a_stream_has_all_events_of_its_items(chain: Chain) -> None:
    first, second = CALLS
    stream(
        chain,
        {"role": "assistant", "content": ""},
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"content": "Hel"},
        {"content": "lo"},
        {"tool_calls": [{"index": 0, **first, "function": {"name": "add", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]},
        {"tool_calls": [{"index": 1, **second}]},
        reason="tool_calls",
    )
    events: list[Any] = [
        event async for event in await chain.client.responses.create(model="m", input="hi", tools=[TOOL], stream=True)
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert list(dict.fromkeys(kinds)) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "completed",
    ]
    assert kinds.count("output_item.added") == kinds.count("output_item.done") == 4
    done = [event.item for event in events if event.type == "response.output_item.done"]
    last = events[-1].response
    assert [item.id for item in done] == [item.id for item in last.output]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello"
    assert (last.output_text, last.output[0].summary[0].text, last.usage.total_tokens) == ("Hello", "hm", 5)
    assert [(item.call_id, item.arguments) for item in last.output[2:]] == [("c1", '{"a": 1}'), ("c2", '{"a": 2}')]


async def test_a_refusal_is_streamed_as_one(chain: Chain) -> None:
    stream(chain, {"refusal": "I can"}, {"refusal": "not."})
    async with chain.client.responses.stream(model="m", input="hi") as events:
        kinds = [event.type async for event in events]
        final: Any = await events.get_final_response()
    assert "response.refusal.done" in kinds
    assert final.output[0].content[0].refusal == "I cannot."


async def test_a_stream_of_nothing_is_an_empty_message(chain: Chain) -> None:
    stream(chain)
    async with chain.client.responses.stream(model="m", input="hi") as events:
        final = await events.get_final_response()
    assert (final.status, final.output_text, len(final.output)) == ("completed", "", 1)


async def test_a_stream_that_breaks_ends_as_failed(chain: Chain) -> None:
    stream(chain, {"content": "Hel"}, reason=None)
    events: list[Any] = [
        event async for event in await chain.client.responses.create(model="m", input="hi", stream=True)
    ]
    assert events[-1].type == "response.failed"
    assert (events[-1].response.status, events[-1].response.error.code) == ("failed", "provider_unavailable")


async def test_a_stream_that_breaks_its_schema_ends_as_failed(chain: Chain) -> None:
    stream(chain, {"content": '{"a": "x"}'})
    form: Any = {
        "type": "json_schema",
        "name": "s",
        "strict": True,
        "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
    }
    events: list[Any] = [
        event
        async for event in await chain.client.responses.create(
            model="m", input="hi", text={"format": form}, stream=True
        )
    ]
    assert (events[-1].type, events[-1].response.error.code) == ("response.failed", "schema_not_matched")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["a"]}, "input[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "critic", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "name": "a", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": 1, "output": ""}]}, "input[0].call_id"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x.example"}]}]},
            "input[0].content[0].file_url",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": 7}, "tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": 7}, "text"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"reasoning": {"effort": 7}}, "reasoning.effort"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
    ],
)
async def test_what_is_not_served_is_refused_by_its_name(chain: Chain, given: Any, param: str) -> None:
    library = await imported("openai")
    with pytest.raises(library.BadRequestError) as caught:
        await chain.client.post("/responses", body={"model": "m", "input": "hi", **given}, cast_to=object)
    assert caught.value.param == param


async def test_a_model_that_is_not_there_is_404(chain: Chain) -> None:
    library = await imported("openai")
    for streamed in (False, True):
        with pytest.raises(library.NotFoundError):
            await chain.client.responses.create(model="none", input="hi", stream=streamed)
