"""Every way in which a start is refused: one line that names the place and says what to do, and an exit code."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.embedded.network import free_port
from services.embedded.postgres import postgres
from services.embedded.process import State
from services.kit.migrations import migrate
from services.retrieval.adapters.stores.qdrant import QdrantVectorStore
from services.retrieval.values.chunk import Chunk, EmbeddedChunk
from services.stack.launch import StackError, StackOptions, running_stack
from services.upkeep.servers import SCHEMAS, reached
from tests.engines import engine
from tests.integration.embedded.stack_command import NO_EMBEDDER, tiku

_SECONDS = 60.0
_STRANGER = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
"""An account that is not this one's, and that /etc/passwd does not know."""
_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED LOUDLY: only root can mount and take other accounts")

pytestmark = pytest.mark.engine


async def _run(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str | None] | None = None,
    command: tuple[str, ...] = (),
) -> tuple[int | None, str]:
    """Exit code and output of a command."""
    if command:  # Another account may not write beside the coverage of this one.
        environment = {**(environment or {}), "COVERAGE_PROCESS_CONFIG": None}
    process = await tiku(folder, *arguments, environment=environment, command=command)
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


def _refusal(output: str) -> str:
    """The one line that refuses; nothing follows it."""
    assert "Traceback" not in output, output
    lines = [line for line in output.splitlines() if line.strip()]
    refusals = [line for line in lines if line.startswith("error: ")]
    assert refusals == lines[-1:], output
    return refusals[0]


