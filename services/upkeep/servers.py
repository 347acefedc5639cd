"""The stores of a stack: those that variables name, those of a stack that runs, or engines started for the purpose."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.docs.adapters.objects.obstore import FolderObjectStore, S3ObjectStore
from services.docs.adapters.stores.postgres.upkeep import DocsUpkeep
from services.docs.ports import ObjectStore
from services.docs.settings import DocsSettings
from services.embedded import arcadedb
from services.embedded.data_lock import DataFolderInUseError, data_lock
from services.embedded.network import free_port, free_ports
from services.embedded.postgres import postgres
from services.embedded.process import ProcessFailedError, ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant
from services.exercises.adapters.stores.postgres.upkeep import ExercisesUpkeep
from services.registry import SERVICES
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.stores.qdrant_upkeep import QdrantUpkeep
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.settings import RetrievalSettings
from services.upkeep.adapters.stores.postgres import PostgresTables
from services.upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from services.retrieval.adapters.graphs.neo4j_upkeep import Neo4jGraphUpkeep

SCHEMAS = {service.schema: service.migrations for service in SERVICES.values() if service.schema}
"""The folder of the migrations of each schema."""
NEEDED_SCHEMAS = frozenset(
    service.schema for service in SERVICES.values() if service.schema and not service.schema_optional
)
"""Those that every database of a stack has."""
_DSN_VARIABLE = "TIKU_POSTGRES_DSN"
_QDRANT_VARIABLE = "TIKU_QDRANT_URL"
_BUCKET_VARIABLE = "TIKU_S3_BUCKET"
_OBJECTS_VARIABLE = "TIKU_DOCS_OBJECTS_PATH"
_GRAPH_VARIABLE = "TIKU_NEO4J_URL"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the stores of a stack are. `objects` is the folder of the files; None if they are in a bucket.

    `graph` is the folder of the embedded graph, and `graph_url` where its engine runs, empty if it does not; without a
    folder, the variables say where the graph is.
    """

    dsn: str
    qdrant_url: str
    objects: Path | None
    graph: Path | None = None
    graph_url: str = ""

    @asynccontextmanager
    async def tables(self) -> AsyncIterator[PostgresTables]:
        """Connect to the tables of all services."""
        async with PostgresTables.open(self.dsn, list(SCHEMAS)) as tables:
            yield tables

    @asynccontextmanager
    async def open_objects(self) -> AsyncIterator[ObjectStore]:
        """Open the folder or the bucket."""
        if self.objects is not None:
            async with FolderObjectStore.open(self.objects) as folder:
                yield folder
            return
        settings = DocsSettings()
        async with S3ObjectStore.open(
            settings.s3_bucket,
            endpoint=settings.s3_endpoint or None,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=settings.s3_secret_access_key,
        ) as bucket:
            yield bucket

    @asynccontextmanager
    async def open_vectors(self) -> AsyncIterator[QdrantUpkeep]:
        """Connect to the vector store."""
        settings = RetrievalSettings()
        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        async with QdrantUpkeep.open(self.qdrant_url, key, timeout=settings.qdrant_timeout_seconds) as vectors:
            vectors.spaces = Centering(await asyncio.to_thread(toml.load))
            yield vectors

    @asynccontextmanager
    async def open_graph(self, *, make: bool = False, fresh: bool = False) -> AsyncIterator[Neo4jGraphUpkeep | None]:
        """Connect to the graph; None where there is none.

        An embedded engine that does not run is started for the block. With `make` there is a graph from now on, if the
        engine's wheel is installed. With `fresh` it is empty.

        Raises:
            UpkeepError: there is a graph, and no engine to read it.
        """
        settings = RetrievalSettings()
        timeout = settings.neo4j_timeout_seconds
        async with AsyncExitStack() as stack:
            if self.graph is None:
                account = settings.neo4j_user, settings.neo4j_password.get_secret_value()
                address = (settings.neo4j_url, *account, settings.neo4j_database) if settings.neo4j_url else None
            else:
                address = await self._embedded_graph(self.graph, stack, make, fresh)
            if address is None:
                yield None
                return
            # Here, not at the top: the driver takes 31 MB, which nobody pays where there is no graph.
            from services.retrieval.adapters.graphs.neo4j_upkeep import Neo4jGraphUpkeep

            url, user, password, database = address
            opened = Neo4jGraphUpkeep.open(url, user, password, database=database, timeout=timeout)
            graph = await stack.enter_async_context(opened)
            if fresh:
                await graph.clear()
            yield graph

    async def _embedded_graph(
        self, folder: Path, stack: AsyncExitStack, make: bool, fresh: bool
    ) -> tuple[str, str, str, str] | None:
        if self.graph_url:
            return (
                self.graph_url,
                arcadedb.USER,
                await asyncio.to_thread(arcadedb.password_of, folder),
                arcadedb.DATABASE,
            )
        there = await asyncio.to_thread(arcadedb.holds_graph, folder)
        if there and fresh:
            # Sooner done than by the engine, which need not start then.
            await asyncio.to_thread(arcadedb.forget_graph, folder)
        if not make and (fresh or not there):
            return None
        port, http_port = await asyncio.to_thread(free_ports, 2)
        log_file = folder.parent / "logs/arcadedb.log"
        try:
            server = await asyncio.to_thread(arcadedb.arcadedb, folder, port, http_port, log_file)
        except arcadedb.ArcadeDBNotFoundError as error:
            if there:
                raise UpkeepError(f"{folder} holds a graph, and {error}") from None
            return None
        await _start(stack, server.spec)
        return server.url, server.user, server.password, server.database

    @asynccontextmanager
    async def open_docs(self) -> AsyncIterator[DocsUpkeep]:
        """Connect to the tables of documents."""
        async with DocsUpkeep.open(self.dsn) as docs:
            yield docs

    @asynccontextmanager
    async def open_exercises(self) -> AsyncIterator[ExercisesUpkeep]:
        """Connect to the tables of exercises."""
        async with ExercisesUpkeep.open(self.dsn) as exercises:
            yield exercises


