"""Ids in capitals mean the same as in small letters, in every request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.kit.canonical_ids import CanonicalIds, is_uuid_field
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2, profile_pb2
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import graph_pb2, retrieval_pb2

_SMALL = "0197a2b4-6c1d-7e3f-8a5b-9c0d1e2f3a4b"
_CAPITALS = _SMALL.upper()

_NO_UUIDS = {
    # A quote from an outside knowledge base has no ids; the graph's edge writes those of others in small letters.
    "tiku.common.v1.Source.document_id",
    "tiku.common.v1.Source.chunk_id",
    # An outside knowledge base names its documents as it likes.
    "tiku.common.v1.Origin.document_id",
    # The service makes these itself, whatever a request says.
    "tiku.retrieval.v1.Mention.mention_id",
    "tiku.retrieval.v1.Mention.entity_id",
    "tiku.exercises.v1.Profile.user_id",
    # Providers and models name files and calls as they like.
    "tiku.llm.v1.FilePart.file_id",
    "tiku.llm.v1.ChatMessage.tool_call_id",
}


def test_ids_are_written_as_they_are_stored_wherever_they_stand() -> None:
    ids = CanonicalIds()
    alone = docs_pb2.GetDocumentRequest(document_id=_CAPITALS)
    listed = retrieval_pb2.SearchRequest(query="Q", filter=retrieval_pb2.Filter(document_ids=[_SMALL, _CAPITALS]))
    nested = retrieval_pb2.IndexChunksRequest(
        chunks=[retrieval_pb2.IndexedChunk(chunk=retrieval_pb2.Chunk(chunk_id=_CAPITALS, text="TEXT"))]
    )
    for message in (alone, listed, nested):
        ids.canonicalize(message)
    assert alone.document_id == _SMALL
    assert (listed.query, list(listed.filter.document_ids)) == ("Q", [_SMALL, _SMALL])
    assert (nested.chunks[0].chunk.chunk_id, nested.chunks[0].chunk.text) == (_SMALL, "TEXT")


def test_what_is_absent_stays_absent() -> None:
    message = exercises_pb2.GenerateExerciseRequest(text="T")
    CanonicalIds().canonicalize(message)
    assert message == exercises_pb2.GenerateExerciseRequest(text="T")
    assert message.WhichOneof("material") == "text"


def _fields(descriptor: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if descriptor.full_name in seen or not descriptor.full_name.startswith("tiku."):
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from _fields(field.message_type, seen)
        elif field.type == field.TYPE_STRING:
            yield field


@pytest.mark.parametrize("file", [docs_pb2, exercises_pb2, profile_pb2, graph_pb2, llm_pb2, retrieval_pb2])
def test_every_id_that_a_request_holds_is_known_to_be_one(file: object) -> None:
    seen: set[str] = set()
    services = file.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
    requests = [method.input_type for service in services for method in service.methods]
    found = [field for request in requests for field in _fields(request, seen)]
    assert found
    ids = [field for field in found if field.name.endswith(("_id", "_ids"))]
    assert [f.full_name for f in ids if not is_uuid_field(f) and f.full_name not in _NO_UUIDS] == []
