"""From aware datetimes to google.protobuf.Timestamp."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(moment: datetime) -> Timestamp:
    """Return the protobuf form of an aware datetime."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
