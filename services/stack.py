"""The whole of Tiku on one machine: engines, services and gateway as supervised processes.

Everything that can start at once does: an engine nobody waits for, a service as soon as the engines it needs serve.
The end goes the other way round: the gateway first, then services, engines last.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from services import models
from services.embedded.data_lock import data_lock
from services.embedded.llama import SLOTS, llama
from services.embedded.network import LOOPBACK, free_port, free_ports, grpc_probe, http_probe, is_free
from services.embedded.postgres import postgres
from services.embedded.process import ProcessFailedError, ProcessSpec, State, SupervisedProcess
from services.embedded.python import module_command, module_environment
from services.embedded.qdrant import qdrant
from services.kit.migrations import migrate
from services.registry import (
    GATEWAY,
    GATEWAY_LISTEN_VARIABLE,
    LISTEN_VARIABLE,
    LLAMA,
    METRICS_VARIABLE,
    POSTGRES,
    QDRANT,
    SERVICES,
    Service,
)

CHAT_MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"
EMBEDDING_MODEL = "multilingual-e5-small"

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
# grpc.health.v1.HealthCheckResponse with status = SERVING, as bytes.
_SERVING = b"\x08\x01"
_SERVICE_START_SECONDS = 60.0
# Longer than a service's drain_seconds, so that a drain is not cut short.
_SERVICE_STOP_SECONDS = 15.0
_READY_SECONDS = 30.0

Ports = Literal["default", "free"]
OnState = Callable[[str, State], None]


class StackError(RuntimeError):
    """The stack cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to bring up, and where.

    ``port`` is the gateway's, 0 for any free one; ``ports`` says whether services listen on their default ports or on
    free ones. ``chat_model`` is a local model by name, None for none: then cloze questions alone are generated.
    """

    data: Path
    host: str = LOOPBACK
    port: int = 8080
    ports: Ports = "default"
    chat_model: str | None = CHAT_MODEL
    embedding_model: str = EMBEDDING_MODEL
    blockbuster: bool = False


def local_chat_model(options: StackOptions) -> str | None:
    """The chat model that runs on this machine, by name; none where there is no model, or a server has it."""
    elsewhere = os.environ.get("TIKU_LLM_BASE_URL") or os.environ.get("TIKU_LLM_PROVIDERS")
    return None if elsewhere else options.chat_model


def local_embedding_model(options: StackOptions) -> str | None:
    """The embedding model that runs on this machine, by name; none where a variable says where it is."""
    elsewhere = os.environ.get("TIKU_EMBED_BASE_URL") or os.environ.get("TIKU_EMBED_MODEL_PATH")
    return None if elsewhere else options.embedding_model


@dataclass(slots=True)
class Stack:
    """A running stack."""

    gateway: str
    processes: dict[str, SupervisedProcess] = field(default_factory=dict)

    async def wait_failed(self) -> ProcessFailedError:
        """Returns the failure of the first process that was given up; waits while all are well."""
        waits = [asyncio.create_task(process.wait_failed()) for process in self.processes.values()]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for wait in waits:
                wait.cancel()


@contextlib.asynccontextmanager
async def running_stack(options: StackOptions, on_state: OnState = lambda _name, _state: None) -> AsyncIterator[Stack]:
    """Brings the stack up for the block, and down after it, whatever ends the block.

    ``on_state`` hears of each process' changes, "migrations" and "ready" among the names.

    Raises:
        StackError: it cannot start; what was started is stopped again.
        services.embedded.data_lock.DataFolderInUseError: another stack holds the data folder.
    """
    data = options.data.absolute()
    async with data_lock(data):
        starting = _Starting(options, data, on_state)
        state_file = data / "run" / "stack.json"
        try:
            try:
                stack = await starting.run()
            except ProcessFailedError as failure:
                raise StackError(str(failure)) from None
            except ExceptionGroup as failures:
                # Not `except*`: before Python 3.11.4, what that raises comes out in a group again.
                failed, others = failures.split(ProcessFailedError)
                if failed is None or others is not None:
                    raise
                raise StackError(str(_first(failed))) from None
            await asyncio.to_thread(starting.write_state, state_file, stack)
            keeping = asyncio.create_task(starting.keep_state(state_file, stack))
            try:
                yield stack
            finally:
                keeping.cancel()
                await asyncio.wait([keeping])
        finally:
            await asyncio.to_thread(state_file.unlink, missing_ok=True)
            await starting.stop()


class _Starting:
    """A stack on its way up: what each part needs, what it was told, and which processes there are."""

    def __init__(self, options: StackOptions, data: Path, on_state: OnState) -> None:
        self._options = options
        self._data = data
        self._on_state = on_state
        self._environment = {**module_environment(), "TIKU_DATA_DIR": str(data)}
        self._addresses: dict[str, str] = {}
        self._metrics: dict[str, str] = {}
        self._processes: dict[str, SupervisedProcess] = {}
        self._changed = asyncio.Event()

    async def run(self) -> Stack:
        """Starts everything; returns when the gateway says that all services are there."""
        options = self._options
        ports = await asyncio.to_thread(self._choose_ports)
        self._addresses = {name: f"{LOOPBACK}:{ports[name]}" for name in SERVICES}
        gateway = f"{options.host}:{ports[GATEWAY]}"
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
        await self._wait_ready(ports[GATEWAY])
        shown = LOOPBACK if options.host in ("0.0.0.0", "::") else options.host
        self._changed.clear()
        return Stack(f"http://{shown}:{ports[GATEWAY]}", self._processes)

    async def stop(self) -> None:
        """Stops what runs: the gateway, the services from the outermost in, the engines."""
        for tier in ((GATEWAY,), ("exercises", "docs"), ("retrieval",), ("llm",), (LLAMA, QDRANT, POSTGRES)):
            await _all(self._processes[name].stop() for name in tier if name in self._processes)

    async def keep_state(self, file: Path, stack: Stack) -> None:
        """Writes the state again whenever a process was restarted; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.to_thread(self.write_state, file, stack)

    def write_state(self, file: Path, stack: Stack) -> None:
        """Writes where everything is, for tests and for the commands that talk to this stack."""
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
                for name in ("TIKU_POSTGRES_DSN", "TIKU_QDRANT_URL", "TIKU_LLM_BASE_URL")
                if name in self._environment
            },
            "logs": str(self._data / "logs"),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".writing")
        fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)

    def _choose_ports(self) -> dict[str, int]:
        options = self._options
        gateway, *free = free_ports(1 + 2 * len(SERVICES), options.host if options.port == 0 else LOOPBACK)
        ports = {GATEWAY: options.port or gateway}
        if not is_free(options.host, ports[GATEWAY]):
            raise StackError(
                f"port {ports[GATEWAY]} on {options.host} is in use: choose another for the gateway with --port, "
                "or any free one with --port 0"
            )
        # Each has its own metrics page: no variable of the caller's may name one for all. The gateway serves its own.
        self._metrics = {name: f"{LOOPBACK}:{free.pop()}" for name in SERVICES}
        self._metrics[GATEWAY] = f"{options.host}:{ports[GATEWAY]}"
        for service, port in zip(SERVICES.values(), free, strict=True):
            ports[service.name] = port if options.ports == "free" else service.port
            if not is_free(LOOPBACK, ports[service.name]):
                raise StackError(
                    f"port {ports[service.name]} on {LOOPBACK}, the {service.name} service's, is in use: "
                    "let services take free ports with --ports free"
                )
        return ports

    async def _engines(self) -> Mapping[str, ProcessSpec]:
        """The engines that no variable exchanges for a server elsewhere; the environment learns all addresses."""
        engines: dict[str, ProcessSpec] = {}
        data, environment = self._data, self._environment
        if not os.environ.get("TIKU_POSTGRES_DSN"):
            database = await asyncio.to_thread(postgres, data / "postgres", data / "run", self._log(POSTGRES))
            engines[POSTGRES] = database.spec
            environment["TIKU_POSTGRES_DSN"] = database.dsn
        if not os.environ.get("TIKU_QDRANT_URL"):
            port, page = await asyncio.to_thread(free_ports, 2)
            self._metrics[QDRANT] = f"{LOOPBACK}:{page}"
            vectors = qdrant(data / "qdrant", port, self._log(QDRANT), self._metrics[QDRANT])
            engines[QDRANT] = vectors.spec
            environment["TIKU_QDRANT_URL"] = vectors.url
        if self._options.chat_model is None:
            # An empty value is no provider, wherever the caller's environment says.
            environment["TIKU_LLM_BASE_URL"] = ""
            environment["TIKU_LLM_PROVIDERS"] = "[]"
        elif name := local_chat_model(self._options):
            weights = await _model(name, "tiku up --no-model generates cloze questions without one")
            chat = llama(weights, name, await asyncio.to_thread(free_port), self._log(LLAMA))
            engines[LLAMA] = chat.spec
            environment["TIKU_LLM_BASE_URL"] = chat.base_url
            environment["TIKU_LLM_MODEL"] = chat.model
            environment["TIKU_LLM_MAX_CONCURRENT"] = os.environ.get("TIKU_LLM_MAX_CONCURRENT", str(SLOTS))
        if name := local_embedding_model(self._options):
            folder = await _model(name, "or set TIKU_EMBED_BASE_URL to a server's address")
            environment["TIKU_EMBED_MODEL_PATH"] = str(folder)
        return engines

    async def _start_engine(self, name: str, spec: ProcessSpec | None, ready: asyncio.Event) -> None:
        if spec is not None:
            await self._start(spec)
        if name == POSTGRES:
            self._on_state("migrations", State.STARTING)
            dsn = self._environment.get("TIKU_POSTGRES_DSN") or os.environ["TIKU_POSTGRES_DSN"]
            for service in SERVICES.values():
                if service.schema:
                    await migrate(dsn, service.schema, service.migrations)
            self._on_state("migrations", State.READY)
        ready.set()

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
                start_timeout=_SERVICE_START_SECONDS,
                stop_timeout=_SERVICE_STOP_SECONDS,
            )
        )

    def _gateway_spec(self, listen: str) -> ProcessSpec:
        host, _, port = listen.rpartition(":")
        probed = LOOPBACK if host in ("0.0.0.0", "::") else host
        return ProcessSpec(
            name=GATEWAY,
            command=module_command("services.serve", GATEWAY),
            log_file=self._log(GATEWAY),
            probe=http_probe(probed, int(port), "/healthz"),
            environment={**self._environment, GATEWAY_LISTEN_VARIABLE: listen},
            start_timeout=_SERVICE_START_SECONDS,
            stop_timeout=_SERVICE_STOP_SECONDS,
        )

    async def _start(self, spec: ProcessSpec) -> None:
        def hear(state: State) -> None:
            self._on_state(spec.name, state)
            self._changed.set()

        process = SupervisedProcess(spec, hear)
        await process.start()
        self._processes[spec.name] = process

    async def _wait_ready(self, port: int) -> None:
        """Waits until the gateway reaches every service."""
        self._on_state("ready", State.STARTING)
        host = LOOPBACK if self._options.host in ("0.0.0.0", "::") else self._options.host
        probe = http_probe(host, port, "/readyz")
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not await _succeeds(probe):  # noqa: ASYNC110 - another process, there is no event to wait for
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise StackError(
                f"the gateway does not reach every service within {_READY_SECONDS:g} s; see {self._log(GATEWAY)}"
            ) from None
        self._on_state("ready", State.READY)

    def _log(self, name: str) -> Path:
        return self._data / "logs" / f"{name}.log"


async def _model(name: str, otherwise: str) -> Path:
    found = await models.path(name)
    if found is None:
        raise StackError(
            f"the model {name} is not on this machine: bring it with `tiku models pull {name}`; {otherwise}"
        )
    return found


async def _succeeds(probe: Callable[[], Awaitable[None]]) -> bool:
    try:
        await probe()
    except Exception:
        return False
    return True


async def _all(stops: Iterable[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for stop in list(stops):
            group.create_task(_awaited(stop))


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _first(group: BaseExceptionGroup[ProcessFailedError]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
