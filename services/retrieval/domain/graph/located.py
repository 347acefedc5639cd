"""What of a model's answer stands in the text: names and relations whose quotes are found there, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.values import Source
from services.language.names import KINDS, TERM, name_key
from services.language.quotes import locate
from services.language.sentences import Span, split_sentences
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.prompts.extraction import WrittenGraph
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import AliasStatement, Contribution, Mention, RelationMention

_LONGEST_NAME = 120
_LONGEST_PREDICATE = 128


def located(answer: Mapping[str, object], text: str) -> Contribution:
    """Return the mentions and relations of an answer, as slices of the text, with the aliases that the text states.

    A name must stand in its quote, and the quote in the text. A relation must be between two such names, and both must
    stand in its quote: a small model likes to relate what two sentences speak of. This is work for a worker process.

    Raises:
        ValueError: the answer names entities, and none of them stands in the text.
    """
    written = WrittenGraph.decode(answer)
    place_of = _Places(text)
    mentions: dict[tuple[int, int], Mention] = {}
    by_key: dict[str, Mention] = {}
    for entity in written.entities:
        place = locate(entity.quote, text)
        mention = place_of.mention(entity.name, entity.kind, place) if place else None
        if mention is not None:
            mentions.setdefault((mention.start, mention.end), mention)
            by_key.setdefault(mention.key, mentions[mention.start, mention.end])
    relations: dict[tuple[str, str, str], RelationMention] = {}
    for relation in written.relations:
        place = locate(relation.quote, text)
        subject, object_ = (
            by_key.get(name_key(name)) or by_key.get(name_key(name, common=True))
            for name in (relation.subject, relation.object)
        )
        predicate = " ".join(relation.predicate.split())[:_LONGEST_PREDICATE]
        if place is None or subject is None or object_ is None or subject.key == object_.key or not predicate:
            continue
        one, other = (place_of.mention(end.surface, end.kind, place) for end in (subject, object_))
        if one is None or other is None:
            continue
        first, second = (mentions.setdefault((end.start, end.end), end) for end in (one, other))
        relations.setdefault(
            (first.key, predicate, second.key), RelationMention(first, second, predicate, _source(text, *place))
        )
    if answer.get("entities") and not mentions:
        raise ValueError("none of its quotes stands in the text")
    aliases = place_of.aliases(mentions)
    return Contribution(tuple(mentions.values()), tuple(relations.values()), aliases)


def score(found: Contribution) -> int:
    """Return how much of an answer stands in the text: its located quotes, times its relations and one."""
    return (len(found.mentions) + len(found.relations)) * (1 + len(found.relations))


class _Places:
    """Where names stand in a text, and what the text itself says of them without a model."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sentences = split_sentences(text)
        self._read = find_mentions([Chunk("", "", "", 0, text, 0, 0, len(text))])
        self._keys = {(mention.start, mention.end): mention.key for mention in self._read.mentions}

    def mention(self, name: str, kind: str, place: tuple[int, int]) -> Mention | None:
        """Return where a name stands in a quote, with the key that it has without a model; None where it does not."""
        wanted, text = name.strip(), self._text
        start = text.find(wanted, *place)
        if start < 0:
            start = text[place[0] : place[1]].casefold().find(wanted.casefold())
            start = start + place[0] if start >= 0 else -1
        end = start + len(wanted)
        key = self._keys.get((start, end)) or name_key(text[start:end]) if start >= 0 and end <= place[1] else ""
        if not wanted or not key or len(wanted) > _LONGEST_NAME:
            return None
        quote = next((span for span in self._sentences if span.start <= start < span.end), Span(*place))
        plain = kind.strip().casefold()
        known = plain if plain in KINDS else TERM
        return Mention(start, end, text[start:end], key, known, _source(text, quote.start, max(quote.end, end)))

    def aliases(self, mentions: dict[tuple[int, int], Mention]) -> tuple[AliasStatement, ...]:
        """Return the aliases that the text states by its own words, and add their mentions."""
        found = []
        for alias in self._read.aliases:
            first, second = (
                mentions.setdefault((mention.start, mention.end), mention) for mention in (alias.first, alias.second)
            )
            found.append(AliasStatement(first, second, alias.quote))
        return tuple(found)


def _source(text: str, start: int, end: int) -> Source:
    return Source(start, end, text[start:end])
