"""The main job through REST alone: a document goes in, cited exercises come out, are answered and graded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.e2e import material
from tests.e2e.stack import Event, RefusedError, Rest, Up, points
from tests.fakes.tutor import Fault, Tutor

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

KINDS = [
    "QUESTION_KIND_SINGLE_CHOICE",
    "QUESTION_KIND_MULTIPLE_CHOICE",
    "QUESTION_KIND_TRUE_FALSE",
    "QUESTION_KIND_FILL_IN_THE_BLANK",
    "QUESTION_KIND_SHORT_ANSWER",
]


@dataclass(frozen=True)
class Given:
    """A file, what is found in it, and what is asked about it."""

    name: str
    media_type: str
    language: str
    paged: bool
    question: str
    answer: str

    def data(self) -> bytes:
        """Its bytes."""
        match self.name:
            case "photosynthesis.pdf":
                return material.PDF.read_bytes()
            case "water-cycle.pptx":
                return material.PPTX.read_bytes()
            case "板块构造.txt":
                return material.CHINESE_TEXT.encode()
            case "silk-road.md":
                return material.MARKDOWN.encode()
            case "bees.html":
                return material.HTML.encode()
            case _:
                return material.word_document()


OFFICE = "application/vnd.openxmlformats-officedocument."
FILES = [
    Given(
        "photosynthesis.pdf",
        "application/pdf",
        "en",
        True,
        "Which enzyme fixes carbon dioxide in the Calvin cycle?",
        "RuBisCO",
    ),
    Given("water-cycle.pptx", f"{OFFICE}presentationml.presentation", "zh", True, "水循环的根本能量来自哪里？", "太阳"),
    Given("板块构造.txt", "text/plain", "zh", False, "地震波中的纵波和横波，哪一种传播得更快？", "纵波传播得更快"),
    Given(
        "silk-road.md", "text/markdown", "en", False, "After which battle did paper making spread westward?", "Talas"
    ),
    Given("bees.html", "text/html", "en", False, "What do drones hatch from?", "unfertilised eggs"),
    Given(
        "bridges.docx",
        f"{OFFICE}wordprocessingml.document",
        "en",
        False,
        "What locks the other stones of an arch in place?",
        "keystone",
    ),
]


@pytest.fixture(scope="module")
def library() -> dict[str, dict[str, Any]]:
    """Documents that a test has indexed, by name, for those that ask about them."""
    return {}


async def _document(rest: Rest, library: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in library:
        given = next(file for file in FILES if file.name == name)
        library[name] = await rest.indexed(given.name, await asyncio.to_thread(given.data))
    return library[name]


@pytest.mark.parametrize("given", FILES, ids=lambda given: given.name)
async def test_a_document_becomes_searchable_and_answers(
    rest: Rest, library: dict[str, dict[str, Any]], given: Given
) -> None:
    data = await asyncio.to_thread(given.data)
    stored = await rest.upload(given.name, data)
    document_id = stored["document_id"]
    assert (stored["name"], stored["media_type"], int(stored["size_bytes"])) == (
        given.name,
        given.media_type,
        len(data),
    )

    events = await rest.watch(document_id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    stages = list(dict.fromkeys(event.data["stage"] for event in events if event.name == "progress"))
    assert stages == ["STAGE_QUEUED", "STAGE_PARSING", "STAGE_CHUNKING", "STAGE_INDEXING"]
    assert events[-1].name == "indexed"
    document = (await rest.call("GET", f"/documents/{document_id}"))["document"]
    assert document == events[-1].data["document"]
    assert (document["state"], document["language"]) == ("DOCUMENT_STATE_INDEXED", given.language)
    assert (document["page_count"] >= 5) is given.paged
    await _chunks_are_slices_of_the_text(rest, document)
    library[given.name] = document

    only = {"document_ids": [document_id]}
    hits = (await rest.call("POST", "/search", {"query": given.question, "filter": only, "limit": 5}))["hits"]
    assert any(given.answer.lower() in hit["chunk"]["text"].lower() for hit in hits)
    assert {hit["chunk"]["document_id"] for hit in hits} == {document_id}
    await _answers(rest, given, only)

    async with rest.stream("GET", f"/documents/{document_id}/events", headers={"Last-Event-ID": "2"}) as rest_of_them:
        again = [event async for event in rest_of_them]
    assert again == events[2:]
    async with rest._http.get(f"{rest.gateway}/api/v1/documents/{document_id}/file") as download:
        assert await download.read() == data


async def _chunks_are_slices_of_the_text(rest: Rest, document: dict[str, Any]) -> None:
    text = await rest.text(document["document_id"], 0, document["text_length"])
    assert len(text) == document["text_length"]
    chunks = (await rest.call("GET", f"/documents/{document['document_id']}/chunks"))["chunks"]
    assert len(chunks) == document["chunk_count"] > 0
    for chunk in chunks:
        assert chunk["text"] == text[chunk["start"] : chunk["end"]]
        assert (chunk["page"] > 0) is (document["page_count"] > 0)


async def _answers(rest: Rest, given: Given, only: dict[str, Any]) -> None:
    events = await rest.events("POST", "/answer", {"question": given.question, "filter": only})
    names = [event.name for event in events]
    assert names[0] == "sources"
    assert names[-1] == "done"
    done = events[-1].data
    assert done["outcome"] == "ANSWER_OUTCOME_ANSWERED"
    assert given.answer.lower() in done["text"].lower()
    assert done["text"] == "".join(event.data["text"] for event in events if event.name == "delta")
    citations = [event.data for event in events if event.name == "citation"]
    assert citations
    for citation in citations:
        await _is_a_slice(rest, citation["source"])
        assert done["text"][citation["answer_start"] : citation["answer_end"]] == f"[{citation['number']}]"


async def _is_a_slice(rest: Rest, source: dict[str, Any]) -> None:
    """A quote is the slice of the stored text that its offsets name, always."""
    assert source["quote"]
    assert await rest.text(source["document_id"], source["start"], source["end"]) == source["quote"]


@pytest.mark.parametrize(
    "question",
    [
        "What is the boiling point of liquid helium at two atmospheres?",
        "明朝的首都是什么时候迁到北京的？",
    ],
)
async def test_what_the_material_does_not_hold_is_not_invented(
    rest: Rest, library: dict[str, dict[str, Any]], question: str
) -> None:
    document = await _document(rest, library, "silk-road.md")
    body = {"question": question, "filter": {"document_ids": [document["document_id"]]}}
    done = (await rest.events("POST", "/answer", body))[-1]
    assert done.name == "done"
    assert done.data["outcome"] == "ANSWER_OUTCOME_NOT_IN_MATERIAL"
    assert "[1]" not in done.data["text"]


@pytest.mark.parametrize("name", ["photosynthesis.pdf", "板块构造.txt"])
async def test_questions_of_every_kind_from_a_document(
    rest: Rest, library: dict[str, dict[str, Any]], name: str
) -> None:
    document = await _document(rest, library, name)
    wish = {"documents": {"document_ids": [document["document_id"]]}, "count": 10, "include_answers": True}
    events = await rest.events("POST", "/exercises:generate", {**wish, "generator": "GENERATOR_CHOICE_MODEL_ONLY"})
    questions = _questions(events)
    refused = [event.data for event in events if event.name == "rejected"]
    # A short document has few sentences of which none holds what another asks for: not every question can be there.
    kinds = [question["kind"] for question in questions]
    assert len(kinds) >= 7, refused
    assert set(kinds) == set(KINDS), refused
    assert len(kinds) == 10 or "ANSWER_IN_ANOTHER" in {one["reason"] for one in refused}
    assert {question["generator"] for question in questions} == {"GENERATOR_MODEL"}
    for question in questions:
        assert question["source"]["document_id"] == document["document_id"]
        assert (question["source"]["page"] > 0) is (document["page_count"] > 0)
        await _is_a_slice(rest, question["source"])
    # Two questions are written at once and their tokens mingle: a single character is never torn.
    assert "".join(event.data["text"] for event in events if event.name == "token").count("{") >= len(questions)
    await _practises(rest, events, document["language"])


async def test_questions_of_every_kind_from_a_text(rest: Rest) -> None:
    wish = {"text": material.CHINESE_TEXT, "count": 5, "include_answers": True}
    events = await rest.events("POST", "/exercises:generate", wish)
    questions = _questions(events)
    assert sorted(question["kind"] for question in questions) == sorted(KINDS)
    for question in questions:
        source = question["source"]
        assert material.CHINESE_TEXT[source["start"] : source["end"]] == source["quote"]
    await _practises(rest, events, "zh")


async def test_a_run_without_answers_shows_nothing_of_what_the_model_writes_but_stems(rest: Rest) -> None:
    events = await rest.events("POST", "/exercises:generate", {"text": material.CHINESE_TEXT, "count": 5})
    questions = {event.data["draft"]: event.data["question"] for event in events if event.name == "question"}
    written = [event.data for event in events if event.name == "writing"]
    assert any(draft["stem"] for draft in written)
    assert not any(event.name == "token" for event in events)
    run_id, exercise_id = (events[0].data[name] for name in ("run_id", "exercise_id"))
    again = await rest.events("GET", f"/runs/{run_id}/events")
    assert not any(event.name == "token" for event in again)
    keyed = (await rest.call("GET", f"/exercises/{exercise_id}", params={"include_answers": "true"}))["exercise"]
    keys = {question["question_id"]: question["answer_key"] for question in keyed["questions"]}
    for draft in written:
        question = questions.get(draft["draft"])
        if question is None:
            continue
        assert not draft["stem"] or question["kind"] != KINDS[2]
        for blank in keys[question["question_id"]].get("blanks", []):
            assert blank["accepted"][0] not in draft["stem"]


async def test_a_model_that_misbehaves_is_refused_and_asked_again(rest: Rest, tutor: Tutor) -> None:
    tutor.misbehave(Fault.BAD_QUOTE, Fault.EQUAL_OPTIONS, Fault.INVALID_JSON)
    wish = {"text": material.CHINESE_TEXT, "kinds": KINDS[:1], "count": 3, "include_answers": True}
    events = await rest.events("POST", "/exercises:generate", wish)
    # The other two are what cloze, which opens a run, may say of its own questions.
    refused = {event.data["reason"] for event in events if event.name == "rejected"}
    assert refused - {"ANSWER_IN_ANOTHER", "KIND_NOT_OFFERED"} == {
        "EQUAL_OPTIONS",
        "INVALID_JSON",
        "QUOTE_NOT_IN_MATERIAL",
    }
    questions = _questions(events)
    assert len(questions) == 3
    assert len({question["stem"] for question in questions}) == 3


async def test_a_repeated_question_is_refused(rest: Rest, tutor: Tutor) -> None:
    tutor.misbehave(*[Fault.DUPLICATE] * 4)
    wish = {"text": material.CHINESE_TEXT, "kinds": KINDS[2:3], "count": 2, "include_answers": True}
    events = await rest.events("POST", "/exercises:generate", wish)
    refused = {event.data["reason"] for event in events if event.name == "rejected"}
    assert refused & {"DUPLICATE_STEM", "DUPLICATE_KEY", "QUOTE_NOT_IN_MATERIAL"}
    assert len({question["stem"] for question in _questions(events)}) == 2


async def test_cloze_serves_when_the_model_fails_and_the_result_says_so(rest: Rest, tutor: Tutor) -> None:
    tutor.misbehave(*[Fault.SERVER_ERROR] * 40)
    events = await rest.events("POST", "/exercises:generate", {"text": material.CHINESE_TEXT, "count": 4})
    questions = _questions(events)
    assert {question["generator"] for question in questions} == {"GENERATOR_CLOZE"}
    done = events[-1].data
    assert (done["state"], done["model_count"]) == ("RUN_STATE_DONE", 0)
    assert done["cloze_count"] == len(questions) == 4
    assert not any(question.get("answer_key") or question.get("source") for question in questions)


def _questions(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The questions of a run that went well, whose events are numbered without gaps."""
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[0].name == "started"
    assert events[-1].name == "done", events[-1]
    assert events[-1].data["state"] == "RUN_STATE_DONE"
    questions = [event.data["question"] for event in events if event.name == "question"]
    assert events[-1].data["question_count"] == len(questions)
    return questions


