"""What the RPCs of Qdrant's API have in common: errors become statuses, and the answer gets its time."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from services.embedded.qdrant_server.errors import QdrantError, from_edge, not_served

Servicer = TypeVar("Servicer", bound=type)


def unserved(descriptor: ServiceDescriptor) -> Callable[[Servicer], Servicer]:
    """Return a decorator that answers every RPC that a servicer does not define with UNIMPLEMENTED and its name."""

    def decorate(servicer: Servicer) -> Servicer:
        for method in descriptor.methods:
            if method.name not in vars(servicer):
                setattr(servicer, method.name, _refusal(f"{descriptor.full_name}/{method.name}"))
        return servicer

    return decorate


def _refusal(rpc: str) -> Callable[..., Awaitable[None]]:
    async def refuse(_self: object, _request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        error = not_served(rpc)
        await context.abort(error.code, error.message)

    return refuse


def answered(handler: Callable[[Any, Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return an RPC made of a handler that takes the request alone: errors become statuses, and `time` is set."""

    @functools.wraps(handler)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        started = time.perf_counter()
        limit = getattr(request, "timeout", 0) or None
        try:
            async with asyncio.timeout(limit):
                response = await handler(self, request)
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"Timeout: not done within {limit} seconds")
        except QdrantError as error:
            await context.abort(error.code, error.message)
        except Exception as error:
            refusal = from_edge(error)
            await context.abort(refusal.code, refusal.message)
        response.time = time.perf_counter() - started
        return response

    return answer
