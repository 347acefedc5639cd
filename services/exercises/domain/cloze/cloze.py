"""Questions without a model: terms taken out of sentences of the material, correct by construction (ADR 0014).

A sentence must stand alone: one that opens with a pronoun, points at a figure or asks a question is left out. One that
hedges or denies is never turned into a false statement or a choice, since the exchanged one might be true as well.
The same material and seed give the same questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from services.exercises.domain.cloze.material import ClozeMaterial
from services.exercises.domain.cloze.questions import (
    LineDraft,
    gaps,
    multiple_choices,
    short_answers,
    single_choices,
    true_false,
)
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.language.detection import LANGUAGES, Languages
from services.language.folding import fold

_MOST_SPARE = 200
_MAKERS: dict[QuestionKind, Callable[[ClozeMaterial], Iterator[LineDraft]]] = {
    QuestionKind.FILL_IN_THE_BLANK: gaps,
    QuestionKind.SINGLE_CHOICE: single_choices,
    QuestionKind.MULTIPLE_CHOICE: multiple_choices,
    QuestionKind.SHORT_ANSWER: short_answers,
}


class Cloze:
    """Makes questions from one material. Building it reads the whole material: work for a worker process."""

    def __init__(self, passages: Sequence[Passage], seed: int, languages: Languages = LANGUAGES) -> None:
        self.material = ClozeMaterial(passages, seed, languages)

    def drafts(self, kinds: Mapping[QuestionKind, int]) -> dict[QuestionKind, list[Draft]]:
        """Return up to the wanted number of questions of each kind, best first, spread over the sentences."""
        used: Counter[tuple[int, int]] = Counter()
        keys: set[str] = set()

        def next_fresh(stream: Iterator[LineDraft], spare: list[Draft]) -> Draft | None:
            """Return the next question about a sentence and a key that none asked about; repeats go to `spare`."""
            for line, draft in stream:
                key = _asked(draft)
                if not used[line.place] and key not in keys:
                    used[line.place] += 1
                    keys.update({key} - {""})
                    return draft
                if len(spare) < _MOST_SPARE:
                    spare.append(draft)
            return None

        # Which sentences were asked about decides the order of true and false ones.
        makers = _MAKERS | {QuestionKind.TRUE_FALSE: partial(true_false, used=used)}
        streams = {kind: makers[kind](self.material) for kind in kinds}
        made: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        spare: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        open_kinds = [kind for kind, count in kinds.items() if count > 0]
        while open_kinds:
            for kind in list(open_kinds):
                draft = next_fresh(streams[kind], spare[kind])
                if draft is not None:
                    made[kind].append(draft)
                if draft is None or len(made[kind]) >= kinds[kind]:
                    open_kinds.remove(kind)
        for kind, drafts in made.items():
            drafts.extend(spare[kind][: kinds[kind] - len(drafts)])
        return made


def _asked(draft: Draft) -> str:
    """Return what a question asks for, so that two kinds do not ask for the same; empty when it is no single thing."""
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE:
            return fold(draft.options[draft.correct[0]])
        case QuestionKind.FILL_IN_THE_BLANK:
            return fold(draft.blanks[0][0])
        case _:
            return ""
