"""From `kit.errors` to gRPC and back: google.rpc.Status with ErrorInfo, BadRequest and RetryInfo.

The forms are those of AIP-193 and google/rpc/error_details.proto.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from services.kit import errors

DOMAIN = "tiku"
DETAILS_KEY = "grpc-status-details-bin"

_NEUTRAL = "Something went wrong on our side; the log has the details under this request's id."
_MAX_METADATA_BYTES = 6_000
"""HTTP/2 peers refuse trailers above 8 KiB by default, and with a refused trailer the status is lost."""

logger = logging.getLogger(__name__)


def to_status(error: Exception) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Return status code, message and trailing metadata for an error that left a handler.

    An error that is not a `TikuError` is a fault of our own: the log gets all of it, the client one neutral sentence.
    """
    if not isinstance(error, errors.TikuError):
        logger.error("unexpected error in a handler", exc_info=error)
        error = errors.Internal(_NEUTRAL)
    code = grpc.StatusCode[error.status]
    status = status_pb2.Status(code=code.value[0], message=error.message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.violations:
        request = error_details_pb2.BadRequest()
        for violation in error.violations:
            request.field_violations.add(field=violation.field, description=violation.description)
            if request.ByteSize() > _MAX_METADATA_BYTES:
                del request.field_violations[-1]
                break
        status.details.add().Pack(request)
    return code, error.message, ((DETAILS_KEY, status.SerializeToString()),)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the error that another Tiku service raised in place of the gRPC error that carries it."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


def from_rpc_error(error: grpc.RpcError) -> errors.TikuError:
    """Return the error that another Tiku service raised, with its reason, so that it can be raised again unchanged.

    A status without our details, such as that of a broken connection, becomes the error of the same status. But
    CANCELLED becomes UNAVAILABLE: a caller hears of its own cancel as an `asyncio.CancelledError`, so the service did
    it, as it stops.
    """
    call: Any = error
    code = call.code()
    rich = next((value for key, value in call.trailing_metadata() or () if key == DETAILS_KEY), None)
    if rich is None and code is grpc.StatusCode.CANCELLED:
        code = grpc.StatusCode.UNAVAILABLE
    kind = errors.BY_STATUS.get(code.name, errors.Internal)
    if rich is None:
        return kind(_plain_message(code))
    status = status_pb2.Status.FromString(rich)
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.BadRequest()
    for detail in status.details:
        for shape in (info, retry, request):
            if detail.Is(shape.DESCRIPTOR):
                detail.Unpack(shape)
    return kind(
        status.message,
        reason=info.reason or None,
        metadata=dict(info.metadata),
        violations=[errors.FieldViolation(v.field, v.description) for v in request.field_violations],
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None,
    )


def _plain_message(code: grpc.StatusCode) -> str:
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return "A service that is needed does not answer."
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return "The time allowed for this request is spent."
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return "A message is larger than allowed, or a limit is reached."
        case grpc.StatusCode.UNIMPLEMENTED:
            return "This version does not serve that call."
        case _:
            return _NEUTRAL