async def _refused_up(folder: Path, *arguments: str, data: str = "data", **options: object) -> str:
    code, output = await _run(
        folder,
        *("up", "--data", data, "--no-model", "--port", "0", "--ports", "free", *arguments),
        **options,  # type: ignore[arg-type]
    )
    assert code == 1, output
    return _refusal(output)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled() -> AsyncIterator[Path]:
    """A data folder as a stack that was stopped leaves it, with one vector collection."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-"))
    async with reached(folder / "data", alone=True) as servers:
        for schema, migrations in SCHEMAS.items():
            await migrate(servers.dsn, schema, migrations)
        async with QdrantVectorStore.open(servers.qdrant_url) as vectors:
            chunk = Chunk(str(uuid.uuid4()), str(uuid.uuid4()), "name", 0, "text", 0, 0, 4)
            await vectors.upsert("some", "owner", [EmbeddedChunk(chunk, [1.0, 0.0])])
    await asyncio.to_thread((folder / "data" / "objects").mkdir)
    yield folder / "data"
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="module")
async def copy(filled: Path, folder: Path) -> Path:
    """A copy of that data folder, with its owners."""
    await asyncio.to_thread(subprocess.run, ["cp", "-a", str(filled), str(folder / "data")], check=True)
    return folder / "data"


def _write(path: str, content: bytes) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        _only(data, path).write_bytes(content)

    return spoil


def _cut(path: str, size: int) -> Callable[[Path], None]:
    return lambda data: os.truncate(_only(data, path), size)


def _remove(path: str) -> Callable[[Path], None]:
    return lambda data: _only(data, path).unlink()


def _file_instead(name: str) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        shutil.rmtree(data / name, ignore_errors=True)
        (data / name).write_text("a file")

    return spoil


def _folder_instead(name: str) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        (data / name).unlink(missing_ok=True)
        (data / name).mkdir(parents=True)

    return spoil


def _only(data: Path, pattern: str) -> Path:
    return sorted(data.glob(pattern))[0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_file_instead("logs"), ["data/logs", "is not a folder"], id="logs-a-file"),
        pytest.param(_file_instead("run"), ["data/run", "is not a folder"], id="run-a-file"),
        pytest.param(_file_instead("objects"), ["data/objects", "is not a folder"], id="objects-a-file"),
        pytest.param(_file_instead("qdrant"), ["data/qdrant", "is not a folder"], id="qdrant-a-file"),
        pytest.param(_file_instead("postgres"), ["data/postgres", "is not a folder"], id="postgres-a-file"),
        pytest.param(
            _write("postgres/PG_VERSION", b"what?\n"), ["PG_VERSION", "valid data", "restore"], id="pg-version-garbage"
        ),
        pytest.param(
            _write("qdrant/collections/*/collection.pb", b"\xff" * 40),
            ["data/qdrant", "restore"],
            id="vectors-garbage",
        ),
    ],
)
async def test_what_is_damaged_is_named(copy: Path, spoil: Callable[[Path], None], words: Sequence[str]) -> None:
    await asyncio.to_thread(spoil, copy)
    line = await _refused_up(copy.parent)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_remove("postgres/PG_VERSION"), ["PG_VERSION is missing", "restore"], id="pg-version-missing"),
        pytest.param(_write("postgres/PG_VERSION", b"15\n"), ["version 15", "incompatible"], id="older-postgres"),
        pytest.param(_write("postgres/PG_VERSION", b"99\n"), ["version 99", "incompatible"], id="newer-postgres"),
        pytest.param(_remove("postgres/global/pg_control"), ["pg_control", "restore"], id="pg-control-missing"),
        pytest.param(_cut("postgres/global/pg_control", 100), ["pg_control", "restore"], id="pg-control-cut"),
        pytest.param(
            _write("postgres/global/pg_control", b"\7" * 8192),
            ["incompatible", "restore"],
            id="pg-control-garbage",
        ),
        pytest.param(_cut("postgres/base/5/1259", 100), ["damaged", "restore"], id="pg-table-cut"),
        pytest.param(_cut("postgres/base/5/1259", 0), ["damaged", "restore"], id="pg-table-emptied"),
        pytest.param(
            _write("qdrant/layout", b"2\n"), ["data/qdrant comes from a newer version of Tiku"], id="newer-vectors"
        ),
        pytest.param(_write("qdrant/layout", b"\xff"), ["qdrant/layout does not hold"], id="vectors-layout-garbage"),
        pytest.param(_folder_instead("logs/qdrant.log"), ["logs/qdrant.log cannot be used", "directory"], id="log"),
        pytest.param(_folder_instead("run/stack.json"), ["run/stack.json cannot be used", "directory"], id="state"),
    ],
)
async def test_what_is_damaged_in_an_engines_folder_is_named(
    copy: Path, spoil: Callable[[Path], None], words: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(spoil, copy)
    line = await _refused_engine(copy, monkeypatch)
    for word in words:
        assert word in line


class _Nobody:
    """Who is told nothing."""

    def show(self, name: str, state: State, why: str = "") -> None:
        pass

    def show_wait(self, name: str, what: str, seconds: float) -> None:
        pass

    def show_disk(self, full: bool, free_bytes: int) -> None:
        pass


async def _refused_engine(data: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start the stack's engines in this process, beside services that do nothing; return the line that refuses."""
    monkeypatch.setattr("services.stack.launch.module_command", lambda *_: ["sleep", "600"])
    for name, value in NO_EMBEDDER.items():
        monkeypatch.setenv(name, value)
    options = StackOptions(data=data, port=0, ports="free", chat_model=None)
    with pytest.raises(StackError) as refused:
        async with running_stack(options, _Nobody()):
            pytest.fail("it started")
    line = str(refused.value)
    assert "\n" not in line
    return line


async def test_a_database_of_a_newer_version_of_tiku_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.to_thread(postgres, copy / "postgres", copy / "run", copy / "pg.log")
    async with engine(server.spec):
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("INSERT INTO exercises.migrations (name, sha256) VALUES ('0999_later.sql', 'x')")
        await connection.close()
    line = await _refused_engine(copy, monkeypatch)
    assert "comes from a newer version of Tiku" in line
    assert "exercises/0999_later.sql" in line


async def test_a_data_folder_that_is_a_file(folder: Path) -> None:
    await asyncio.to_thread((folder / "data").write_text, "a file")
    assert f"{folder / 'data'} is not a folder" in await _refused_up(folder)
    assert f"{folder / 'data'} is not a folder" in await _refused_up(folder, data="data/below")


