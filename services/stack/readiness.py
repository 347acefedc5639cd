"""The last step of a start: the gateway reaches every service."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from services.embedded.network import http_get
from services.embedded.process import SupervisedProcess
from services.kit.progress import STALL_SECONDS, ProgressWatch
from services.registry import GATEWAY, LLAMA, POSTGRES, QDRANT

_INTERVAL_SECONDS = 0.1
_LATE_SECONDS = 10.0
_LATE_INTERVAL_SECONDS = 1.0
"""For a wait that has become long: each question costs the services processor time, which must not look like
progress."""
_ENGINES = (POSTGRES, QDRANT, LLAMA)


class NotReadyError(RuntimeError):
    """Services are not ready, and nothing that they wait for makes progress; the message names them and their logs."""


class Readiness:
    """Asks the gateway which services it reaches until it reaches all.

    Args:
        host: where the gateway listens.
        port: where the gateway listens.
        processes: the stack's, by name.
        logs: the folder of their logs.
        stall_seconds: how long all that is waited for may stand still.
    """

    def __init__(
        self,
        host: str,
        port: int,
        processes: Mapping[str, SupervisedProcess],
        logs: Path,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._processes = processes
        self._logs = logs
        self._stall_seconds = stall_seconds
        self._watches: dict[str, ProgressWatch] = {}

    async def wait(self, report: Callable[[str, float], None]) -> None:
        """Return once every service is ready; tell `report` now and then what is missing, after how many seconds.

        Raises:
            NotReadyError: services are missing, and nothing that they wait for makes progress.
        """
        began = time.monotonic()
        while missing := await unready_services(self._host, self._port):
            waited = time.monotonic() - began
            report(f"waiting for {', '.join(missing)}", waited)
            still = await self._still_seconds({*missing, GATEWAY, *_ENGINES})
            if still >= self._stall_seconds:
                states = ", ".join(f"{name} ({state})" for name, state in missing.items())
                logs = ", ".join(str(self._logs / f"{name}.log") for name in missing)
                raise NotReadyError(
                    f"the gateway still waits for {states}, and nothing has moved for {still:.0f} s; see {logs}"
                )
            await asyncio.sleep(_INTERVAL_SECONDS if waited < _LATE_SECONDS else _LATE_INTERVAL_SECONDS)

    async def _still_seconds(self, names: Collection[str]) -> float:
        """Return for how many seconds none of these processes has made progress."""
        return min([await self._still_seconds_of(self._processes[name]) for name in names if name in self._processes])

    async def _still_seconds_of(self, process: SupervisedProcess) -> float:
        if process.pid is None:
            return 0.0  # It is being restarted, and that start has a watch of its own.
        name = process.spec.name
        watch = self._watches.get(name)
        if watch is None or watch.pid != process.pid:
            watch = self._watches[name] = ProgressWatch(process.pid, process.spec.log_file, self._stall_seconds)
        return await watch.still_seconds()


async def unready_services(host: str, port: int) -> dict[str, str]:
    """Return the services that the gateway does not reach, each with its state; the gateway if it does not answer."""
    try:
        status, body = await http_get(host, port, "/readyz")
        if status == 200:
            return {}
        states: dict[str, str] = json.loads(body)["services"]
    except (OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        return {GATEWAY: f"no answer to /readyz: {type(error).__name__}"}
    return {name: state for name, state in states.items() if state != "SERVING"} or {GATEWAY: "not ready"}
