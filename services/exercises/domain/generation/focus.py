"""Choosing what a question is asked about: a passage, and a sentence of it that nobody asked about."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from services.exercises.domain.generation.material import askable
from services.exercises.domain.text.enumerations import ListRank, list_rank
from services.exercises.domain.text.sentences import Sentence
from services.exercises.values.generation import GenerationPlan
from services.exercises.values.question import Passage, QuestionKind
from services.language.detection import LANGUAGES

_SEARCHED_FOR_LISTS = 12
"""Passages that are read through for a sentence that lists something: more would hold up the event loop."""
_STANDINGS = (0, 1)
"""Places in what `askable` returns: sentences that stand alone are asked about first."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What a question is asked about."""

    number: int
    """Position of the passage in the run's material."""
    passage: Passage
    sentence: str
    """On one line; empty where the passage holds none to ask about."""


class FocusPicker:
    """Picks what the questions of one run are asked about, each sentence once."""

    def __init__(self, plan: GenerationPlan, rng: random.Random) -> None:
        self._plan = plan
        self._rng = rng
        self._askable: dict[int, tuple[list[Sentence], list[Sentence]]] = {}
        self._picked: set[tuple[int, int]] = set()

    def pick(self, slot: int, attempt: int, kind: QuestionKind) -> Focus | None:
        """Return what question `slot` is asked about on try `attempt`, both from 0; None when no list is left.

        Passages are spread evenly over the material. A sentence that stands alone is taken where any has one left.
        """
        passages = self._plan.passages
        stride = max(1, len(passages) // self._plan.count)
        first = (slot * stride + attempt * max(1, len(passages) // 3)) % len(passages)
        order = [(first + step) % len(passages) for step in range(len(passages))]
        if kind is QuestionKind.MULTIPLE_CHOICE:
            return self._pick_list(order[:_SEARCHED_FOR_LISTS])
        for standing, number in itertools.product(_STANDINGS, order):
            if fresh := self._fresh(number, standing):
                return self._take(number, self._rng.choice(fresh))
        return Focus(first, passages[first], "")

    def _pick_list(self, order: Sequence[int]) -> Focus | None:
        """Return the first sentence that surely lists things, else one that may."""
        likely: tuple[int, Sentence] | None = None
        for standing, number in itertools.product(_STANDINGS, order):
            for sentence in self._fresh(number, standing):
                match list_rank(sentence.text, LANGUAGES.of(sentence.text)):
                    case ListRank.SURE:
                        return self._take(number, sentence)
                    case ListRank.LIKELY if likely is None:
                        likely = number, sentence
        return self._take(*likely) if likely is not None else None

    def _fresh(self, number: int, standing: int) -> list[Sentence]:
        """Return the sentences of a passage that nobody asked about."""
        if number not in self._askable:
            self._askable[number] = askable(self._plan.passages[number])
        return [s for s in self._askable[number][standing] if (number, s.start) not in self._picked]

    def _take(self, number: int, sentence: Sentence) -> Focus:
        self._picked.add((number, sentence.start))
        return Focus(number, self._plan.passages[number], sentence.text)
