"""OpenAI's client against gateway, llm service and a provider that plays answers: what goes in and what comes out."""

from __future__ import annotations

import base64
from array import array
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.raw_provider import Play, dumped, sse, whole
from tests.integration.gateway.chains import WAYS, Chain, chained
from tests.late import imported

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: list[Any] = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Says it.",
        "parameters": {
            "type": "object",
            "properties": {"in": {"type": "string", "minLength": 1}, "a": {"type": "integer"}},
            "required": ["in"],
        },
        "strict": True,
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS)
async def chain(request: pytest.FixtureRequest) -> AsyncIterator[Chain]:
    """One chain for all tests, and one in which gateway and service share a process."""
    async with chained(request.param) as one:
        yield one


def answer(message: dict[str, Any], finish: str = "stop", **more: Any) -> Play:
    """Return a whole answer."""
    return whole({"choices": [{"index": 0, "message": message, "finish_reason": finish, **more}]})


def piece(delta: dict[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    """Return an event of a stream."""
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}]}


async def test_parameters_go_through_as_they_are(chain: Chain) -> None:
    chain.provider.plays.append(answer({"content": "Hi"}))
    given: dict[str, Any] = {
        "tools": [WEATHER, {"type": "web_search", "max_uses": 3}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "logprobs": True,
        "top_logprobs": 2,
        "presence_penalty": 0.5,
        "frequency_penalty": -1.0,
        "logit_bias": {"50256": -100},
        "reasoning_effort": "low",
        "seed": 7,
        "stop": ["a", "b"],
        "user": "someone",
        "verbosity": "low",
        "modalities": ["text"],
    }
    own = {"top_k": 40, "chat_template_kwargs": {"enable_thinking": False}, "min_p": 0.05}
    await chain.client.chat.completions.create(
        model="m", messages=ASK, max_completion_tokens=200_000, extra_body=own, **given
    )
    assert chain.asked == {"model": "m", "messages": ASK, "max_tokens": 200_000, **given, **own}


@pytest.mark.parametrize("choice", ["none", "auto", "required", "any"])
async def test_words_for_the_choice_of_tools(chain: Chain, choice: Any) -> None:
    chain.provider.plays.append(answer({"content": "Hi"}))
    await chain.client.chat.completions.create(model="m", messages=ASK, tools=[WEATHER], tool_choice=choice)
    assert chain.asked["tool_choice"] == choice


async def test_whole_numbers_keep_all_their_digits(chain: Chain) -> None:
    large = 2**53 + 1
    schema = {"type": "object", "properties": {"a": {"type": "integer", "enum": [large, 2**63 - 1, 3]}}}
    tools: Any = [
        {"type": "function", "function": {"name": "f", "parameters": schema}},
        {"type": "custom", "custom": {"name": "g"}, "number": large},
    ]
    form: Any = {"type": "json_schema", "json_schema": {"name": "s", "strict": False, "schema": schema}}
    more = {"metadata": {"order": large}, "top_k": large, "seed": large}
    asked: list[Any] = [{"role": "user", "content": "hi", "cache": {"seconds": large}}]
    called = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": large}}, "signature": large}
    message = {"content": "x", "tool_calls": [called], "annotations": [{"at": large}]}
    chain.provider.plays.append(whole({"choices": [{"message": message, "finish_reason": "tool_calls"}]}))
    answer = await chain.client.chat.completions.create(
        model="m", messages=asked, tools=tools, response_format=form, extra_body=more
    )
    assert chain.asked["tools"] == tools
    assert chain.asked["response_format"] == form
    assert chain.asked["messages"] == asked
    assert {name: chain.asked[name] for name in more} == more
    told: Any = answer.choices[0].message.model_dump()
    assert told["annotations"][0]["at"] == large
    assert told["tool_calls"][0]["signature"] == large
    assert told["tool_calls"][0]["function"]["arguments"] == f'{{"a": {large}}}'


async def test_a_bias_that_no_number_holds_is_refused_by_its_name(chain: Chain) -> None:
    library = await imported("openai")
    with pytest.raises(library.BadRequestError) as caught:
        await chain.client.chat.completions.create(model="m", messages=ASK, logit_bias={"7": 2**53 + 1})
    assert caught.value.param == "logit_bias"


async def test_messages_go_through_as_they_are(chain: Chain) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4", "fps": 2}},
            ],
            "name": "ann",
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"in": "北京"}'},
                    "extra_content": {"google": {"thought_signature": "s"}},
                }
            ],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
    ]
    chain.provider.plays.append(answer({"content": "Hi"}))
    await chain.client.chat.completions.create(model="m", messages=messages)
    assert chain.asked["messages"] == messages


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "grammar", "grammar": "x ::= 1"}, {"type": "grammar", "grammar": "x ::= 1"}),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "description": "An x."}},
            {
                "type": "json_schema",
                "json_schema": {"name": "x", "description": "An x.", "strict": False, "schema": {"type": "object"}},
            },
        ),
    ],
)
async def test_forms_of_the_answer(chain: Chain, given: Any, sent: Any) -> None:
    chain.provider.plays.append(answer({"content": "{}"}))
    await chain.client.chat.completions.create(model="m", messages=ASK, response_format=given)
    assert chain.asked["response_format"] == sent


