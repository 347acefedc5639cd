"""Analysis: the material's own sentences, in a model's words only where its quotes hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.exercises.adapters.clients.fake import FakeChatModel, FakeFileReadingModel
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.analysis.analyst import Analyst
from services.exercises.domain.analysis.extraction import extract, level_of, text_rank
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.values.analysis import Level
from services.exercises.values.chat import ChatRequest
from services.exercises.values.question import Generator, QuestionKind
from services.kit.errors import Unavailable
from services.language.en import ENGLISH
from services.language.zh import CHINESE
from tests.unit.exercises.fakes import material, no_model


def summary(task: ChatRequest) -> dict[str, Any]:
    """One key point for each sentence that the task holds."""
    line = task.messages[1].content.split("\n", 1)[0]
    sentences = json.loads(line.split(": ", 1)[-1].split("：", 1)[-1])
    return {"key_points": [{"quote": s, "text": f"Know this, point {i}: {s[:30]}"} for i, s in enumerate(sentences)]}


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_without_a_model_key_points_are_sentences_of_the_material(language: str) -> None:
    passages = passages_of_text(material(language))
    analysis = await Analyst(
        FakeMaterialWorker(), FakeChatModel(lambda _: no_model()), FakeFileReadingModel(), model_seconds=5
    ).analyze(passages, "")
    assert analysis.generator is Generator.CLOZE
    assert analysis.language == language
    assert len(analysis.key_points) == 6
    whole = material(language)
    assert all(whole[p.source.start : p.source.end] == p.source.quote for p in analysis.key_points)
    assert {s.kind for s in analysis.suggestions} == set(QuestionKind)
    assert all(s.count > 0 and s.reason for s in analysis.suggestions)


async def test_a_models_words_are_used_where_its_quotes_hold() -> None:
    analyst = Analyst(FakeMaterialWorker(), FakeChatModel(summary), FakeFileReadingModel(), model_seconds=5)
    analysis = await analyst.analyze(passages_of_text(material("en")), "")
    assert analysis.generator is Generator.MODEL
    assert all(point.text.startswith("Know this") for point in analysis.key_points)
    whole = material("en")
    assert all(whole[p.source.start : p.source.end] == p.source.quote for p in analysis.key_points)


@pytest.mark.parametrize(
    "answer",
    [
        {"key_points": [{"quote": "Invented sentence.", "text": "Know this."}] * 6},
        {"key_points": [{"quote": "x", "text": 3}, "no", None]},
        {"key_points": "none"},
        "no json",
    ],
)
async def test_what_does_not_hold_gives_way_to_the_sentences(answer: Any) -> None:
    analyst = Analyst(FakeMaterialWorker(), FakeChatModel(lambda _: answer), FakeFileReadingModel(), model_seconds=5)
    analysis = await analyst.analyze(passages_of_text(material("en")), "")
    assert analysis.generator is Generator.CLOZE
    assert len(analysis.key_points) == 6


async def test_a_text_of_a_few_words_has_no_key_points_and_asks_no_model() -> None:
    model = FakeChatModel(summary)
    analysis = await Analyst(FakeMaterialWorker(), model, FakeFileReadingModel(), model_seconds=5).analyze(
        passages_of_text("Hello there"), ""
    )
    assert (analysis.key_points, analysis.suggestions) == ((), ())
    assert not model.tasks


def test_definitions_rank_high() -> None:
    found = extract(passages_of_text(material("en")), 4)
    assert any(sentence.text.startswith("Photosynthesis is the process") for sentence in found.key_sentences)


def test_text_rank_prefers_the_well_connected() -> None:
    edges = [{1: 1.0, 2: 1.0}, {0: 1.0}, {0: 1.0}, {}]
    rank = text_rank(edges)
    assert rank[0] > rank[1] == rank[2] > rank[3]
    assert sum(rank[:3]) == pytest.approx(3.0, rel=0.02)


def test_levels_follow_the_measures() -> None:
    easy = ["The cat sat on the mat.", "It was a big cat.", "The dog ran to the cat."]
    hard = ["Thermodynamic irreversibility fundamentally constrains macroscopic electrochemical efficiencies."]
    assert ENGLISH.readability.difficulty(easy) < 3
    assert level_of(easy, ENGLISH) is Level.BEGINNER
    assert level_of(hard, ENGLISH) is Level.ADVANCED
    assert level_of(["我有一只猫。", "猫在家里。"], CHINESE) is Level.BEGINNER


def _points_of(text: str) -> list[dict[str, str]]:
    """Three key points that quote a material, and one that does not."""
    quotes = [sentence.strip() + "." for sentence in text.split(".")[1:4]]
    points = [{"quote": quote, "text": f"Know this of {quote[:40]}"} for quote in quotes]
    return [{"quote": "It is not there.", "text": "Forget this."}, *points]


async def test_a_file_is_read_by_the_provider_of_a_model_that_can() -> None:
    text, model = material("en"), FakeChatModel(summary)
    files = FakeFileReadingModel({"key_points": _points_of(text)})
    analysis = await Analyst(FakeMaterialWorker(), model, files, model_seconds=5).analyze(
        passages_of_text(text), "long", "document"
    )
    assert (analysis.read_by_provider, analysis.generator, len(analysis.key_points)) == (True, Generator.MODEL, 3)
    assert all(text[point.source.start : point.source.end] == point.source.quote for point in analysis.key_points)
    assert not model.tasks
    ((document, request),) = files.asked
    assert (document, request.model, request.schema_name) == ("document", "long", "key_points_of_file")


@pytest.mark.parametrize(
    "answer", [None, "no json", {"key_points": []}, {"key_points": [{"quote": "x", "text": "y"}]}, Unavailable("away")]
)
async def test_what_a_provider_cannot_read_was_read_here(answer: Any) -> None:
    files, passages = FakeFileReadingModel(answer), passages_of_text(material("en"))
    analyst = Analyst(FakeMaterialWorker(), FakeChatModel(summary), files, model_seconds=5)
    analysis = await analyst.analyze(passages, "", "document")
    assert (analysis.read_by_provider, analysis.generator) == (False, Generator.MODEL)
    assert len(files.asked) == (answer is not None)


async def test_a_text_is_no_file() -> None:
    files = FakeFileReadingModel({"key_points": []})
    await Analyst(FakeMaterialWorker(), FakeChatModel(summary), files, model_seconds=5).analyze(
        passages_of_text(material("en")), ""
    )
    assert files.asked == []