@pytest.fixture
def held(folder: Path) -> Iterator[None]:
    """A data folder that somebody holds."""
    (folder / "data").mkdir()
    with (folder / "data" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": 4711, "command": "tiku up", "since": "today"}))
        lock.flush()
        yield


@pytest.mark.usefixtures("held")
async def test_a_data_folder_that_is_in_use(folder: Path) -> None:
    assert "in use by process 4711 (tiku up, since today); stop that" in await _refused_up(folder)


@_as_root
async def test_a_data_folder_that_cannot_be_made(folder: Path) -> None:
    line = await _refused_up(folder, command=_STRANGER)
    assert f"the data folder {folder / 'data'} cannot be used: {folder} belongs to root and not to user 54321" in line


@_as_root
async def test_a_data_folder_of_another_account(copy: Path) -> None:
    copy.parent.chmod(0o755)
    line = await _refused_up(copy.parent, command=_STRANGER)
    assert f"{copy} belongs to root and not to user 54321" in line
    await asyncio.to_thread(os.chown, copy, 54321, 54321)
    await asyncio.to_thread(os.chown, copy / "lock", 54321, 54321)
    line = await _refused_up(copy.parent, command=_STRANGER)
    assert "belongs to nobody and not to user 54321: start Tiku as its owner" in line


@asynccontextmanager
async def _mounted(folder: Path, options: str) -> AsyncIterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if (await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)).returncode:
        pytest.skip("SKIPPED LOUDLY: nothing can be mounted here; as root in a container with CAP_SYS_ADMIN it can")
    try:
        yield
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=True)


@_as_root
async def test_a_data_folder_on_a_read_only_file_system(folder: Path) -> None:
    await asyncio.to_thread((folder / "data").mkdir)
    async with _mounted(folder / "data", "ro,size=1m"):
        assert "its file system is read-only" in await _refused_up(folder)


@_as_root
@pytest.mark.parametrize("size", ["1m", "100m"])
async def test_a_first_start_without_room(folder: Path, size: str) -> None:
    await asyncio.to_thread((folder / "data").mkdir)
    async with _mounted(folder / "data", f"size={size}"):
        line = await _refused_up(folder)
    assert f"the disk of {folder / 'data'} has" in line
    assert "a first start needs 160 MB: make room" in line


@_as_root
async def test_an_account_without_a_home(folder: Path) -> None:
    await asyncio.to_thread(folder.chmod, 0o777)
    code, output = await _run(
        folder, "up", "--data", "data", "--port", "0", environment={"HOME": None}, command=_STRANGER
    )
    assert code == 1
    assert "set HOME, or TIKU_MODELS_DIR" in _refusal(output)


async def test_a_path_that_no_socket_may_have(folder: Path) -> None:
    deep = folder / ("long-" * 25)
    await asyncio.to_thread((deep / "tmp").mkdir, parents=True)
    line = await _refused_up(folder, data=str(deep), environment={"TMPDIR": str(deep / "tmp")})
    assert "too long for a unix socket" in line
    assert "--data" in line


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


async def test_a_port_in_use(folder: Path, taken: int) -> None:
    assert f"127.0.0.1:{taken}: the port is in use: choose another" in await _refused_up(folder, "--port", str(taken))


async def test_a_folder_of_failpoints_that_is_not_there(folder: Path) -> None:
    line = await _refused_up(folder, environment={"TIKU_FAILPOINTS": str(folder / "none")})
    assert "TIKU_FAILPOINTS: Path does not point to a directory" in line


