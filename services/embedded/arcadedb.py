"""ArcadeDB: the graph engine of the wheel `arcadedb-embedded`, with its own Java, behind Bolt on a loopback port."""

from __future__ import annotations

import importlib.util
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.embedded.network import LOOPBACK, bolt_probe
from services.embedded.process import ProcessSpec

USER = "root"
DATABASE = "neo4j"
_HEAP_MB = 256
_PAGES_MB = 64
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
    # compilers; an archive of classes made it slower (7 s) and larger (180 MB).
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # A heap that has grown shrinks again.
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
    "-XX:+ExitOnOutOfMemoryError",
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


def holds_graph(data: Path) -> bool:
    """Return whether a server was ever started on `data`."""
    return (data / "databases").exists()


def _password(file: Path) -> str:
    """Return the password that the server was first started with; make one before that."""
    if not file.exists():
        fresh = file.with_suffix(".writing")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        fresh.replace(file)
    return file.read_text(encoding="utf-8")
