"""What the embedded vector engine answers when something failed."""

from __future__ import annotations

import errno
import os

import grpc
import pytest

from services.embedded.qdrant_server.errors import from_edge


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        Exception("Service runtime error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_told_as_one_wherever_it_shows(error: Exception) -> None:
    refusal = from_edge(error)
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.message.startswith("DISK_FULL")
