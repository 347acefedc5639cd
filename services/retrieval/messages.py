"""Between retrieval's values and the messages of `tiku.retrieval.v1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.struct_pb2 import ListValue, Struct

from services.common.messages import message_of, source_message, usage_message, value_of
from services.common.values import DocumentKind, Origin, Source
from services.kit import context
from services.kit.concurrency import map_in_turns
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.time import to_timestamp
from services.language.names import name_key
from services.retrieval.values.answer import (
    AnswerDelta,
    AnswerDone,
    AnswerEvent,
    AnswerRestarted,
    AnswerSources,
    Citation,
)
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Filter, Hit, JoinedChunk, LegQuery, LegReport
from services.retrieval.values.extraction import Extraction, ModelProbe
from services.retrieval.values.graph import (
    AliasStatement,
    Contribution,
    Entity,
    GraphState,
    Link,
    Mention,
    Neighborhood,
    RelationMention,
    Table,
    decision_id,
    entity_id,
)
from tiku.common.v1 import source_pb2
from tiku.docs.v1 import docs_pb2
from tiku.retrieval.v1 import graph_pb2
from tiku.retrieval.v1 import retrieval_pb2 as pb

_KINDS = {
    docs_pb2.DOCUMENT_KIND_UNSPECIFIED: DocumentKind.MATERIAL,
    docs_pb2.DOCUMENT_KIND_MATERIAL: DocumentKind.MATERIAL,
    docs_pb2.DOCUMENT_KIND_DOCUMENT: DocumentKind.DOCUMENT,
}


def leg_query(text: str, where: pb.Filter, limit: int) -> LegQuery:
    """Return a query for chunks of the current request's user."""
    kinds = tuple(_KINDS[kind] for kind in where.kinds)
    wanted = Filter(tuple(where.document_ids), kinds, where.min_page, where.max_page)
    return LegQuery(text, context.current().user_id, wanted, limit)


async def embedded_chunks(messages: Iterable[pb.IndexedChunk]) -> list[EmbeddedChunk]:
    """Return chunks with their vectors; the loop gets its turns meanwhile."""
    return await map_in_turns(_embedded_chunk, messages, aside=True)


def _embedded_chunk(message: pb.IndexedChunk) -> EmbeddedChunk:
    chunk = value_of(Chunk, message.chunk)
    return EmbeddedChunk(replace(chunk, document_kind=_KINDS[message.chunk.document_kind]), message.vector)


def hits_message(hits: Sequence[Hit]) -> list[pb.Hit]:
    """Return hits as messages, in their order."""
    return [message_of(pb.Hit, hit, origin=_origin(hit.chunk.origin), chunk_ids=_parts_of(hit.chunk)) for hit in hits]


def _parts_of(chunk: Chunk) -> list[str]:
    return [part.chunk_id for part in chunk.parts] if isinstance(chunk, JoinedChunk) else []


def _origin(origin: Origin | None) -> source_pb2.Origin | None:
    return message_of(source_pb2.Origin, origin) if origin is not None else None


def report_messages(legs: Iterable[LegReport]) -> list[pb.LegReport]:
    """Return how legs went as messages, in their order."""
    return [message_of(pb.LegReport, leg) for leg in legs]


def answer_message(event: AnswerEvent) -> pb.AnswerResponse:
    """Return an event of an answer as the message that the stream carries."""
    match event:
        case AnswerSources(sources, legs):
            found = pb.AnswerSources(sources=map(source_message, sources), legs=report_messages(legs))
            return pb.AnswerResponse(sources=found)
        case AnswerDelta(text):
            return pb.AnswerResponse(delta=pb.AnswerDelta(text=text))
        case Citation():
            citation = message_of(pb.Citation, event, source=source_message(event.source))
            return pb.AnswerResponse(citation=citation)
        case AnswerRestarted():
            return pb.AnswerResponse(restarted=pb.AnswerRestarted())
        case AnswerDone():
            return pb.AnswerResponse(done=message_of(pb.AnswerDone, event, usage=usage_message(event.usage)))


async def graph_chunks(messages: Iterable[pb.Chunk]) -> list[Chunk]:
    """Return chunks; the loop gets its turns meanwhile."""
    return await map_in_turns(lambda message: value_of(Chunk, message), messages)


async def contribution(request: graph_pb2.UpsertRequest) -> Contribution:
    """Return what a request adds to the graph; the loop gets its turns meanwhile.

    Raises:
        InvalidArgument: a relation or an alias names a mention that the request does not have.
    """
    mentions = await map_in_turns(_mention, request.mentions)

    def at(index: int, field: str) -> Mention:
        if index >= len(mentions):
            rule = f"is {index}, and the request has {len(mentions)} mentions"
            raise InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)])
        return mentions[index]

    return Contribution(
        mentions=tuple(mentions),
        relations=tuple(
            RelationMention(
                at(relation.from_index, f"relations[{number}].from_index"),
                at(relation.to_index, f"relations[{number}].to_index"),
                relation.predicate,
                _source(relation.quote),
            )
            for number, relation in enumerate(request.relations)
        ),
        aliases=tuple(
            AliasStatement(
                at(alias.first_index, f"aliases[{number}].first_index"),
                at(alias.second_index, f"aliases[{number}].second_index"),
                _source(alias.quote),
            )
            for number, alias in enumerate(request.aliases)
        ),
    )


