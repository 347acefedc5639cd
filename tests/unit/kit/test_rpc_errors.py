"""What a status of gRPC that has none of our details becomes."""

from __future__ import annotations

import grpc
import pytest
from grpc import aio

from services.kit import errors
from services.kit.rpc_errors import from_rpc_error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        # A server that stops says so of the calls that come meanwhile: the caller has not left, and may try again.
        (grpc.StatusCode.CANCELLED, errors.Unavailable),
        (grpc.StatusCode.UNKNOWN, errors.Internal),
    ],
)
def test_a_bare_status_has_an_error(code: grpc.StatusCode, kind: type[errors.TikuError]) -> None:
    bare = aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details=None, debug_error_string=None)
    assert type(from_rpc_error(bare)) is kind
