"""Between retrieval's values and the messages of `tiku.retrieval.v1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.common.messages import message_of, source_message, usage_message, value_of
from services.kit import context
from services.kit.concurrency import map_in_turns
from services.retrieval.values.answer import (
    AnswerDelta,
    AnswerDone,
    AnswerEvent,
    AnswerOutcome,
    AnswerSources,
    Citation,
)
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Hit, LegQuery
from tiku.retrieval.v1 import retrieval_pb2 as pb

_OUTCOMES = {
    AnswerOutcome.ANSWERED: pb.ANSWER_OUTCOME_ANSWERED,
    AnswerOutcome.NOT_IN_MATERIAL: pb.ANSWER_OUTCOME_NOT_IN_MATERIAL,
}


def leg_query(text: str, where: pb.Filter, limit: int) -> LegQuery:
    """Return a query for chunks of the current request's user."""
    return LegQuery(text, context.current().user_id, tuple(where.document_ids), limit)


async def embedded_chunks(messages: Iterable[pb.IndexedChunk]) -> list[EmbeddedChunk]:
    """Return chunks with their vectors; the loop gets its turns meanwhile."""
    return await map_in_turns(lambda message: EmbeddedChunk(value_of(Chunk, message.chunk), message.vector), messages)


def hits_message(hits: Sequence[Hit]) -> list[pb.Hit]:
    """Return hits as messages, in their order."""
    return [pb.Hit(chunk=message_of(pb.Chunk, hit.chunk), score=hit.score, legs=hit.legs) for hit in hits]


def answer_message(event: AnswerEvent) -> pb.AnswerResponse:
    """Return an event of an answer as the message that the stream carries."""
    match event:
        case AnswerSources(sources):
            return pb.AnswerResponse(sources=pb.AnswerSources(sources=map(source_message, sources)))
        case AnswerDelta(text):
            return pb.AnswerResponse(delta=pb.AnswerDelta(text=text))
        case Citation():
            citation = message_of(pb.Citation, event, source=source_message(event.source))
            return pb.AnswerResponse(citation=citation)
        case AnswerDone(outcome, text, usage, model):
            done = pb.AnswerDone(outcome=_OUTCOMES[outcome], text=text, usage=usage_message(usage), model=model)
            return pb.AnswerResponse(done=done)
