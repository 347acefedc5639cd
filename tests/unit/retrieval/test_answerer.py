from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from services.kit.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, TikuError, Unavailable
from services.retrieval.adapters.clients.fake import FakeChatModel, FakeEmbedder, FakeModelDirectory
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.answering.reading import Reading
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.values.answer import (
    AnswerDelta,
    AnswerDone,
    AnswerEvent,
    AnswerOutcome,
    AnswerRestarted,
    AnswerSources,
    Citation,
)
from services.retrieval.values.calibration import Calibrations
from services.retrieval.values.chat import ChatFinish, ChatRequest, ServedModel
from services.retrieval.values.chunk import EmbeddedChunk, Hit
from tests.unit.retrieval.fakes import GATED, PLAIN, FakeLeg, chunk, hit, query
from tests.waiting import at_once

QUESTION = "At what temperature does water boil?"
HITS = [
    hit("Water is wet. Water boils at a temperature of 100 degrees Celsius.", 0, 0.6),
    hit("Ice melts at zero degrees. Snow is white.", 1, 0.5),
]
NO_CHAT = FailedPrecondition("No chat model is configured.", reason="NO_CHAT_PROVIDER")
NOT_REACHED = Unavailable("The model provider is unavailable.", reason="PROVIDER_UNAVAILABLE")


def answerer(
    chat: FakeChatModel,
    hits: Sequence[Hit] = HITS,
    embedder: FakeEmbedder | None = None,
    directory: FakeModelDirectory | None = None,
) -> Answerer:
    retriever = HybridRetriever([FakeLeg("vector", hits)], FakeVectorStore())
    embedder = embedder or FakeEmbedder()
    groundedness = GroundednessCheck(embedder, PLAIN, GATED)
    gate, extractive, reading = (
        RelevanceGate(GATED),
        ExtractiveAnswerer(embedder),
        Reading(directory or FakeModelDirectory()),
    )
    return Answerer(retriever, gate, chat, extractive, groundedness, reading)


async def ask(
    chat: FakeChatModel, question: str = QUESTION, hits: Sequence[Hit] = HITS
) -> tuple[list[AnswerEvent], AnswerDone]:
    events = [event async for event in answerer(chat, hits).answer(query(question))]
    assert isinstance(events[0], AnswerSources)
    done = events[-1]
    assert isinstance(done, AnswerDone)
    assert sum(isinstance(event, AnswerSources | AnswerDone) for event in events) == 2
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)) == done.text
    citations = [event for event in events if isinstance(event, Citation)]
    for citation in citations:
        assert done.text[citation.answer_start : citation.answer_end] == f"[{citation.number}]"
    return events, done


def quotes(events: Sequence[AnswerEvent]) -> list[str]:
    return [event.source.quote for event in events if isinstance(event, Citation)]


async def test_a_cited_answer() -> None:
    chat = FakeChatModel(["Water boils at 100 ", "degrees Celsius [", "1", "]", "."])
    events, done = await ask(chat)
    assert (done.outcome, done.model, done.usage.total_tokens) == (AnswerOutcome.ANSWERED, "scripted", 15)
    assert done.text == "Water boils at 100 degrees Celsius [1]."
    assert quotes(events) == ["Water boils at a temperature of 100 degrees Celsius."]
    sources = events[0]
    assert isinstance(sources, AnswerSources)
    assert [source.quote for source in sources.sources] == [h.chunk.text for h in HITS]
    assert chat.closed


