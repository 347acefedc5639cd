"""What goes into the graph: chunks, read without a model, and mentions that a caller found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import Source
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.ids import is_id
from services.retrieval.ports import GraphStore, MentionFinder
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import Contribution, Mention

LONGEST_QUOTE = 4096
"""Characters of a sentence that a caller gives."""


@dataclass(frozen=True, slots=True)
class GraphBuilder:
    """Fills the graph, and empties it of a document."""

    _store: GraphStore
    _finder: MentionFinder

    async def add_chunks(self, owner: str, chunks: Sequence[Chunk]) -> int:
        """Add what is found in chunks, and return how many mentions that is; chunks that were added are not read."""
        known = await self._store.added(owner, [chunk.chunk_id for chunk in chunks])
        fresh = [chunk for chunk in chunks if chunk.chunk_id not in known]
        if not fresh:
            return 0
        found = await self._finder.find(fresh)
        await self._store.add(owner, found)
        return len(found.mentions)

    async def upsert(self, owner: str, contribution: Contribution) -> None:
        """Add mentions and what ties them.

        Raises:
            InvalidArgument: an offset, a quote or an id does not fit the others.
        """
        violations = _violations(contribution)
        if violations:
            first = violations[0]
            raise InvalidArgument(f"{first.field}: {first.description}", violations=violations[:20])
        await self._store.add(owner, contribution)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove what a document added; one that is not there is no error."""
        await self._store.delete_document(owner, document_id)


def _violations(contribution: Contribution) -> list[FieldViolation]:
    found: list[FieldViolation] = []
    for number, mention in enumerate(contribution.mentions):
        if rule := _wrong_quote(mention.quote) or _wrong_mention(mention):
            found.append(FieldViolation(f"mentions[{number}]", rule))
    ties = [
        *((f"relations[{n}]", r.subject, r.object, r.quote) for n, r in enumerate(contribution.relations)),
        *((f"aliases[{n}]", a.first, a.second, a.quote) for n, a in enumerate(contribution.aliases)),
    ]
    for field, one, other, quote in ties:
        if rule := _wrong_quote(quote):
            found.append(FieldViolation(field, rule))
        elif {one.quote.document_id, other.quote.document_id} != {quote.document_id}:
            found.append(FieldViolation(field, "quotes another document than its mentions do"))
    return found


def _wrong_mention(mention: Mention) -> str:
    start = mention.start - mention.quote.start
    if not mention.key:
        return "has a surface that is no name"
    if start < 0 or mention.quote.quote[start : mention.end - mention.quote.start] != mention.surface:
        return "has a surface that is not the slice [start, end) of its quote"
    return ""


def _wrong_quote(quote: Source) -> str:
    if not quote.quote or len(quote.quote) > LONGEST_QUOTE:
        return f"needs a quote of at most {LONGEST_QUOTE} characters"
    if quote.start < 0 or quote.end - quote.start != len(quote.quote):
        return "has a quote that is not as long as its slice [start, end)"
    if not (is_id(quote.document_id) and is_id(quote.chunk_id)):
        return "needs a quote with the UUIDs of its document and its chunk"
    return "" if len(quote.document_name) <= 255 and quote.page >= 0 else "has a document name or a page out of range"