@dataclass(frozen=True)
class _Serve:
    """A service started by itself."""

    name: str
    code: int
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            _Serve("docs", 1, ["the database nowhere", "does not exist"], {"TIKU_POSTGRES_DSN": "{dsn}/nowhere"}),
            id="no-such-database",
        ),
        pytest.param(
            _Serve("docs", 1, ["invalid DSN", "TIKU_POSTGRES_DSN"], {"TIKU_POSTGRES_DSN": "mysql://me:secret@host/db"}),
            id="dsn-of-another-kind",
        ),
        pytest.param(
            _Serve("exercises", 1, ["TIKU_POSTGRES_DSN"], {"TIKU_POSTGRES_DSN": "postgresql://me:secret@host:port/db"}),
            id="dsn-with-no-port",
        ),
        pytest.param(
            _Serve("retrieval", 2, ["TIKU_QDRANT_URL"], {"TIKU_QDRANT_URL": "localhost:6334"}),
            id="qdrant-without-scheme",
        ),
        *(
            pytest.param(
                _Serve(name, 2, ["TIKU_FAILPOINTS", "does not point to a directory"], {"TIKU_FAILPOINTS": "/nowhere"}),
                id=f"failpoints-of-{name}",
            )
            for name in ("llm", "gateway")
        ),
        pytest.param(_Serve("llm", 2, ["TIKU_DRAIN_SECONDS"], {"TIKU_DRAIN_SECONDS": "soon"}), id="setting"),
        pytest.param(_Serve("llm", 1, ["cannot listen on", "{port}"], {"TIKU_LISTEN": "127.0.0.1:{port}"}), id="port"),
        pytest.param(
            _Serve("gateway", 1, ["cannot listen on", "{port}"], {"TIKU_GATEWAY_LISTEN": "127.0.0.1:{port}"}),
            id="gateway-port",
        ),
        pytest.param(
            _Serve(
                "llm",
                1,
                ["/nowhere", "tiku models pull"],
                {"TIKU_EMBED_MODEL_PATH": "/nowhere", "TIKU_EMBED_BASE_URL": ""},
            ),
            id="no-embedding-model",
        ),
        pytest.param(
            _Serve(
                "docs",
                1,
                ["/proc/none", "cannot be made"],
                {"TIKU_DOCS_OBJECTS_PATH": "/proc/none", "TIKU_POSTGRES_DSN": "{dsn}"},
            ),
            id="objects-folder",
        ),
    ],
)
async def test_a_service_by_itself_says_in_a_line_why_it_cannot_serve(
    case: _Serve, folder: Path, taken: int, postgres_dsn: str
) -> None:
    database = postgres_dsn.replace("/postgres?", "{path}?", 1)
    values = {
        name: value.replace("{dsn}/nowhere", database.replace("{path}", "/nowhere"))
        .replace("{dsn}", postgres_dsn)
        .replace("{port}", str(taken))
        for name, value in case.environment.items()
    }
    code, output = await _run(folder, "serve", case.name, environment={"TIKU_LISTEN": "127.0.0.1:0", **values})
    assert code == case.code, output
    assert "Traceback" not in output
    assert "secret" not in output
    last = output.strip().splitlines()[-1]
    for word in case.words:
        assert word.replace("{port}", str(taken)) in last


_AWAY: Mapping[str, Mapping[str, str]] = {
    "docs": {"TIKU_POSTGRES_DSN": "postgresql://me:secret@127.0.0.1:1/db"},
    "retrieval": {"TIKU_QDRANT_URL": "http://127.0.0.1:1"},
    "exercises": {
        "TIKU_POSTGRES_DSN": "{dsn}",
        "TIKU_LLM_TARGET": "127.0.0.1:1",
        "TIKU_RETRIEVAL_TARGET": "no.where:1",
    },
}
"""What a service needs, where there is none; it starts all the same."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outputs(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each of these services said in the seconds that it tried; they try side by side."""
    folder = tmp_path_factory.mktemp("away")
    said = await asyncio.gather(*(_said_without(name, folder, postgres_dsn) for name in _AWAY))
    return dict(zip(_AWAY, said, strict=True))


async def _said_without(name: str, folder: Path, dsn: str) -> str:
    values = {key: value.replace("{dsn}", dsn) for key, value in _AWAY[name].items()}
    process = await tiku(folder, "serve", name, environment={"TIKU_LISTEN": f"127.0.0.1:{free_port()}", **values})
    try:
        assert process.stdout is not None
        output = ""
        async for line in process.stdout:
            output += line.decode()
            if '"WARNING"' in output or (name == "exercises" and '"serving"' in output):
                break
        await asyncio.sleep(4.0)
        assert process.returncode is None, output
        process.terminate()
        async with asyncio.timeout(_SECONDS):
            output += (await process.communicate())[0].decode()
        assert process.returncode == 0, output
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output


@pytest.mark.parametrize("name", list(_AWAY))
async def test_a_service_whose_server_is_away_keeps_trying_and_says_so_once(
    outputs: Mapping[str, str], name: str
) -> None:
    output = outputs[name]
    assert "Traceback" not in output
    assert "secret" not in output
    warnings = [line for line in output.splitlines() if '"WARNING"' in line]
    assert len(warnings) <= 1, output
    if name != "exercises":
        assert warnings


async def test_migrating_a_database_that_is_away_is_refused_in_a_line(folder: Path) -> None:
    code, output = await _run(
        folder, "migrate", environment={"TIKU_POSTGRES_DSN": "postgresql://me:secret@127.0.0.1:1/x"}
    )
    assert code == 1
    assert "the database x at 127.0.0.1:1 does not answer" in _refusal(output)
    assert "secret" not in output
