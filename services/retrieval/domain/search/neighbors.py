"""Neighboring chunks as one passage: what was cut apart for the search is read as it stands in the document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import takewhile
from typing import Any

from services.language.tokens import estimate_tokens
from services.retrieval.values.chunk import Chunk, Hit, JoinedChunk, LegHit

_MOST_TOKENS = 800.0
"""Estimated tokens of a joined passage: three chunks of the size that the chunker aims at."""


def joined(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits with those of one document that touch or overlap as one, at the place of the best of them.

    `hits` come best first. A joined passage is a slice of the normalized text, as each of its parts is. What would
    grow too long stays apart, and so do chunks between which more stands than the white space that is known.
    """
    passages: list[Hit] = []
    for hit in hits:
        at, grown = len(passages), hit
        # What joins one passage may touch another, on its other side.
        for place in reversed(range(len(passages))):
            both = _both(passages[place], grown)
            if both is not None:
                del passages[at : at + 1]
                at, grown = place, both
        passages[at : at + 1] = [grown]
    return passages


def _both(better: Hit, hit: Hit) -> Hit | None:
    """Return two hits as one, which ranks as the better does; None where their chunks are no neighbors."""
    chunk = _joined(better.chunk, hit.chunk)
    if chunk is None:
        return None
    known = [one for one in (better, hit) if one.similarity is not None]
    nearest = max(known, key=lambda one: one.similarity or 0.0, default=better)
    legs = _best_of_each((*better.legs, *hit.legs))
    return Hit(chunk, better.score, legs, nearest.similarity, nearest.embedding_model)


def _best_of_each(legs: Iterable[LegHit]) -> tuple[LegHit, ...]:
    best: dict[str, LegHit] = {}
    for leg in legs:
        if leg.leg not in best or leg.rank < best[leg.leg].rank:
            best[leg.leg] = leg
    return tuple(best.values())


def _joined(one: Chunk, other: Chunk) -> JoinedChunk | None:
    first, second = sorted((one, other), key=lambda chunk: (chunk.start, chunk.end))
    if not first.document_id or first.document_id != second.document_id:
        return None
    text = _text_of_both(first, second)
    if text is None or estimate_tokens(text) > _MOST_TOKENS:
        return None
    page_starts = _page_starts_of_both(first, second)
    if page_starts is None:
        return None
    last = max(first, second, key=lambda chunk: chunk.end)
    parts = sorted((*_parts(first), *_parts(second)), key=lambda chunk: (chunk.start, chunk.end))
    whole: dict[str, Any] = {field.name: getattr(first, field.name) for field in fields(Chunk)}
    whole |= {"text": text, "end": last.end, "page_starts": page_starts, "gap": last.gap}
    above = takewhile(lambda pair: pair[0] == pair[1], zip(first.heading_path, second.heading_path, strict=False))
    whole["heading_path"] = tuple(heading for heading, _ in above)
    return JoinedChunk(**whole, parts=tuple(parts))


def _text_of_both(first: Chunk, second: Chunk) -> str | None:
    """Return the slice of the normalized text from the start of the first to the end of both; None where it has a hole.

    Offsets of different texts may overlap, too, such as those of two runs of a parser: there the texts differ.
    """
    shared = first.end - second.start
    if shared > 0:
        overlap = first.text[-shared:][: len(second.text)]
        return first.text + second.text[shared:] if second.text.startswith(overlap) else None
    follows = _parts(first)[-1].ordinal + 1 == second.ordinal
    return first.text + first.gap + second.text if follows and len(first.gap) == -shared else None


def _page_starts_of_both(first: Chunk, second: Chunk) -> tuple[int, ...] | None:
    """Return where pages begin within both; None where the two disagree on pages."""
    begun = [offset for offset in second.page_starts if offset >= first.end]
    # A page that begins in the gap begins, for all that can be quoted, with the second passage.
    pages = second.last_page - first.last_page - len(begun)
    if second.end <= first.end:
        return first.page_starts if first.page <= second.page and second.last_page <= first.last_page else None
    if pages < 0 or (pages and second.start < first.end):
        return None
    return (*first.page_starts, *[second.start] * pages, *begun)


def _parts(chunk: Chunk) -> tuple[Chunk, ...]:
    return chunk.parts if isinstance(chunk, JoinedChunk) else (chunk,)
