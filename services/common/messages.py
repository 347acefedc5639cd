"""Messages of `tiku.common.v1` from values."""

from __future__ import annotations

from services.common.values import Source, TokenUsage
from tiku.common.v1 import source_pb2


def source_message(source: Source) -> source_pb2.Source:
    """Return a source as the contract says it."""
    return source_pb2.Source(
        document_id=source.document_id,
        document_name=source.document_name,
        chunk_id=source.chunk_id,
        page=source.page,
        start=source.start,
        end=source.end,
        quote=source.quote,
    )


def usage_message(usage: TokenUsage) -> source_pb2.TokenUsage:
    """Return a count of tokens as the contract says it."""
    return source_pb2.TokenUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
