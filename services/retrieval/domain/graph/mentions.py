"""What passages add to the graph without any model: names, and what sentences say of them (ADR 0050)."""

from __future__ import annotations

from collections.abc import Sequence

from services.language.names import NameSpan, Naming, StatedName, name_key
from services.language.sentences import split_sentences
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import AliasStatement, ChunkPlace, Contribution, Mention

_LONGEST_SENTENCE = 1_000
"""Characters; what is longer is a table or a list without marks, in which standing together says nothing."""
_MOST_NAMES = 32
"""Names of a sentence that become mentions."""
_LONGEST_NAME = 120
_NAMING = Naming()


def find_mentions(chunks: Sequence[Chunk], naming: Naming = _NAMING) -> Contribution:
    """Return what chunks add to the graph: work for a worker process, best with many chunks of one document.

    How a text uses its words elsewhere decides what is a name, so a chunk read alone may have other mentions than the
    same chunk read among its neighbors.
    """
    places = [
        (chunk, start, end)
        for chunk in chunks
        for start, end in split_sentences(chunk.text, languages=naming.languages)
        if end - start <= _LONGEST_SENTENCE
    ]
    texts = [chunk.text[start:end] for chunk, start, end in places]
    mentions: list[Mention] = []
    aliases: list[AliasStatement] = []
    for (chunk, start, end), text, spans in zip(places, texts, naming.spans(texts), strict=True):
        stated = naming.stated(text, spans)
        quote = chunk.source(start, end)
        found: dict[tuple[int, int], Mention] = {}
        for span in _with_stated(spans, stated, naming, text):
            surface = text[span.start : span.end]
            key = name_key(surface, common=span.common, languages=naming.languages)
            if len(key) > 1 and len(surface) <= _LONGEST_NAME:
                mention = Mention(quote.start + span.start, quote.start + span.end, surface, key, span.kind, quote)
                found[span.start, span.end] = mention
        mentions.extend(found.values())
        aliases.extend(
            AliasStatement(found[one.name], found[one.other], quote)
            for one in stated
            if one.name in found and one.other in found and found[one.name].key != found[one.other].key
        )
    chunk_places = tuple(ChunkPlace(chunk.chunk_id, chunk.document_id, chunk.ordinal) for chunk in chunks)
    return Contribution(tuple(mentions), (), tuple(aliases), chunk_places)


def _with_stated(spans: Sequence[NameSpan], stated: Sequence[StatedName], naming: Naming, text: str) -> list[NameSpan]:
    """Return the names of a sentence, those that it states to be one among them in place of what they overlap."""
    kept = list(spans)
    known = {(span.start, span.end): span for span in spans}
    for one in stated:
        first = known.get(one.name)
        for start, end in one:
            if (start, end) not in known:
                # Two names of one thing are of one kind.
                kind = first.kind if first else naming.kind_of(text[start:end])
                known[start, end] = NameSpan(start, end, kind, common=text[start:end].islower())
                kept = [span for span in kept if span.end <= start or end <= span.start]
                kept.append(known[start, end])
    return sorted(kept)[:_MOST_NAMES]
