"""A client of Tiku's public REST API, and the commands that use it."""

from __future__ import annotations

from services.client.errors import ApiError, ClientError, StreamCutShort, Unreachable
from services.client.rest import TikuClient

__all__ = ["ApiError", "ClientError", "StreamCutShort", "TikuClient", "Unreachable"]
