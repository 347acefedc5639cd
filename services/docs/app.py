"""Composition root of the docs service."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from services.docs.adapters.clients import llm, retrieval
from services.docs.adapters.objects.obstore import FolderObjectStore, S3ObjectStore
from services.docs.adapters.parsers.pool import PooledParser
from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.change_feed import PostgresChangeFeed
from services.docs.adapters.stores.postgres.schema import MIGRATIONS, SCHEMA
from services.docs.adapters.stores.postgres.stores import PostgresStores
from services.docs.domain.catalog.catalog import DocumentCatalog
from services.docs.domain.catalog.deletion import Deleter
from services.docs.domain.catalog.recovery import keep_jobs_queued, recover
from services.docs.domain.catalog.watcher import Watcher
from services.docs.domain.indexing.dispatcher import run_job
from services.docs.domain.indexing.graph import GraphIndexer, GraphJobSettings
from services.docs.domain.indexing.indexer import DocumentIndexer, IndexingSettings
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.domain.upload.uploader import Uploader
from services.docs.ports import ObjectStore
from services.docs.servicer import DocsServicer
from services.docs.settings import DocsSettings
from services.docs.values.document import JobKind
from services.docs.values.parsed_document import ChunkSettings, ParseLimits
from services.kit.channels import open_channel
from services.kit.failpoints import Failpoints, Points
from services.kit.migrations import MAX_WAIT_SECONDS, migrate
from services.kit.server import App, Registration
from tiku.docs.v1 import docs_pb2_grpc


async def build(settings: DocsSettings, stack: AsyncExitStack) -> App:
    """Build the service; `stack` closes what this opens. The service is ready while the database answers."""
    dsn = settings.postgres_dsn.get_secret_value()
    if settings.migrate:
        await migrate(dsn, SCHEMA, MIGRATIONS, max_wait=MAX_WAIT_SECONDS)
    queue = PgQueuerJobQueue(dsn, workers=settings.docs_index_jobs, heartbeat=settings.docs_job_heartbeat_seconds)
    queue.prepare()
    stores = await stack.enter_async_context(
        PostgresStores.open(
            dsn,
            queue,
            connections=settings.docs_postgres_connections,
            deletion_delay_seconds=settings.docs_deletion_delay_seconds,
        )
    )
    feed = PostgresChangeFeed(dsn)
    objects = await stack.enter_async_context(_open_objects(settings))
    to_llm = await stack.enter_async_context(open_channel(settings.llm_target, retry=llm.RETRIED))
    to_retrieval = await stack.enter_async_context(open_channel(settings.retrieval_target, retry=retrieval.RETRIED))
    index = retrieval.RetrievalIndex(to_retrieval)
    # The parser's own memory limit and that of its process are one number.
    limits = ParseLimits(
        seconds=settings.docs_parse_seconds,
        base_seconds=settings.docs_parse_base_seconds,
        megabyte_seconds=settings.docs_parse_megabyte_seconds,
        memory_bytes=settings.docs_parse_memory_bytes,
        file_bytes=settings.docs_max_upload_bytes,
    )
    parser = await stack.enter_async_context(
        PooledParser.open(limits, ChunkSettings(), workers=settings.docs_parse_workers)
    )
    failpoints = Failpoints(settings.failpoints)
    indexer = DocumentIndexer(
        failpoints.around(
            stores.jobs,
            {
                "begin": Points("docs.index.job_taken"),
                "save_parsed": Points("docs.index.chunks_stored"),
                "advance": Points("docs.index.progress_stored"),
                "finish": Points("docs.index.finished"),
            },
        ),
        stores.documents,
        feed,
        stores.locks,
        objects,
        failpoints.around(parser, {"parse": Points("docs.index.parsed")}),
        failpoints.around(
            llm.LlmEmbedder(to_llm, model=settings.docs_embedding_model), {"embed": Points("docs.index.embedded")}
        ),
        failpoints.around(index, {"index": Points("docs.index.vectors_stored")}),
        IndexingSettings(
            batch=settings.docs_index_batch,
            attempts=settings.docs_index_attempts,
            first_delay=settings.docs_index_retry_seconds,
        ),
        # The others are for short jobs, and for deletions.
        long_jobs=LongJobs(max(1, settings.docs_index_jobs * 3 // 5)),
    )
    grapher = GraphIndexer(
        stores.graph_jobs,
        stores.documents,
        feed,
        stores.locks,
        retrieval.RetrievalGraph(to_retrieval),
        GraphJobSettings(first_delay=settings.docs_index_retry_seconds),
    )
    uploader = Uploader(
        failpoints.around(
            stores.documents,
            {"add": Points("docs.upload.row_written"), "confirm": Points("docs.upload.confirmed")},
        ),
        stores.deletions,
        stores.locks,
        failpoints.around(objects, {"put": Points("docs.upload.object_stored")}),
        max_bytes=settings.docs_max_upload_bytes,
        graph=settings.docs_graph_enabled,
    )
    catalog = DocumentCatalog(stores.documents, objects, settings.docs_graph_enabled)
    deleter = Deleter(
        failpoints.around(
            stores.deletions, {"mark": Points("docs.delete.marked"), "remove": Points("docs.delete.row_removed")}
        ),
        stores.locks,
        failpoints.around(objects, {"delete": Points("docs.delete.object_deleted")}),
        failpoints.around(index, {"delete": Points("docs.delete.vectors_deleted")}),
    )
    watcher = Watcher(stores.documents, feed, catalog)
    await recover(stores.documents, stores.deletions, stores.locks, objects)
    handlers = {JobKind.INDEX: indexer.run, JobKind.GRAPH: grapher.run, JobKind.DELETE: deleter.run}
    return App(
        name="docs",
        registrations=[
            Registration(
                docs_pb2_grpc.add_DocsServiceServicer_to_server,
                DocsServicer(uploader, catalog, deleter, watcher),
                "tiku.docs.v1.DocsService",
            )
        ],
        ready=stores.ping,
        background=[
            feed.run,
            partial(queue.work, partial(run_job, handlers)),
            partial(keep_jobs_queued, stores.documents),
            deleter.keep_removing,
        ],
    )


def _open_objects(settings: DocsSettings) -> AbstractAsyncContextManager[ObjectStore]:
    if not settings.s3_bucket:
        return FolderObjectStore.open(settings.docs_objects_path, reserve_bytes=settings.docs_disk_reserve_bytes)
    return S3ObjectStore.open(
        settings.s3_bucket,
        endpoint=settings.s3_endpoint or None,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
    )
