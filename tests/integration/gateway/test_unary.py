"""JSON in, JSON out, through a real socket and real gRPC."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.app import running
from services.kit import errors
from services.kit.ids import new_id
from tests.fakes.grpc_services import fake_services
from tests.integration.gateway.conftest import Stack, settings_for
from tests.waiting import at_once, eventually

JSON = {"Content-Type": "application/json"}
SOME_ID = "01a2243a-734a-7492-b2c4-0fdec7325207"
CHAT = {"messages": [{"role": "ROLE_USER", "content": "你好"}]}


async def test_a_body_becomes_a_request_and_defaults_are_printed(stack: Stack) -> None:
    response = await stack.http.post("/api/v1/chat", json={**CHAT, "options": {"maxTokens": 5, "seed": "7"}})
    body = await response.json()
    assert response.status == 200, body
    request = stack.script.requests[-1]
    assert request.messages[0].content == "你好"
    assert (request.options.max_tokens, request.options.seed) == (5, 7)
    assert (body["message"]["role"], body["message"]["content"]) == ("ROLE_ASSISTANT", "Hello, world!")
    assert (body["message"]["refusal"], body["message"]["tool_calls"]) == ("", [])
    assert body["finish_reason"] == "FINISH_REASON_STOP"
    listed = await (await stack.http.get("/api/v1/documents")).json()
    assert listed == {"documents": [], "next_page_token": ""}


async def test_a_query_becomes_a_request(stack: Stack) -> None:
    stack.services.docs.put("a.txt", b"text", parse=False)
    response = await stack.http.get("/api/v1/documents?page_size=5&kind=DOCUMENT_KIND_MATERIAL&pageToken=%E4%B8%AD")
    body = await response.json()
    assert response.status == 200, body
    request = stack.script.requests[-1]
    assert (request.page_size, request.kind, request.page_token) == (5, 1, "中")
    assert body["documents"][0]["size_bytes"] == "4"


async def test_path_body_and_query_meet_in_one_request(stack: Stack) -> None:
    document = stack.services.docs.put("a.txt", b"text", parse=False)
    parsed = await stack.http.post(f"/api/v1/documents/{document.document_id}:parse")
    assert parsed.status == 200
    assert stack.script.requests[-1].document_id == document.document_id
    response = await stack.http.patch("/api/v1/profile?update_mask=display_name,goal", json={"display_name": "小明"})
    assert response.status == 200, await response.text()
    request = stack.script.requests[-1]
    assert request.profile.display_name == "小明"
    assert list(request.update_mask.paths) == ["display_name", "goal"]


@pytest.mark.parametrize(
    ("verb", "path", "body", "headers", "status", "reason", "field"),
    [
        ("POST", "/api/v1/chat", b'{"messages": [', JSON, 400, "MALFORMED_JSON", None),
        ("POST", "/api/v1/chat", b"[1]", JSON, 400, "MALFORMED_JSON", None),
        ("POST", "/api/v1/chat", b"\xff\xfe", JSON, 400, "MALFORMED_JSON", None),
        ("POST", "/api/v1/chat", b'{"mesages": []}', JSON, 400, "INVALID_FIELD", "mesages"),
        (
            "POST",
            "/api/v1/chat",
            b'{"messages": [{"role": 1, "content": 5}]}',
            JSON,
            400,
            "INVALID_FIELD",
            "messages[0].content",
        ),
        (
            "POST",
            "/api/v1/chat",
            b'{"options": {"temperature": "hot"}}',
            JSON,
            400,
            "INVALID_FIELD",
            "options.temperature",
        ),
        (
            "POST",
            "/api/v1/chat",
            orjson.dumps({**CHAT, "options": {"temperature": 3}}),
            JSON,
            400,
            "INVALID_FIELD",
            "options.temperature",
        ),
        ("POST", "/api/v1/chat?model=x", orjson.dumps(CHAT), JSON, 400, "INVALID_FIELD", "model"),
        (
            "POST",
            "/api/v1/chat",
            b"a=b",
            {"Content-Type": "application/x-www-form-urlencoded"},
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            None,
        ),
        ("POST", "/api/v1/chat", b" " * (8 * 1024 * 1024 + 1), JSON, 413, "BODY_TOO_LARGE", None),
        ("GET", "/api/v1/documents?page_size=many", None, {}, 400, "INVALID_FIELD", "page_size"),
        ("GET", "/api/v1/documents?page_size=9999999999", None, {}, 400, "INVALID_FIELD", "page_size"),
        ("GET", "/api/v1/documents?kind=BOOK", None, {}, 400, "INVALID_FIELD", "kind"),
        ("GET", "/api/v1/documents?size=1", None, {}, 400, "INVALID_FIELD", "size"),
        ("GET", "/api/v1/documents?page_size=1&page_size=2", None, {}, 400, "INVALID_FIELD", "page_size"),
        ("GET", "/api/v1/documents?page_token=%FF", None, {}, 400, "MALFORMED_QUERY", None),
        ("GET", "/api/v1/documents/not-an-id", None, {}, 400, "INVALID_FIELD", "document_id"),
        ("GET", f"/api/v1/documents/{SOME_ID}", None, {}, 404, "DOCUMENT_NOT_FOUND", None),
        ("GET", "/api/v1/nothing", None, {}, 404, "NO_SUCH_PATH", None),
        ("POST", f"/api/v1/documents/{SOME_ID}:burn", b"{}", JSON, 404, "NO_SUCH_PATH", None),
        ("PUT", "/api/v1/chat", b"{}", JSON, 405, "METHOD_NOT_ALLOWED", None),
        ("POST", "/api/v1/graph:probe", b"{}", JSON, 501, "UNIMPLEMENTED", None),
        ("GET", "/api/v1/models", None, {"X-Request-Timeout": "soon"}, 400, "INVALID_FIELD", "X-Request-Timeout"),
        ("GET", "/api/v1/models", None, {"X-Request-Timeout": "3601"}, 400, "INVALID_FIELD", "X-Request-Timeout"),
        (
            "POST",
            "/api/v1/chat",
            orjson.dumps(CHAT),
            {**JSON, "Sec-Fetch-Site": "cross-site"},
            403,
            "FOREIGN_ORIGIN",
            None,
        ),
    ],
)
async def test_what_is_wrong_is_named(
    stack: Stack,
    verb: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    status: int,
    reason: str,
    field: str | None,
) -> None:
    response = await stack.http.request(verb, path, data=body, headers=headers)
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["reason"], problem["status"]) == (status, reason, status), problem
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])


async def test_the_allowed_methods_are_listed(stack: Stack) -> None:
    refused = await stack.http.put("/api/v1/documents", json={})
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    options = await stack.http.options("/api/v1/documents")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "Access-Control-Allow-Origin" not in options.headers


async def test_several_faults_are_named_at_once(stack: Stack) -> None:
    body = {
        "material": 1,
        "text": "a",
        "documents": {"document_ids": ["x"]},
        "count": 1.5,
        "kinds": ["ODD"],
        "detached": "no",
    }
    response = await stack.http.post("/api/v1/exercises:generate", json=body)
    errors_by_field = {e["field"]: e["message"] for e in (await response.json(content_type=None))["errors"]}
    assert errors_by_field["documents"] == "cannot be set together with text"
    assert errors_by_field["material"] == "unknown field"
    assert errors_by_field["count"] == "must be a whole number"
    assert errors_by_field["kinds[0]"].startswith("must be one of QUESTION_KIND_UNSPECIFIED")
    assert errors_by_field["detached"] == "must be true or false, not a string"


async def test_a_path_variable_cannot_be_contradicted(stack: Stack) -> None:
    response = await stack.http.post(f"/api/v1/documents/{new_id()}:parse", json={"document_id": new_id()})
    assert response.status == 400
    assert (await response.json(content_type=None))["errors"][0]["field"] == "document_id"


async def test_a_fault_of_ours_says_nothing_of_its_cause(stack: Stack) -> None:
    stack.script.fault = RuntimeError("password=secret at /etc/hosts")
    response = await stack.http.post("/api/v1/chat", json=CHAT)
    text = await response.text()
    assert response.status == 500
    assert "secret" not in text
    assert "INTERNAL" in text


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (errors.ResourceExhausted("Slow down.", retry_after=2.2), 429, "3"),
        (errors.Unavailable("Gone."), 503, "1"),
        (errors.FailedPrecondition("Not indexed."), 400, None),
        (errors.AlreadyExists("There."), 409, None),
        (errors.PermissionDenied("No."), 403, None),
        (errors.Unauthenticated("Who?"), 401, None),
    ],
)
async def test_statuses_become_http(
    stack: Stack, fault: errors.TikuError, status: int, retry_after: str | None
) -> None:
    stack.script.fault = fault
    response = await stack.http.post("/api/v1/chat", json=CHAT)
    problem = await response.json(content_type=None)
    assert (response.status, response.headers.get("Retry-After")) == (status, retry_after)
    assert (problem["detail"], problem["reason"]) == (fault.message, fault.reason)


async def test_ids_and_user_travel(stack: Stack) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = await stack.http.get(
        "/api/v1/profile",
        headers={"X-Request-ID": "mine-1", "traceparent": trace, "X-Tiku-User": "mallory", "X-Tiku-Key": "k"},
    )
    seen = stack.script.contexts[-1]
    assert (seen.request_id, seen.trace_id, seen.user_id) == ("mine-1", trace[3:35], "dev")
    assert response.headers["X-Request-ID"] == "mine-1"
    assert response.headers["traceparent"][3:35] == trace[3:35]
    assert response.headers["traceparent"] != trace
    made = await stack.http.get("/api/v1/profile", headers={"X-Request-ID": "no spaces", "traceparent": "00-x-y-z"})
    assert made.headers["X-Request-ID"] == stack.script.contexts[-1].request_id != "no spaces"


async def test_the_user_header_is_trusted_only_when_asked_for() -> None:
    async with (
        fake_services() as services,
        running(settings_for(services, trust_user_header=True)) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):
        await http.get("/api/v1/profile", headers={"X-Tiku-User": "li"})
        assert services.script.contexts[-1].user_id == "li"
        asked = len(services.script.contexts)
        for name in ("", "李", "a b", "x" * 129):
            response = await http.get("/api/v1/profile", headers={"X-Tiku-User": name})
            problem = await response.json(content_type=None)
            assert response.status == 400
            assert problem["errors"][0]["field"] == "X-Tiku-User"
            assert "printable ASCII" in problem["errors"][0]["message"]
        for header in ("X-Tiku-Key", "X-Tiku-Organization"):
            response = await http.get("/api/v1/profile", headers={header: "a b"})
            assert response.status == 400
            assert (await response.json(content_type=None))["errors"][0]["field"] == header
        assert len(services.script.contexts) == asked
        await http.get("/api/v1/profile")
        assert services.script.contexts[-1].user_id == "dev"
        await http.get("/api/v1/profile", headers={"X-Tiku-Key": "bot", "X-Tiku-Organization": "school"})
        last = services.script.contexts[-1]
        assert (last.user_id, last.key, last.organization) == ("dev", "bot", "school")


async def test_the_languages_of_the_caller_are_passed_on(stack: Stack) -> None:
    for sent, passed in (("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN,zh;q=0.9,en;q=0.8"), ("{zh}", ""), ("x" * 201, "")):
        await stack.http.get("/api/v1/profile", headers={"Accept-Language": sent})
        assert stack.script.contexts[-1].accept_language == passed


async def test_the_deadline_reaches_the_service(stack: Stack) -> None:
    stack.script.pause = 5.0
    async with at_once(1):
        response = await stack.http.post("/api/v1/chat", json=CHAT, headers={"X-Request-Timeout": "0.2"})
    assert response.status == 504
    remaining = stack.script.remaining[-1]
    assert remaining is not None
    assert remaining <= 0.2
    await eventually(lambda: stack.script.cancelled == ["Chat"])


async def test_a_client_that_leaves_stops_a_unary_call(stack: Stack) -> None:
    stack.script.pause = 5.0
    host, port = stack.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = orjson.dumps(CHAT)
    writer.write(
        b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    await eventually(lambda: len(stack.script.requests) == 1)
    assert stack.script.cancelled == []
    writer.close()
    await eventually(lambda: stack.script.cancelled == ["Chat"])


async def test_a_large_body_is_read_beside_the_loop(stack: Stack) -> None:
    body = {"messages": [{"role": "ROLE_USER", "content": "字" * 100_000}]}
    response = await stack.http.post("/api/v1/chat", json=body)
    assert response.status == 200
    assert len(stack.script.requests[-1].messages[0].content) == 100_000


async def test_a_service_that_is_away_is_unavailable() -> None:
    async with fake_services() as services:
        targets = settings_for(services, llm_target="127.0.0.1:1")
        async with running(targets) as gateway, aiohttp.ClientSession(gateway.url) as http:
            response = await http.post("/api/v1/chat", json=CHAT)
            text = await response.text()
            assert response.status == 503
            assert "127.0.0.1" not in text
            ready = await http.get("/readyz")
            assert ready.status == 503
            assert (await ready.json())["services"] == {
                "llm": "UNREACHABLE",
                "retrieval": "SERVING",
                "docs": "SERVING",
                "exercises": "SERVING",
            }
            assert (await http.get("/healthz")).status == 200


async def test_too_many_at_once_are_asked_to_come_back() -> None:
    async with fake_services() as services:
        services.script.pause = 0.5
        async with (
            running(settings_for(services, max_in_flight=2)) as gateway,
            aiohttp.ClientSession(gateway.url) as http,
        ):
            responses = await asyncio.gather(*(http.post("/api/v1/chat", json=CHAT) for _ in range(4)))
            assert sorted(r.status for r in responses) == [200, 200, 503, 503]
            assert {r.headers.get("Retry-After") for r in responses if r.status == 503} == {"1"}
            assert (await http.post("/api/v1/chat", json=CHAT)).status == 200


async def test_other_sites_may_call_only_when_named() -> None:
    async with (
        fake_services() as services,
        running(settings_for(services, cors_origins=("https://school.example",))) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):
        headers = {"Origin": "https://school.example", "Sec-Fetch-Site": "cross-site"}
        allowed = await http.post("/api/v1/chat", json=CHAT, headers=headers)
        assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (200, "https://school.example")
        preflight = await http.options("/api/v1/chat", headers={**headers, "Access-Control-Request-Method": "POST"})
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        foreign = await http.post("/api/v1/chat", json=CHAT, headers={**headers, "Origin": "https://evil.example"})
        assert foreign.status == 403
        assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_figures_and_readiness(stack: Stack) -> None:
    await stack.http.get("/api/v1/models")
    await stack.http.get("/nowhere")
    text = await (await stack.http.get("/metrics")).text()
    assert 'tiku_gateway_requests_total{operation="ListModels",status="200"} 1.0' in text
    assert 'tiku_gateway_requests_total{operation="none",status="404"} 1.0' in text
    assert "tiku_loop_lag_seconds_bucket" in text
    ready = await stack.http.get("/readyz")
    assert (ready.status, (await ready.json())["status"]) == (200, "ready")


async def test_readiness_says_what_the_stack_says_is_down(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    async with (
        fake_services() as services,
        running(settings_for(services, stack_file=file)) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):

        async def told(state: str) -> dict[str, object]:
            await asyncio.to_thread(file.write_text, state)
            answer = await http.get("/readyz")
            body: dict[str, object] = await answer.json()
            assert (answer.status, body.pop("status")) == (200, "ready")
            assert body.pop("services") == dict.fromkeys(("llm", "retrieval", "docs", "exercises"), "SERVING")
            return body

        why = (
            "llama ended with exit code 1: /home/me/x is no file; see /home/me/llama.log (5 crashes within 10 minutes)"
        )
        told_down = await told(orjson.dumps({"down": {"llama": why}, "disk": "full"}).decode())
        assert told_down == {"down": {"llama": "llama ended with exit code 1"}, "disk": "full"}
        for state in ('{"down": {}, "disk": "ok"}', "", "[]", "{", '{"down": 1, "disk": "ok"}', "{}"):
            assert await told(state) == {"down": {}, "disk": "ok"}


async def test_the_contract_describes_itself(stack: Stack) -> None:
    described = await (await stack.http.get("/openapi.json")).json()
    assert described["openapi"] == "3.1.0"
    get = described["paths"]["/api/v1/documents/{document_id}"]["get"]
    assert get["summary"] == "GetDocument returns a document's row"
    listed = {p["name"]: p for p in described["paths"]["/api/v1/documents"]["get"]["parameters"]}
    assert listed["page_size"]["schema"]["maximum"] == 500
    assert "multipart/form-data" in described["paths"]["/api/v1/documents"]["post"]["requestBody"]["content"]
    events = described["paths"]["/api/v1/exercises:generate"]["post"]["responses"]["200"]["content"]
    assert {"question", "done", "error"} <= set(events["text/event-stream"]["x-events"])
    for reference in _references(described):
        assert reference.rpartition("/")[2] in described["components"]["schemas"]
    page = await (await stack.http.get("/docs")).text()
    assert "/api/v1/documents/{document_id}:parse" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in _references(value)]
    return [r for value in node for r in _references(value)] if isinstance(node, list) else []
