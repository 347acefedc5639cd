"""The command `python -m services.serve NAME`: one service in the foreground, configured by its environment.

It is not part of the `tiku` command, whose libraries a service's process need not load. It imports next to nothing
itself: each worker process that a service starts imports this module again, as `multiprocessing` has it.
"""

from __future__ import annotations

import sys

from services.registry import GATEWAY, SERVICES

_WRONG_ENVIRONMENT = 2
_CANNOT_SERVE = 1


WITH_GATEWAY = "--with-gateway"


def serve(name: str, *, with_gateway: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code.

    A service `with_gateway` has the gateway in its process, which calls it without gRPC in between.
    """
    if name == GATEWAY:
        from gateway.__main__ import main as serve_gateway  # A process loads its own service only.

        return serve_gateway()
    from pydantic import ValidationError

    from services.kit import process
    from services.kit.start import StartError

    try:
        settings, build = SERVICES[name].load()
    except ValidationError as error:
        faults = "; ".join(f"TIKU_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.stderr.write(f"{name} cannot serve: {faults}\n")
        return _WRONG_ENVIRONMENT
    beside: process.Beside | None = None
    if with_gateway:
        from gateway.beside import beside_of, settings_or_fault

        gateway = settings_or_fault()
        if isinstance(gateway, str):
            sys.stderr.write(f"{name} cannot serve: {gateway}\n")
            return _WRONG_ENVIRONMENT
        beside = beside_of(name, gateway)
    try:
        process.run(name, settings, build, beside)
    except (OSError, StartError) as error:
        sys.stderr.write(f"{name} cannot serve: {error}\n")
        return _CANNOT_SERVE
    return 0


if __name__ == "__main__":
    named, more = sys.argv[1:2], sys.argv[2:]
    allowed = {**dict.fromkeys(SERVICES, ([], [WITH_GATEWAY])), GATEWAY: ([],)}
    if not named or more not in allowed.get(named[0], ()):
        every = f"{{{{{','.join(SERVICES)}}} [{WITH_GATEWAY}] | {GATEWAY}}}"
        sys.stderr.write(f"usage: python -m services.serve {every}\n")
        raise SystemExit(_WRONG_ENVIRONMENT)
    raise SystemExit(serve(named[0], with_gateway=bool(more)))
