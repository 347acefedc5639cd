"""A third language is one file: the production code makes its questions, in its words, from its sentences."""

from __future__ import annotations

import pytest

from services.common.values import Source, TokenUsage
from services.exercises.adapters.clients.fake import FakeChatModel, FakeFileReadingModel
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.analysis.analyst import Analyst
from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.values.analysis import Level
from services.exercises.values.exercise import Event, QuestionMade
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import (
    GAP,
    AnswerKey,
    Draft,
    Generator,
    GeneratorChoice,
    Passage,
    Question,
    QuestionKind,
    RubricPoint,
)
from services.exercises.values.submission import Answer, Verdict
from services.kit.errors import FailedPrecondition
from services.language.detection import LANGUAGES, Languages, detect_language
from services.language.en import ENGLISH
from services.language.sentences import split_sentences
from services.language.terms import units
from services.language.zh import CHINESE
from services.retrieval.domain.answering.draft import not_in_material
from services.retrieval.domain.prompts.answer import chat_messages
from services.retrieval.values.answer import AnswerDelta
from services.retrieval.values.chat import ChatFinish
from tests.unit.exercises.fakes import material
from tests.unit.language.velin import VELIN

QUESTION = Question(
    question_id="q",
    number=1,
    kind=QuestionKind.SHORT_ANSWER,
    stem="Diktu pen kal planto‖",
    options=(),
    answer_key=AnswerKey(reference="Kal planto donan sukero‖", rubric=(RubricPoint("Diktu «sukero»", 1.0),)),
    explanation="Vidu: Kal planto donan sukero‖",
    source=Source(0, 24, "Kal planto donan sukero‖"),
    generator=Generator.CLOZE,
    model="",
    points=1.0,
)
THREE = Languages((*LANGUAGES, VELIN))
TEXT = (
    "Pen plantos\n"
    "Fotomo nomar kal proceso pen kal folio vey kal lumo‖ Kal folio bibar kal lumo tir kal suno sul kal tago‖ "
    "Kal radiko portan kal akvo tir kal tero‖ Kal stomo donan kal gaso tir kal vento‖ "
    "Kal planto donan sukero mey amelo mey ligno‖ Rin bibar kal akvo sul kal nokto‖\n"
    "Kal semo kreskan sul kal frukto pen kal arbo‖ Kal pluvo portan kal akvo tir kal nubo‖ "
    "Kal abelo portan kal poleno tir kal floro‖ Kal kaktuso nol bibar kal akvo tir kal nebulo‖ "
    "Kal arbo kreskan 40 metros sul kal monto‖"
)
PASSAGES = (Passage(TEXT),)


def drafts_of(kind: QuestionKind, count: int, seed: int = 0) -> list[Draft]:
    drafts = Cloze(PASSAGES, seed, THREE).drafts({kind: count})[kind]
    assert drafts
    sentences = [TEXT[span.start : span.end] for span in split_sentences(TEXT, languages=THREE)]
    for draft in drafts:
        assert draft.quote in TEXT
        assert draft.quote in sentences or kind is QuestionKind.MULTIPLE_CHOICE
        assert not draft.quote.startswith("Rin")
    return drafts


def test_its_texts_are_told_from_those_of_the_others() -> None:
    assert THREE.of(TEXT) is VELIN
    assert THREE.of(material("en")) is ENGLISH
    assert THREE.of(material("zh")) is CHINESE
    assert LANGUAGES.of(TEXT) is ENGLISH
    assert detect_language(TEXT, THREE) == "x-velin"
    assert THREE.by_code("x-velin") is VELIN


def test_its_own_mark_ends_a_sentence() -> None:
    assert [TEXT[slice(*span)] for span in split_sentences(TEXT, languages=THREE)][1:3] == [
        "Fotomo nomar kal proceso pen kal folio vey kal lumo‖",
        "Kal folio bibar kal lumo tir kal suno sul kal tago‖",
    ]
    assert len(split_sentences(TEXT)) < len(split_sentences(TEXT, languages=THREE))


def test_its_words_are_compared_by_its_own_stems() -> None:
    assert units("Kal plantos vey kal arbo", VELIN) == units("planto tir arbos", VELIN) == {"planto", "arbo"}


def test_gaps() -> None:
    for draft in drafts_of(QuestionKind.FILL_IN_THE_BLANK, 6):
        assert draft.stem.count(GAP) == 1
        assert draft.stem.replace(GAP, draft.blanks[0][0]) == draft.quote
        assert draft.explanation == f"Tota: {draft.quote}"


