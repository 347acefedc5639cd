"""Objects nested deeper than protobuf reads: refused by the gateway or by the service, never a fault of ours."""

from __future__ import annotations

import logging

import pytest

from tests.integration.gateway.conftest import Stack

_NATIVE = (
    '{"messages":[{"role":"ROLE_USER","content":"x"}],'
    '"options":{"structured_output":{"name":"a","json_schema":{"a":%s}}}}'
)
_OPENAI = (
    '{"messages":[{"role":"user","content":"x"}],"stream":%s,'
    '"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"a":%%s}}}}'
)
_SENT = {
    "/api/v1/chat": _NATIVE,
    "/api/v1/chat:stream": _NATIVE,
    "/v1/chat/completions": _OPENAI % "false",
    "/v1/chat/completions#": _OPENAI % "true",
    "/api/v1/embed": '{"texts":%s}',
    "/v1/embeddings": '{"input":%s}',
    "/api/v1/search": '{"query":%s}',
}


@pytest.mark.parametrize("path", list(_SENT))
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"b":', "}]")])
async def test_deep_nesting_is_refused(
    stack: Stack, path: str, opening: str, closing: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for depth in (*range(15, 120, 7), 300, 480, 1_000, 3_000, 200_000):
        body = _SENT[path] % (opening * depth + "1" + closing * depth)
        response = await stack.http.post(path, data=body, headers={"Content-Type": "application/json"})
        text = await response.text()
        assert response.status == 400 or (response.status == 200 and depth < 50), (depth, text[:300])
    assert not [record for record in caplog.records if record.exc_info]
