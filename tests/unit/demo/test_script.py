"""The demo's steps against a gateway of a few lines that can be made to lie."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from services.client.rest import TikuClient
from services.demo.script import DOCUMENTS, Report, run

TEXT = "Light falls on leaves. 水循环的能量来自太阳辐射。 Plants make sugar. Roots drink water. Leaves breathe. Done."

SIZES = {document.file.name: document.file.stat().st_size for document in DOCUMENTS}


@dataclass
class Gateway:
    """Holds one text for every document; the switches make it misbehave."""

    lie_in_quote: bool = False
    miss_a_question: bool = False
    grade_all_correct: bool = False
    cite_nothing: bool = False
    answer_with_a_bare_mark: bool = False
    fail_parse_of: str = ""
    graph_available: bool = True
    graph_fails: bool = False
    documents: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    bytes_received: dict[str, int] = field(default_factory=dict)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=1 << 24)
        application.add_routes(
            [
                web.post("/api/v1/documents", self.upload),
                web.get("/api/v1/documents/{id}/events", self.watch),
                web.get("/api/v1/documents/{id}/text", self.text),
                web.post("/api/v1/answer", self.answer),
                web.post("/api/v1/graph:probe", self.probe),
                web.post("/api/v1/graph:findEntities", self.entities),
                web.post("/api/v1/graph:expand", self.expand),
                web.post("/api/v1/graph:explain", self.explain),
                web.post("/api/v1/exercises:generate", self.generate),
                web.get("/api/v1/exercises/{id}", self.exercise),
                web.post("/api/v1/exercises/{id}:submit", self.submit),
            ]
        )
        return application

    async def upload(self, request: web.Request) -> web.Response:
        self.documents.append(request.query["name"])
        self.bytes_received[request.query["name"]] = len(await request.read())
        return web.json_response({"document": {"document_id": str(len(self.documents))}})

    async def watch(self, request: web.Request) -> web.StreamResponse:
        document_id = request.match_info["id"]
        if self.documents[int(document_id) - 1] == self.fail_parse_of:
            return await stream(request, ("failed", {"reason": "MALFORMED_FILE", "message": "It is damaged."}))
        document = {"document_id": document_id, "state": "DOCUMENT_STATE_INDEXED", "chunk_count": 3}
        document["graph_state"] = "GRAPH_STATE_QUEUED"
        progress = {"stage": "STAGE_PARSING", "done": "1", "total": "7"}
        failure = {"reason": "UNAVAILABLE", "message": "The engine is down."}
        end = ("graph_failed", failure) if self.graph_fails else ("graph_built", {"document": document})
        graph = [end] if request.query["graph"] == "true" else []
        return await stream(request, ("progress", progress), ("indexed", {"document": document}), *graph)

    async def probe(self, _: web.Request) -> web.Response:
        return web.json_response({"available": self.graph_available, "reason": "No graph is kept."})

    async def entities(self, request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        return web.json_response({"entities": [{"entity_id": "e1", "name": name, "mention_count": "3"}]})

    async def expand(self, request: web.Request) -> web.Response:
        entities = [{"entity_id": "e1", "name": "light"}, {"entity_id": "e2", "name": "sugar"}]
        relation = {"from_entity_id": "e1", "to_entity_id": "e2", "sources": [self.source("1", 0, 22)]}
        return web.json_response({"entities": entities, "relations": [relation]})

    async def explain(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def text(self, request: web.Request) -> web.Response:
        return web.json_response({"text": TEXT[int(request.query["start"]) : int(request.query["end"])]})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body["question"])
        cited = {"number": 1, "source": self.source(body["filter"]["document_ids"][0], 0, 22)}
        citations = [] if self.cite_nothing else [("citation", cited)]
        text = "[1]" if self.answer_with_a_bare_mark else "Light [1]."
        done = {"outcome": "ANSWER_OUTCOME_ANSWERED", "text": text}
        late = {"leg": "graph", "elapsed_ms": 5000.0, "reason": "LEG_TIMEOUT"}
        sources = {"legs": [{"leg": "vector", "hit_count": 5, "elapsed_ms": 12.4}, late]}
        return await stream(request, ("sources", sources), ("delta", {"text": text}), *citations, ("done", done))

    async def generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.generators.append(body.get("generator", ""))
        document_id = body["documents"]["document_ids"][0]
        questions = self.questions(document_id)[: 4 if self.miss_a_question else 5]
        done = {"state": "RUN_STATE_DONE", "exercise_id": document_id, "question_count": len(questions)}
        events = [("question", {"question": question}) for question in questions]
        return await stream(request, ("started", {"exercise_id": document_id}), *events, ("done", done))

    async def exercise(self, request: web.Request) -> web.Response:
        assert request.query["include_answers"] == "true"
        questions = self.questions(request.match_info["id"])
        return web.json_response({"exercise": {"questions": questions}})

    async def submit(self, request: web.Request) -> web.Response:
        grades = []
        for answer in (await request.json())["answers"]:
            correct = answer["truth"] or self.grade_all_correct
            grade = (
                {"verdict": "VERDICT_CORRECT", "points": 1.0}
                if correct
                else {"verdict": "VERDICT_INCORRECT", "points": 0.0}
            )
            grades.append({"question_id": answer["question_id"], "max_points": 1.0, **grade})
        return web.json_response({"submission": {"grades": grades}})

    def source(self, document_id: str, start: int, end: int) -> dict[str, Any]:
        return {"document_id": document_id, "start": start, "end": end, "quote": TEXT[start:end]}

    def questions(self, document_id: str) -> list[dict[str, Any]]:
        made = [
            {
                "question_id": f"q{number}",
                "number": number,
                "kind": "QUESTION_KIND_TRUE_FALSE",
                "stem": f"Statement {number} [is it?]",
                "answer_key": {"truth": True},
                "source": self.source(document_id, number * 3, number * 3 + 12),
            }
            for number in range(1, 6)
        ]
        if self.lie_in_quote:
            made[3]["source"]["quote"] = "Plants eat stones."  # type: ignore[index]
        return made


async def stream(request: web.Request, *events: tuple[str, dict[str, Any]]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number, (name, data) in enumerate(events, start=1):
        await response.write(b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), number, orjson.dumps(data)))
    return response


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[TikuClient]:
    async with (
        TestServer(gateway.application()) as server,
        TikuClient.open(str(server.make_url("")).rstrip("/")) as client,
    ):
        yield client


async def play(client: TikuClient, *, with_model: bool = True) -> tuple[Report, str]:
    screen = io.StringIO()
    report = await run(client, Console(file=screen, width=100), with_model=with_model)
    return report, screen.getvalue()


async def test_a_demo_in_which_every_step_holds(client: TikuClient, gateway: Gateway) -> None:
    report, screen = await play(client)
    assert report.failed == {}
    assert len(report.passed) == 12
    assert gateway.asked == [document.question for document in DOCUMENTS]
    assert gateway.bytes_received == SIZES
    assert "Statement 5 [is it?]" in screen
    assert "incorrect" in screen
    assert "vector  found 5 passages in 12 ms" in screen
    assert "graph  failed: LEG_TIMEOUT in 5000 ms" in screen
    assert "light – sugar" in screen


async def test_where_no_graph_is_kept_the_demo_says_so_and_goes_on(client: TikuClient, gateway: Gateway) -> None:
    gateway.graph_available = False
    report, screen = await play(client)
    assert report.failed == {}
    assert len(report.passed) == 10
    assert "No graph is kept." in screen


async def test_without_a_model_only_clozes_are_asked_for(client: TikuClient, gateway: Gateway) -> None:
    report, _ = await play(client, with_model=False)
    assert report.failed == {}
    assert gateway.generators == ["GENERATOR_CHOICE_CLOZE_ONLY"] * 2


@pytest.mark.parametrize(
    ("switch", "step", "fault"),
    [
        ("lie_in_quote", "every quote", "question 4 quotes 'Plants eat stones.'"),
        ("miss_a_question", "generate 5", "4 questions came where 5"),
        ("grade_all_correct", "grade", "question 3: VERDICT_CORRECT where VERDICT_INCORRECT"),
        ("graph_fails", "graph around", "The engine is down. [UNAVAILABLE]"),
        ("cite_nothing", "ask", "cites nothing"),
        ("answer_with_a_bare_mark", "ask", "none was given: '[1]'"),
    ],
)
async def test_a_step_that_does_not_hold_is_named(
    client: TikuClient, gateway: Gateway, switch: str, step: str, fault: str
) -> None:
    setattr(gateway, switch, True)
    report, screen = await play(client)
    assert len(report.failed) == 2
    for name, message in report.failed.items():
        assert step in name
        assert fault in message
    assert fault in screen


async def test_a_document_that_fails_does_not_stop_the_other(client: TikuClient, gateway: Gateway) -> None:
    gateway.fail_parse_of = "photosynthesis.pdf"
    report, _ = await play(client)
    assert list(report.failed.values()) == ["photosynthesis.pdf: It is damaged. [MALFORMED_FILE]"]
    assert len(report.passed) == 6