@pytest.mark.parametrize(
    ("question", "repeated", "answer"),
    [
        ("Why does ice float on water?", "Ice floats on water [1].", "Ice floats on water because it is lighter."),
        (
            "为什么深层地下水一旦污染很难治理？",
            "深层地下水一旦污染很难治理[1]。",
            "深层地下水更新慢，一旦污染很难治理。",
        ),
    ],
)
async def test_a_reason_is_not_the_question_told_back(question: str, repeated: str, answer: str) -> None:
    hits = [replace(HITS[0], chunk=replace(HITS[0].chunk, text=f"{question} {answer}", end=900))]
    chat = FakeChatModel([repeated])
    events = [event async for event in answerer(chat, hits).answer(query(question))]
    done = events[-1]
    assert isinstance(done, AnswerDone)
    assert (done.outcome, done.text) == (AnswerOutcome.ANSWERED, f"{answer} [1]")
    anew = next(at for at, event in enumerate(events) if isinstance(event, AnswerRestarted))
    assert quotes(events[anew:]) == [answer]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Does ice float on water?", "Ice floats on water [1]."),
        ("Why does ice float?", "It is lighter than water [1]."),
    ],
)
async def test_what_answers_stays(question: str, answer: str) -> None:
    text = "Ice floats on water because it is lighter than water."
    hits = [replace(HITS[0], chunk=replace(HITS[0].chunk, text=text, end=900))]
    _, done = await ask(FakeChatModel([answer]), question, hits)
    assert (done.outcome, done.text) == (AnswerOutcome.ANSWERED, answer)


async def test_neighbors_are_one_source_and_are_cited_where_they_stand() -> None:
    boiling, melting = (h.chunk for h in HITS)
    text = f"{boiling.text}\n{melting.text}"
    first = replace(boiling, start=100, end=100 + len(boiling.text), gap="\n")
    second = replace(melting, start=first.end + 1, end=100 + len(text))
    hits = [replace(h, chunk=c) for h, c in zip(reversed(HITS), (second, first), strict=True)]
    events, done = await ask(
        FakeChatModel(["Water boils at 100 degrees Celsius [1]. Ice melts at zero [1]."]), hits=hits
    )
    sources = events[0]
    assert isinstance(sources, AnswerSources)
    assert [(s.quote, s.start, s.chunk_id) for s in sources.sources] == [(text, 100, first.chunk_id)]
    assert done.outcome is AnswerOutcome.ANSWERED
    cited = [event.source for event in events if isinstance(event, Citation)]
    assert [source.chunk_id for source in cited] == [first.chunk_id, second.chunk_id]
    assert all(source.quote == text[source.start - 100 : source.end - 100] for source in cited)


async def test_an_irrelevant_question_asks_no_model_and_shows_no_source() -> None:
    chat = FakeChatModel(["Lima [1]."])
    events, done = await ask(chat, "Who won the election in Peru?", [hit("Water is wet.", score=0.3)])
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert isinstance(events[0], AnswerSources)
    assert events[0].sources == ()
    assert [report.leg for report in events[0].legs] == ["vector"]
    assert done.model == ""
    assert chat.requests == []


async def test_a_question_about_the_whole_is_read_evenly_and_not_refused() -> None:
    store = FakeVectorStore()
    document = HITS[0].chunk.document_id
    chunks = [EmbeddedChunk(chunk(f"Fact number {i}.", i), [1.0]) for i in range(40)]
    await store.upsert("m", "alice", chunks)
    chat = FakeChatModel(["It lists facts [1]."])
    retriever = HybridRetriever([FakeLeg("vector", HITS)], store)
    embedder, none = FakeEmbedder(), Calibrations({})
    groundedness = GroundednessCheck(embedder, PLAIN, none)
    gate, extractive, reading = RelevanceGate(none), ExtractiveAnswerer(embedder), Reading(FakeModelDirectory())
    subject = Answerer(retriever, gate, chat, extractive, groundedness, reading)
    events = [event async for event in subject.answer(query("What is this document about?", 4, (document,)))]
    assert isinstance(events[0], AnswerSources)
    assert [source.quote for source in events[0].sources] == [f"Fact number {i}." for i in (5, 15, 25, 35)]
    assert isinstance(events[-1], AnswerDone)
    assert events[-1].outcome is AnswerOutcome.ANSWERED


