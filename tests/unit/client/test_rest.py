from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from services.client import rest
from services.client.errors import ApiError, StreamCutShortError, UnreachableError
from services.client.rest import TikuClient
from tests.unit.client.conftest import Gateway, MakeProblem, event
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2

ID = "0198c0de-0000-7000-8000-000000000001"


async def test_upload_sends_the_file_and_its_description(client: TikuClient, gateway: Gateway, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    file = tmp_path / "水循环.pptx"
    await asyncio.to_thread(file.write_bytes, content)
    gateway.will_answer({"document": {"document_id": ID, "size_bytes": str(len(content))}})
    counts: list[int] = []
    document = (await client.upload(file, docs_pb2.DOCUMENT_KIND_MATERIAL, on_bytes=counts.append)).document
    assert (document.document_id, document.size_bytes) == (ID, len(content))
    [asked] = gateway.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/documents")
    assert asked.query == {"name": "水循环.pptx", "kind": "DOCUMENT_KIND_MATERIAL", "parse": "true"}
    assert asked.body == content
    assert sum(counts) == len(content)
    assert max(counts) <= rest.PIECE_BYTES


async def test_both_spellings_of_a_field_and_unknown_ones_are_read(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_answer({"document": {"documentId": ID, "page_count": 12, "invented_later": True}})
    document = await client.document(ID)
    assert (document.document_id, document.page_count) == (ID, 12)


async def test_an_id_cannot_lead_to_another_path(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_answer({"document": {}})
    await client.document("../exercises?x=1")
    assert gateway.asked[0].path == "/api/v1/documents/../exercises?x=1"
    assert gateway.asked[0].query == {}


async def test_a_refusal_names_its_fields(client: TikuClient, gateway: Gateway, problem: MakeProblem) -> None:
    gateway.will_answer(problem(), 400)
    with pytest.raises(ApiError) as caught:
        await client.exercise(ID)
    assert str(caught.value) == ("The request breaks a rule. (count: must be at most 50) [INVALID_ARGUMENT]")
    assert (caught.value.status, caught.value.request_id) == (400, "r-1")


async def test_nobody_at_the_address(unused_tcp_port: int) -> None:
    async with TikuClient.open(f"http://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(UnreachableError, match="tiku up"):
            await client.document(ID)


async def test_an_answer_streams_until_done(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_stream(
        event("sources", {"sources": [{"document_name": "a.pdf", "page": 2}]}),
        event("delta", {"text": "Leaves "}) + event("delta", {"text": "are green [1]."}),
        event("invented_later", {"x": 1}),
        event("done", {"outcome": "ANSWER_OUTCOME_ANSWERED", "text": "Leaves are green [1]."}),
        event("delta", {"text": "never read"}),
    )
    cases = [answer.WhichOneof("event") async for answer in client.answer("why?", [ID])]
    assert cases == ["sources", "delta", "delta", "done"]
    assert gateway.asked[0].json == {"question": "why?", "filter": {"document_ids": [ID]}}


async def test_an_error_in_the_middle_of_a_stream_is_raised(
    client: TikuClient, gateway: Gateway, problem: MakeProblem
) -> None:
    gateway.will_stream(event("sources", {}), event("error", problem(reason="UNAVAILABLE", errors=[])))
    with pytest.raises(ApiError, match="UNAVAILABLE"):
        async for _ in client.answer("why?"):
            pass


async def test_a_stream_without_its_end_is_an_error(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_stream(event("sources", {}))
    with pytest.raises(StreamCutShortError, match="the answer"):
        async for _ in client.answer("why?"):
            pass


async def test_a_run_carries_numbers_and_is_asked_for_in_protos_words(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_stream(
        event("started", {"run_id": "r", "exercise_id": "e"}, 1),
        event("question", {"question": {"number": 1, "kind": "QUESTION_KIND_TRUE_FALSE"}}, 4),
        event("done", {"state": "RUN_STATE_DONE", "question_count": 1}, 5),
    )
    request = exercises_pb2.GenerateExerciseRequest(
        text="t", kinds=[exercises_pb2.QUESTION_KIND_TRUE_FALSE], count=1, include_answers=True
    )
    async with aclosing(client.generate(request)) as stream:
        events = [one async for one in stream]
    assert [one.number for one in events] == [1, 4, 5]
    assert events[1].question.question.kind == exercises_pb2.QUESTION_KIND_TRUE_FALSE
    assert gateway.asked[0].json == {
        "text": "t",
        "kinds": ["QUESTION_KIND_TRUE_FALSE"],
        "count": 1,
        "include_answers": True,
    }


async def test_watching_goes_on_after_the_last_event_seen(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_stream(event("progress", {"stage": "STAGE_PARSING"}, 1), event("progress", {"done": "3"}, 2))
    gateway.will_stream(event("indexed", {"document": {"document_id": ID}}, 3))
    numbers = [one.number async for one in client.watch(ID)]
    assert numbers == [1, 2, 3]
    assert [asked.query["after"] for asked in gateway.asked] == ["0", "2"]


async def test_watching_gives_up_on_a_server_that_keeps_breaking_off(client: TikuClient, gateway: Gateway) -> None:
    for _ in range(rest.RESUMES + 1):
        gateway.will_stream()
    with pytest.raises(StreamCutShortError):
        async for _event in client.watch(ID):
            pass
    assert len(gateway.asked) == rest.RESUMES + 1


async def test_answers_are_submitted_with_only_what_was_answered(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_answer({"submission": {"points": 1.5, "grades": [{"verdict": "VERDICT_PARTIAL", "points": 1.5}]}})
    submission = await client.submit(ID, [exercises_pb2.Answer(question_id="q", truth=False)])
    assert submission.grades[0].verdict == exercises_pb2.VERDICT_PARTIAL
    assert gateway.asked[0].path == f"/api/v1/exercises/{ID}:submit"
    assert gateway.asked[0].json == {"answers": [{"question_id": "q", "truth": False}]}


async def test_each_call_tells_the_server_how_long_it_has(client: TikuClient, gateway: Gateway) -> None:
    gateway.will_answer({"document": {}})
    gateway.will_answer({"submission": {}})
    gateway.will_stream(event("done", {}))
    await client.document(ID)
    await client.submit(ID, [])
    assert [one async for one in client.answer("why?")]
    assert [asked.timeout for asked in gateway.asked] == ["60", "600", "3600"]


async def test_a_rule_that_the_sentence_says_is_not_said_twice(
    client: TikuClient, gateway: Gateway, problem: MakeProblem
) -> None:
    gateway.will_answer(problem(detail="count must be at most 50."), 400)
    with pytest.raises(ApiError, match=r"^count must be at most 50\. \[INVALID_ARGUMENT\]$"):
        await client.exercise(ID)
