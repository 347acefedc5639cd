"""What a container of the image may do and holds, asked of the process that runs in it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.compose.engine import CommandFailedError, Engine

USER = 10001
TOOLS = ("cc", "gcc", "g++", "clang", "ld", "as", "make", "cmake", "pip", "pip3", "apt-get", "curl", "wget", "git")
ALLOWED = {"apt-get"}
"""The base image's own; without root and with a read-only root it can change nothing."""
_SECRET = ("KEY", "SECRET", "PASSWORD", "TOKEN", "DSN")

_PROBE = f"""
import errno, importlib.util, json, os, shutil
status = dict(line.split(":", 1) for line in open("/proc/1/status"))
def refused(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return errno.errorcode[error.errno]
    os.unlink(path)
    return ""
print(json.dumps({{
    "user": int(status["Uid"].split()[0]),
    "capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapBnd"], 16),
    "new_privileges": status["NoNewPrivs"].strip() != "1",
    "root": refused("/probe"),
    "home": refused("/var/lib/tiku/probe"),
    "tmp": refused("/tmp/probe"),
    "tools": [tool for tool in {TOOLS!r} if shutil.which(tool)],
    "pip": [name for name in ("pip", "ensurepip") if importlib.util.find_spec(name)],
}}))
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one container was seen to be; `faults` is empty where all is as it must be."""

    line: str
    faults: tuple[str, ...]


async def look(engine: Engine, service: str) -> Seen:
    """User, capabilities, what can be written, what tools there are, and whether its health check passes."""
    container = await engine.container(service)
    seen = json.loads(await engine("exec", container, "python", "-c", _PROBE))
    tools = [*(tool for tool in seen["tools"] if tool not in ALLOWED), *seen["pip"]]
    healthy = await is_healthy(engine, service)
    rules = {
        f"runs as user {seen['user']}": seen["user"] == USER,
        f"has capabilities {seen['capabilities']:x}": not seen["capabilities"],
        "may gain privileges": not seen["new_privileges"],
        f"can write its root ({seen['root'] or 'written'})": seen["root"] == seen["home"] == "EROFS",
        f"cannot write /tmp ({seen['tmp']})": not seen["tmp"],
        f"holds {', '.join(tools)}": not tools,
        "fails its health check": healthy,
    }
    faults = tuple(f"{service} {fault}" for fault, holds in rules.items() if not holds)
    line = (
        f"{service}: user {seen['user']}, capabilities {seen['capabilities']:x}, root {seen['root'] or 'written'}, "
        f"compilers and pip: {', '.join(tools) or 'none'}, {'healthy' if healthy else 'not healthy'}"
    )
    return Seen(line, faults)


async def is_healthy(engine: Engine, service: str) -> bool:
    """Whether the container's health check passes: docker runs it by itself, podman without systemd when told to."""
    container = await engine.container(service)
    if engine.name == "docker":
        state = await engine("inspect", "--format", "{{.State.Health.Status}}", container)
        return state.strip() in ("healthy", "starting")
    try:
        await engine("healthcheck", "run", container)
    except CommandFailedError:
        return False
    return True


async def baked_in(engine: Engine, image: str) -> tuple[str, ...]:
    """Names of variables of the image that look like a secret."""
    variables = json.loads(await engine("image", "inspect", "--format", "{{json .Config.Env}}", image))
    names = (variable.partition("=")[0] for variable in variables)
    return tuple(f"{image} has {name} baked in" for name in names if any(word in name for word in _SECRET))
