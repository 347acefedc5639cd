"""Alibaba Cloud Model Studio on loopback: `Retrieve` as its reference describes it, for one account.

It verifies each signature by itself, from the bytes of the request, and answers what a test tells it to.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

WORKSPACE, INDEX, KEY_ID, KEY_SECRET = "llm-3shx2gu255", "7d4mgl6oqc", "LTAI-scripted", "scripted-secret"

_AUTHORIZATION = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})")
_DEMANDED = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}


def node(text: str, score: float, **metadata: Any) -> dict[str, Any]:
    """A passage with what a knowledge base of documents tells about it, nested parts included."""
    told = {
        "file_path": "https://bucket.example/signed?Signature=secret",
        "is_displayed_chunk_content": "true",
        "image_url": ["https://bucket.example/image.png?Expires=1"],
        "nid": "53c55|64",
        "doc_id": "file_0b21e0a8",
        "doc_name": "手册 v2.pdf",
        "title": "手册",
        "hier_title": "第三章",
        "pipeline_id": INDEX,
        "_score": score,
        "extra": {"a": [{"b": None}]},
    }
    return {"Text": text, "Score": score, "Metadata": {**told, **metadata}}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How one call is answered. `cut` closes the connection within the body; `hang` never answers."""

    nodes: Sequence[dict[str, Any]] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """In place of the nodes."""
    cut: bool = False
    hang: bool = False
    drop: bool = False
    """The connection ends without an answer."""


class ScriptedBailian:
    """The server; `replies` are given in turn, the last one again and again."""

    def __init__(self) -> None:
        self.replies = [Reply()]
        self.queries: list[dict[str, str]] = []
        """The parameters of each call whose signature holds."""
        self.refused: list[str] = []
        """The code of each call that was refused."""
        self.connections: set[Any] = set()
        """The connections that calls came by."""
        self.cancelled = asyncio.Event()
        self._nonces: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        path, _, query = request.raw_path.partition("?")
        pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&")]
        parameters = {unquote(name): unquote(value) for name, value in pairs}
        code = await self._fault(request, path, query) or self._wrong(path, parameters)
        if code:
            self.refused.append(code)
            status = 403 if code in ("SignatureDoesNotMatch", "InvalidAccessKeyId.NotFound") else 400
            # The real one repeats in its message what it would have signed: the question, in the open.
            said = {"Code": code, "Message": f"of {query} by {KEY_ID}", "RequestId": "35A267BF"}
            return web.json_response(said, status=status)
        self.queries.append(parameters)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return await self._reply(request, reply)

    async def _reply(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        if reply.hang:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if reply.drop:
            assert request.transport is not None
            request.transport.abort()
        found = {
            "Code": "Success",
            "Message": "success",
            "RequestId": "17204B98-7734-4F9A-8464-2446A84821CA",
            "Status": "200",
            "Success": True,
            "Data": {"Nodes": list(reply.nodes)},
        }
        body = json.dumps(found, ensure_ascii=False).encode() if reply.body is None else reply.body
        headers = {"Content-Type": "application/json", **reply.headers}
        if not reply.cut:
            return web.Response(status=reply.status, headers=headers, body=body)
        response = web.StreamResponse(status=reply.status, headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    async def _fault(self, request: web.Request, path: str, query: str) -> str:
        """The code of what is wrong with a signature; empty where it holds."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if found is None:
            return "IncompleteSignature"
        key_id, names, signature = found.groups()
        signed = names.split(";")
        headers = {name.lower(): value.strip() for name, value in request.headers.items()}
        body = await request.read()
        sent = datetime.strptime(headers.get("x-acs-date", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if not set(signed) >= _DEMANDED or signed != sorted(signed):
            return "IncompleteSignature"
        if key_id != KEY_ID:
            return "InvalidAccessKeyId.NotFound"
        if abs((datetime.now(UTC) - sent).total_seconds()) > 900:
            return "InvalidTimeStamp.Expired"
        if headers["x-acs-signature-nonce"] in self._nonces:
            return "SignatureNonceUsed"
        self._nonces.add(headers["x-acs-signature-nonce"])
        digest = hashlib.sha256(body).hexdigest()
        # The rule sorts by the encoded names; what came must be in that order and encoding already.
        canonical = "\n".join(
            [
                request.method,
                path,
                "&".join(sorted(query.split("&"))),
                *(f"{name}:{headers[name]}" for name in signed),
                "",
                names,
                digest,
            ]
        )
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        expected = hmac.digest(KEY_SECRET.encode(), text.encode(), "sha256").hex()
        holds = expected == signature and headers["x-acs-content-sha256"] == digest
        return "" if holds else "SignatureDoesNotMatch"

    def _wrong(self, path: str, parameters: Mapping[str, str]) -> str:
        """The code of what is wrong with a call; empty where it is one of the reference's."""
        if path != f"/{WORKSPACE}/index/retrieve":
            return "Workspace.NotFound"
        if parameters.get("IndexId") != INDEX:
            return "Index.NotExist"
        top_n = int(parameters.get("RerankTopN", "5"))
        depths = [int(parameters.get(f"{leg}SimilarityTopK", "100")) for leg in ("Dense", "Sparse")]
        least = float(parameters.get("RerankMinScore", "0.01"))
        if not 1 <= top_n <= 20 or not all(0 <= k <= 100 for k in depths) or not 0.01 <= least <= 1:
            return "InvalidParameter"
        return ""
