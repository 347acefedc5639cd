"""What models write where JSON of a schema was asked for, and what whoever asked gets: through both adapters, by every
strategy, whole and streamed."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.common.values import TokenUsage
from services.kit.errors import FailedPrecondition, InvalidArgument
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.values.chat import (
    ChatFinish,
    ChatMessage,
    ChatRequest,
    Completion,
    FinishReason,
    OutputSchema,
    Role,
    TextDelta,
)
from services.llm.values.providers import Strategy
from tests.fakes.raw_provider import Play, RawProvider, dumped, sse, whole
from tests.fakes.routed_chats import RoutedChats

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": r"^\S+$"},
        "count": {"type": "integer"},
        "level": {"enum": ["easy", "hard"]},
        "more": {},
    },
    "required": ["name", "count"],
    "additionalProperties": False,
}
ASK = ChatRequest("m", (ChatMessage(Role.USER, "What is it?"),), output=OutputSchema("thing", SCHEMA))
GOOD = '{"name": "x", "count": 1}'
STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH
DEEP = '{"name": "x", "count": 1, "more": ' + "[" * 70 + "]" * 70 + "}"


@dataclass(frozen=True)
class Wrote:
    """What a model wrote, and what becomes of it."""

    text: str
    rule: str = ""
    """What it breaks as a whole answer; empty where it is taken."""
    taken: str = ""
    """What is taken of it; empty for all of it."""
    rule_in_stream: str | None = None
    """What it breaks in a stream, whose text stays as it is; None for the same."""


WRITINGS = {
    "what was asked for": Wrote(GOOD),
    "with blanks around": Wrote(f"\n  {GOOD}\n", taken=GOOD, rule_in_stream=""),
    "with a byte order mark": Wrote("\ufeff" + GOOD, taken=GOOD, rule_in_stream=""),
    "in a fence": Wrote(f"```json\n{GOOD}\n```", taken=GOOD, rule_in_stream="holds no JSON value"),
    "in a fence of no language": Wrote(f"```\n{GOOD}\n```", taken=GOOD, rule_in_stream="holds no JSON value"),
    "with words before": Wrote(f"Here you are: {GOOD}", taken=GOOD, rule_in_stream="holds no JSON value"),
    "with words behind": Wrote(f"{GOOD}\nAnything else?", taken=GOOD, rule_in_stream="has something else behind"),
    "after thinking": Wrote(f"<think>{{}} or not?</think>\n{GOOD}", taken=GOOD, rule_in_stream=""),
    "escaped": Wrote('{"name": "\\u4e2d\\ud83d\\ude42", "count": 1}'),
    "a whole number with a point": Wrote('{"name": "x", "count": 1.0}'),
    "nothing": Wrote("", "is empty"),
    "blanks alone": Wrote(" \n", "is empty"),
    "words alone": Wrote("It is a thing.", "holds no JSON value"),
    "a comma too many": Wrote('{"name": "x", "count": 1,}', "is not JSON: expecting property name"),
    "single quotes": Wrote("{'name': 'x', 'count': 1}", "is not JSON: expecting property name"),
    "names without quotes": Wrote('{name: "x", count: 1}', "is not JSON: expecting property name"),
    "a comment": Wrote('{"name": "x", // a thing\n"count": 1}', "is not JSON"),
    "Python's words": Wrote('{"name": "x", "count": None}', "is not JSON: expecting value"),
    "NaN": Wrote('{"name": "x", "count": NaN}', "holds NaN"),
    "Infinity": Wrote('{"name": "x", "count": -Infinity}', "holds -Infinity"),
    "a number without bounds": Wrote('{"name": "x", "count": 1e999}', "holds a number without bounds"),
    "a line break in a string": Wrote('{"name": "x\ny", "count": 1}', "is not JSON: invalid control character"),
    "a member twice": Wrote('{"name": "x", "count": 1, "count": 2}', "has the member 'count' twice"),
    "too deep": Wrote(DEEP, "is nested deeper than 64"),
    "endlessly deep": Wrote('{"more":' * 50_000, "is nested deeper than 64"),
    "too long": Wrote('{"name": "' + "x" * (1 << 20) + '", "count": 1}', "has more than 1048576 characters"),
    "half of a surrogate pair": Wrote('{"name": "\\ud83d", "count": 1}', "holds half of a surrogate pair"),
    "two objects": Wrote(GOOD + "\n" + GOOD, "holds more than one JSON value"),
    "an array in place of the object": Wrote(f"[{GOOD}]", '$ breaks type: "object"'),
    "JSON in a string": Wrote(json.dumps(GOOD), '$ breaks type: "object"'),
    "null": Wrote("null", '$ breaks type: "object"'),
    "the schema": Wrote(json.dumps(SCHEMA), "$: 'name' is a required property"),
    "a number as a string": Wrote('{"name": "x", "count": "1"}', '$.count breaks type: "integer"'),
    "a number with a fraction": Wrote('{"name": "x", "count": 1.5}', '$.count breaks type: "integer"'),
    "a truth value for a number": Wrote('{"name": "x", "count": true}', '$.count breaks type: "integer"'),
    "a required member missing": Wrote('{"name": "x"}', "$: 'count' is a required property"),
    "a member too many": Wrote('{"name": "x", "count": 1, "why": ""}', "$: must not have 'why'"),
    "a word that is not listed": Wrote(
        '{"name": "x", "count": 1, "level": "so so"}', '$.level breaks enum: ["easy", "hard"]'
    ),
    "a string of another form": Wrote('{"name": "x y", "count": 1}', "$.name breaks pattern"),
    "cut, says stop": Wrote('{"name": "x", "more": {"a": 1}, "cou', "ends before its JSON value does"),
}


def answered(text: str | None, finish: str = "stop", tokens: int = 2, **message: Any) -> Play:
    """Return a whole answer of some text."""
    usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return whole({"choices": [choice], "usage": usage})


def streamed(text: str) -> Play:
    """Return a stream of some text in three pieces."""
    third = len(text) // 3 + 1
    pieces = [text[start : start + third] for start in range(0, len(text), third)]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return sse(*events, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})


@pytest.fixture(params=list(Strategy))
def house(request: pytest.FixtureRequest, adapter: OpenAiChat, raw: RawProvider) -> RoutedChats:
    """A router to the one provider, by each strategy."""
    raw.plays.clear()
    raw.bodies.clear()
    return RoutedChats(strategy=request.param, more={"one": (adapter, ["m"])})


@pytest.fixture
def plain(adapter: OpenAiChat, raw: RawProvider) -> RoutedChats:
    """The same by fallback alone."""
    raw.plays.clear()
    raw.bodies.clear()
    return RoutedChats(more={"one": (adapter, ["m"])})


async def complete(house: RoutedChats, ask: ChatRequest = ASK, timeout: float = 60) -> Completion:
    """Return a whole answer."""
    return (await house.router.complete(ask, timeout))[0]


async def stream(house: RoutedChats, ask: ChatRequest = ASK) -> tuple[str, ChatFinish]:
    """Return the text and the end of a stream."""
    async with aclosing(house.router.stream(ask, 60)) as events:
        got = [event async for event in events]
    text = "".join(event.text for event in got if isinstance(event, TextDelta))
    (finish,) = [event[0] for event in got if not isinstance(event, TextDelta)]
    return text, finish


@pytest.mark.parametrize("wrote", WRITINGS.values(), ids=WRITINGS)
async def test_a_whole_answer_matches_or_is_asked_for_once_more(
    plain: RoutedChats, raw: RawProvider, wrote: Wrote
) -> None:
    raw.plays.extend([answered(wrote.text), answered(GOOD, tokens=3)])
    completion = await complete(plain)
    assert completion.check is not None
    assert completion.check.broken_rules == []
    assert completion.check.repaired is bool(wrote.rule)
    assert completion.text == (GOOD if wrote.rule else wrote.taken or wrote.text)
    assert len(raw.bodies) == 1 + bool(wrote.rule)
    if wrote.rule:
        *_, again = raw.bodies[1]["messages"]
        assert f"- {wrote.rule}" in again["content"]
        assert json.dumps(SCHEMA)[1:20] in again["content"]
        assert completion.usage == TokenUsage(20, 5)


@pytest.mark.parametrize(
    "wrote", [w for w in WRITINGS.values() if w.rule], ids=[n for n, w in WRITINGS.items() if w.rule]
)
async def test_a_second_wrong_answer_is_an_error_with_rule_and_text(
    plain: RoutedChats, raw: RawProvider, wrote: Wrote
) -> None:
    raw.plays.extend([answered("[1]"), answered(wrote.text)])
    with pytest.raises(FailedPrecondition) as caught:
        await complete(plain)
    error = caught.value
    assert error.reason == "SCHEMA_NOT_MATCHED"
    assert error.metadata["rule"].startswith(wrote.rule)
    assert wrote.rule in error.message
    assert error.metadata["text"] == wrote.text[:3000]
    assert error.metadata["text_bytes"] == str(len(wrote.text.encode()))
    assert len(raw.bodies) == 2


@pytest.mark.parametrize("wrote", WRITINGS.values(), ids=WRITINGS)
async def test_a_stream_passes_on_what_comes_and_says_whether_it_matched(
    plain: RoutedChats, raw: RawProvider, wrote: Wrote
) -> None:
    raw.plays.append(streamed(wrote.text))
    text, finish = await stream(plain)
    assert text == wrote.text.removeprefix("<think>{} or not?</think>\n")
    assert finish.check is not None
    rule = wrote.rule if wrote.rule_in_stream is None else wrote.rule_in_stream
    assert bool(finish.check.broken_rules) is bool(rule)
    assert not rule or finish.check.broken_rules[0].startswith(rule)
    assert len(raw.bodies) == 1


async def test_every_strategy_repairs(house: RoutedChats, raw: RawProvider) -> None:
    raw.plays.extend([answered("[1]"), answered(GOOD)])
    completion = await complete(house)
    assert (completion.text, completion.check and completion.check.repaired) == (GOOD, True)
    spent = (await house.spent())["one"]
    assert (spent.calls, spent.failed, spent.tokens) == (2, 0, TokenUsage(20, 4))


async def test_every_strategy_tells_what_stays_wrong(house: RoutedChats, raw: RawProvider) -> None:
    raw.plays.extend([answered("[1]"), answered("[2]")])
    with pytest.raises(FailedPrecondition) as caught:
        await complete(house)
    assert caught.value.metadata["text"] == "[2]"
    spent = (await house.spent())["one"]
    assert (spent.calls, spent.failed, spent.tokens) == (2, 0, TokenUsage(20, 4))
    assert len(raw.bodies) == 2


@pytest.mark.parametrize("first", [answered('{"name": "x", "cou', "length"), answered('{"name": "x', tokens=9)])
async def test_a_cut_answer_is_told_as_cut(house: RoutedChats, raw: RawProvider, first: Play) -> None:
    """Also where the provider says that it stopped by itself, at the limit that it was given."""
    raw.plays.append(first)
    completion = await complete(house, replace(ASK, max_tokens=9))
    assert completion.reason is LENGTH
    assert completion.text.startswith('{"name": "x')
    assert completion.check is None


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (answered(None, refusal="I cannot."), "I cannot."),
        (answered("", "content_filter"), ""),
        (answered(None, "tool_calls", tool_calls=[{"id": "1", "function": {"name": "f", "arguments": "{}"}}]), ""),
    ],
)
async def test_what_is_no_answer_is_told_as_what_it_is(
    house: RoutedChats, raw: RawProvider, play: Play, said: str
) -> None:
    raw.plays.append(play)
    completion = await complete(house)
    assert (completion.refusal, completion.check) == (said, None)


@pytest.mark.parametrize(
    "second", [answered(GOOD[:9], "length"), answered(None, refusal="no"), Play(status=500), Play(cut=True)]
)
async def test_where_asking_again_gives_no_answer_the_first_one_is_told(
    plain: RoutedChats, raw: RawProvider, second: Play
) -> None:
    raw.plays.extend([answered("[1]"), second])
    with pytest.raises(FailedPrecondition) as caught:
        await complete(plain)
    assert caught.value.metadata["text"] == "[1]"
    assert caught.value.metadata["not_asked_again"]


async def test_without_time_nobody_is_asked_again(plain: RoutedChats, raw: RawProvider) -> None:
    hanging = Play(pieces=[b" "], hang=True)
    raw.plays.extend([answered("[1]"), hanging])
    with pytest.raises(FailedPrecondition) as caught:
        await complete(plain, timeout=0.5)
    assert caught.value.metadata["not_asked_again"] in ("PROVIDER_TIMEOUT", "DEADLINE_NEAR")


async def test_several_answers_have_to_match_all(plain: RoutedChats, raw: RawProvider) -> None:
    def both(first: str, second: str) -> Play:
        return whole({"choices": [{"index": i, "message": {"content": t}} for i, t in enumerate((first, second))]})

    raw.plays.extend([both(f"```{GOOD}```", GOOD), both(GOOD, "[1]")])
    completion = await complete(plain, replace(ASK, n=2))
    assert [completion.text, *(other.text for other in completion.others)] == [GOOD, GOOD]
    with pytest.raises(FailedPrecondition) as caught:
        await complete(plain, replace(ASK, n=2))
    assert caught.value.metadata["not_asked_again"] == "SEVERAL_ANSWERS"


async def test_a_schema_that_is_only_wished_for_is_not_held_against_anything(
    house: RoutedChats, raw: RawProvider
) -> None:
    wished = replace(ASK, output=OutputSchema("thing", {**SCHEMA, "unevaluatedItems": 1}, strict=False))
    raw.plays.append(answered("[1]"))
    completion = await complete(house, wished)
    assert (completion.text, completion.check) == ("[1]", None)


async def test_a_provider_without_schemas_gets_words_and_is_held_to_them(plain: RoutedChats, raw: RawProvider) -> None:
    refused = Play(pieces=[dumped({"error": {"message": "response_format json_schema is not supported"}})], status=400)
    ask = replace(ASK, model="one/m")
    raw.plays.extend([refused, answered("[1]"), answered(GOOD), answered(GOOD)])
    for _ in range(2):
        assert (await complete(plain, ask)).text == GOOD
    forms = [(body.get("response_format") or {}).get("type") for body in raw.bodies]
    assert forms == ["json_schema", "json_object", "json_object", "json_object"]
    assert all("JSON Schema" in body["messages"][0]["content"] for body in raw.bodies[1:])


async def test_what_was_thought_is_apart_from_the_json(plain: RoutedChats, raw: RawProvider) -> None:
    raw.plays.extend([answered("{no}</think>" + GOOD), answered(GOOD, reasoning_content="{so}")])
    assert [((one := await complete(plain)).text, one.reasoning) for _ in range(2)] == [(GOOD, "{no}"), (GOOD, "{so}")]


async def test_a_schema_that_cannot_be_checked_never_reaches_a_provider(house: RoutedChats, raw: RawProvider) -> None:
    ask = replace(ASK, output=OutputSchema("thing", {"$ref": "http://127.0.0.1:9/schema"}))
    for call in (complete, stream):
        with pytest.raises(InvalidArgument) as caught:
            await call(house, ask)
        assert caught.value.violations[0].field == "options.structured_output.json_schema"
    assert raw.bodies == []


async def test_a_stream_of_tool_calls_is_not_held_against_the_schema(plain: RoutedChats, raw: RawProvider) -> None:
    called = {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}]}
    raw.plays.append(sse({"choices": [{"index": 0, "delta": called}]}, {"choices": [{"finish_reason": "tool_calls"}]}))
    text, finish = await stream(plain)
    assert (text, finish.reason, finish.check) == ("", FinishReason.TOOL_CALLS, None)