async def test_without_documents_the_nearest_passages_speak_for_the_whole() -> None:
    _, done = await ask(FakeChatModel(["Water [1]."]), "Summarize the text.", [hit("Water is wet.", score=0.1)])
    assert done.outcome is AnswerOutcome.ANSWERED
    _, done = await ask(FakeChatModel(["Water [1]."]), "Summarize the text.", [])
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL


async def test_a_refusal_is_said_in_the_questions_language() -> None:
    _, done = await ask(FakeChatModel([]), "秘鲁选举谁赢了？", [hit("光合作用需要光照。", score=0.3)])
    assert done.text.startswith("资料中没有")


@pytest.mark.parametrize(
    "pieces", [["NOT_IN_MATERIAL"], ["NOT", "_IN_", "MATERIAL", ".", " Because"], [" \nNOT IN MATERIAL"]]
)
async def test_the_models_marker_becomes_a_refusal(pieces: list[str]) -> None:
    events, done = await ask(FakeChatModel(pieces))
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert "NOT" not in done.text
    assert quotes(events) == []


async def test_a_refusal_in_the_models_own_words_counts_as_one() -> None:
    _, done = await ask(FakeChatModel(["The passages do not mention it [1]."]))
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL


@pytest.mark.parametrize(
    ("chat", "reason"),
    [
        (FakeChatModel([], error=NO_CHAT), "NO_CHAT_PROVIDER"),
        (FakeChatModel([], error=NOT_REACHED), "PROVIDER_UNAVAILABLE"),
        (FakeChatModel([], refused=True), "MODEL_REFUSED"),
        (FakeChatModel([" "], thought=True), "MODEL_ONLY_THOUGHT"),
        (FakeChatModel([], truncated=True, thought=True), "MODEL_CUT"),
        (FakeChatModel([]), "MODEL_WROTE_NOTHING"),
    ],
)
async def test_where_the_sources_answer_in_place_of_a_model_the_end_says_why(chat: FakeChatModel, reason: str) -> None:
    _, done = await ask(chat)
    assert done.outcome is AnswerOutcome.ANSWERED
    assert done.model_reason == reason
    assert done.model_message.endswith(".")


@pytest.mark.parametrize(
    ("options", "reason"), [({"truncated": True}, "MODEL_CUT"), ({"refused": True}, "MODEL_REFUSED")]
)
async def test_an_answer_that_is_not_whole_says_so(options: dict[str, bool], reason: str) -> None:
    _, done = await ask(FakeChatModel(["Water boils at 100 degrees Celsius [1], and at"], **options))  # type: ignore[arg-type]
    assert (done.outcome, done.model_reason) == (AnswerOutcome.ANSWERED, reason)
    _, whole = await ask(FakeChatModel(["Water boils at 100 degrees Celsius [1]."], thought=True))
    assert not whole.model_reason


BOILING = "Water boils at 100 degrees Celsius [1]."
THINKING = [
    f"<think>Passage [1] says so: NOT_IN_MATERIAL?</think>{BOILING}",
    f"<thinking>hm [2]</thinking>\n\n{BOILING}",
    f"Okay, the user asks when water boils. Passage [1] tells.\n</think>\n\n{BOILING}",
    f"嗯，用户问水的沸点[1]。</think>{BOILING}",
    f"<|channel|>analysis<|message|>[1]<|end|><|start|>assistant<|channel|>final<|message|>{BOILING}",
]


@pytest.mark.parametrize("text", THINKING)
@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_what_a_model_thinks_is_neither_shown_nor_cited(text: str, size: int) -> None:
    events, done = await ask(FakeChatModel([text[i : i + size] for i in range(0, len(text), size)]))
    assert done.text == BOILING
    assert len(quotes(events)) == 1
    assert not any(isinstance(event, AnswerRestarted) for event in events)


