"""Knowledge bases of Alibaba Cloud Model Studio (Bailian), by its API `Retrieve` of version 2023-12-29.

https://help.aliyun.com/en/model-studio/api-bailian-2023-12-29-retrieve

Tiku signs the call itself: the SDK's asynchronous one opens a session and a TLS context each time (ADR 0052).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

from services.kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    ResourceExhausted,
    TikuError,
    Unavailable,
)
from services.retrieval.adapters.knowledge_bases import acs3
from services.retrieval.values.chunk import OutsidePassage

logger = logging.getLogger(__name__)

_MOST_CHARACTERS = 600
"""Characters of a question that are sent: they stand in the address, of which many servers read 8 KiB."""
_MOST_PASSAGE_BYTES = 65536
"""The longest passage that the contract holds; the rest of a longer one is left out."""
_MAX_BODY_BYTES = 4 << 20
_MOST_NAME_CHARACTERS = 255
_UNLIMITED = aiohttp.ClientTimeout(total=None)
"""One time limit covers the whole call, a second try included."""
_RETRY_SECONDS = 1.0
_KEEP_ALIVE_SECONDS = 10.0
"""How long an idle connection is kept: shorter than the balancers of Alibaba Cloud keep theirs."""
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_CODE = re.compile(r"[\w.-]{1,80}")
_KEY_REFUSED = re.compile(r"InvalidAccessKey|SignatureDoesNotMatch|IncompleteSignature|Forbidden|NoPermission")
_PASSING = frozenset({"ServiceUnavailable", "InternalError", "SystemError"})
"""Codes of faults on the other side, whatever the status."""


class _Wire(msgspec.Struct, rename="pascal"):
    """The names of the API begin with a capital letter."""


class _WireNode(_Wire):
    text: str | None = None
    score: float | None = None
    metadata: Any = None
    """What is known of the passage; what is in it depends on the kind of knowledge base."""


class _WireData(_Wire):
    nodes: list[_WireNode]


class _WireAnswer(_Wire):
    """Of an answer or an error; in an error of the API's gateway, `success` is missing."""

    code: str | None = None
    request_id: str | None = None
    success: bool | None = None
    data: _WireData | None = None


_decode = msgspec.json.Decoder(_WireAnswer).decode


