"""podman or docker, and compose on top of it, as commands that run or raise."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.shared import NEO4J, SHARED, VERSITYGW

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PODMAN_COMPOSE = "podman-compose==1.6.0"
PROFILES = ("local-model",)
"""Every profile of docker-compose.yml: what a run with one left behind is taken down by a run without."""


class CommandFailedError(Exception):
    """A command ended with another code than 0; the message holds the end of what it wrote."""


async def run(*command: str, environment: Mapping[str, str] | None = None, quiet: bool = True) -> str:
    """What the command wrote to its standard output; with ``quiet`` off it writes to the terminal instead."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if quiet else sys.stderr,
        stderr=asyncio.subprocess.STDOUT if quiet else sys.stderr,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    text = (output or b"").decode(errors="replace")
    if process.returncode:
        raise CommandFailedError(f"{' '.join(command)} ended with {process.returncode}\n{text[-2000:]}")
    return text


@dataclass(frozen=True, slots=True)
class Engine:
    """The container engine of this machine, and one compose project on it."""

    name: str
    compose_command: tuple[str, ...]
    project: str
    environment: Mapping[str, str]
    profiles: tuple[str, ...] = ()

    async def compose(self, *arguments: str, quiet: bool = True) -> str:
        options = ["-p", self.project, *(f"--profile={profile}" for profile in self.profiles)]
        options += ["-f", str(ROOT / "docker-compose.yml"), "-f", str(HERE / "docker-compose.override.yml")]
        return await run(*self.compose_command, *options, *arguments, environment=self.environment, quiet=quiet)

    async def down(self) -> None:
        """Removes the project's containers, networks and volumes, those of every profile."""
        await replace(self, profiles=PROFILES).compose("down", "-v")
        # podman-compose leaves the volume of the models.
        if left := (await self("volume", "ls", "--quiet", "--filter", f"name=^{self.project}_")).split():
            await self("volume", "rm", *left)

    async def __call__(self, *arguments: str, quiet: bool = True) -> str:
        return await run(self.name, *arguments, quiet=quiet)

    async def build(self, tag: str, *arguments: str) -> None:
        """Builds an image, through the wrapper that a machine without a registry has."""
        wrapper = SHARED / "containers" / "build"
        command = (str(wrapper),) if self.name == "podman" and wrapper.exists() else (self.name, "build")
        # Podman's own format knows no health checks.
        form = ("--format", "docker") if self.name == "podman" else ()
        await run(*command, *form, "-t", tag, *arguments, quiet=False)

    async def container(self, service: str) -> str:
        """The name of a service's container."""
        for name in (f"{self.project}_{service}_1", f"{self.project}-{service}-1"):
            if (await self("ps", "--all", "--filter", f"name=^{name}$", "--format", "{{.Names}}")).strip():
                return name
        raise CommandFailedError(f"no container of {service} in the project {self.project}")


async def find_engine(
    project: str, environment: Mapping[str, str], profiles: tuple[str, ...], workplace: Path
) -> Engine:
    """Podman and podman-compose, which is installed into `workplace` if need be; docker and its compose otherwise."""
    if shutil.which("podman") is None:
        return Engine("docker", ("docker", "compose"), project, environment, profiles)
    compose = shutil.which("podman-compose")
    if compose is None:
        compose = str(workplace / "bin" / "podman-compose")
        if not await asyncio.to_thread(Path(compose).exists):
            await run(sys.executable, "-m", "venv", str(workplace))
            await run(str(workplace / "bin" / "pip"), "install", "--quiet", PODMAN_COMPOSE)
    return Engine("podman", (compose,), project, environment, profiles)


async def build_images(engine: Engine, tell: Callable[[str], None]) -> None:
    """The image of the services, the one that pulls models, and the stand-ins; `tell` hears how long each took."""

    async def build(tag: str, *arguments: str) -> None:
        began = time.monotonic()
        await engine.build(tag, *arguments)
        megabytes = int(await engine("image", "inspect", "--format", "{{.Size}}", tag)) / 1e6
        tell(f"{tag} built in {time.monotonic() - began:.0f} s, {megabytes:.0f} MB")

    dockerfile = ("-f", "deploy/Dockerfile")
    await build("tiku:latest", *dockerfile, ".")
    await build("tiku-models:latest", *dockerfile, "--target", "models", ".")
    await build("tiku-test-postgres:latest", "-f", str(HERE / "Dockerfile.postgres"), str(HERE))
    with tempfile.TemporaryDirectory() as context:
        for file in (HERE / "Dockerfile.s3", s3_server()):
            await asyncio.to_thread(shutil.copy, file, context)
        await build("tiku-test-s3:latest", "-f", str(Path(context) / "Dockerfile.s3"), context)
    with tempfile.TemporaryDirectory() as context:
        await asyncio.to_thread(shutil.copytree, neo4j_server(), Path(context) / "neo4j")
        await build("tiku-test-neo4j:latest", "-f", str(HERE / "Dockerfile.neo4j"), context)


def s3_server() -> Path:
    """The versitygw program, an S3 server over a folder."""
    if VERSITYGW.is_file():
        return VERSITYGW
    if found := shutil.which("versitygw"):
        return Path(found)
    raise CommandFailedError("versitygw is not here: name it in VERSITYGW")


def neo4j_server() -> Path:
    """The folder of a Neo4j server with the script that starts it."""
    if NEO4J.is_file():
        return NEO4J.parent
    raise CommandFailedError("no Neo4j is here: name its start script in NEO4J")


async def bring_model(engine: Engine, name: str) -> bool:
    """Copies a model of this machine's cache into the stack's volume; False where it is not in the cache."""
    cache = Path(os.environ.get("TIKU_MODELS_DIR") or Path.home() / ".cache" / "tiku" / "models")
    if not await asyncio.to_thread((cache / name).is_dir):
        return False
    copy: Sequence[str] = ("-c", f"rm -rf /to/{name} && cp -a /from/{name} /to/ && chown -R 10001 /to")
    volumes = ("-v", f"{cache}:/from:ro", "-v", f"{engine.project}_models:/to")
    await engine(
        "run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "sh", *volumes, "tiku:latest", *copy
    )
    return True