async def _practises(rest: Rest, events: Sequence[Event], language: str) -> None:
    """Gets, lists, answers and deletes the exercise of a run."""
    started = events[0].data
    exercise_id = started["exercise_id"]
    questions = _questions(events)
    plain = (await rest.call("GET", f"/exercises/{exercise_id}"))["exercise"]
    assert (plain["language"], plain["run_state"]) == (language, "RUN_STATE_DONE")
    assert [question["stem"] for question in plain["questions"]] == [question["stem"] for question in questions]
    assert not any(question.get("answer_key") or question.get("source") for question in plain["questions"])
    shown = (await rest.call("GET", f"/exercises/{exercise_id}", params={"include_answers": "true"}))["exercise"]
    assert shown["questions"] == questions
    listed = (await rest.call("GET", "/exercises"))["exercises"]
    assert exercise_id in [exercise["exercise_id"] for exercise in listed]

    right = await _submit(rest, exercise_id, [_right(question) for question in questions])
    assert not [
        (grade, question)
        for grade, question in zip(right["grades"], questions, strict=True)
        if grade["verdict"] != "VERDICT_CORRECT"
    ]
    assert right["points"] == right["max_points"] == plain["points"]
    wrong = await _submit(rest, exercise_id, [_wrong(question) for question in questions])
    assert {grade["verdict"] for grade in wrong["grades"]} == {"VERDICT_INCORRECT"}
    assert wrong["points"] == 0
    partly = [question for question in questions if question["kind"] in (KINDS[1], KINDS[4])]
    graded = await _submit(rest, exercise_id, [_partly(question) for question in partly])
    verdicts = {grade["question_id"]: grade for grade in graded["grades"]}
    for question in questions:
        grade = verdicts[question["question_id"]]
        assert grade["verdict"] == ("VERDICT_PARTIAL" if question in partly else "VERDICT_UNANSWERED")
        assert (0 < grade["points"] < grade["max_points"]) is (question in partly)
        assert grade["source"] == question["source"]
        for result in grade.get("rubric_results", []):
            assert result["evidence"] in _partly(question)["text"]

    await rest.call("DELETE", f"/exercises/{exercise_id}")
    with pytest.raises(RefusedError) as gone:
        await rest.call("GET", f"/exercises/{exercise_id}")
    assert gone.value.status == 404


