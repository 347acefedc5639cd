"""Recovery: what killed processes left is removed, and jobs that were lost are queued again."""

from __future__ import annotations

import asyncio
import logging

from services.docs.domain.objects import UPLOADS
from services.docs.ports import DeletionStore, DocumentStore, Locks, ObjectStore
from services.kit.errors import TikuError

_INTERVAL_SECONDS = 60.0

logger = logging.getLogger(__name__)


def instance_of(key: str) -> str:
    """Return the instance that wrote an object below `uploads/`."""
    return key.removeprefix(f"{UPLOADS}/").partition(".")[0]


async def is_dead(locks: Locks, instance: str) -> bool:
    """Return whether the process of an instance is gone; a living one holds the lock of its instance."""
    async with locks.lock(f"instance:{instance}", wait=False) as free:
        return free


async def recover(documents: DocumentStore, deletions: DeletionStore, locks: Locks, objects: ObjectStore) -> None:
    """Remove uploads whose process is gone, and queue jobs that were lost."""
    swept = 0
    async for key in objects.list(UPLOADS):
        if await is_dead(locks, instance_of(key)):
            await objects.delete(key)
            swept += 1
    for instance, document in await documents.unconfirmed():
        if await is_dead(locks, instance):
            await deletions.mark_failed_upload(document.document_id)
            swept += 1
    waiting = await documents.requeue_lost()
    logger.info("recovered", extra={"swept": swept, "waiting": waiting})


async def keep_jobs_queued(documents: DocumentStore, interval: float = _INTERVAL_SECONDS) -> None:
    """Queue lost jobs, and those that the queue put aside, again every `interval` seconds, until canceled."""
    while True:
        await asyncio.sleep(interval)
        try:
            await documents.requeue_lost()
        except TikuError as error:
            logger.warning("could not look for lost jobs", extra={"reason": error.reason})
