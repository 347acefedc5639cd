"""Named points at which a test makes a process die, stall or fail.

`TIKU_FAILPOINTS` names a folder. A file in it that is named after a point holds what happens there, the next time that
any process reaches the point: `kill`, `stop`, `hang`, `sleep(SECONDS)` or `error(NAME)`, a class of
`services.kit.errors`. Whoever removes the file carries the action out, so it happens once, even in a process that is
started again. Points lie around ports, where the composition root puts them: without the variable there is none at all.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from services.kit import errors

_ACTION = re.compile(r"(kill|stop|hang)|sleep\((\d+(?:\.\d+)?)\)|error\((\w+)\)")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_Port = TypeVar("_Port")


class Points(NamedTuple):
    """The points around one method of a port; empty for none."""

    after: str = ""
    """Reached when the call has succeeded, before its caller knows; for a stream, after its last item."""
    before: str = ""
    """Reached before the call."""
    first: str = ""
    """Reached when a stream gave its first item that `when` allows."""
    when: Callable[..., bool] | None = None
    """Given the arguments of a call, or an item of a stream, whether it reaches points; None for every one."""


@dataclass(frozen=True, slots=True)
class Failpoints:
    """The points of one process; `folder` is where they are armed, None where there are none."""

    folder: Path | None

    def around(self, port: _Port, methods: Mapping[str, Points]) -> _Port:
        """Return `port` with points around its methods; `port` itself where there are no points.

        The methods return a coroutine or an asynchronous generator.
        """
        return port if self.folder is None else cast(_Port, _Around(port, methods, self.reach))

    async def reach(self, point: str) -> None:
        """Do what the point is armed with, once; do nothing where it is not armed or has no name.

        Raises:
            ValueError: the point is armed with something that is no action.
            TikuError: the point is armed with `error`.
        """
        action = await asyncio.to_thread(_claim, self.folder / point) if self.folder is not None and point else None
        if action is not None:
            await _perform(point, action)


class _Around:
    """A port with points around some methods."""

    def __init__(self, port: object, methods: Mapping[str, Points], reach: Callable[[str], Any]) -> None:
        self._port = port
        for name, points in methods.items():
            setattr(self, name, _wrapped(getattr(port, name), points, reach))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def _wrapped(method: Callable[..., Any], points: Points, reach: Callable[[str], Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # What is made does nothing before it is awaited or read.
        made = method(*args, **kwargs)
        if isinstance(made, AsyncGenerator):
            return _stream(made, points, reach)
        return _call(made, points, reach) if points.when is None or points.when(*args, **kwargs) else made

    return wrapped


async def _call(made: Coroutine[Any, Any, Any], points: Points, reach: Callable[[str], Any]) -> Any:
    with closing(made):
        await reach(points.before)
        result = await made
    await reach(points.after)
    return result


async def _stream(
    made: AsyncGenerator[Any, None], points: Points, reach: Callable[[str], Any]
) -> AsyncGenerator[Any, None]:
    first, when = points.first, points.when
    async with aclosing(made):
        await reach(points.before)
        async for item in made:
            yield item
            if first and (when is None or when(item)):
                await reach(first)
                first = ""
    await reach(points.after)


def _claim(armed: Path) -> str | None:
    """Return what a point is armed with and disarm it; None where it is not armed, or another was faster."""
    try:
        action = armed.read_text()
        armed.unlink()
    except FileNotFoundError:
        return None
    return action.strip()


async def _perform(point: str, action: str) -> None:
    matched = _ACTION.fullmatch(action)
    if matched is None:
        raise ValueError(f"TIKU_FAILPOINTS: {point} holds {action!r}, not kill, stop, hang, sleep(…) or error(…)")
    name, seconds, error = matched.groups()
    if name in _SIGNALS:
        os.kill(os.getpid(), _SIGNALS[name])
    elif name == "hang":
        await asyncio.Event().wait()
    elif seconds is not None:
        await asyncio.sleep(float(seconds))
    else:
        kind = getattr(errors, error, None)
        if not (isinstance(kind, type) and issubclass(kind, errors.TikuError)):
            raise ValueError(f"TIKU_FAILPOINTS: {point}: {error} is no error of services.kit.errors")
        raise kind(f"The failpoint {point} was reached.", reason="FAILPOINT")
