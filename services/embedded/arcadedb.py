"""ArcadeDB: the graph engine of the wheel `arcadedb-embedded`, with its own Java, behind Bolt on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.embedded.network import LOOPBACK, bolt_ask, bolt_probe, free_ports
from services.embedded.process import ProcessSpec, SupervisedProcess, guarded

USER = "root"
DATABASE = "neo4j"
_HEAP_MB = 256
_PAGES_MB = 64
_CLASSES = "-XX:AOTCache="
_ASKED_SECONDS = 30.0
_LEFT_SECONDS = 3600.0
_NO_DATABASE = b"DatabaseUnavailable"
_STATEMENTS = (
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX entity_owner IF NOT EXISTS FOR (n:Entity) ON (n.owner_id)",
    "UNWIND [{id: 'x', n: 1}, {id: 'y', n: 2}] AS row MERGE (e:Entity {id: row.id}) SET e.owner_id = 'o', e.n = row.n",
    "MATCH (a:Entity {id: 'x'}) MATCH (b:Entity {id: 'y'}) CREATE (a)-[:FROM {n: 1}]->(b)",
    "MATCH (a:Entity {owner_id: 'o'})-[r:FROM]->(b) WHERE b.n > 1 AND NOT EXISTS { MATCH (b)-[:FROM]->() } RETURN a.id",
    "MATCH (a:Entity)--(b) WITH a, count(b) AS n, collect({id: b.id}) AS l RETURN n, l[0..2] AS m ORDER BY n LIMIT 3",
    "MATCH (n:Entity {id: 'x'}) DETACH DELETE n",
)
"""Statements like those of the graph store: by them a server loads what it needs to run any."""
_STATEMENT_SECONDS = 10
"""Seconds after which the engine ends a statement, even where whoever sent it has gone."""
_LOGGING = """handlers = java.util.logging.ConsoleHandler
.level = WARNING
com.arcadedb.level = INFO
java.util.logging.ConsoleHandler.formatter = java.util.logging.SimpleFormatter
java.util.logging.SimpleFormatter.format = %1$tF %1$tT %4$s %5$s%6$s%n
"""
"""By default ArcadeDB also keeps files in `log/` of its working folder."""
_JAVA = (
    f"-Xmx{_HEAP_MB}m",
    # One collector thread and the quick compiler alone: 145 MB after a start in 3 s, instead of 140 MB in 5 s with both
    # compilers.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # A heap that has grown shrinks again.
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
    "-XX:+ExitOnOutOfMemoryError",
    # What it says where there is no cache of classes yet is no error.
    "-Xlog:aot*=off",
    *("--add-opens", "java.base/java.util.concurrent.atomic=ALL-UNNAMED"),
    *("--add-opens", "java.base/java.nio.channels.spi=ALL-UNNAMED"),
    *("--add-exports", "java.management/sun.management=ALL-UNNAMED"),
    *("--add-modules", "jdk.incubator.vector"),
    "--enable-native-access=ALL-UNNAMED",
)


class ArcadeDBNotFoundError(RuntimeError):
    """The wheel with ArcadeDB is not installed."""


@dataclass(frozen=True, slots=True)
class ArcadeDB:
    """An ArcadeDB server to be run: its process, and how its Bolt clients reach and enter it."""

    spec: ProcessSpec
    url: str
    user: str
    password: str
    database: str


def arcadedb(data: Path, port: int, http_port: int, log_file: Path) -> ArcadeDB:
    """Describe a server that keeps its database in `data` and listens for Bolt on `127.0.0.1:port`.

    Its HTTP port, which it cannot be without, is of no use to Tiku.

    Raises:
        ArcadeDBNotFoundError: its wheel is not installed.
    """
    wheel = importlib.util.find_spec("arcadedb_embedded")
    if wheel is None or not wheel.submodule_search_locations:
        raise ArcadeDBNotFoundError("the wheel arcadedb-embedded is not installed: pip install arcadedb-embedded")
    home = Path(wheel.submodule_search_locations[0])
    data = data.absolute()
    password_file, logging_file = data / "password", data / "logging.properties"
    settings = {
        "server.rootPath": data,
        "server.rootPasswordPath": password_file,
        "server.httpIncomingHost": LOOPBACK,
        "server.httpIncomingPort": http_port,
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "server.defaultDatabases": f"{DATABASE}[{USER}]",
        "bolt.host": LOOPBACK,
        "bolt.port": port,
        "profile": "low-ram",
        "maxPageRAM": _PAGES_MB,
        "command.timeout": _STATEMENT_SECONDS * 1000,
        "opencypher.loadCsv.allowFileUrls": "false",
        "opencypher.loadCsv.allowRemoteUrls": "false",
    }
    spec = ProcessSpec(
        name="arcadedb",
        command=[
            str(home / "jre" / "bin" / "java"),
            f"{_CLASSES}{classes_file(home)}",
            *_JAVA,
            f"-Djava.util.logging.config.file={logging_file}",
            *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
            *("-cp", f"{home / 'jars'}/*", "com.arcadedb.server.ArcadeDBServer"),
        ],
        log_file=log_file,
        probe=bolt_probe(LOOPBACK, port),
        startup="opening the graph",
        hint=f"if {data} is damaged, move it away and parse the documents again",
        stop_timeout=30.0,
    )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging_file.write_text(_LOGGING, encoding="utf-8")
    return ArcadeDB(spec, f"bolt://{LOOPBACK}:{port}", USER, _password(password_file), DATABASE)


def classes_file(home: Path) -> Path:
    """Return the file of the classes that a server of the wheel in `home` loads, as Java maps them into memory.

    With it, a start takes half of the time and of the processor's work. Java ignores a file of other jars.
    """
    modified = (home / "jre" / "lib" / "modules").stat().st_mtime_ns
    key = hashlib.sha256(f"{home} {modified}".encode()).hexdigest()[:16]
    try:
        home = Path.home()
    except RuntimeError:
        # Whoever runs this is no user of this machine, as in some containers.
        home = Path(tempfile.gettempdir())
    return home / ".cache" / "tiku" / "arcadedb" / f"{key}.aot"


async def record_classes(server: ArcadeDB) -> None:
    """Write the file of classes that `server` starts with, unless there is one: a start of another one, at leisure.

    Raises:
        OSError: the file cannot be written.
        ProcessFailedError: the other one did not start.
    """
    file = next(Path(word.removeprefix(_CLASSES)) for word in server.spec.command if word.startswith(_CLASSES))
    if await asyncio.to_thread(file.exists):
        return
    folder = await asyncio.to_thread(_folder_in, file.parent)
    try:
        port, http_port = await asyncio.to_thread(free_ports, 2)
        other = await asyncio.to_thread(arcadedb, folder / "data", port, http_port, folder / "log")
        fresh, seen = folder / "classes.aot", f"-XX:AOTConfiguration={folder / 'classes'}"
        process = SupervisedProcess(replace(other.spec, command=_other(other, "-XX:AOTMode=record", seen)))
        await process.start()
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_ASKED_SECONDS):
                    await _ask(other, port)
        finally:
            # It writes while it stops.
            await process.stop()
        # In a process of its own, and not in one that the first one starts and waits for: that takes 520 MB.
        await _done(_other(other, "-XX:AOTMode=create", seen, f"{_CLASSES}{fresh}"))
        await asyncio.to_thread(fresh.replace, file)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _folder_in(parent: Path) -> Path:
    """Return a fresh folder, and remove those of processes that were killed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob("tmp*"):
        if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=parent))