@pytest.mark.parametrize("stop", ["", [], ["", ""]])
async def test_an_empty_stop_is_none(chain: Chain, stop: Any) -> None:
    chain.provider.plays.append(answer({"content": "Hi"}))
    await chain.client.chat.completions.create(model="m", messages=ASK, stop=stop)
    assert "stop" not in chain.asked


async def test_tools_are_called_and_answered(chain: Chain) -> None:
    calls = [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"in": "a"}'}},
        {"id": "2", "type": "function", "function": {"name": "weather", "arguments": '{"in": "b"}'}},
    ]
    chain.provider.plays.append(answer({"content": None, "tool_calls": calls}, "tool_calls"))
    first = await chain.client.chat.completions.create(model="m", messages=ASK, tools=[WEATHER])
    choice = first.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    assert [call.to_dict() for call in choice.message.tool_calls] == calls
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    chain.provider.plays.append(answer({"content": "Sunny."}))
    # As agents do: the message goes back as it came.
    again: Any = [*ASK, choice.message.model_dump(), *results]
    second = await chain.client.chat.completions.create(model="m", messages=again, tools=[WEATHER])
    assert second.choices[0].message.content == "Sunny."
    assert chain.asked["messages"] == [*ASK, {"role": "assistant", "content": None, "tool_calls": calls}, *results]


