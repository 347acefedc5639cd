"""A chunk that was found reads what is asked for, and is then like any other."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from qdrant_client import grpc as q

from services.common.values import DocumentKind
from services.retrieval.adapters.stores import qdrant
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, SparseVector

WHOLE = Chunk(
    "c", "d", "物理.pdf", 3, "水 🙂", 2, 10, 13, ("一", "Colour"), (11, 12), DocumentKind.DOCUMENT, None, "\n\n"
)


def stored(chunk: Chunk) -> q.ScoredPoint:
    point = qdrant._to_point("alice", EmbeddedChunk(chunk, [1.0, 0.0], SparseVector((7,), (0.5,))))
    assert point.vectors.vectors.vectors["dense"].dense.data == [1.0, 0.0]
    assert point.vectors.vectors.vectors["words"].sparse == q.SparseVector(indices=[7], values=[0.5])
    assert point.payload["owner_id"].string_value == "alice"
    assert point.payload["last_page"].integer_value == chunk.last_page
    return q.ScoredPoint(id=point.id, payload=point.payload)


@pytest.mark.parametrize("chunk", [WHOLE, Chunk("c", "d", "n", 0, "", 0, 0, 0)])
def test_it_is_the_chunk_that_was_stored(chunk: Chunk) -> None:
    other: object = "c"
    found = qdrant.to_chunk(stored(chunk))
    assert (found.chunk_id, found.text) == (chunk.chunk_id, chunk.text)
    assert found == chunk
    assert chunk == found
    assert hash(found) == hash(chunk)
    assert repr(found).endswith(repr(chunk).removeprefix("Chunk"))
    assert found != replace(chunk, ordinal=9)
    assert found != other


def test_what_is_made_of_one_that_nobody_read_is_whole() -> None:
    assert replace(qdrant.to_chunk(stored(WHOLE)), text="水") == replace(WHOLE, text="水")
    assert pickle.loads(pickle.dumps(qdrant.to_chunk(stored(WHOLE)))) == WHOLE  # noqa: S301
    assert qdrant.to_chunk(stored(WHOLE)).source() == WHOLE.source()


def test_it_has_no_other_fields() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        qdrant.to_chunk(stored(WHOLE)).nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_was_stored_before_a_field_has_its_default() -> None:
    point = stored(WHOLE)
    for name in ("page_starts", "document_kind", "gap", "heading_path"):
        del point.payload[name]
    assert qdrant.to_chunk(point) == replace(
        WHOLE, page_starts=(), document_kind=DocumentKind.MATERIAL, gap="", heading_path=()
    )
