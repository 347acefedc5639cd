"""The whole of Tiku on one machine: engines, services and gateway as supervised processes.

Engines and the gateway start at once, a service as soon as the engines that it needs serve. They end in the reverse
order: the gateway first, then the services, the engines last.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from services import models
from services.embedded.arcadedb import ArcadeDB, ArcadeDBNotFoundError, arcadedb, holds_graph, record_classes
from services.embedded.data_lock import data_lock
from services.embedded.llama import SLOTS, llama
from services.embedded.network import LOOPBACK, RefusedAnswerError, free_ports, grpc_probe, http_probe
from services.embedded.on_demand import start_on_demand
from services.embedded.postgres import PostgresNotFoundError, PostgresRefusedError, postgres
from services.embedded.process import ProcessFailedError, ProcessSpec, State, SupervisedProcess
from services.embedded.python import module_command, module_environment
from services.embedded.qdrant import Qdrant, qdrant
from services.kit.addresses import ListenError, bound, host_and_port, reachable, with_port
from services.kit.migrations import migrate
from services.kit.progress import STALL_SECONDS, reported_wait
from services.kit.start import StartError
from services.registry import (
    ARCADEDB,
    GATEWAY,
    GATEWAY_LISTEN_VARIABLE,
    GATEWAY_STACK_VARIABLE,
    LISTEN_VARIABLE,
    LLAMA,
    METRICS_VARIABLE,
    POSTGRES,
    QDRANT,
    SERVICES,
    Service,
)
from services.stack.readiness import NotReadyError, Readiness
from services.stack.volume import FIRST_START_BYTES, RESERVE_BYTES, START_BYTES, DiskWatch, drop_ballast, free_bytes

CHAT_MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"
EMBEDDING_MODEL = "multilingual-e5-small"
_OF_OWN_CHAT_MODEL = {
    "TIKU_LLM_MAX_CONCURRENT": str(SLOTS),
    "TIKU_RETRIEVAL_ANSWER_WARM_UP": "true",
    "TIKU_EXERCISES_MODEL_EXPLAINS": "false",
}
"""Variables, where nobody sets them, with the chat model that runs on this machine."""
_OF_OWN_JUDGE = {"TIKU_RERANK_ADAPTER": "yes_no", "TIKU_RETRIEVAL_ANSWER_JUDGED": "true"}
"""And where nothing else reranks."""
_RERANKERS = ("TIKU_RERANK_BASE_URL", "TIKU_RERANK_MODEL_PATH")

STATE_FILE = "stack.json"
"""The file in `run/` that says what runs where, what is down, and whether the disk is full."""

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""The bytes of a `grpc.health.v1.HealthCheckResponse` whose status is SERVING."""
_MB = 1024 * 1024
_STATE_RETRY_SECONDS = 5.0
_REFUSALS = (
    ProcessFailedError,
    PostgresNotFoundError,
    ArcadeDBNotFoundError,
    PostgresRefusedError,
    StartError,
    OSError,
)
"""What a start may fail with, each with a message for the person at the terminal."""
_ENGINE_PORTS = 5
"""Ports that engines need: the vector store's own and that of its metrics, the chat model's, and the graph's two."""
_SERVICE_STOP_SECONDS = 15.0
"""Longer than a service's `drain_seconds`, so that a drain is not cut short."""

logger = logging.getLogger(__name__)

Ports = Literal["default", "free"]


class StackError(RuntimeError):
    """The stack cannot start or go on; the message says why, and what to do."""