async def test_thoughts_that_were_shown_are_taken_back() -> None:
    chat = FakeChatModel(["Water boils at 90 degrees [1]. Or does it?", "</think>", BOILING])
    events = [event async for event in answerer(chat).answer(query(QUESTION))]
    place = next(i for i, event in enumerate(events) if isinstance(event, AnswerRestarted))
    done = events[-1]
    assert isinstance(done, AnswerDone)
    assert done.text == "".join(event.text for event in events[place:] if isinstance(event, AnswerDelta)) == BOILING
    assert [c.answer_start for c in events[place:] if isinstance(c, Citation)] == [BOILING.index("[1]")]


async def test_only_thoughts_are_no_answer() -> None:
    _, done = await ask(FakeChatModel(["<think>Water boils [1]."]))
    assert done.model_reason == "MODEL_ONLY_THOUGHT"
    assert "boils at a temperature of 100" in done.text


async def test_a_text_that_begins_like_thoughts_is_shown_in_the_end() -> None:
    _, done = await ask(FakeChatModel(["Looking at ", "water, it boils at 100 degrees Celsius [1]."]))
    assert done.text == "Looking at water, it boils at 100 degrees Celsius [1]."


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Water boils at 90 degrees [1].", "Water boils at 90 degrees [1] (the source says otherwise)."),
        ("Water boils at 90 degrees.", "Water boils at 90 degrees. [1] (the source says otherwise)"),
        ("Water never boils at a temperature of 100 degrees Celsius [1].",
         "Water never boils at a temperature of 100 degrees Celsius [1] (the source says otherwise)."),
        ("Water boils at 100 degrees [1]. Ice melts at 5 degrees [2].",
         "Water boils at 100 degrees [1]. Ice melts at 5 degrees [2] (the source says otherwise)."),
    ],
)  # fmt: skip
async def test_what_its_source_contradicts_is_marked(written: str, shown: str) -> None:
    _, done = await ask(FakeChatModel([written]))
    assert (done.outcome, done.text) == (AnswerOutcome.ANSWERED, shown)


async def test_a_marker_after_a_cited_statement_is_dropped() -> None:
    events, done = await ask(FakeChatModel(["Water boils at 100 degrees [1].", " NOT_IN_MATERIAL"]))
    assert done.outcome is AnswerOutcome.ANSWERED
    assert done.text == "Water boils at 100 degrees [1]."
    assert len(quotes(events)) == 1


async def test_an_answer_without_marks_is_cited_at_its_end() -> None:
    events, done = await ask(FakeChatModel(["Water boils at 100 degrees Celsius."]))
    assert done.outcome is AnswerOutcome.ANSWERED
    assert done.text == "Water boils at 100 degrees Celsius. [1]"
    assert quotes(events) == ["Water boils at a temperature of 100 degrees Celsius."]


async def test_one_supported_sentence_is_enough_wherever_it_stands() -> None:
    _, done = await ask(FakeChatModel(["Water boils at 100 degrees Celsius. Napoleon liked elephants."]))
    assert done.outcome is AnswerOutcome.ANSWERED
    assert done.text.endswith(" [1]")


async def test_an_answer_that_nothing_supports_says_so() -> None:
    events, done = await ask(FakeChatModel(["Napoleon crossed the Alps with elephants."]))
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert done.text.endswith("(No passage of the material supports this.)")
    assert quotes(events) == []


async def test_marks_on_an_invention_do_not_make_it_true() -> None:
    _, done = await ask(FakeChatModel(["Napoleon crossed the Alps with elephants [2]."]))
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert done.text.endswith("[2]. (No passage of the material supports this.)")


@pytest.mark.parametrize("mark", ["[1]", ""])
async def test_across_languages_meaning_decides_whether_the_material_backs_an_answer(mark: str) -> None:
    """The embedder of these tests sees letters alone: what shares letters with the passage means the same."""
    events, done = await ask(FakeChatModel([f"水的沸点是 100 degrees Celsius 一百摄氏度{mark}。"]))
    assert done.outcome is AnswerOutcome.ANSWERED
    assert len(quotes(events)) == 1
    _, done = await ask(FakeChatModel([f"拿破仑带着大象翻越了阿尔卑斯山{mark}。"]))
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert done.text.endswith("(No passage of the material supports this.)")