async def test_tool_calls_are_streamed_whole_and_in_order(chain: Chain) -> None:
    events: list[object] = [piece({"role": "assistant", "content": ""}), piece({"content": "Let me see."})]
    for index, name in enumerate(("weather", "news")):
        events.append(piece({"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name}}]}))
    for letter in '{"in": "北京"}':
        events.extend(piece({"tool_calls": [{"index": i, "function": {"arguments": letter}}]}) for i in (0, 1))
    chain.provider.plays.append(sse(*events, piece({}, "tool_calls")))
    async with chain.client.chat.completions.stream(model="m", messages=ASK) as stream:
        completion = await stream.get_final_completion()
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Let me see.", "tool_calls")
    assert choice.message.tool_calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("c0", "weather", '{"in": "北京"}'),
        ("c1", "news", '{"in": "北京"}'),
    ]


@pytest.mark.parametrize("streamed", [False, True])
async def test_several_answers_with_log_probabilities(chain: Chain, streamed: bool) -> None:
    token: dict[str, Any] = {"token": "A", "logprob": -0.5, "bytes": [65]}
    likely = {"content": [{**token, "top_logprobs": [token]}], "refusal": None}
    if streamed:
        events = (piece({"content": letter}, index=i, logprobs=likely) for i, letter in enumerate("AB"))
        chain.provider.plays.append(sse(*events, piece({}, "tool_calls", 1), piece({}, "stop")))
        async with chain.client.chat.completions.stream(model="m", messages=ASK, n=2, logprobs=True) as stream:
            completion: Any = await stream.get_final_completion()
    else:
        choices = [
            {"index": i, "message": {"content": letter}, "finish_reason": reason, "logprobs": likely}
            for i, (letter, reason) in enumerate((("A", "stop"), ("B", "tool_calls")))
        ]
        chain.provider.plays.append(whole({"choices": choices}))
        completion = await chain.client.chat.completions.create(model="m", messages=ASK, n=2, logprobs=True)
    assert chain.asked["n"] == 2
    assert [(one.index, one.message.content, one.finish_reason) for one in completion.choices] == [
        (0, "A", "stop"),
        (1, "B", "tool_calls"),
    ]
    assert completion.choices[1].logprobs.content[0].top_logprobs[0].bytes == [65]


OLD_WEATHER: Any = WEATHER["function"]


@pytest.mark.parametrize(("choice", "sent"), [(None, None), ("auto", "auto"), ({"name": "weather"}, "weather")])
@pytest.mark.parametrize("streamed", [False, True])
async def test_functions_are_tools_to_the_provider(chain: Chain, streamed: bool, choice: Any, sent: Any) -> None:
    called = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    more: dict[str, Any] = {"index": 0, "function": {"arguments": '{"in": "Ulm"}'}}
    asked: dict[str, Any] = {"functions": [OLD_WEATHER], **({} if choice is None else {"function_call": choice})}
    if streamed:
        chain.provider.plays.append(sse(piece({"tool_calls": [called]}), piece({"tool_calls": [more]}, "tool_calls")))
        chunks = await chain.client.chat.completions.create(model="m", messages=ASK, stream=True, **asked)
        choices = [chunk.choices[0] async for chunk in chunks]
        pieces = [one.delta.function_call for one in choices if one.delta.function_call]
        name, arguments = pieces[0].name, "".join(one.arguments or "" for one in pieces)
        assert not any(one.delta.tool_calls for one in choices)
        reason = choices[-1].finish_reason
    else:
        whole_call = {**called, "function": {"name": "weather", **more["function"]}}
        chain.provider.plays.append(answer({"content": None, "tool_calls": [whole_call]}, "tool_calls"))
        (one,) = (await chain.client.chat.completions.create(model="m", messages=ASK, **asked)).choices
        assert one.message.function_call is not None
        assert (one.message.content, one.message.tool_calls) == (None, None)
        name, arguments = one.message.function_call.name, one.message.function_call.arguments
        reason = one.finish_reason
    assert (name, arguments, reason) == ("weather", '{"in": "Ulm"}', "function_call")
    assert chain.asked["tools"] == [WEATHER]
    named = {"type": "function", "function": {"name": "weather"}} if sent == "weather" else sent
    assert (chain.asked.get("tool_choice"), chain.asked["parallel_tool_calls"]) == (named, False)
    assert not chain.asked.keys() & {"functions", "function_call"}


async def test_calls_of_functions_are_results_of_tools_to_the_provider(chain: Chain) -> None:
    def call(place: str) -> Any:
        return {"name": "weather", "arguments": f'{{"in": "{place}"}}'}

    messages: list[Any] = [
        *ASK,
        {"role": "assistant", "content": None, "function_call": call("Ulm")},
        {"role": "function", "name": "weather", "content": "sunny"},
        {"role": "assistant", "content": None, "function_call": call("Jena")},
        {"role": "function", "name": "weather", "content": None},
    ]
    chain.provider.plays.append(answer({"content": "Sunny in Ulm."}))
    made = await chain.client.chat.completions.create(model="m", messages=messages, functions=[OLD_WEATHER])
    assert (made.choices[0].message.content, made.choices[0].finish_reason) == ("Sunny in Ulm.", "stop")
    _, first, told, second, again = chain.asked["messages"]
    assert [one["function"] for one in (*first["tool_calls"], *second["tool_calls"])] == [call("Ulm"), call("Jena")]
    assert told == {"role": "tool", "content": "sunny", "tool_call_id": first["tool_calls"][0]["id"]}
    assert again == {"role": "tool", "content": "", "tool_call_id": second["tool_calls"][0]["id"]}
    assert told["tool_call_id"] != again["tool_call_id"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_call_of_another_kind_is_told_as_one_of_a_function(chain: Chain, streamed: bool) -> None:
    called: dict[str, Any] = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "weather", "input": "Ulm"}}
    asked: dict[str, Any] = {"model": "m", "messages": ASK, "functions": [OLD_WEATHER]}
    if streamed:
        more = {"index": 0, "custom": {"input": "!"}}
        chain.provider.plays.append(sse(piece({"tool_calls": [called]}), piece({"tool_calls": [more]}, "tool_calls")))
        chunks = await chain.client.chat.completions.create(stream=True, **asked)
        pieces = [call async for chunk in chunks if (call := chunk.choices[0].delta.function_call)]
        told = pieces[0].name, "".join(one.arguments or "" for one in pieces)
        assert told == ("weather", "Ulm!")
    else:
        chain.provider.plays.append(answer({"content": None, "tool_calls": [called]}, "tool_calls"))
        (one,) = (await chain.client.chat.completions.create(**asked)).choices
        assert one.message.function_call is not None
        assert (one.message.function_call.name, one.message.function_call.arguments) == ("weather", "Ulm")


async def test_a_call_that_is_said_both_ways_keeps_its_id(chain: Chain) -> None:
    function = {"name": "weather", "arguments": "{}"}
    calls = [{"id": "c7", "type": "function", "function": function}]
    messages: list[Any] = [
        *ASK,
        {"role": "assistant", "content": None, "function_call": function, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c7", "content": "sunny"},
    ]
    chain.provider.plays.append(answer({"content": "Sunny."}))
    await chain.client.chat.completions.create(model="m", messages=messages, tools=[WEATHER])
    assert chain.asked["messages"][1]["tool_calls"] == calls
    assert "function_call" not in chain.asked["messages"][1]


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 5}, {}),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 3}},
        ),
        (
            {"input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}},
            {"prompt_tokens_details": {"cached_tokens": 4}},
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_tokens_details": None},
            {"prompt_tokens_details": {"cached_tokens": 8}},
        ),
    ],
    ids=["none", "zero is said", "other names", "DeepSeek's name"],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_details_of_usage_are_told_where_the_provider_tells_them(
    chain: Chain, streamed: bool, counted: dict[str, Any], told: dict[str, Any]
) -> None:
    if streamed:
        chain.provider.plays.append(sse(piece({"content": "Hi"}, "stop"), {"choices": [], "usage": counted}))
        chunks = await chain.client.chat.completions.create(
            model="m", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        usage = [chunk.usage async for chunk in chunks][-1]
    else:
        chain.provider.plays.append(
            whole({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": counted})
        )
        usage = (await chain.client.chat.completions.create(model="m", messages=ASK)).usage
    assert usage is not None
    assert usage.to_dict() == {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, **told}


@pytest.mark.parametrize("thought", [None, "", "I looked it up."])
async def test_what_a_model_thought_is_given_back_also_where_it_is_empty(chain: Chain, thought: str | None) -> None:
    said: dict[str, Any] = {"role": "assistant", "content": "Sunny."}
    if thought is not None:
        said["reasoning_content"] = thought
    chain.provider.plays.append(answer({"content": "Hi"}))
    messages: list[Any] = [*ASK, said, *ASK]
    await chain.client.chat.completions.create(model="m", messages=messages)
    assert chain.asked["messages"][1] == said


@pytest.mark.parametrize("streamed", [False, True])
async def test_reasoning_and_refusals_stand_apart(chain: Chain, streamed: bool) -> None:
    thought = {"content": "<think>hm</think>Hi", "annotations": [{"type": "url_citation", "n": 1}]}
    if streamed:
        chain.provider.plays.append(sse(piece(thought), piece({}, "stop")))
        chunks = await chain.client.chat.completions.create(model="m", messages=ASK, stream=True)
        deltas = [chunk.choices[0].delta.to_dict() async for chunk in chunks]
        told: dict[str, Any] = {key: value for delta in deltas for key, value in delta.items() if value}
    else:
        chain.provider.plays.append(answer(thought))
        told = (await chain.client.chat.completions.create(model="m", messages=ASK)).choices[0].message.to_dict()
    assert (told["content"], told["reasoning_content"]) == ("Hi", "hm")
    assert told["annotations"] == thought["annotations"]
    chain.provider.plays.append(answer({"content": None, "refusal": "No."}))
    message = (await chain.client.chat.completions.create(model="m", messages=ASK)).choices[0].message
    assert (message.content, message.refusal) == (None, "No.")


THING: Any = {
    "type": "json_schema",
    "json_schema": {"name": "thing", "strict": True, "schema": {"type": "object", "required": ["a"]}},
}


async def test_an_answer_that_has_to_match_does_or_is_an_error(chain: Chain) -> None:
    import openai  # The client has it already.

    async def ask() -> str | None:
        made = await chain.client.chat.completions.create(model="m", messages=ASK, response_format=THING)
        return made.choices[0].message.content

    chain.provider.plays.extend([answer({"content": "Here: {}"}), answer({"content": '```json\n{"a": 1}\n```'})])
    assert await ask() == '{"a": 1}'
    chain.provider.plays.extend([answer({"content": "[]"}), answer({"content": "no"})])
    with pytest.raises(openai.BadRequestError) as caught:
        await ask()
    body: Any = caught.value.body
    assert (caught.value.code, body["metadata"]["text"]) == ("schema_not_matched", "no")
    chain.provider.plays.append(answer({"content": '{"a'}, "length"))
    assert await ask() == '{"a'


async def test_a_stream_that_has_to_match_ends_well_or_with_an_error(chain: Chain) -> None:
    import openai  # The client has it already.

    async def ask() -> str:
        made = await chain.client.chat.completions.create(model="m", messages=ASK, response_format=THING, stream=True)
        texts = []
        async for chunk in made:
            texts.append(chunk.choices[0].delta.content or "")
        return "".join(texts)

    chain.provider.plays.append(sse(piece({"content": '{"a": '}), piece({"content": "1}"}, "stop")))
    assert await ask() == '{"a": 1}'
    chain.provider.plays.append(sse(piece({"content": "{"}), piece({"content": "}"}, "stop")))
    with pytest.raises(openai.APIError, match="'a' is a required property"):
        await ask()


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (402, "Insufficient Balance", "provider_out_of_credit"),
        (400, "This model's maximum context length is 9 tokens.", "context_length_exceeded"),
        (400, "content_filter: the response was filtered", "content_filter"),
    ],
)
async def test_errors_of_providers_say_what_happened(chain: Chain, status: int, words: str, code: str) -> None:
    import openai  # The client has it already.

    chain.provider.plays.append(Play(status=status, pieces=[dumped({"error": {"message": words}})]))
    with pytest.raises(openai.BadRequestError) as caught:
        await chain.client.chat.completions.create(model="m", messages=ASK)
    assert caught.value.code == code


async def test_a_message_names_what_the_caller_sent(chain: Chain) -> None:
    library = await imported("openai")
    with pytest.raises(library.BadRequestError) as caught:
        await chain.client.chat.completions.create(model="m", messages=ASK, temperature=9)
    assert caught.value.param == "temperature"
    assert "temperature must be" in caught.value.message
    assert "options" not in caught.value.message


# No text twice: the service keeps vectors.
@pytest.mark.parametrize("given", ["a", ["b", "c"], [5, 6, 7], [[5, 6], [7]]])
async def test_embeddings_of_texts_and_of_tokens(chain: Chain, given: Any) -> None:
    count = 1 if given in ("a", [5, 6, 7]) else 2
    vector = base64.b64encode(array("f", (0.6, 0.8)).tobytes()).decode()
    data = [{"index": index, "embedding": vector} for index in range(count)]
    chain.provider.plays.append(whole({"data": data, "usage": {"prompt_tokens": 3}}))
    got = await chain.client.embeddings.create(model="e", input=given, dimensions=2)
    assert [item.embedding for item in got.data] == [pytest.approx([0.6, 0.8])] * count
    sent = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    assert (chain.asked["input"], chain.asked["dimensions"]) == (sent, 2)


async def test_a_body_of_the_providers_own_words_reaches_nobody(chain: Chain) -> None:
    import openai  # The client has it already.

    chain.provider.plays.append(Play(status=400, pieces=[dumped({"error": {"message": "secret sk-1", "param": "x"}})]))
    with pytest.raises(openai.BadRequestError) as caught:
        await chain.client.chat.completions.create(model="m", messages=ASK)
    assert "secret" not in str(caught.value)