async def _submit(rest: Rest, exercise_id: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    submission: dict[str, Any] = (await rest.call("POST", f"/exercises/{exercise_id}:submit", {"answers": answers}))[
        "submission"
    ]
    return submission


def _right(question: dict[str, Any]) -> dict[str, Any]:
    key = question["answer_key"]
    answers: dict[str, dict[str, Any]] = {
        KINDS[0]: {"option_keys": key["option_keys"]},
        KINDS[1]: {"option_keys": key["option_keys"]},
        KINDS[2]: {"truth": key.get("truth")},
        KINDS[3]: {"blanks": [blank["accepted"][0] for blank in key["blanks"]]},
        KINDS[4]: {"text": key["reference"]},
    }
    return {"question_id": question["question_id"], **answers[question["kind"]]}


def _wrong(question: dict[str, Any]) -> dict[str, Any]:
    key = question["answer_key"]
    others = [option["key"] for option in question["options"] if option["key"] not in key["option_keys"]]
    answers: dict[str, dict[str, Any]] = {
        KINDS[0]: {"option_keys": others[:1]},
        KINDS[1]: {"option_keys": others[:1]},
        KINDS[2]: {"truth": not key.get("truth")},
        KINDS[3]: {"blanks": ["qwertyuiop" for _ in key["blanks"]]},
        KINDS[4]: {"text": "I do not know. 我不知道。"},
    }
    return {"question_id": question["question_id"], **answers[question["kind"]]}


def _partly(question: dict[str, Any]) -> dict[str, Any]:
    key = question["answer_key"]
    if question["kind"] == KINDS[1]:
        return {"question_id": question["question_id"], "option_keys": key["option_keys"][:1]}
    return {"question_id": question["question_id"], "text": key["rubric"][0]["text"]}


async def test_a_grade_that_does_not_hold_is_left_to_a_person(rest: Rest, tutor: Tutor) -> None:
    wish = {"text": material.CHINESE_TEXT, "kinds": KINDS[4:], "count": 1, "include_answers": True}
    events = await rest.events("POST", "/exercises:generate", wish)
    question = _questions(events)[0]
    tutor.bad_grades = True
    graded = await _submit(rest, events[0].data["exercise_id"], [_right(question)])
    assert graded["needs_review_count"] == 1
    assert graded["grades"][0]["verdict"] == "VERDICT_NEEDS_REVIEW"
    assert graded["grades"][0].get("points") is None


async def test_a_deleted_document_leaves_no_row_no_object_no_vector(stack: Up, rest: Rest) -> None:
    # Equal files share an object, so this one's content is its own.
    document = await rest.indexed("leaving.md", f"{material.MARKDOWN}\n\nThis copy is about to leave.\n".encode())
    document_id = document["document_id"]
    environment = (await stack.state())["environment"]
    left = await _traces(stack, environment, document)
    assert left == (1, document["chunk_count"], len(await rest.watch(document_id)), 2, document["chunk_count"])
    await rest.call("DELETE", f"/documents/{document_id}")
    async with asyncio.timeout(20):
        while await _traces(stack, environment, document) != (0, 0, 0, 0, 0):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)
    for path in ("", "/file", "/text", "/chunks", "/events"):
        with pytest.raises(RefusedError) as gone:
            await rest.call("GET", f"/documents/{document_id}{path}")
        assert gone.value.status == 404


async def _traces(stack: Up, environment: dict[str, str], document: dict[str, Any]) -> tuple[int, int, int, int, int]:
    """Rows, chunks, events, objects and vectors of a document."""
    document_id = document["document_id"]
    connection = await asyncpg.connect(environment["TIKU_POSTGRES_DSN"])
    try:
        rows, chunks, events = [
            await connection.fetchval(f"SELECT count(*) FROM docs.{table} WHERE document_id = $1", document_id)  # noqa: S608
            for table in ("documents", "chunks", "events")
        ]
    finally:
        await connection.close()
    objects = stack.data / "objects"
    found = await asyncio.to_thread(
        lambda: [path for path in objects.rglob("*") if path.name in (document_id, document["sha256"])]
    )
    return rows, chunks, events, len(found), await points(environment["TIKU_QDRANT_URL"], document_id)
