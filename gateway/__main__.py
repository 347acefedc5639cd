"""The gateway as a process: `python -m gateway` serves until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvloop

from gateway.app import serve
from gateway.beside import allow_many_files, settings_or_fault
from services.kit import heap, logs, tracing
from services.kit.interpreter import share_soon
from services.kit.process import no_blocking_calls
from services.kit.start import StartError


def main() -> int:
    """Run the gateway; return its exit code: 1 for an address in use, 2 for a setting that is refused."""
    settings = settings_or_fault()
    if isinstance(settings, str):
        sys.stderr.write(f"gateway cannot serve: {settings}\n")
        return 2
    with (
        logs.configured("gateway", settings.log_level),
        tracing.exported("gateway"),
        no_blocking_calls() if settings.blockbuster else contextlib.nullcontext(),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        heap.settle()
        share_soon()
        allow_many_files()
        try:
            runner.run(serve(settings))
        except (OSError, StartError) as error:
            sys.stderr.write(f"gateway cannot serve: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
