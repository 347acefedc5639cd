"""JSON logs on standard error, one object a line, with the ids of the request that was being served.

Records go through a queue to a thread that writes them, so that a slow pipe does not block the loop.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from services.kit import context

_OWN_ATTRIBUTES = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "request_id",
    "trace_id",
    "user_id",
}


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; what was passed as `extra` becomes fields of the object."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key in ("request_id", "trace_id", "user_id"):
            if value := getattr(record, key, ""):
                entry[key] = value
        entry.update({key: value for key, value in record.__dict__.items() if key not in _OWN_ATTRIBUTES})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class _RequestIds(logging.Filter):
    """Notes the ids of the request in the thread that logs; the thread that writes does not know them."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = context.current()
        record.request_id, record.trace_id = request.request_id, request.trace_id
        record.user_id = request.user_id if request.request_id else ""
        return True


class _Queue(logging.handlers.QueueHandler):
    """Queues the record unformatted; the thread that writes formats it."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.message = record.getMessage()
        record.msg, record.args = record.message, None
        return record


@contextlib.contextmanager
def configured(service: str, level: str = "INFO") -> Iterator[None]:
    """Send every record of this process to standard error until the block ends, then write what is queued."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(JsonFormatter(service))
    listener = logging.handlers.QueueListener(records, writer)
    handler = _Queue(records)
    handler.addFilter(_RequestIds())
    root = logging.getLogger()
    before, level_before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(level)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        root.handlers[:] = before
        root.setLevel(level_before)