async def test_across_languages_a_mark_is_believed_when_meaning_cannot_be_seen() -> None:
    subject = answerer(
        FakeChatModel(["拿破仑带着大象翻越了阿尔卑斯山[1]。"]), embedder=FakeEmbedder(Unavailable("down"))
    )
    events = [event async for event in subject.answer(query(QUESTION))]
    assert isinstance(events[-1], AnswerDone)
    assert events[-1].outcome is AnswerOutcome.ANSWERED


async def test_a_mark_on_the_wrong_passage_does_not_make_a_true_answer_an_invention() -> None:
    events, done = await ask(FakeChatModel(["Water boils at 100 Celsius [2]."]))
    assert done.outcome is AnswerOutcome.ANSWERED
    assert done.text == "Water boils at 100 Celsius [1]."
    assert quotes(events)[-1] == "Water boils at a temperature of 100 degrees Celsius."


async def test_a_bare_figure_speaks_the_language_of_its_question() -> None:
    subject = answerer(FakeChatModel(["100 °"]), embedder=FakeEmbedder(Unavailable("down")))
    events = [event async for event in subject.answer(query("水的沸点是多少摄氏度？"))]
    assert isinstance(events[-1], AnswerDone)
    assert (events[-1].outcome, events[-1].text) == (AnswerOutcome.ANSWERED, "100 ° [1]")


async def test_marks_of_passages_that_are_not_there_do_not_count() -> None:
    events, done = await ask(FakeChatModel(["Water boils at 100 degrees Celsius [7]."]))
    assert done.text == "Water boils at 100 degrees Celsius. [1]"
    assert len(quotes(events)) == 1


@pytest.mark.parametrize(
    "chat",
    [
        FakeChatModel([], error=NO_CHAT),
        FakeChatModel([], error=NOT_REACHED),
        FakeChatModel(["", " "]),
        FakeChatModel(["[", "1]"]),
    ],
)
async def test_without_a_models_answer_the_passages_answer_themselves(chat: FakeChatModel) -> None:
    events, done = await ask(chat)
    assert done.outcome is AnswerOutcome.ANSWERED
    assert "Water boils at a temperature of 100 degrees Celsius. [1]" in done.text
    assert quotes(events)[0] == "Water boils at a temperature of 100 degrees Celsius."


async def test_extraction_works_by_words_when_embedding_fails() -> None:
    subject = answerer(FakeChatModel([], error=NO_CHAT), embedder=FakeEmbedder(Unavailable("down")))
    events = [event async for event in subject.answer(query(QUESTION))]
    assert quotes(events) == ["Water boils at a temperature of 100 degrees Celsius."]


@pytest.mark.parametrize("error", [NO_CHAT, NOT_REACHED])
async def test_a_named_model_that_is_not_there_is_an_error_not_an_extract(error: TikuError) -> None:
    with pytest.raises(type(error)):
        async for _ in answerer(FakeChatModel([], error=error)).answer(query(QUESTION), "gpt-9"):
            pass


@pytest.mark.parametrize("error", [Unavailable("down"), NOT_REACHED])
async def test_a_model_that_breaks_off_is_an_error_after_what_it_wrote(error: TikuError) -> None:
    chat = FakeChatModel(["Water boils "], error=error)
    events: list[AnswerEvent] = []
    with pytest.raises(Unavailable):
        async for event in answerer(chat).answer(query(QUESTION)):
            events.append(event)
    assert events[-1] == AnswerDelta("Water boils")
    assert chat.closed


@pytest.mark.parametrize("position", range(1, 9))
async def test_closing_at_any_event_stops_the_model_within_100_ms(position: int) -> None:
    chat = FakeChatModel(["word [1] "], endless=True, delay=0.001)
    events = answerer(chat).answer(query(QUESTION))
    for _ in range(position):
        await anext(events)
    async with at_once():
        await events.aclose()
    written = chat.written
    await asyncio.sleep(0.02)
    assert chat.closed or not chat.requests
    assert chat.written == written


