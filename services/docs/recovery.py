"""What a start makes good: the leavings of processes that were killed."""

from __future__ import annotations

import logging

from services.docs.ports import DocumentStore, ObjectStore
from services.docs.uploading import UPLOADS

logger = logging.getLogger(__name__)


async def recover(store: DocumentStore, objects: ObjectStore) -> None:
    """Removes uploads that nobody will finish, and queues jobs that were lost.

    An upload belongs to the process that takes it in; a process that lives holds the guard of its name.
    """
    dead: dict[str, bool] = {store.instance: False}

    async def is_dead(instance: str) -> bool:
        if instance not in dead:
            async with store.guard(f"instance:{instance}", wait=False) as free:
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
            await store.doom(document.document_id)
            swept += 1
    waiting = await store.requeue()
    logger.info("recovered", extra={"swept": swept, "waiting": waiting})
