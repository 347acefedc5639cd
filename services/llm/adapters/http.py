"""One keep-alive HTTP client a provider, with deadlines and bounds on every read."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec

from services.kit import tracing
from services.llm.domain import faults

T = TypeVar("T")

MAX_ERROR_BYTES = 64 * 1024
"""As much is read of what a provider says of a failure."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """Posts JSON to one provider, which errors and logs call `name`; turns every failure on the way into a fault."""

    name: str
    _base_url: SplitResult
    _session: aiohttp.ClientSession
    _connector: aiohttp.TCPConnector
    _connect_timeout: float

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, base_url: str, api_key: str, connect_timeout: float = 5.0) -> AsyncIterator[Self]:
        """Open a client of an address such as `https://api.openai.com/v1`; its connections close with the block.

        Reaching the provider takes at most `connect_timeout` seconds, however much time a request has.
        """
        # Compression would hold tokens back until a block is full.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        # The bulkhead decides how many calls run at once: it refuses instead of queueing unseen.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=60)
        async with aiohttp.ClientSession(
            connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=64 * 1024
        ) as session:
            yield cls(name, urlsplit(base_url), session, connector, connect_timeout)

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any], timeout: float) -> AsyncIterator[aiohttp.ClientResponse]:
        """Post JSON and yield the response, whose status is 200; `timeout` covers the whole exchange, reading included.

        Leaving the block before the body's end closes the connection, which tells the provider to stop.
        """
        async with self.request("POST", path, timeout, data=_encode(body)) as response:
            if response.status != 200:
                told = await response.content.read(MAX_ERROR_BYTES)
                raise faults.from_status(self.name, body["model"], response.status, told, response.headers)
            yield response

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        data: bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send anything and yield the response whatever its status is; else as `post`.

        A query of the address, such as Azure's `api-version`, stays behind the path.
        """
        url = self._base_url._replace(path=self._base_url.path.rstrip("/") + path).geturl()
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers={**(headers or {}), **({"traceparent": tracing.traceparent()} if tracing.on() else {})},
                # A redirect would carry the key to whoever the answer names.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=timeout, sock_connect=min(timeout, self._connect_timeout), ceil_threshold=float("inf")
                ),
            ) as response:
                yield response
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            # A container that starts again has another address: the next attempt asks for it.
            self._connector.clear_dns_cache()
            raise faults.unavailable(self.name, error) from error
        except TimeoutError as error:
            raise faults.timed_out(self.name) from error
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
            raise faults.bad_response(self.name, error) from error
        except (aiohttp.ClientError, OSError) as error:
            raise faults.unavailable(self.name, error) from error

    async def post_for(
        self, path: str, body: Mapping[str, Any], timeout: float, decode: Callable[[bytes], T], max_bytes: int
    ) -> T:
        """Return what `decode` reads in the whole body of a 200 response of at most `max_bytes`."""
        answer = bytearray()
        async with self.post(path, body, timeout) as response:
            async for part in response.content.iter_any():
                answer += part
                if len(answer) > max_bytes:
                    raise faults.bad_response(self.name, f"a body of more than {max_bytes} bytes")
        return self.decoded(bytes(answer), decode)

    def decoded(self, data: bytes, decode: Callable[[bytes], T]) -> T:
        """Return what `decode` reads in a part of an answer."""
        try:
            return decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise faults.bad_response(self.name, error) from error