class Observer(Protocol):
    """Who is told how a stack comes up and goes down.

    Two steps are told like processes, under the names "migrations" and "ready".
    """

    def show(self, name: str, state: State, why: str = "") -> None:
        """Take a change of a process' state; `why` says in one line why it is restarted or was given up."""

    def show_disk(self, full: bool, free_bytes: int) -> None:
        """Show that the disk is nearly full and writes are refused, or that there is room again."""

    def show_wait(self, name: str, what: str, seconds: float) -> None:
        """Take what a process is still doing, and for how many seconds already; called about once a second."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to start, and where.

    `port` is that of the gateway, 0 for a free one; `ports` says whether services listen on their default ports or on
    free ones. `chat_model` is the name of a local model. Without one, only cloze questions are generated. With `graph`,
    every document is added to the knowledge graph, whose engine starts when it is first asked for.
    """

    data: Path
    host: str = LOOPBACK
    port: int = 8080
    ports: Ports = "default"
    chat_model: str | None = CHAT_MODEL
    embedding_model: str = EMBEDDING_MODEL
    graph: bool = False
    blockbuster: bool = False


def local_chat_model(options: StackOptions) -> str | None:
    """Return the name of the chat model to run on this machine; None without one, or if a variable names a server."""
    server = os.environ.get("TIKU_LLM_BASE_URL") or os.environ.get("TIKU_LLM_PROVIDERS_FILE")
    return None if server else options.chat_model


def local_embedding_model(options: StackOptions) -> str | None:
    """Return the name of the embedding model to run on this machine; None if a variable says where another one is."""
    elsewhere = os.environ.get("TIKU_EMBED_BASE_URL") or os.environ.get("TIKU_EMBED_MODEL_PATH")
    return None if elsewhere else options.embedding_model


@dataclass(slots=True)
class Stack:
    """A running stack."""

    gateway: str
    processes: dict[str, SupervisedProcess] = field(default_factory=dict)

    async def wait_failed(self) -> ProcessFailedError:
        """Return the failure of the first process that is given up; wait as long as all run."""
        waits = [asyncio.create_task(process.wait_failed()) for process in self.processes.values()]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for wait in waits:
                wait.cancel()


@contextlib.asynccontextmanager
async def running_stack(options: StackOptions, observer: Observer) -> AsyncIterator[Stack]:
    """Bring the stack up for the block, and down after it, whatever ends the block.

    A start may take as long as it makes progress: it fails when a process dies or stands still.

    Raises:
        StackError: it cannot start; whatever was started is stopped again.
        services.embedded.data_lock.DataFolderError: the data folder cannot be used, or another stack holds it.
    """
    data = options.data.absolute()
    async with data_lock(data):
        await asyncio.to_thread(_check_room, data)
        launch = _Launch(options, data, observer)
        state_file = data / "run" / STATE_FILE
        try:
            try:
                # A stack that was killed has left its own.
                await asyncio.to_thread(state_file.unlink, missing_ok=True)
                stack = await launch.run()
            except _REFUSALS as failure:
                raise StackError(_words_of(failure)) from None
            except ExceptionGroup as failures:
                # Not `except*`: before Python 3.11.4 an error that is raised there comes in a group again.
                failed, others = failures.split(_REFUSALS)
                if failed is None or others is not None:
                    raise
                raise StackError(_words_of(_first(failed))) from None
            await launch.save_state(state_file, stack)
            chores = [
                asyncio.create_task(chore)
                for chore in (launch.keep_state(state_file, stack), launch.disk.run(), launch.start_graph())
            ]
            try:
                yield stack
            finally:
                for chore in chores:
                    chore.cancel()
                await asyncio.wait(chores)
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(state_file.unlink, missing_ok=True)
            await launch.stop()


def _check_room(data: Path) -> None:
    """Look whether there is room enough to start.

    Raises:
        StackError: there is not.
    """
    first = not (data / "postgres" / "PG_VERSION").exists()
    needed = RESERVE_BYTES + FIRST_START_BYTES if first else START_BYTES
    if (free := free_bytes(data)) < needed and drop_ballast(data):
        free = free_bytes(data)
    if free < needed:
        raise StackError(
            f"the disk of {data} has {free // _MB} MB left, and {'a first start' if first else 'a start'} needs "
            f"{needed // _MB} MB: make room, or choose another folder with --data"
        )


