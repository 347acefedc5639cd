"""`tiku` with links in its stack: `python -m tests.faults.linked_up up …` leads each process' calls through proxies.

The addresses of a stack are its own choice. So the environment of a process is changed where it is started, and what
stood there is written down for the proxy.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from services.cli import app
from services.embedded.network import LOOPBACK
from services.embedded.process import ProcessSpec, State, SupervisedProcess
from tests.faults.links import LINKS_VARIABLE


class LinkedProcess(SupervisedProcess):
    """A process that reaches others through links."""

    def __init__(
        self,
        spec: ProcessSpec,
        on_state: Callable[[State, str], None] | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(dataclasses.replace(spec, environment=_led(spec)), on_state, on_wait)


def _led(spec: ProcessSpec) -> dict[str, str]:
    told = json.loads(os.environ[LINKS_VARIABLE])
    environment = dict(spec.environment)
    for name, (process, variable, port) in told["links"].items():
        if process == spec.name:
            (Path(told["folder"]) / name).write_text(environment[variable], encoding="utf-8")
            environment[variable] = through(environment[variable], port)
    return environment


def through(address: str, port: int) -> str:
    """Return an address with the proxy's host and port in place of its own."""
    url = urlsplit(address)
    if url.scheme == "postgresql":
        # The server on the other side of the proxy has a unix socket, which is never encrypted.
        return f"postgresql://{url.username}:{url.password}@{LOOPBACK}:{port}{url.path}?sslmode=disable"
    return f"{url.scheme}://{LOOPBACK}:{port}" if url.netloc else f"{LOOPBACK}:{port}"


if __name__ == "__main__":
    with patch("services.stack.launch.SupervisedProcess", LinkedProcess):
        app()
