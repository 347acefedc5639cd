"""The gateway as a process: `python -m gateway` serves until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys

import uvloop
from pydantic import ValidationError

from gateway.app import serve
from gateway.settings import GatewaySettings
from services.kit import heap, logs, tracing
from services.kit.interpreter import share_soon
from services.kit.process import no_blocking_calls
from services.kit.start import StartError


def main() -> int:
    """Run the gateway; return its exit code: 1 for an address in use, 2 for a setting that is refused."""
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        faults = "; ".join(f"{_variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors())
        sys.stderr.write(f"gateway cannot serve: {faults}\n")
        return 2
    with (
        logs.configured("gateway", settings.log_level),
        tracing.exported("gateway"),
        no_blocking_calls() if settings.blockbuster else contextlib.nullcontext(),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        heap.settle()
        share_soon()
        _allow_many_files()
        try:
            runner.run(serve(settings))
        except (OSError, StartError) as error:
            sys.stderr.write(f"gateway cannot serve: {error}\n")
            return 1
    return 0


def _allow_many_files() -> None:
    """Raise the number of files that may be open, and with it of connections, to what the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _variable(name: str) -> str:
    """Return the environment variable that a setting comes from."""
    return name if name.startswith("TIKU_") else f"TIKU_GATEWAY_{name.upper()}"


if __name__ == "__main__":
    raise SystemExit(main())
