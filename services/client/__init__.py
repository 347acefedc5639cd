"""Tiku's public REST API, from the outside: a client, and the commands that use it."""

from __future__ import annotations

from services.client.errors import ApiError, ClientError, StreamCutShort, Unreachable
from services.client.rest import TikuClient

__all__ = ["ApiError", "ClientError", "StreamCutShort", "TikuClient", "Unreachable"]
