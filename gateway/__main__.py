"""`python -m gateway` serves until SIGTERM."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from pydantic import ValidationError

from gateway.app import serve
from gateway.settings import GatewaySettings
from services.kit import logs


def main() -> int:
    """Runs the gateway; the exit code says whether it could start."""
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        sys.stderr.write(f"The gateway's settings are not valid:\n{error}\n")
        return 2
    with logs.configured("gateway", settings.log_level), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"The gateway cannot listen on {settings.listen}: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
