"""Questions without a model: terms taken out of sentences of the material, correct by construction (ADR 0014).

A sentence must stand alone: one that opens with a pronoun, points at a figure or asks a question is left out. One that
hedges or denies is never turned into a false statement or a choice, since the exchanged one might be true as well.
The same material and seed give the same questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from services.exercises.domain.cloze.material import ClozeLine, ClozeMaterial
from services.exercises.domain.cloze.questions import gaps, multiple_choices, short_answers, single_choices, true_false
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.language.detection import LANGUAGES, Languages
from services.language.folding import fold

_MOST_SPARE = 200


class Cloze:
    """Makes questions from one material. Building it reads the whole material: work for a worker process."""

    def __init__(self, passages: Sequence[Passage], seed: int, languages: Languages = LANGUAGES) -> None:
        self.material = ClozeMaterial(passages, seed, languages)

    def drafts(self, kinds: Mapping[QuestionKind, int]) -> dict[QuestionKind, list[Draft]]:
        """Return up to the wanted number of questions of each kind, best first, spread over the sentences."""
        choice = _Choice()
        streams = {kind: self._of_kind(kind, choice.used) for kind in kinds}
        made: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        spare: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        open_kinds = [kind for kind, count in kinds.items() if count > 0]
        while open_kinds:
            for kind in list(open_kinds):
                draft = choice.next_fresh(streams[kind], spare[kind])
                if draft is not None:
                    made[kind].append(draft)
                if draft is None or len(made[kind]) >= kinds[kind]:
                    open_kinds.remove(kind)
        for kind, drafts in made.items():
            drafts.extend(spare[kind][: kinds[kind] - len(drafts)])
        return made

    def _of_kind(self, kind: QuestionKind, used: Counter[tuple[int, int]]) -> Iterator[tuple[ClozeLine, Draft]]:
        match kind:
            case QuestionKind.FILL_IN_THE_BLANK:
                return gaps(self.material)
            case QuestionKind.SINGLE_CHOICE:
                return single_choices(self.material)
            case QuestionKind.TRUE_FALSE:
                return true_false(self.material, used)
            case QuestionKind.MULTIPLE_CHOICE:
                return multiple_choices(self.material)
            case QuestionKind.SHORT_ANSWER:
                return short_answers(self.material)


class _Choice:
    """Which sentences and keys were asked about."""

    def __init__(self) -> None:
        self.used: Counter[tuple[int, int]] = Counter()
        self._keys: set[str] = set()

    def next_fresh(self, stream: Iterator[tuple[ClozeLine, Draft]], spare: list[Draft]) -> Draft | None:
        """Return the next question about a sentence and a key that none asked about; repeats go to `spare`."""
        for line, draft in stream:
            key = _asked(draft)
            if self.used[line.place] or (key and key in self._keys):
                if len(spare) < _MOST_SPARE:
                    spare.append(draft)
                continue
            self.used[line.place] += 1
            if key:
                self._keys.add(key)
            return draft
        return None


def _asked(draft: Draft) -> str:
    """Return what a question asks for, so that two kinds do not ask for the same; empty when it is no single thing."""
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE:
            return fold(draft.options[draft.correct[0]])
        case QuestionKind.FILL_IN_THE_BLANK:
            return fold(draft.blanks[0][0])
        case _:
            return ""
