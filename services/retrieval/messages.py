"""Between retrieval's values and the messages of `tiku.retrieval.v1`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from services.common.messages import message_of, source_message, usage_message
from services.kit import context
from services.retrieval.values.answer import (
    AnswerDelta,
    AnswerDone,
    AnswerEvent,
    AnswerOutcome,
    AnswerSources,
    Citation,
)
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Hit, LegQuery
from tiku.retrieval.v1 import retrieval_pb2

_YIELD_EVERY = 16
"""Chunks translated between two turns of the loop; about 1 ms."""
_OUTCOMES = {
    AnswerOutcome.ANSWERED: retrieval_pb2.ANSWER_OUTCOME_ANSWERED,
    AnswerOutcome.NOT_IN_MATERIAL: retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL,
}


def leg_query(text: str, where: retrieval_pb2.Filter, limit: int) -> LegQuery:
    """Return a query for chunks of the current request's user."""
    return LegQuery(text, context.current().user_id, tuple(where.document_ids), limit)


async def embedded_chunks(messages: Iterable[retrieval_pb2.IndexedChunk]) -> list[EmbeddedChunk]:
    """Return chunks with their vectors; the loop gets its turns meanwhile."""
    chunks: list[EmbeddedChunk] = []
    for position, message in enumerate(messages):
        chunks.append(EmbeddedChunk(_chunk(message.chunk), message.vector))
        if position % _YIELD_EVERY == _YIELD_EVERY - 1:
            await asyncio.sleep(0)
    return chunks


def hits_message(hits: Sequence[Hit]) -> list[retrieval_pb2.Hit]:
    """Return hits as messages, in their order."""
    return [
        retrieval_pb2.Hit(chunk=message_of(retrieval_pb2.Chunk, hit.chunk), score=hit.score, legs=hit.legs)
        for hit in hits
    ]


def answer_message(event: AnswerEvent) -> retrieval_pb2.AnswerResponse:
    """Return an event of an answer as the message that the stream carries."""
    match event:
        case AnswerSources(sources):
            return retrieval_pb2.AnswerResponse(
                sources=retrieval_pb2.AnswerSources(sources=[source_message(source) for source in sources])
            )
        case AnswerDelta(text):
            return retrieval_pb2.AnswerResponse(delta=retrieval_pb2.AnswerDelta(text=text))
        case Citation(number, source, answer_start, answer_end):
            return retrieval_pb2.AnswerResponse(
                citation=retrieval_pb2.Citation(
                    number=number, source=source_message(source), answer_start=answer_start, answer_end=answer_end
                )
            )
        case AnswerDone(outcome, text, usage, model):
            return retrieval_pb2.AnswerResponse(
                done=retrieval_pb2.AnswerDone(
                    outcome=_OUTCOMES[outcome], text=text, usage=usage_message(usage), model=model
                )
            )


def _chunk(message: retrieval_pb2.Chunk) -> Chunk:
    return Chunk(
        chunk_id=message.chunk_id,
        document_id=message.document_id,
        document_name=message.document_name,
        ordinal=message.ordinal,
        text=message.text,
        page=message.page,
        start=message.start,
        end=message.end,
        heading_path=tuple(message.heading_path),
        page_starts=tuple(message.page_starts),
    )