def _mention(message: graph_pb2.Mention) -> Mention:
    return Mention(
        start=message.start,
        end=message.end,
        surface=message.surface,
        key=name_key(message.surface, common=message.common),
        kind=message.kind,
        quote=_source(message.quote),
    )


def _source(message: source_pb2.Source) -> Source:
    """Return a quote; its ids are no fields that a rule calls UUIDs, since a quote from outside has none."""
    source = value_of(Source, message)
    return replace(source, document_id=source.document_id.lower(), chunk_id=source.chunk_id.lower())


def upserted(owner: str, added: Contribution) -> graph_pb2.UpsertResponse:
    """Return the ids of what was added."""
    return graph_pb2.UpsertResponse(
        mention_ids=[mention.mention_id for mention in added.mentions],
        entity_ids=[entity_id(owner, mention.key) for mention in added.mentions],
    )


def state_message(state: GraphState) -> graph_pb2.ProbeResponse:
    """Return what an engine holds."""
    return message_of(graph_pb2.ProbeResponse, state, available=True, engine_version=state.version)


def entity_message(entity: Entity) -> graph_pb2.Entity:
    """Return an entity with its mentions, and the sentences of these."""
    quotes = dict.fromkeys(mention.quote for mention in entity.mentions)
    return message_of(
        graph_pb2.Entity,
        entity,
        sources=map(source_message, quotes),
        mentions=[
            message_of(
                graph_pb2.Mention,
                mention,
                mention_id=mention.mention_id,
                entity_id=entity.entity_id,
                common=_is_common(mention),
            )
            for mention in entity.mentions
        ],
    )


def _is_common(mention: Mention) -> bool:
    """Return whether a mention is of the entity of a common noun, although it has a capital."""
    return mention.key != name_key(mention.surface)


def neighborhood_message(found: Neighborhood) -> graph_pb2.ExpandResponse:
    """Return entities and relations."""
    return graph_pb2.ExpandResponse(
        entities=map(entity_message, found.entities),
        relations=[message_of(graph_pb2.Relation, relation) for relation in found.relations],
        truncated=found.truncated,
    )


def survey_message(found: Neighborhood, present: bool) -> graph_pb2.SurveyResponse:
    """Return entities and relations, and whether there was anything to look at."""
    around = neighborhood_message(found)
    return graph_pb2.SurveyResponse(
        entities=around.entities, relations=around.relations, truncated=around.truncated, present=present
    )


def link_message(owner: str, link: Link) -> graph_pb2.Link:
    """Return what ties two names or keeps them apart."""
    message = message_of(graph_pb2.Link, link, first_name=link.first_key, second_name=link.second_key)
    if link.decided is not None:
        message.decision_id = decision_id(owner, link.first_entity_id, link.second_entity_id)
        message.decide_time.CopyFrom(to_timestamp(link.decided))
    return message


def extraction_message(extraction: Extraction) -> graph_pb2.ExtractResponse:
    """Return what was found in a text; it has entities only once it is stored."""
    found = extraction.found
    at = {mention: index for index, mention in enumerate(found.mentions)}
    return graph_pb2.ExtractResponse(
        mentions=[
            message_of(graph_pb2.Mention, mention, mention_id=mention.mention_id, common=_is_common(mention))
            for mention in found.mentions
        ],
        relations=[
            message_of(graph_pb2.RelationMention, one, from_index=at[one.subject], to_index=at[one.object])
            for one in found.relations
        ],
        aliases=[
            message_of(graph_pb2.AliasStatement, one, first_index=at[one.first], second_index=at[one.second])
            for one in found.aliases
        ],
        usage=usage_message(extraction.usage),
        model=extraction.model,
    )


def model_probe_message(probe: ModelProbe) -> graph_pb2.ModelProbe:
    """Return whether a model can extract."""
    return message_of(graph_pb2.ModelProbe, probe, usage=usage_message(probe.usage))


def parameters(message: Struct) -> dict[str, Any]:
    """Return a statement's parameters.

    Raises:
        InvalidArgument: a number is none.
    """
    try:
        return MessageToDict(message)
    except SerializeToJsonError as error:
        rule = "numbers have to be finite"
        raise InvalidArgument(f"parameters: {rule}.", violations=[FieldViolation("parameters", rule)]) from error


def table_message(table: Table) -> graph_pb2.QueryResponse:
    """Return rows."""
    response = graph_pb2.QueryResponse(columns=table.columns, truncated=table.truncated)
    for row in table.rows:
        values = ListValue()
        values.extend(row)
        response.rows.append(values)
    return response
