"""Kept-alive HTTP/1.1 connections to one provider, over httptools.

A chat sends one body that is there as a whole, and reads one answer. aiohttp, which can do far more, takes several
times the processor time for it, and handles each token of a stream by itself (ADR 15).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import select
import socket
import ssl
import zlib
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from typing import Self, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

import httptools

from services.kit.brackets import Bracket
from services.kit.turns import Turns

_IDLE_SECONDS = 30.0
_SAFE = "/%:@!$&'()*+,;=~"
_MAX_HEAD_BYTES = 64 * 1024
_MAX_UNREAD_BYTES = 256 * 1024
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""More than a whole answer may have."""
_RACE_SECONDS = 1.0
"""As soon as this a provider that closed an idle connection is known to have done so, and not to be at work."""
_HEAD_START_SECONDS = 0.25
"""What an address of a name has before the next one is tried beside it."""
_GATHER_SECONDS = 0.005
"""What comes of a fast stream in this time is read together."""


class MalformedAnswerError(Exception):
    """What came is not HTTP/1.1."""


class ConnectError(OSError):
    """Nobody could be reached at the address, or not in time."""


class Exchange(asyncio.Protocol):
    """A connection, and the answer that comes on it now."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names are in small letters."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._readable = select.poll()
        self._timer: asyncio.TimerHandle | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._has_head = False
        self._is_whole = False
        self._is_kept = False
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._unread = 0
        self._inflate: zlib._Decompress | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_lost = False
        self._is_paused = False
        self.idle_since = 0.0

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent behind the answer."""
        done = self._is_whole and self._is_kept and not self._is_lost and self._error is None
        return done and not self._transport.get_write_buffer_size()

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._is_lost

    @property
    def is_quiet(self) -> bool:
        """Whether an idle connection is open, and nothing came that the loop has not seen yet."""
        return not self._is_lost and not self._transport.is_closing() and not self._readable.poll(0)

    @property
    def was_dropped(self) -> bool:
        """Whether the connection ended before a byte of the answer came."""
        return self._is_lost and not self._head_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def eof_received(self) -> None:
        """End the connection, also where the provider did not wait for all that is sent to it."""
        self.connection_lost(None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer whose end is that of the connection, or else what waits for it."""
        self._is_lost = True
        if self._parser is not None and not self._is_whole:
            if self._has_head and exc is None and not self._is_framed():
                self.on_message_complete()
            else:
                self.fail(exc or ConnectionResetError("the provider closed the connection"))
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._parser is None or self._is_whole:
            self._transport.abort()  # Nobody asked for it.
            return
        if not self._has_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES + _MAX_UNREAD_BYTES:
                self.fail(MalformedAnswerError("a head that is too large"))
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._is_whole:
                self.fail(ConnectionResetError(str(error)) if self._has_head else MalformedAnswerError(str(error)))
        self._wake()

    def on_message_begin(self) -> None:
        """Refuse a second answer.

        Raises:
            MalformedAnswerError: nobody asked for it.
        """
        if self._is_whole:
            self._error = MalformedAnswerError("more than one answer")
            raise self._error

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, the first of its name; none behind the body."""
        if not self._has_head:
            self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Begin the body, unless the head only announces another one."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._has_head = True
            self._is_kept = self._parser.should_keep_alive()
            if self.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip", "deflate"):
                self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def on_body(self, body: bytes) -> None:
        """Take data of the body."""
        if self._inflate is not None:
            try:
                body = self._unpacked(self._inflate, body)
            except (zlib.error, MalformedAnswerError) as error:
                self.fail(MalformedAnswerError(str(error)))
                return
        if body:
            self._pieces.append(body)
            self._unread += len(body)
        if self._unread > _MAX_UNREAD_BYTES:
            self._pause()

    def on_message_complete(self) -> None:
        """End the answer."""
        if not self._has_head:
            self.headers.clear()
        elif self._error is None:
            self._is_whole = True

    def fail(self, error: Exception) -> None:
        """End the answer behind what came of it."""
        if self._error is None and not self._is_whole:
            self._error = error
        self._wake()

    async def ask(self, request: bytes, deadline: float) -> None:
        """Send a request and wait for the head of its answer; its body has to be there by the deadline, too."""
        self.status, self.headers = 0, {}
        self._has_head = self._is_whole = False
        self._head_bytes, self._inflate = 0, None
        self._pieces.clear()
        self._unread = 0
        self._resume()
        self._parser = httptools.HttpResponseParser(self)
        # As browsers, aiohttp and h11 read: some servers leave out a CR, fold a header, or fill up a chunk's size.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._timer = self._loop.call_at(deadline, self.fail, TimeoutError())
        if self._is_lost:
            raise ConnectionResetError("the provider closed the connection")
        self._transport.write(request)
        while not self._has_head:
            await self._more()

    async def read(self) -> bytes:
        """Return what came of the body since it was read last; nothing at its end."""
        while not self._pieces and not self._is_whole:
            await self._more()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._unread = 0
        self._resume()
        return data

    async def read_told(self, limit: int) -> bytes:
        """Return what comes of the rest of the body, about so many bytes at most, also where it is cut."""
        data = b""
        with contextlib.suppress(OSError, MalformedAnswerError):
            while len(data) < limit and (piece := await self.read()):
                data += piece
        return data[:limit]

    async def rest(self, seconds: float) -> None:
        """Leave what comes meanwhile in the socket, from which it is read at once."""
        if self._is_whole or self._is_lost or self._error is not None:
            return
        self._pause()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._resume()

    def release(self) -> None:
        """Forget the deadline: nothing is asked now."""
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """End the connection at once."""
        self.release()
        self._transport.abort()

    def _unpacked(self, inflate: zlib._Decompress, body: bytes) -> bytes:
        """Return what data of the body unpacks to.

        Raises:
            MalformedAnswerError: it is more than any answer has.
        """
        try:
            body = inflate.decompress(body, _MAX_UNPACKED_BYTES)
        except zlib.error:
            if self._pieces or self.headers["content-encoding"].lower() != "deflate":
                raise
            # Some servers leave out the header that belongs to it.
            inflate = self._inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            body = inflate.decompress(body, _MAX_UNPACKED_BYTES)
        members = [body]
        while inflate.unused_data and self.headers["content-encoding"].lower() != "deflate":
            # Several members of gzip one behind another are one body (RFC 1952, 2.2).
            rest = inflate.unused_data
            inflate = self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            members.append(inflate.decompress(rest, _MAX_UNPACKED_BYTES))
        if inflate.unconsumed_tail or sum(map(len, members)) > _MAX_UNPACKED_BYTES:
            raise MalformedAnswerError("a body that unpacks to too much")
        return b"".join(members)

    def _is_framed(self) -> bool:
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            self._turns.soon(partial(_woken, waiter))


def _woken(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Body:
    """The body of an answer as it comes; of a fast stream, what came in some milliseconds together."""

    def __init__(self, exchange: Exchange, *, is_stream: bool) -> None:
        self._exchange = exchange
        self._is_stream = is_stream
        self._clock = asyncio.get_running_loop().time
        self._has_begun = False
        self._is_fast = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_fast:
            await self._exchange.rest(_GATHER_SECONDS)
        began = self._clock()
        piece = await self._exchange.read()
        if not piece:
            raise StopAsyncIteration
        # The first token waits for no other.
        self._is_fast = self._is_stream and self._has_begun and self._clock() - began < _GATHER_SECONDS
        self._has_begun = True
        return piece


class Connections:
    """Connections to the address of one provider."""

    def __init__(self, base_url: str, api_key: str, connect_timeout: float, context: ssl.SSLContext | None) -> None:
        url = urlsplit(base_url)
        self._host, self._port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        self._path = quote(url.path.rstrip("/"), safe=_SAFE)
        self._query = f"?{quote(url.query, safe=_SAFE + '?')}" if url.query else ""
        self._context = context
        self._connect_timeout = connect_timeout
        # Compression would hold tokens back until a block is full.
        headers = {
            "Host": url.netloc.rpartition("@")[2].encode("idna").decode(),
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "Tiku",
        }
        if api_key:
            if not api_key.isprintable():
                raise ValueError("the key holds what no header can")
            headers["Authorization"] = f"Bearer {api_key}"
        if url.username or url.password:
            headers["Authorization"] = _basic(url)
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
        self._turns = Turns()
        self._idle: deque[Exchange] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, base_url: str, api_key: str, connect_timeout: float = 5.0) -> AsyncIterator[Self]:
        """Open none yet; those that are idle close with the block."""
        # It reads certificates from the disk.
        context = await asyncio.to_thread(ssl.create_default_context) if urlsplit(base_url).scheme == "https" else None
        connections = cls(base_url, api_key, connect_timeout, context)
        try:
            yield connections
        finally:
            connections._close()

    def post(self, path: str, body: bytes, timeout: float, traceparent: str = "") -> Bracket[Exchange]:
        """Post a body and yield the exchange, whose head is there; leaving the block before its end closes it.

        Raises:
            TimeoutError: it took longer than `timeout` seconds.
            MalformedAnswerError: what came is not HTTP.
            ConnectError: nobody could be reached.
            OSError: the connection was lost.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        trace = f"traceparent: {traceparent}\r\n".encode() if traceparent else b""
        head = b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n"
        target = (self._path + path + self._query).encode()
        request = head % (target, self._headers, trace, len(body)) + body
        return Bracket(partial(self._asked, request, deadline), self._release)

    def _release(self, exchange: Exchange, _: object) -> None:
        """Keep the connection of an answer that was read to its end for another request, and close any other."""
        exchange.release()
        if exchange.is_reusable:
            self._keep(exchange)
        else:
            exchange.close()

    async def _asked(self, request: bytes, deadline: float) -> Exchange:
        """Send a request and return the exchange, whose head is there.

        A provider may close an idle connection just when the request is on its way. It has not read it then, and so it
        is sent once more, on a new one.
        """
        loop = asyncio.get_running_loop()
        kept, began = self._kept(), loop.time()
        if kept is not None:
            try:
                return await self._ask(kept, request, deadline)
            except OSError:
                if not kept.was_dropped or loop.time() - began > _RACE_SECONDS:
                    raise
        return await self._ask(await self._connected(deadline - loop.time()), request, deadline)

    async def _ask(self, exchange: Exchange, request: bytes, deadline: float) -> Exchange:
        try:
            await exchange.ask(request, deadline)
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _kept(self) -> Exchange | None:
        while self._idle:
            exchange = self._idle.pop()
            if exchange.is_quiet:
                return exchange
            exchange.close()
        return None

    def _keep(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        exchange.idle_since = loop.time()
        self._idle.append(exchange)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long; the oldest stand first."""
        loop = asyncio.get_running_loop()
        until = loop.time() - _IDLE_SECONDS
        while self._idle and (self._idle[0].is_lost or self._idle[0].idle_since <= until):
            self._idle.popleft().close()
        left = self._idle[0].idle_since - until if self._idle else 0.0
        self._sweeper = loop.call_later(left, self._sweep) if self._idle else None

    def _close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._idle:
            self._idle.pop().close()

    async def _connected(self, timeout: float) -> Exchange:
        """Connect to the first address of the name that answers."""
        try:
            async with asyncio.timeout(min(timeout, self._connect_timeout)):
                found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                addresses = [(str(address[0]), int(address[1])) for *_, address in found]
                return await (self._connect(*addresses[0]) if len(addresses) == 1 else self._race(addresses))
        except (OSError, TimeoutError) as error:
            raise ConnectError(str(error) or "the time to connect is spent") from error

    async def _race(self, addresses: list[tuple[str, int]]) -> Exchange:
        """Connect to some addresses, each with a head start of the next, as RFC 8305 says; uvloop cannot."""
        error: BaseException = ConnectError("the name has no address")
        left, tries = deque(addresses), set[asyncio.Task[Exchange]]()
        try:
            while left or tries:
                if left:
                    tries.add(asyncio.create_task(self._connect(*left.popleft())))
                wait = _HEAD_START_SECONDS if left else None
                done, _ = await asyncio.wait(tries, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    tries.remove(task)
                    failed = task.exception()
                    if failed is None:
                        return task.result()
                    error = failed
            raise error
        finally:
            for task in tries:
                task.add_done_callback(_discard)
                task.cancel()

    async def _connect(self, host: str, port: int) -> Exchange:
        name = self._host if self._context is not None else None
        _, exchange = await asyncio.get_running_loop().create_connection(
            lambda: Exchange(self._turns), host, port, ssl=self._context, server_hostname=name
        )
        return exchange


def _discard(connecting: asyncio.Task[Exchange]) -> None:
    """Close a connection that came about too late."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


def _basic(url: SplitResult) -> str:
    """Return what says who an address names."""
    said = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return f"Basic {base64.b64encode(said.encode()).decode()}"