@asynccontextmanager
async def reached(data: Path, *, alone: bool) -> AsyncIterator[Servers]:
    """Find the stores of the stack on the folder `data`; engines that do not run are started for the block.

    With `alone` no stack may run on the folder, and the folder is made if it is not there.

    Raises:
        UpkeepError: there is no data, or an engine does not start.
        DataFolderInUseError: another process holds the folder, and `alone` is set or its stack is not ready.
    """
    data = await asyncio.to_thread(data.absolute)
    dsn, url = os.environ.get(_DSN_VARIABLE, ""), os.environ.get(_QDRANT_VARIABLE, "")
    bucket = os.environ.get(_BUCKET_VARIABLE, "")
    named = os.environ.get(_OBJECTS_VARIABLE) if dsn else None
    folder = None if bucket else Path(named) if named else data / "objects"
    graph = data / "arcadedb" if os.environ.get(_GRAPH_VARIABLE) is None else None
    if dsn and url and (bucket or named):
        yield Servers(dsn, url, folder)
        return
    if not alone and not await asyncio.to_thread(_has_data, data, bool(dsn), bool(url)):
        raise UpkeepError(f"there is no data in {data}: name the folder with --data, or set {_DSN_VARIABLE}")
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(data_lock(data))
        except DataFolderInUseError:
            running = None if alone else await asyncio.to_thread(_running, data)
            if running is None:
                raise
            graph_url = running.get(_GRAPH_VARIABLE, "")
            yield Servers(
                dsn or running[_DSN_VARIABLE],
                url or running[_QDRANT_VARIABLE],
                folder,
                graph if graph_url else None,
                graph_url,
            )
            return
        if not dsn:
            database = await asyncio.to_thread(postgres, data / "postgres", data / "run", data / "logs/postgres.log")
            await _start(stack, database.spec)
            # A stack that was killed on a full disk left it refusing writes.
            await database.take_writes(True)
            dsn = database.dsn
        if not url:
            vectors = qdrant(data / "qdrant", await asyncio.to_thread(free_port), data / "logs/qdrant.log")
            await _start(stack, vectors.spec)
            url = vectors.url
        yield Servers(dsn, url, folder, graph)


async def _start(stack: AsyncExitStack, spec: ProcessSpec) -> None:
    process = SupervisedProcess(spec)
    try:
        await process.start()
    except ProcessFailedError as failure:
        raise UpkeepError(str(failure)) from None
    stack.push_async_callback(process.stop)


def _has_data(data: Path, elsewhere_rows: bool, elsewhere_vectors: bool) -> bool:
    return (elsewhere_rows or (data / "postgres").is_dir()) and (elsewhere_vectors or (data / "qdrant").is_dir())


def _running(data: Path) -> dict[str, str] | None:
    """Return the addresses that `tiku up` wrote; None if it does not run, or is not ready yet."""
    try:
        found: dict[str, str] = json.loads((data / "run" / "stack.json").read_text(encoding="utf-8"))["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found
