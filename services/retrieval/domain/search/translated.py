"""The leg across languages: what the question's words are called in another language finds the chunks that hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar

from services.kit.concurrency import map_in_turns
from services.kit.errors import ResourceExhausted
from services.language.detection import LANGUAGES, language_of
from services.language.lexicon import Lexicon, Translations
from services.language.search_terms import Sought
from services.retrieval.domain.search.bm25 import rarity, translated_vector
from services.retrieval.ports import VectorStore
from services.retrieval.values.chunk import LEG_BUSY, Hit, LegQuery

_LONG = 400
"""Characters of a question from which on a thread translates it: up to there it takes a millisecond."""
_PATIENCE_SECONDS = 5.0
"""An idle machine makes the lexicon in three, once; a busy one answers without."""


class TranslatedRetriever:
    """Finds passages in other languages than the question's by a lexicon's translations of its words (ADR 0078).

    The lexicon is read when the first question asks for it, in a thread: that takes 50 MB and a third of a second, or
    three where it is made for the first time. Questions that come meanwhile wait for it, until `patience_seconds` after
    it was begun; then they go on without. What follows is short work in turns with what else the loop does: as many
    threads as there are questions would take the interpreter from the loop at each of its steps.
    """

    name: ClassVar = "translated"

    def __init__(
        self, store: VectorStore, lexicon: Callable[[], Lexicon], patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._store = store
        self._lexicon = lexicon
        self._patience_seconds = patience_seconds
        self._reading: asyncio.Future[Lexicon] | None = None
        self._waited_for_until = 0.0
        self._turn = asyncio.Lock()

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the chunks in another language that say most of the question's words, best first.

        `score` is that of `reread`.
        """
        lexicon = await self._read()
        translations = (
            _translations(lexicon, query.text)
            if len(query.text) < _LONG
            else await asyncio.to_thread(_translations, lexicon, query.text)
        )
        if not translations:
            return []
        words = translated_vector(translations.values())
        hits = await self._store.search_words(words, query.owner, query.where, query.limit)
        asked = language_of(query.text)
        # A name or a number is found in the question's own language, too.
        foreign = [hit for hit in hits if language_of(hit.chunk.text) != asked]
        said = Said(translations)
        says = await map_in_turns(lambda hit: said.by(hit.chunk.text), foreign)
        return reread(foreign, says)

    async def _read(self) -> Lexicon:
        """Return the lexicon; one thread reads it, however many questions wait or are given up.

        Raises:
            ResourceExhausted: it is not read yet; reason LEG_BUSY.
        """
        loop, reading = asyncio.get_running_loop(), self._reading
        if reading is None or (reading.done() and reading.exception() is not None):
            reading = self._reading = loop.run_in_executor(None, self._lexicon)
            self._waited_for_until = loop.time() + self._patience_seconds
        if not reading.done():
            await asyncio.wait([reading], timeout=max(0.0, self._waited_for_until - loop.time()))
        # All that waited go on at once, with it or without: each gets a turn of the loop to itself.
        async with self._turn:
            await asyncio.sleep(0)
        if not reading.done():
            raise ResourceExhausted("The dictionary is being read.", reason=LEG_BUSY, retry_after=1.0)
        return reading.result()


def _translations(lexicon: Lexicon, text: str) -> Translations:
    asked = language_of(text)
    others = (language.code for language in LANGUAGES if language.code != asked)
    return dict(chain.from_iterable(lexicon.translations(text, code).items() for code in others))


def reread(hits: Sequence[Hit], says: Sequence[Collection[str]]) -> list[Hit]:
    """Return what the store found, best first, by two shares of the best, half and half: its score, and what it says.

    `says` are the terms that each hit says. The store adds up all translations of a term. Here a term counts once, by
    how rare it is among the hits.
    """
    if not hits:
        return []
    rare = rarity(set().union(*says), says)
    sums = [sum(rare[term] for term in its) for its in says]
    most, highest = max(sums) or 1.0, max(hit.score for hit in hits) or 1.0
    scored = zip(hits, sums, strict=True)
    found = [replace(hit, score=(hit.score / highest + its / most) / 2) for hit, its in scored]
    return sorted(found, key=lambda hit: -hit.score)


class Said:
    """What passages say of a question, given what its terms are called in their language."""

    def __init__(self, translations: Translations) -> None:
        self._translations = translations
        self._sought = Sought(set(chain.from_iterable(chain.from_iterable(translations.values()))))

    def by(self, text: str) -> set[str]:
        """Return the terms of which a text holds a translation, all of it."""
        parts = self._sought.held_by(text)
        return {term for term, phrases in self._translations.items() if any(map(parts.issuperset, phrases))}
