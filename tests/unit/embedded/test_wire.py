"""What would take long is refused before it does: payloads in bytes that are not parsed yet, and what MMR compares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import MAX_PAYLOAD_BYTES, MAX_PAYLOAD_VALUES
from services.embedded.qdrant_server.errors import QdrantError
from services.embedded.qdrant_server.scoring import MAX_MMR_CANDIDATES, scoring
from services.embedded.qdrant_server.wire import check_payloads


def _upsert(payload: dict[str, pb.Value], points: int = 1) -> pb.UpsertPoints:
    request = pb.UpsertPoints(collection_name="notes", wait=True)
    for number in range(points):
        request.points.append(pb.PointStruct(id=pb.PointId(num=number), payload=payload))
    return request


def _batch(payload: dict[str, pb.Value]) -> pb.UpdateBatchPoints:
    operation = pb.PointsUpdateOperation(
        overwrite_payload=pb.PointsUpdateOperation.OverwritePayload(payload=payload, key="key")
    )
    return pb.UpdateBatchPoints(operations=[operation])


def _steps(request: Message) -> int:
    """How often a check lets others in."""
    return sum(1 for _ in check_payloads(type(request), request.SerializeToString()))


_MANY = {f"key {number}": pb.Value(integer_value=number) for number in range(MAX_PAYLOAD_VALUES + 1)}
_LONG = {"text": pb.Value(string_value="x" * (2 * MAX_PAYLOAD_BYTES))}
_FEW = {"text": pb.Value(string_value="x" * MAX_PAYLOAD_BYTES), "number": pb.Value(double_value=1.0)}


@pytest.mark.parametrize(("payload", "rule"), [(_MANY, "too many values; at most 20000"), (_LONG, "at most 1048576")])
@pytest.mark.parametrize("asked", [_upsert, _batch, lambda payload: pb.SetPayloadPoints(payload=payload)])
def test_a_large_payload_is_refused(
    asked: Callable[[dict[str, pb.Value]], Message], payload: dict[str, pb.Value], rule: str
) -> None:
    with pytest.raises(QdrantError, match=rule):
        _steps(asked(payload))


def test_each_point_has_its_own() -> None:
    assert _steps(_upsert(_FEW, points=5)) == 0


def test_others_are_let_in() -> None:
    many = dict(list(_MANY.items())[:MAX_PAYLOAD_VALUES])
    assert _steps(_upsert(many)) >= 8


@pytest.mark.parametrize("cut", [b"\x1a", b"\x1a\xff\xff\xff\xff", b"\x0b", b"\x08" + b"\xff" * 20, b"\x09\x01"])
def test_bytes_that_are_no_message_are_left_to_the_parser(cut: bytes) -> None:
    request = _upsert(_FEW).SerializeToString() + cut
    assert list(check_payloads(pb.UpsertPoints, request)) == []


@pytest.mark.parametrize(
    ("limit", "offset", "candidates"),
    [(10, 0, MAX_MMR_CANDIDATES + 1), (10, 0, 2**32 - 1), (1000, 0, 1000), (10, 1000, 1000), (100_000, 0, None)],
)
def test_candidates_that_would_take_long_are_refused(limit: int, offset: int, candidates: int | None) -> None:
    message = pb.QueryPoints(limit=limit, offset=offset)
    message.query.nearest_with_mmr.nearest.dense.data.extend([1.0, 0.0])
    message.query.nearest_with_mmr.mmr.SetInParent()
    if candidates is not None:
        message.query.nearest_with_mmr.mmr.candidates_limit = candidates
    with pytest.raises(QdrantError, match="candidates_limit: must be at most 4096, and times the limit at most 400000"):
        scoring(message, lambda *_: None)
    message.limit, message.offset = 10, 0
    message.query.nearest_with_mmr.mmr.candidates_limit = MAX_MMR_CANDIDATES
    assert scoring(message, lambda *_: None)