@dataclass(frozen=True, slots=True)
class BailianKey:
    """A workspace, and the key of an account that may retrieve in it."""

    workspace_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BailianClient:
    """Signed calls of one workspace over connections that are kept open; every knowledge base of it shares them."""

    _endpoint: str
    _key: BailianKey
    _session: aiohttp.ClientSession
    _: KW_ONLY
    timeout: float

    @classmethod
    @asynccontextmanager
    async def open(cls, endpoint: str, key: BailianKey, *, timeout: float = 8.0) -> AsyncIterator[Self]:
        """Open a client of an address such as `https://bailian.cn-beijing.aliyuncs.com`.

        A call takes at most `timeout` seconds, reading included.
        """
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ttl_dns_cache=60)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=64 * 1024
        ) as session:
            yield cls(endpoint.rstrip("/"), key, session, timeout=timeout)

    async def retrieve(self, name: str, parameters: Mapping[str, str]) -> list[_WireNode]:
        """Return what `Retrieve` finds; `name` is what errors call the knowledge base."""
        try:
            async with asyncio.timeout(self.timeout):
                status, headers, body = await self._exchange(parameters)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"The knowledge base {name} did not answer in time.", reason="KNOWLEDGE_BASE_TIMEOUT"
            ) from error
        except _TooLargeError as error:
            raise _unreadable(name, error) from error
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, OSError) as error:
            raise _unavailable(name, repr(error)) from error
        except aiohttp.ClientError as error:
            raise _unreadable(name, error) from error
        return _nodes(name, status, headers, body)

    async def _exchange(self, parameters: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request, and once more where a connection that was kept had been closed meanwhile."""
        try:
            return await self._send(parameters)
        except aiohttp.ServerDisconnectedError:
            return await self._send(parameters)

    async def _send(self, parameters: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        url = URL(self._endpoint)
        path = f"/{acs3.encoded(self._key.workspace_id)}/index/retrieve"
        query = acs3.canonical_query(parameters)
        headers = {
            "host": url.authority,
            "x-acs-action": "Retrieve",
            "x-acs-version": "2023-12-29",
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid4().hex,
            "x-acs-content-sha256": _EMPTY_SHA256,
        }
        signed = acs3.authorization("POST", path, query, headers, self._key.access_key_id, self._key.access_key_secret)
        async with self._session.post(
            # The server has to see the very characters that are signed.
            URL(f"{self._endpoint}{path}?{query}", encoded=True),
            headers={**headers, "authorization": signed, "accept": "application/json", "accept-encoding": "identity"},
            # A redirect would carry the question to whoever the answer names.
            allow_redirects=False,
            timeout=_UNLIMITED,
        ) as response:
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > _MAX_BODY_BYTES:
                    raise _TooLargeError(f"a body of more than {_MAX_BODY_BYTES} bytes")
            return response.status, response.headers, bytes(body)


@dataclass(frozen=True, slots=True)
class BailianKnowledgeBase:
    """One knowledge base, asked for `top_k` passages at most.

    With `rerank`, its own reranker chooses them, and leaves out what it gives less than `min_score`; None leaves that
    to the knowledge base.
    """

    _client: BailianClient
    name: str
    _index_id: str
    _: KW_ONLY
    top_k: int = 5
    rerank: bool = True
    min_score: float | None = None

    async def search(self, question: str, limit: int) -> list[OutsidePassage]:
        """Return what `Retrieve` finds for the first characters of a question."""
        most = min(limit, self.top_k)
        parameters = {
            "IndexId": self._index_id,
            "Query": question[:_MOST_CHARACTERS],
            "EnableReranking": "true" if self.rerank else "false",
            "SaveRetrieverHistory": "false",
        }
        if self.rerank:
            parameters["RerankTopN"] = str(most)
            if self.min_score is not None:
                parameters["RerankMinScore"] = str(self.min_score)
        else:
            parameters |= {"DenseSimilarityTopK": str(most), "SparseSimilarityTopK": str(most)}
        nodes = await self._client.retrieve(self.name, parameters)
        found = [_passage(node) for node in nodes if node.text and node.text.strip()]
        return sorted(found, key=lambda passage: -passage.score)[:most]


class _TooLargeError(Exception):
    """An answer is larger than any that holds passages."""


def _passage(node: _WireNode) -> OutsidePassage:
    told = node.metadata if isinstance(node.metadata, dict) else {}

    def text(name: str) -> str:
        value = told.get(name)
        return value.strip()[:_MOST_NAME_CHARACTERS] if isinstance(value, str) else ""

    return OutsidePassage(
        text=_cut(node.text or ""),
        score=min(1.0, max(0.0, node.score or 0.0)),
        document_id=text("doc_id"),
        document_name=text("doc_name") or text("title"),
        heading=text("hier_title"),
    )


def _cut(text: str) -> str:
    data = text.encode()
    return text if len(data) <= _MOST_PASSAGE_BYTES else data[:_MOST_PASSAGE_BYTES].decode(errors="ignore")


def _nodes(name: str, status: int, headers: Mapping[str, str], body: bytes) -> list[_WireNode]:
    """Return the passages of an answer, or raise what its status and code stand for."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if status == 200:
            raise _unreadable(name, error) from error
        answer = _WireAnswer()
    if status == 200 and answer.success is not False:
        if answer.data is None:
            raise _unreadable(name, "no Data")
        return answer.data.nodes
    # The message may hold the question, the address or the key: the code and the request's id tell enough.
    code = answer.code if answer.code is not None and _CODE.fullmatch(answer.code) else ""
    logger.warning(
        "knowledge base refused",
        extra={"knowledge_base": name, "status": status, "reason": code, "request_id": (answer.request_id or "")[:80]},
    )
    raise _error_of(name, status, code, headers)


def _error_of(name: str, status: int, code: str, headers: Mapping[str, str]) -> TikuError:
    if status == 429 or code.startswith("Throttling"):
        return ResourceExhausted(
            f"The knowledge base {name} wants fewer questions.",
            reason="KNOWLEDGE_BASE_THROTTLED",
            metadata={"code": code},
            retry_after=_retry_after(headers),
        )
    if status >= 500 or code in _PASSING:
        return _unavailable(name, code or status)
    if status in (401, 403) or _KEY_REFUSED.match(code):
        return FailedPrecondition(
            f"The knowledge base {name} refuses the configured key.",
            reason="KNOWLEDGE_BASE_UNAUTHENTICATED",
            metadata={"code": code},
        )
    if status == 200 or status >= 400:
        return FailedPrecondition(
            f"The knowledge base {name} rejects the request: {code or status}.",
            reason="KNOWLEDGE_BASE_REJECTED",
            metadata={"code": code},
        )
    return _unreadable(name, f"status {status}")


def _unavailable(name: str, error: object) -> TikuError:
    logger.warning("knowledge base unavailable", extra={"knowledge_base": name, "error": str(error)})
    return Unavailable(f"The knowledge base {name} is unavailable.", reason="KNOWLEDGE_BASE_UNAVAILABLE")


def _unreadable(name: str, error: object) -> TikuError:
    logger.error("knowledge base sent what cannot be read", extra={"knowledge_base": name, "error": str(error)})
    return Internal(
        f"The knowledge base {name} sent an answer that cannot be read.", reason="KNOWLEDGE_BASE_BAD_RESPONSE"
    )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a server asks for; an HTTP date is read as a short wait."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _RETRY_SECONDS
    return seconds if 0 <= seconds < math.inf else _RETRY_SECONDS