def _other(server: ArcadeDB, *options: str) -> list[str]:
    """Return the command of a server with other options than those of a file of classes, at the lowest priority."""
    java, *words = server.spec.command
    return ["nice", "-n", "19", java, *options, *(word for word in words if not word.startswith(_CLASSES))]


async def _done(command: Sequence[str]) -> None:
    """Run a command to its end, whatever that is."""
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *guarded(command, signal.SIGKILL), stdin=nothing, stdout=nothing, stderr=nothing
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ask(server: ArcadeDB, port: int) -> None:
    """Have a server run the statements; it listens before its database is there, which ends its start."""
    account = server.user, server.password
    while _NO_DATABASE in await bolt_ask(LOOPBACK, port, *account, _STATEMENTS):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def holds_graph(data: Path) -> bool:
    """Return whether a server was ever started on `data`."""
    return (data / "databases").exists()


def forget_graph(data: Path) -> None:
    """Remove what a server that does not run stored in `data`; it goes on to hold a graph, which is empty."""
    databases = data / "databases"
    shutil.rmtree(databases)
    databases.mkdir()


def password_of(data: Path) -> str:
    """Return the password of `USER` at the server on `data`; it is made with the first description of one."""
    return _password(data / "password")


def _password(file: Path) -> str:
    """Return the password that the server was first started with; make one before that."""
    if not file.exists():
        fresh = file.with_suffix(".writing")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        fresh.replace(file)
    return file.read_text(encoding="utf-8")
