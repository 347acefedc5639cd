"""What is made good: the leavings of processes that were killed, and jobs that were lost."""

from __future__ import annotations

import asyncio
import logging

from services.docs.domain.objects import UPLOADS
from services.docs.ports import DocumentStore, ObjectStore
from services.kit.errors import TikuError

_INTERVAL_SECONDS = 60.0

logger = logging.getLogger(__name__)


async def recover(store: DocumentStore, objects: ObjectStore) -> None:
    """Removes uploads that nobody will finish, and queues jobs that were lost.

    An upload belongs to the process that takes it in; a process that lives holds the lock of its name.
    """
    dead: dict[str, bool] = {store.instance: False}

    async def is_dead(instance: str) -> bool:
        if instance not in dead:
            async with store.lock(f"instance:{instance}", wait=False) as free:
                dead[instance] = free
        return dead[instance]

    swept = 0
    async for key in objects.list(UPLOADS):
        instance = key.removeprefix(f"{UPLOADS}/").partition(".")[0]
        if await is_dead(instance):
            await objects.delete(key)
            swept += 1
    for instance, document in await store.unconfirmed():
        if await is_dead(instance):
            await store.mark_failed_upload(document.document_id)
            swept += 1
    waiting = await store.requeue()
    logger.info("recovered", extra={"swept": swept, "waiting": waiting})


async def keep_jobs_queued(store: DocumentStore, interval: float = _INTERVAL_SECONDS) -> None:
    """Queues lost jobs again every `interval` seconds, until cancelled.

    The queue keeps a job aside whose handler broke too often; its document is not left PROCESSING for ever.
    """
    while True:
        await asyncio.sleep(interval)
        try:
            await store.requeue()
        except TikuError as error:
            logger.warning("could not look for lost jobs", extra={"cause": error.reason})
