"""Headless Chromium over its DevTools protocol: just what the page's tests need."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
"""Path of an installed Chromium; None where there is none."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []
        """Uncaught exceptions, console errors, refused requests and violations of the page's policy."""

    async def read(self) -> None:
        """Takes what the browser says until it closes."""
        async for message in self._socket:
            said = orjson.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said["method"] == "Runtime.exceptionThrown":
                self.errors.append(str(said["params"]["exceptionDetails"]))
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.errors.append(said["params"]["entry"]["text"])
            elif said["method"] == "Runtime.consoleAPICalled" and said["params"]["type"] == "error":
                self.errors.append(str(said["params"]["args"]))
            elif said["method"] == "Page.javascriptDialogOpening":
                await self._send("Page.handleJavaScriptDialog", {"accept": True})

    async def _send(self, method: str, parameters: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": parameters}
        await self._socket.send_str(orjson.dumps(command).decode())
        return self._waiting[number]

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its result."""
        answer = await (await self._send(method, parameters))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def show(
        self, url: str, *, width: int = 1280, height: int = 900, language: str = "en-US", dark: bool = False
    ) -> None:
        """Opens an address in a window of a size, in a language."""
        for domain in ("Page", "Runtime", "Log", "DOM"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await self.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )
        agent = (await self.call("Browser.getVersion"))["userAgent"]
        await self.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && document.documentElement.lang !== ''")

    async def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def until(self, condition: str, seconds: float = 60.0) -> None:
        """Waits until an expression is true."""
        try:
            async with asyncio.timeout(seconds):
                # The page is watched from outside: there is no event here to wait for.
                while not await self.run(f"Boolean({condition})"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            body = await self.run("document.body.innerText")
            raise AssertionError(f"never true: {condition}\n{self.errors}\n{body}") from None

    async def click(self, selector: str) -> None:
        """Clicks the first element that a selector finds."""
        await self.until(f"document.querySelector({selector!r})")
        await self.run(f"document.querySelector({selector!r}).click()")

    async def press(self, x: float, y: float) -> None:
        """Presses the left button of the mouse at a place of the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def type(self, selector: str, text: str) -> None:
        """Puts text into a field."""
        quoted = orjson.dumps(text).decode()
        await self.run(
            f"(() => {{ const field = document.querySelector({selector!r}); field.value = {quoted}; "
            "field.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    async def choose_files(self, selector: str, *paths: Path) -> None:
        """Chooses files in a file field."""
        root = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=root["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(path) for path in paths])

    async def text(self, selector: str) -> str:
        """The visible text of the first element that a selector finds."""
        return str(await self.run(f"document.querySelector({selector!r}).innerText"))

    async def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, http: aiohttp.ClientSession, address: str, control: Page) -> None:
        self._http = http
        self._address = address
        self._control = control

    @contextlib.asynccontextmanager
    async def tab(self) -> AsyncIterator[Page]:
        """A blank tab that shares nothing with others, as in a profile of its own."""
        context = (await self._control.call("Target.createBrowserContext"))["browserContextId"]
        target = await self._control.call("Target.createTarget", url="about:blank", browserContextId=context)
        try:
            async with _page(self._http, f"ws://{self._address}/devtools/page/{target['targetId']}") as page:
                yield page
        finally:
            await self._control.call("Target.disposeBrowserContext", browserContextId=context)


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """A browser whose profile lies in `folder`."""
    if CHROMIUM is None:
        raise FileNotFoundError("no Chromium is installed")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
        "--proxy-server=direct://",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        address = await _address(process)
        async with aiohttp.ClientSession() as http:
            version = await (await http.get(f"http://{address}/json/version")).json()
            async with _page(http, version["webSocketDebuggerUrl"]) as control:
                yield Browser(http, address, control)
    finally:
        # Its helpers hold its output open, so waiting for the end of that could last for ever.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@contextlib.asynccontextmanager
async def _page(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Page]:
    """A connection to a tab, or to the browser itself."""
    async with http.ws_connect(url, max_msg_size=0) as socket:
        page = Page(socket)
        reading = asyncio.create_task(page.read())
        try:
            yield page
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if b"DevTools listening on ws://" in line:
            return line.decode().split("ws://")[1].split("/")[0]
    raise RuntimeError("Chromium ended before it listened")