async def test_cancelling_the_reader_stops_the_model() -> None:
    chat = FakeChatModel(["word "], endless=True, delay=0.001)

    async def read() -> None:
        async for _ in answerer(chat).answer(query(QUESTION)):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.02)
    assert chat.closed


async def test_the_first_text_is_passed_on_at_once() -> None:
    chat = FakeChatModel(["Water ", "boils [1]."], delay=0.2)
    events = answerer(chat).answer(query(QUESTION))
    await anext(events)
    async with at_once(0.3):
        assert await anext(events) == AnswerDelta("Water")
    await events.aclose()


@pytest.mark.parametrize("question", ["  ", "???", "。。。", "?!… —"])
async def test_a_question_that_says_nothing_is_refused(question: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        async for _ in answerer(FakeChatModel([])).answer(query(question)):
            pass
    assert raised.value.violations[0].field == "question"


async def test_a_fast_stream_is_joined() -> None:
    chat = FakeChatModel([f"word{i} " for i in range(300)])
    events, done = await ask(chat)
    assert len(done.text) > 2000
    assert len(events) < 100


TWO_PARTS = [
    hit("Water is wet. Water boils at a temperature of 100 degrees Celsius. " + "Rivers flow to the sea. " * 30, 0),
    hit("Ice melts at zero degrees. Snow is white. " + "Steam drives turbines in mills. " * 30, 1, 0.5),
]
LATER = "Rivers flow to the sea [1]."
"""An answer that the first part does not hold, nor claims to."""


class Turns(FakeChatModel):
    """Writes another text each time that it is asked."""

    def __init__(self, *texts: str, error: Exception | None = None, delay: float = 0.0) -> None:
        super().__init__(delay=delay)
        self._texts, self._late_error = list(texts), error

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        self.pieces = self._texts.pop(0).split("|")
        self.error = self._late_error if not self._texts else None
        async with aclosing(super().stream(request)) as items:
            async for item in items:
                yield item


def prompts(chat: FakeChatModel) -> list[str]:
    return [request.messages[-1].content for request in chat.requests]


def slow(chat: FakeChatModel, hits: Sequence[Hit] = TWO_PARTS) -> Answerer:
    return answerer(chat, hits, directory=FakeModelDirectory([ServedModel("scripted", "local", 10.0)]))


async def read_slowly(chat: FakeChatModel, question: str = QUESTION) -> tuple[list[AnswerEvent], AnswerDone]:
    events = [event async for event in slow(chat).answer(query(question))]
    assert isinstance(events[-1], AnswerDone)
    return events, events[-1]


async def test_a_slow_model_that_finds_the_answer_reads_no_more() -> None:
    chat = Turns("Water boils at 100 degrees Celsius [1].")
    events, done = await read_slowly(chat)
    assert (done.outcome, done.usage.total_tokens) == (AnswerOutcome.ANSWERED, 15)
    assert quotes(events) == ["Water boils at a temperature of 100 degrees Celsius."]
    (prompt,) = prompts(chat)
    assert "boils at a temperature" in prompt
    assert len(prompt) < sum(len(one.chunk.text) for one in TWO_PARTS) / 1.5
    sources = events[0]
    assert isinstance(sources, AnswerSources)
    assert [source.quote for source in sources.sources] == [one.chunk.text for one in TWO_PARTS]


@pytest.mark.parametrize("nothing", ["NOT_IN_MATERIAL", "NOT|_IN|_MATERIAL.", " NOT IN MATERIAL"])
async def test_only_where_it_finds_none_the_rest_is_read_on(nothing: str) -> None:
    chat = Turns(nothing, LATER)
    events, done = await read_slowly(chat)
    assert (done.outcome, done.text) == (AnswerOutcome.ANSWERED, LATER)
    assert done.usage.total_tokens == 30
    assert not any(isinstance(event, AnswerRestarted) for event in events)
    first, second = prompts(chat)
    begin = first.index("[1]")
    kept = first[begin : first.index("Question:")].rstrip()
    assert second[: begin + len(kept)] == first[: begin + len(kept)]
    rest = second[begin + len(kept) :]
    for one in TWO_PARTS:
        for sentence in one.chunk.text.split(". "):
            assert sentence.rstrip(".") in kept + rest


@pytest.mark.parametrize(
    "said", ["The passages do not mention it [1].", "Napoleon crossed the Alps with elephants [2]."]
)
async def test_what_was_shown_and_is_no_answer_is_taken_back(said: str) -> None:
    events, done = await read_slowly(Turns(said, LATER))
    place = next(i for i, event in enumerate(events) if isinstance(event, AnswerRestarted))
    assert done.text == "".join(event.text for event in events[place:] if isinstance(event, AnswerDelta)) == LATER
    assert [c.answer_start for c in events[place:] if isinstance(c, Citation)] == [LATER.index("[1]")]
    assert (done.outcome, done.usage.total_tokens) == (AnswerOutcome.ANSWERED, 30)


@pytest.mark.parametrize("said", ["NOT_IN_MATERIAL", "Napoleon crossed the Alps with elephants."])
async def test_the_rest_is_read_once(said: str) -> None:
    chat = Turns(said, said, LATER)
    _, done = await read_slowly(chat)
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert len(chat.requests) == 2
    assert done.usage.total_tokens == 30


@pytest.mark.parametrize("options", [{"truncated": True}, {"refused": True}])
async def test_a_model_that_failed_is_not_asked_to_read_on(options: dict[str, bool]) -> None:
    chat = FakeChatModel(["Napoleon crossed the Alps"], **options)  # type: ignore[arg-type]
    _, done = await read_slowly(chat)
    assert len(chat.requests) == 1
    assert done.model_reason


async def test_a_question_about_the_whole_reads_everything_at_once() -> None:
    chat = Turns("It is about water [1].")
    await read_slowly(chat, "What is this text about?")
    (prompt,) = prompts(chat)
    assert all(one.chunk.text.strip() in prompt for one in TWO_PARTS)


async def test_a_model_that_is_gone_when_it_is_to_read_on_leaves_the_sources_to_answer() -> None:
    _, done = await read_slowly(Turns("NOT_IN_MATERIAL", "", error=NOT_REACHED))
    assert done.model_reason == "PROVIDER_UNAVAILABLE"
    assert "boils at a temperature of 100" in done.text


async def test_no_time_left_to_read_on_is_an_error() -> None:
    late = DeadlineExceeded("Too late.")
    events: list[AnswerEvent] = []
    with pytest.raises(DeadlineExceeded):
        async for event in slow(Turns("Napoleon crossed the Alps with elephants.", "", error=late)).answer(
            query(QUESTION)
        ):
            events.append(event)
    assert isinstance(events[-1], AnswerRestarted)


@pytest.mark.parametrize("position", range(1, 9))
async def test_closing_between_the_readings_stops_the_model(position: int) -> None:
    chat = Turns("Napoleon crossed |the Alps |with elephants [1].", "|".join(["word "] * 1000), delay=0.001)
    events = slow(chat).answer(query(QUESTION))
    for _ in range(position):
        await anext(events)
    async with at_once():
        await events.aclose()
    written, asked = chat.written, len(chat.requests)
    await asyncio.sleep(0.02)
    assert chat.closed or not chat.requests
    assert (chat.written, len(chat.requests)) == (written, asked)


async def test_a_model_that_goes_on_after_its_marker_is_stopped() -> None:
    chat = FakeChatModel(["NOT_IN_MATERIAL", " because"], endless=True, delay=0.001)
    async with at_once(5.0):
        _, done = await ask(chat)
    assert done.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert chat.closed