class _Launch:
    """A stack while it starts and runs: its addresses, the environment of its processes, and the processes."""

    def __init__(self, options: StackOptions, data: Path, observer: Observer) -> None:
        self._options = options
        self._data = data
        self._observer = observer
        self._environment = {**module_environment(), "TIKU_DATA_DIR": str(data)}
        self._addresses: dict[str, str] = {}
        self._metrics: dict[str, str] = {}
        self._engine_ports: list[int] = []
        self._graph: ArcadeDB | None = None
        self._processes: dict[str, SupervisedProcess] = {}
        self._states: dict[str, State] = {}
        self._vectors: Qdrant | None = None
        self._damage: dict[str, str] = {}
        """What an engine that serves cannot read."""
        self._changed = asyncio.Event()
        self.disk = DiskWatch(data, None, self._show_disk, self._retry_all)

    async def run(self) -> Stack:
        """Start everything, and return once the gateway reaches all services."""
        options = self._options
        ports = await asyncio.to_thread(self._choose_ports)
        self._addresses = {name: f"{LOOPBACK}:{ports[name]}" for name in SERVICES}
        gateway = with_port(options.host, ports[GATEWAY])
        self._addresses[GATEWAY] = gateway
        for service in SERVICES.values():
            self._environment[service.target_variable] = self._addresses[service.name]
        if options.blockbuster:
            self._environment["TIKU_BLOCKBUSTER"] = "true"
        if not os.environ.get("TIKU_S3_BUCKET"):
            self._environment.setdefault("TIKU_DOCS_OBJECTS_PATH", str(self._data / "objects"))
        engines = await self._engines()
        ready = {name: asyncio.Event() for name in (POSTGRES, QDRANT, LLAMA)}
        async with asyncio.TaskGroup() as group:
            for name, event in ready.items():
                group.create_task(self._start_engine(name, engines.get(name), event))
            for service in SERVICES.values():
                group.create_task(self._start_service(service, [ready[need] for need in service.needs]))
            group.create_task(self._start(self._gateway_spec(gateway)))
        stack = Stack(f"http://{with_port(reachable(options.host), ports[GATEWAY])}", self._processes)
        await self._wait_ready(stack, ports[GATEWAY])
        self._changed.clear()
        return stack

    async def stop(self) -> None:
        """Stop what runs: the gateway, then the services before those that they call, then the engines."""
        engines = (LLAMA, QDRANT, POSTGRES, ARCADEDB)
        for tier in ((GATEWAY,), ("exercises", "docs"), ("retrieval",), ("llm",), engines):
            async with asyncio.TaskGroup() as group:
                for name in tier:
                    if name in self._processes:
                        group.create_task(self._processes[name].stop())

    async def start_graph(self) -> None:
        """Start the graph's engine when somebody first connects to it; make its later starts quick meanwhile."""
        if (graph := self._graph) is not None:
            async with asyncio.TaskGroup() as group:
                group.create_task(start_on_demand(self._engine_ports[3], lambda: self._start(graph.spec)))
                group.create_task(_record_classes(graph))

    async def keep_state(self, file: Path, stack: Stack) -> None:
        """Write the state whenever it changes, until canceled; one that cannot be written is tried again."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self.save_state(file, stack):
                await asyncio.sleep(_STATE_RETRY_SECONDS)
                self._changed.set()

    async def save_state(self, file: Path, stack: Stack) -> bool:
        """Write the state, and return whether that was possible."""
        try:
            await asyncio.to_thread(self.write_state, file, stack)
        except OSError as error:
            logger.warning("%s cannot be written: %s", file, error)
            return False
        return True

    def write_state(self, file: Path, stack: Stack) -> None:
        """Write where everything is, for tests and for the commands that talk to this stack."""
        content = {
            "gateway": stack.gateway,
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "services": {
                name: {"address": address, "pid": self._processes[name].pid}
                for name, address in self._addresses.items()
            },
            "engines": {
                name: {"pid": process.pid} for name, process in self._processes.items() if name not in self._addresses
            },
            "metrics": {name: f"http://{page}/metrics" for name, page in self._metrics.items()},
            "environment": {
                name: self._environment[name]
                for name in ("TIKU_POSTGRES_DSN", "TIKU_QDRANT_URL", "TIKU_LLM_BASE_URL", "TIKU_NEO4J_URL")
                if name in self._environment
            },
            "logs": str(self._data / "logs"),
            "disk": "full" if self.disk.full else "ok",
            "down": self._damage
            | {name: str(process.failure) for name, process in self._processes.items() if process.failure is not None},
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".writing")
        fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)

    def _choose_ports(self) -> dict[str, int]:
        options = self._options
        # All at once: a port that is free is chosen twice when it is asked for twice.
        count = 1 + 2 * len(SERVICES) + _ENGINE_PORTS
        gateway, *free = free_ports(count, options.host if options.port == 0 else LOOPBACK)
        self._engine_ports = [free.pop() for _ in range(_ENGINE_PORTS)]
        ports = {GATEWAY: options.port or gateway}
        _check_address(
            options.host, ports[GATEWAY], "choose another for the gateway with --port, or any free one with --port 0"
        )
        # Each process has a metrics page of its own, so a variable of the caller must not name one for all.
        self._metrics = {name: f"{LOOPBACK}:{free.pop()}" for name in SERVICES}
        self._metrics[GATEWAY] = with_port(options.host, ports[GATEWAY])
        for service, port in zip(SERVICES.values(), free, strict=True):
            ports[service.name] = port if options.ports == "free" else service.port
            _check_address(
                LOOPBACK,
                ports[service.name],
                f"the {service.name} service needs it; let services take free ports with --ports free",
            )
        return ports

    async def _engines(self) -> Mapping[str, ProcessSpec]:
        """Return the engines that no variable replaces by a server, and add all addresses to the environment."""
        engines: dict[str, ProcessSpec] = {}
        data, environment = self._data, self._environment
        database, stores = None, []
        if not os.environ.get("TIKU_POSTGRES_DSN"):
            database = await asyncio.to_thread(postgres, data / "postgres", data / "run", self._log(POSTGRES))
            engines[POSTGRES] = database.spec
            environment["TIKU_POSTGRES_DSN"] = database.dsn
        if not os.environ.get("TIKU_QDRANT_URL"):
            port, page = self._engine_ports[:2]
            self._metrics[QDRANT] = f"{LOOPBACK}:{page}"
            self._vectors = qdrant(data / "qdrant", port, self._log(QDRANT), self._metrics[QDRANT])
            engines[QDRANT] = self._vectors.spec
            environment["TIKU_QDRANT_URL"] = self._vectors.url
            stores.append(self._vectors.has_room)
        self.disk = DiskWatch(data, database, self._show_disk, self._retry_all, stores)
        await self._describe_graph()
        if self._options.chat_model is None:
            # Empty values mean no provider, whatever the caller's environment says.
            environment["TIKU_LLM_BASE_URL"] = ""
            environment["TIKU_LLM_PROVIDERS_FILE"] = ""
        elif name := local_chat_model(self._options):
            weights = await _model(name, "tiku up --no-model generates cloze questions without one")
            chat = llama(weights, name, self._engine_ports[2], self._log(LLAMA))
            engines[LLAMA] = chat.spec
            environment["TIKU_LLM_BASE_URL"] = chat.base_url
            environment["TIKU_LLM_MODEL"] = chat.model
            judged = {} if any(map(os.environ.get, _RERANKERS)) else _OF_OWN_JUDGE
            for variable, value in (_OF_OWN_CHAT_MODEL | judged).items():
                environment[variable] = os.environ.get(variable, value)
        if name := local_embedding_model(self._options):
            folder = await _model(name, "or set TIKU_EMBED_BASE_URL to a server's address")
            environment["TIKU_EMBED_MODEL_PATH"] = str(folder)
        return engines

    async def _describe_graph(self) -> None:
        """Say where the graph is: nowhere, at a server that a variable names, or at an engine that starts on demand.

        A data folder that holds a graph keeps its engine: what a document added must go with it.
        """
        environment, folder = self._environment, self._data / "arcadedb"
        if self._options.graph:
            environment["TIKU_DOCS_GRAPH_ENABLED"] = os.environ.get("TIKU_DOCS_GRAPH_ENABLED", "true")
        if os.environ.get("TIKU_NEO4J_URL") is not None:
            return
        if not self._options.graph and not await asyncio.to_thread(holds_graph, folder):
            environment["TIKU_NEO4J_URL"] = ""
        else:
            port, http_port = self._engine_ports[3:5]
            try:
                graph = await asyncio.to_thread(arcadedb, folder, port, http_port, self._log(ARCADEDB))
            except ArcadeDBNotFoundError as error:
                # There is no wheel for a system with an older C library.
                logger.warning("no graph is kept: %s", error)
                environment["TIKU_NEO4J_URL"] = ""
                return
            self._graph = graph
            environment |= {
                "TIKU_NEO4J_URL": graph.url,
                "TIKU_NEO4J_USER": graph.user,
                "TIKU_NEO4J_PASSWORD": graph.password,
                "TIKU_NEO4J_DATABASE": graph.database,
                "TIKU_NEO4J_DISK_PATH": str(folder),
            }

    async def _start_engine(self, name: str, spec: ProcessSpec | None, ready: asyncio.Event) -> None:
        if spec is not None:
            await self._start(spec)
        if name == POSTGRES:
            await self.disk.check()
            await self._migrate()
        if name == QDRANT and self._vectors is not None:
            await self._look_for_damage(self._vectors)
        ready.set()

    async def _look_for_damage(self, vectors: Qdrant) -> None:
        """Show what of the vectors cannot be read; the engine serves the rest, and a start does not end for it."""
        try:
            await vectors.is_whole()
        except RefusedAnswerError:
            why = f"a collection is damaged and cannot be read; {self._log(QDRANT)} says which and what can be done"
            self._damage["vectors"] = why
            self._observer.show("vectors", State.FAILED, why)
        except RuntimeError as error:  # It answered a moment ago, and is busy.
            logger.warning("it is not known whether all vectors can be read: %s", error)

    async def _migrate(self) -> None:
        self._observer.show("migrations", State.STARTING)
        dsn = self._environment.get("TIKU_POSTGRES_DSN") or os.environ["TIKU_POSTGRES_DSN"]
        async with reported_wait(self._wait_reporter("migrations", "bringing the database up to date")):
            for service in SERVICES.values():
                if service.schema:
                    await migrate(dsn, service.schema, service.migrations)
        self._observer.show("migrations", State.READY)

    async def _start_service(self, service: Service, needs: Iterable[asyncio.Event]) -> None:
        for need in needs:
            await need.wait()
        address = self._addresses[service.name]
        await self._start(
            ProcessSpec(
                name=service.name,
                command=module_command("services.serve", service.name),
                log_file=self._log(service.name),
                probe=grpc_probe(address, _HEALTH_CHECK, accept=_SERVING.__eq__),
                environment={
                    **self._environment,
                    LISTEN_VARIABLE: address,
                    METRICS_VARIABLE: self._metrics[service.name],
                },
                startup=self._startup(service.name),
                waits_for_another=self._engine_is_down,
                stall_seconds=STALL_SECONDS,
                stop_timeout=_SERVICE_STOP_SECONDS,
            )
        )

    def _startup(self, name: str) -> str:
        loads_model = name == "llm" and "TIKU_EMBED_MODEL_PATH" in {**os.environ, **self._environment}
        return "loading its model" if loads_model else "starting"

    def _engine_is_down(self) -> bool:
        """Whether an engine does not serve: a service may have to wait for it."""
        down = (State.STARTING, State.RESTARTING, State.FAILED)
        return any(self._states.get(name) in down for name in (POSTGRES, QDRANT, LLAMA))

    def _gateway_spec(self, listen: str) -> ProcessSpec:
        host, port = host_and_port(listen)
        return ProcessSpec(
            name=GATEWAY,
            command=module_command("services.serve", GATEWAY),
            log_file=self._log(GATEWAY),
            probe=http_probe(reachable(host), port, "/healthz"),
            environment={
                **self._environment,
                GATEWAY_LISTEN_VARIABLE: listen,
                GATEWAY_STACK_VARIABLE: str(self._data / "run" / STATE_FILE),
            },
            stop_timeout=_SERVICE_STOP_SECONDS,
        )

    async def _start(self, spec: ProcessSpec) -> None:
        def show(state: State, why: str) -> None:
            self._states[spec.name] = state
            self._observer.show(spec.name, state, why)
            self._changed.set()
            if state is State.READY and spec.name not in self._addresses:
                self._retry_services()

        process = SupervisedProcess(spec, show, self._wait_reporter(spec.name, spec.startup))
        await process.start()
        self._processes[spec.name] = process

    def _retry_services(self) -> None:
        """Start services again that were given up: they may have needed the engine that serves now."""
        for name in SERVICES:
            if name in self._processes:
                self._processes[name].retry()

    def _show_disk(self, full: bool, free: int) -> None:
        self._observer.show_disk(full, free)
        self._changed.set()

    def _retry_all(self) -> None:
        """Start again what was given up: it may have needed the room that there is now."""
        for process in self._processes.values():
            process.retry()

    def _wait_reporter(self, name: str, what: str) -> Callable[[float], None]:
        return lambda seconds: self._observer.show_wait(name, what, seconds)

    async def _wait_ready(self, stack: Stack, port: int) -> None:
        """Wait until the gateway reaches every service.

        Raises:
            ProcessFailedError: a process ended more often than it may.
            StackError: a service is not ready, and nothing makes progress any more.
        """
        self._observer.show("ready", State.STARTING)
        readiness = Readiness(reachable(self._options.host), port, self._processes, self._data / "logs")
        waiting = asyncio.create_task(readiness.wait(functools.partial(self._observer.show_wait, "ready")))
        failing = asyncio.create_task(stack.wait_failed())
        try:
            await asyncio.wait((waiting, failing), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise failing.result()
            waiting.result()
        except NotReadyError as error:
            raise StackError(str(error)) from None
        finally:
            waiting.cancel()
            failing.cancel()
        self._observer.show("ready", State.READY)

    def _log(self, name: str) -> Path:
        return self._data / "logs" / f"{name}.log"


async def _model(name: str, otherwise: str) -> Path:
    found = await models.path(name)
    if found is None:
        raise StackError(
            f"the model {name} is not on this machine: bring it with `tiku models pull {name}`; {otherwise}"
        )
    return found


def _check_address(host: str, port: int, otherwise: str) -> None:
    """Check that a server can listen there.

    Raises:
        StackError: it cannot; `otherwise` says what to do.
    """
    try:
        bound(host, port).close()
    except ListenError as error:
        raise StackError(f"{error}: {otherwise}") from None


def _words_of(failure: BaseException) -> str:
    """Return why a start failed, in one line."""
    if isinstance(failure, OSError) and failure.filename is not None and failure.strerror:
        return f"{failure.filename} cannot be used ({failure.strerror}): move it away, or see to it"
    return str(failure)


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


async def _record_classes(graph: ArcadeDB) -> None:
    """Make the later starts of a graph engine quick, where that is possible."""
    try:
        await record_classes(graph)
    except Exception as error:
        # Whatever it is, the engine starts without.
        logger.info("the graph's engine will not start faster: %s", error)
