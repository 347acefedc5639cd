"""What the questions of one exercise already say, so that none repeats another."""

from __future__ import annotations

from services.common.values import Source
from services.exercises.domain.generation.stems import ALIKE
from services.exercises.values.question import Draft, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.folding import bigrams, fold, similarity


class Accepted:
    """The stems and keys of the questions of one exercise."""

    def __init__(self) -> None:
        self._stems: list[frozenset[str]] = []
        self._keys: set[tuple[str, str]] = set()

    def add(self, draft: Draft, source: Source) -> None:
        """Take a question in.

        Raises:
            RefusedError: the question repeats one; DUPLICATE_STEM or DUPLICATE_KEY.
        """
        stem = bigrams(fold(draft.stem))
        if any(similarity(stem, other) >= ALIKE for other in self._stems):
            raise RefusedError(Refusal.DUPLICATE_STEM)
        key = (fold(source.quote), _key_text(draft))
        if key in self._keys:
            raise RefusedError(Refusal.DUPLICATE_KEY)
        self._stems.append(stem)
        self._keys.add(key)

    def forget(self, draft: Draft, source: Source) -> None:
        """Take out a question that was taken in and is refused after all."""
        self._stems.remove(bigrams(fold(draft.stem)))
        self._keys.remove((fold(source.quote), _key_text(draft)))


def _key_text(draft: Draft) -> str:
    """Return a question's key, the same for equal answers whatever the kind asks."""
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE | QuestionKind.MULTIPLE_CHOICE:
            return "|".join(sorted(fold(draft.options[index]) for index in draft.correct))
        case QuestionKind.TRUE_FALSE:
            return str(draft.truth)
        case QuestionKind.FILL_IN_THE_BLANK:
            return "|".join(fold(accepted[0]) for accepted in draft.blanks)
        case QuestionKind.SHORT_ANSWER:
            return fold(draft.reference)