def test_single_choices() -> None:
    drafts = drafts_of(QuestionKind.SINGLE_CHOICE, 6)
    assert any(draft.stem == "Kelo nomar «kal proceso pen kal folio vey kal lumo»?" for draft in drafts)
    assert any(draft.stem.startswith("Kelo restar?\n") and GAP in draft.stem for draft in drafts)
    for draft in drafts:
        right = draft.options[draft.correct[0]]
        assert right in draft.quote
        assert not any(option in draft.quote for option in draft.options if option != right)
        assert draft.explanation == f"Restar «{right}»: {draft.quote}"


def test_true_and_false_statements() -> None:
    drafts = drafts_of(QuestionKind.TRUE_FALSE, 6)
    assert {draft.truth for draft in drafts} == {True, False}
    for draft in drafts:
        assert (draft.stem == draft.quote) is draft.truth
        if draft.substitution is None:
            assert draft.explanation == f"Vera: {draft.quote}"
        else:
            old, new = draft.substitution.old, draft.substitution.new
            assert draft.stem == draft.quote.replace(old, new)
            assert draft.explanation == f"Falsa, «{old}» nol «{new}»: {draft.quote}"
            assert " nol " not in draft.quote


def test_multiple_choices() -> None:
    drafts = drafts_of(QuestionKind.MULTIPLE_CHOICE, 2)
    listed = next(draft for draft in drafts if GAP in draft.stem)
    assert listed.stem == f"Kelos restar?\nKal planto donan {GAP}‖"
    assert {listed.options[i] for i in listed.correct} == {"sukero", "amelo", "ligno"}
    assert all(draft.stem.startswith("Kelos ") for draft in drafts)


def test_short_answers() -> None:
    for draft in drafts_of(QuestionKind.SHORT_ANSWER, 4):
        assert draft.stem.startswith("Diktu")
        assert all(point.text.startswith("Diktu «") for point in draft.rubric)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_questions(seed: int) -> None:
    assert drafts_of(QuestionKind.SINGLE_CHOICE, 4, seed) == drafts_of(QuestionKind.SINGLE_CHOICE, 4, seed)


def test_its_material_is_analyzed() -> None:
    found = extract(PASSAGES, 3, THREE)
    assert found.language == "x-velin"
    assert len(found.key_sentences) == 3
    assert all(TEXT[sentence.source.start : sentence.source.end] == sentence.text for sentence in found.key_sentences)
    assert found.level is Level.INTERMEDIATE


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeChatModel:
    """Let all three ship, and return a model that nobody asks in Velin."""
    for name in ("known", "_ideographic", "_spelled"):
        monkeypatch.setitem(vars(LANGUAGES), name, getattr(THREE, name))
    return FakeChatModel(lambda request: AssertionError("asked"))


@pytest.mark.parametrize("kind", QuestionKind)
async def test_without_prompts_its_exercises_are_made_without_a_model(model: FakeChatModel, kind: QuestionKind) -> None:
    plan = GenerationPlan(PASSAGES, (kind,), 2, GeneratorChoice.MODEL_THEN_CLOZE)
    events: list[Event] = []

    async def publish(event: Event) -> None:
        events.append(event)

    await QuestionGenerator(model, FakeMaterialWorker(), GenerationLimits()).generate(plan, publish)
    made = [event.question for event in events if isinstance(event, QuestionMade)]
    assert {question.kind for question in made} == {kind}
    assert {question.generator for question in made} == {Generator.CLOZE}
    assert not model.tasks


async def test_without_prompts_a_person_grades_its_short_answers(model: FakeChatModel) -> None:
    grader = ShortAnswerGrader(model, 120)
    grade = await grader.grade(QUESTION, Answer("q", text="Kal planto donan amelo‖"))
    assert (grade.verdict, grade.feedback) == (Verdict.NEEDS_REVIEW, "Nol modelo‖")


async def test_without_prompts_its_analysis_is_its_own_sentences(model: FakeChatModel) -> None:
    analysis = await Analyst(FakeMaterialWorker(), model, FakeFileReadingModel(), model_seconds=1.0).analyze(
        PASSAGES, ""
    )
    assert (analysis.language, analysis.generator) == ("x-velin", Generator.CLOZE)


def test_without_prompts_its_questions_are_answered_from_the_passages(model: FakeChatModel) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        chat_messages("Kelo nomar kal fotomo vey kal lumo?", [])
    assert caught.value.reason == "NO_CHAT_PROVIDER"
    told, _ = not_in_material("Kelo nomar kal fotomo vey kal lumo?", ChatFinish(TokenUsage(), "", False))
    assert told == AnswerDelta("Nol sul kal texto‖")
