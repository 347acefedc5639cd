"""Questions without a model: terms taken out of sentences of the material, correct by construction.

| kind | made from | key |
| --- | --- | --- |
| fill in the blank | a sentence in which a key term stands once | the term |
| single choice | the same with distractors, or a definition whose subject is asked for | the term |
| true/false | a sentence, or one with a term or number exchanged | whether it was exchanged |
| multiple choice | a closed enumeration and terms from elsewhere | the members |
| multiple choice | neighbouring sentences, some with a term or number exchanged | those untouched |
| short answer | a definition, or a sentence about its subject | the sentence; its key terms are the rubric |

A sentence must stand alone: one that opens with a pronoun, points at a figure or asks a question is left out. One that
hedges or denies is never turned into a false statement or a choice, since the exchanged one might be true as well.
The same material and seed give the same questions.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.exercises.domain.cloze.distractors import Distractors
from services.exercises.domain.text.definitions import Definition, definition_of
from services.exercises.domain.text.enumerations import enumeration
from services.exercises.domain.text.sentences import sentences_of
from services.exercises.domain.text.standalone import stands_alone
from services.exercises.domain.text.statements import contradicts
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind, RubricPoint, Substitution
from services.language.detection import CHINESE, language_of
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence, TermIndex, index_terms
from services.language.scripts import is_han
from services.language.segmentation import Dictionary

OPTIONS = 4
_MOST_SENTENCES = 600
_LONGEST_OPTION = {"zh": 60, "en": 170}
"""Characters of a sentence that serves as an option."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence of the material that may be asked about."""

    passage: int
    start: int
    end: int
    text: str
    occurrences: tuple[Occurrence, ...]
    score: float
    firm: bool
    """Whether it neither hedges nor denies."""


class Cloze:
    """Makes questions from one material. Building it reads the whole material: work for a worker process."""

    def __init__(self, passages: Sequence[Passage], dictionary: Dictionary, seed: int) -> None:
        self.passages = passages
        self.language = language_of("\n".join(passage.text for passage in passages))
        self._rng = random.Random(seed)  # noqa: S311 - choices of distractors, not secrets
        found = [
            (number, sentence)
            for number, passage in enumerate(passages)
            for sentence in sentences_of(passage)
            if language_of(sentence.text) == self.language and not _is_heading(sentence.text, self.language)
        ]
        texts = [sentence.text for _, sentence in found]
        self.index: TermIndex = index_terms(texts, self.language, dictionary)
        self._distractors = Distractors(texts, self.index)
        seen: set[str] = set()
        lines: list[_Line] = []
        for (number, sentence), occurrences in zip(found, self.index.occurrences, strict=True):
            if fold(sentence.text) in seen or not stands_alone(sentence.text, self.language):
                continue
            seen.add(fold(sentence.text))
            lines.append(
                _Line(
                    number,
                    sentence.start,
                    sentence.end,
                    sentence.text,
                    occurrences,
                    _weight(sentence.text, occurrences, self.language),
                    not _HEDGE[self.language].search(sentence.text),
                )
            )
        self.lines = sorted(lines, key=lambda line: -line.score)[:_MOST_SENTENCES]

    def drafts(self, kinds: Mapping[QuestionKind, int]) -> dict[QuestionKind, list[Draft]]:
        """Up to the wanted number of questions of each kind, best first, spread over the sentences."""
        used: Counter[tuple[int, int]] = Counter()
        streams = {kind: self._of_kind(kind, used) for kind in kinds}
        made: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        spare: dict[QuestionKind, list[Draft]] = {kind: [] for kind in kinds}
        keys: set[str] = set()
        open_kinds = [kind for kind, count in kinds.items() if count > 0]
        while open_kinds:
            for kind in list(open_kinds):
                draft = self._next_fresh(streams[kind], used, keys, spare[kind])
                if draft is None:
                    open_kinds.remove(kind)
                    continue
                made[kind].append(draft)
                if len(made[kind]) >= kinds[kind]:
                    open_kinds.remove(kind)
        for kind, drafts in made.items():
            drafts.extend(spare[kind][: kinds[kind] - len(drafts)])
        return made

    def _next_fresh(
        self,
        stream: Iterator[tuple[_Line, Draft]],
        used: Counter[tuple[int, int]],
        keys: set[str],
        spare: list[Draft],
    ) -> Draft | None:
        """The next question about a sentence and a key that none asked about; repeats are laid aside in `spare`."""
        for line, draft in stream:
            place, key = (line.passage, line.start), _asked(draft)
            if used[place] or (key and key in keys):
                if len(spare) < 200:
                    spare.append(draft)
                continue
            used[place] += 1
            if key:
                keys.add(key)
            return draft
        return None

    def _of_kind(self, kind: QuestionKind, used: Counter[tuple[int, int]]) -> Iterator[tuple[_Line, Draft]]:
        match kind:
            case QuestionKind.FILL_IN_THE_BLANK:
                return self._gaps()
            case QuestionKind.SINGLE_CHOICE:
                return self._single_choices()
            case QuestionKind.TRUE_FALSE:
                return self._statements(used)
            case QuestionKind.MULTIPLE_CHOICE:
                return self._multiple_choices()
            case QuestionKind.SHORT_ANSWER:
                return self._short_answers()

    def _targets(self, line: _Line) -> list[Occurrence]:
        """Terms of a sentence that may be taken out, best first: those that stand in it once and beside no bracket
        that would explain them."""
        folded = fold(line.text)
        targets = []
        for occurrence in line.occurrences:
            plain = fold(line.text[occurrence.start : occurrence.end])
            once = folded.count(plain) == 1 or (not is_han(plain[0]) and _whole_words(line.text, occurrence) == 1)
            if (
                once
                and not _beside_bracket(line.text, occurrence)
                and (len(plain) > 1 or occurrence.term.category in NUMERIC)
            ):
                targets.append(occurrence)
        return sorted(targets, key=lambda occurrence: -occurrence.term.score)

    def _gaps(self) -> Iterator[tuple[_Line, Draft]]:
        for rank in range(3):
            for line in self.lines:
                targets = self._targets(line)
                if len(line.occurrences) >= 2 and rank < len(targets):
                    yield line, self._gap(line, targets[rank])

    def _gap(self, line: _Line, target: Occurrence) -> Draft:
        answer = line.text[target.start : target.end]
        return self._draft(
            line,
            QuestionKind.FILL_IN_THE_BLANK,
            stem=_cut(line.text, target),
            explanation=self._say(f"原句：{line.text}", f"The sentence in full: {line.text}"),
            blanks=((answer,),),
        )

    def _single_choices(self) -> Iterator[tuple[_Line, Draft]]:
        definitions = [(line, definition) for line in self.lines if (definition := self._definition(line))]
        for line, definition in definitions:
            draft = self._definition_choice(line, definition)
            if draft is not None:
                yield line, draft
        for rank in range(3):
            for line in self.lines:
                targets = self._targets(line)
                if rank >= len(targets) or len(line.occurrences) < 2:
                    continue
                target = targets[rank]
                if (not line.firm and target.term.category not in NUMERIC) or _APPROXIMATE.search(
                    line.text[: target.start][-12:]
                ):
                    continue
                wrong = self._distractors.texts(line.text, target, OPTIONS - 1, self._rng)
                if len(wrong) < 2:
                    continue
                answer = line.text[target.start : target.end]
                ask = self._say(
                    "下列哪个数字填入横线处是正确的？"
                    if target.term.category in NUMERIC
                    else "下列哪一项填入横线处最恰当？",
                    "Which number completes the statement?"
                    if target.term.category in NUMERIC
                    else "Which option best completes the statement?",
                )
                yield line, self._choice(line, f"{ask}\n{_cut(line.text, target)}", answer, wrong)

    def _definition_choice(self, line: _Line, definition: Definition) -> Draft | None:
        subject = next((o for o in line.occurrences if fold(line.text[o.start : o.end]) == fold(definition.term)), None)
        if subject is None or fold(definition.term) in fold(definition.meaning):
            return None
        wrong = self._distractors.texts(line.text, subject, OPTIONS - 1, self._rng)
        if len(wrong) < 2:
            return None
        stem = self._say(
            f"“{definition.meaning}”指的是下列哪一个？", f"What is described here: “{definition.meaning}”?"
        )
        return self._choice(line, stem, definition.term, wrong)

    def _choice(self, line: _Line, stem: str, answer: str, wrong: Sequence[str]) -> Draft:
        options = [answer, *wrong]
        self._rng.shuffle(options)
        return self._draft(
            line,
            QuestionKind.SINGLE_CHOICE,
            stem=stem,
            explanation=self._say(f"正确答案是“{answer}”：{line.text}", f"The answer is “{answer}”: {line.text}"),
            options=tuple(options),
            correct=(options.index(answer),),
        )

    def _statements(self, used: Counter[tuple[int, int]]) -> Iterator[tuple[_Line, Draft]]:
        """True and false statements in turn, as far as sentences can be falsified, fresh sentences first."""
        truth = self._rng.random() < 0.5
        waiting: list[_Line] = []
        for line in itertools.chain(self.lines, waiting):
            if used[line.passage, line.start] and line not in waiting:
                waiting.append(line)
                continue
            exchanged = None if truth else self._falsify(line)
            if exchanged is None:
                yield (
                    line,
                    self._draft(
                        line,
                        QuestionKind.TRUE_FALSE,
                        stem=line.text,
                        explanation=self._say(f"正确。{line.text}", f"True: {line.text}"),
                        truth=True,
                    ),
                )
                truth = False
                continue
            statement, old, new = exchanged
            yield (
                line,
                self._draft(
                    line,
                    QuestionKind.TRUE_FALSE,
                    stem=statement,
                    explanation=self._say(
                        f"错误。应为“{old}”，而不是“{new}”：{line.text}",
                        f"False: it is “{old}”, not “{new}”. {line.text}",
                    ),
                    truth=False,
                    substitution=Substitution(old, new),
                ),
            )
            truth = True

    def _falsify(self, line: _Line) -> tuple[str, str, str] | None:
        """A sentence with one term or number exchanged so that it is false, what stood there, and what stands now."""
        targets = self._targets(line)
        for target in targets:
            if target.term.category in NUMERIC and not _APPROXIMATE.search(line.text[: target.start][-12:]):
                for number in self._distractors.texts(line.text, target, 3, self._rng):
                    exchanged = _exchange(line.text, target, number)
                    if self._is_false(line, exchanged):
                        return exchanged
        if not line.firm:
            return None
        candidates = [
            (score + 0.3 * target.term.score, text, target)
            for target in targets[:4]
            if target.term.category not in NUMERIC
            for score, text in self._distractors.terms(line.text, target, 2, self._rng)
        ]
        candidates.sort(key=lambda candidate: candidate[:2], reverse=True)
        made = (_exchange(line.text, target, text) for _, text, target in candidates)
        return next((exchanged for exchanged in made if self._is_false(line, exchanged)), None)

    def _is_false(self, line: _Line, exchanged: tuple[str, str, str]) -> bool:
        """Whether a sentence with something exchanged, as `_falsify` gives it, is sure to be false."""
        statement, old, new = exchanged
        return contradicts(Substitution(old, new), statement, line.text, self.language, known=True)

    def _multiple_choices(self) -> Iterator[tuple[_Line, Draft]]:
        for line in self.lines:
            draft = self._enumeration(line)
            if draft is not None:
                yield line, draft
        yield from self._statement_sets()

    def _enumeration(self, line: _Line) -> Draft | None:
        found = enumeration(line.text, self.language)
        if found is None:
            return None
        start, end, members = found
        if any(fold(member) in fold(line.text[:start] + line.text[end:]) for member in members):
            return None
        wrong = self._distractors.outsiders(line.text, members, 2, self._rng)
        if not wrong:
            return None
        options = [*members, *wrong]
        self._rng.shuffle(options)
        gapped = line.text[:start] + GAP + line.text[end:]
        right = self._say("、".join(members), ", ".join(members))
        return self._draft(
            line,
            QuestionKind.MULTIPLE_CHOICE,
            stem=self._say(
                f"下列哪些应填入横线处？（多选）\n{gapped}",
                f"Which of these belong in the gap? Choose all that apply.\n{gapped}",
            ),
            explanation=self._say(f"应选：{right}。{line.text}", f"These belong: {right}. {line.text}"),
            options=tuple(options),
            correct=tuple(i for i, option in enumerate(options) if option in members),
        )

    def _statement_sets(self) -> Iterator[tuple[_Line, Draft]]:
        """Neighbouring sentences as options, some of them made false; the quote spans them all."""
        ordered = sorted(self.lines, key=lambda line: (line.passage, line.start))
        windows = [
            ordered[i : i + 4]
            for i in range(len(ordered) - 2)
            if ordered[min(i + 3, len(ordered) - 1)].passage == ordered[i].passage
            or ordered[i + 2].passage == ordered[i].passage
        ]
        windows = [[line for line in window if line.passage == window[0].passage] for window in windows]
        windows.sort(key=lambda window: -sum(line.score for line in window) / len(window))
        used: set[tuple[int, int]] = set()
        for window in windows:
            places = {(line.passage, line.start) for line in window}
            span = window[-1].end - window[0].start
            if any(len(line.text) > _LONGEST_OPTION[self.language] for line in window):
                continue
            if (
                used & places
                or len(window) < 3
                or span > 900
                or len({fold(line.text) for line in window}) < len(window)
            ):
                continue
            false = [(i, exchanged) for i, line in enumerate(window) if (exchanged := self._falsify(line)) is not None]
            self._rng.shuffle(false)
            false = false[: 1 if len(window) == 3 else self._rng.choice((1, 2))]
            if not false:
                continue
            used |= places
            options = [line.text for line in window]
            notes = []
            for i, (statement, old, new) in false:
                options[i] = statement
                notes.append(self._say(f"“{new}”应为“{old}”", f"“{new}” should be “{old}”"))
            wrong = {i for i, _ in false}
            order = list(range(len(window)))
            self._rng.shuffle(order)
            about = self._topic(window)
            note = self._say("；".join(notes), "; ".join(notes))
            yield (
                window[0],
                Draft(
                    kind=QuestionKind.MULTIPLE_CHOICE,
                    stem=self._say(
                        f"关于{about}，下列说法正确的有哪些？（多选）" if about else "下列说法正确的有哪些？（多选）",
                        f"Which of these statements about {about} are true? Choose all that apply."
                        if about
                        else "Which of these statements are true? Choose all that apply.",
                    ),
                    quote=self.passages[window[0].passage].text[window[0].start : window[-1].end],
                    explanation=self._say(f"错误的说法中，{note}。", f"In what is false, {note}."),
                    generator=Generator.CLOZE,
                    options=tuple(options[i] for i in order),
                    correct=tuple(position for position, i in enumerate(order) if i not in wrong),
                    passage=window[0].passage,
                ),
            )

    def _topic(self, window: Sequence[_Line]) -> str:
        """The term that most of some sentences speak of."""
        counts = Counter(
            occurrence.term
            for line in window
            for occurrence in set(line.occurrences)
            if occurrence.term.category not in NUMERIC
        )
        best = max(counts, key=lambda term: (counts[term], term.score, term.text), default=None)
        return best.text if best is not None and counts[best] >= 2 else ""

    def _short_answers(self) -> Iterator[tuple[_Line, Draft]]:
        later: list[tuple[_Line, Draft]] = []
        for line in self.lines:
            definition = self._definition(line)
            subject = definition.term if definition else self._subject(line)
            rubric = self._rubric(line, subject) if subject else ()
            if not subject or len(rubric) < 2:
                continue
            name = self._as_inside(line, subject)
            draft = self._draft(
                line,
                QuestionKind.SHORT_ANSWER,
                stem=self._say(
                    f"用一两句话说明：什么是{name}？", f"Explain in a sentence or two: what is meant by “{name}”?"
                )
                if definition
                else self._say(
                    f"用一两句话说明你对{name}的了解。",
                    f"In a sentence or two, what can be said about {_quoted(name)}?",
                ),
                explanation=self._say(f"参考：{line.text}", f"For reference: {line.text}"),
                reference=line.text,
                rubric=rubric,
            )
            if definition:
                yield line, draft
            else:
                later.append((line, draft))
        yield from later

    def _definition(self, line: _Line) -> Definition | None:
        found = definition_of(line.text, self.language)
        if found is None:
            return None
        known = any(fold(found.term) == fold(line.text[o.start : o.end]) for o in line.occurrences)
        return found if known else None

    def _subject(self, line: _Line) -> str:
        """The term with which a sentence opens, when it opens with one."""
        for occurrence in line.occurrences[:1]:
            lead = line.text[: occurrence.start].casefold().strip()
            if occurrence.term.category not in NUMERIC and lead in {"", "the", "a", "an"}:
                return line.text[occurrence.start : occurrence.end]
        return ""

    def _as_inside(self, line: _Line, subject: str) -> str:
        """A sentence's subject as it is written inside a sentence: only names and acronyms keep their capital."""
        for occurrence in line.occurrences:
            if fold(line.text[occurrence.start : occurrence.end]) == fold(subject):
                if occurrence.term.category in {Category.NAME, Category.ACRONYM, Category.PERSON, Category.PLACE}:
                    return f"the {subject}" if line.text[: occurrence.start].casefold() == "the " else subject
                return subject[:1].lower() + subject[1:]
        return subject

    def _rubric(self, line: _Line, subject: str) -> tuple[RubricPoint, ...]:
        """One point for each of the three best terms that the sentence says of its subject, in its order."""
        plain = fold(subject)
        others: dict[str, Occurrence] = {}
        for occurrence in line.occurrences:
            text = fold(line.text[occurrence.start : occurrence.end])
            wordless = occurrence.term.category is Category.NUMBER
            if text not in plain and plain not in text and not wordless:
                others.setdefault(text, occurrence)
        best = sorted(others.values(), key=lambda occurrence: -occurrence.term.score)[:3]
        return tuple(
            RubricPoint(
                self._say(
                    f"说到“{line.text[o.start : o.end]}”", f"Says what it has to do with “{line.text[o.start : o.end]}”"
                ),
                1.0,
            )
            for o in sorted(best, key=lambda occurrence: occurrence.start)
        )

    def _draft(
        self,
        line: _Line,
        kind: QuestionKind,
        *,
        stem: str,
        explanation: str,
        options: tuple[str, ...] = (),
        correct: tuple[int, ...] = (),
        truth: bool | None = None,
        substitution: Substitution | None = None,
        blanks: tuple[tuple[str, ...], ...] = (),
        reference: str = "",
        rubric: tuple[RubricPoint, ...] = (),
    ) -> Draft:
        return Draft(
            kind=kind,
            stem=stem,
            quote=self.passages[line.passage].text[line.start : line.end],
            explanation=explanation,
            generator=Generator.CLOZE,
            options=options,
            correct=correct,
            truth=truth,
            substitution=substitution,
            blanks=blanks,
            reference=reference,
            rubric=rubric,
            passage=line.passage,
        )

    def _say(self, chinese: str, english: str) -> str:
        return chinese if self.language == CHINESE else english


_PRONOUN_INSIDE = re.compile(
    r"\b(?:this|these|those|they|them|he|she)\b|他们|它们|她们|这些|那些|此时|这时|当时", re.IGNORECASE
)
_HEDGE = {
    "zh": re.compile(
        r"不|没|无|非|未|可能|可以|也许|或者|或|有些|一些|有时|例如|比如|诸如|之一|等|往往|通常|一般|大多"
        r"|主要|尤其|包括|还|也|能够|能"
    ),
    "en": re.compile(
        r"\b(?:not|no|never|nor|without|cannot|n't|may|might|can|could|some|sometimes|often|usually"
        r"|generally|typically|"
        r"such as|for example|including|includes?|or|one of|mainly|mostly|especially|also|other|another|many|several|"
        r"neither|unless|except|among|among them)\b|n't",
        re.IGNORECASE,
    ),
}
_APPROXIMATE = re.compile(
    r"(?:约|大约|至少|超过|不到|近|多达|至多|最多|少于|多于|大于|小于|about|around|roughly|nearly|over"
    r"|at least|up to|more than|less than|almost|approximately|some)\s*$",
    re.IGNORECASE,
)


def _is_heading(text: str, language: str) -> bool:
    return text[-1] not in _CLOSED and len(text if language == CHINESE else text.split()) <= _LONGEST_HEADING[language]


_CLOSED = '。.！!?？;；:：…)）”"，,'
_LONGEST_HEADING = {"zh": 24, "en": 12}


def _weight(text: str, occurrences: Sequence[Occurrence], language: str) -> float:
    """How worth asking about a sentence is: by its best terms, whether it defines, and a length that reads well."""
    best = sorted((occurrence.term.score for occurrence in {o.term: o for o in occurrences}.values()), reverse=True)[:3]
    length = len(text) / (45 if language == CHINESE else 130)
    fit = 1.0 if 0.4 <= length <= 1.5 else 0.75
    vague = 0.8 if _PRONOUN_INSIDE.search(text) else 1.0
    return (sum(best) / 3 + (0.6 if definition_of(text, language) else 0.0)) * fit * vague


def _quoted(term: str) -> str:
    """A term inside an English sentence: a name as it is, a bare noun in quotation marks for want of an article."""
    return term if term[:1].isupper() or term.startswith("the ") else f"“{term}”"


def _cut(text: str, target: Occurrence) -> str:
    return text[: target.start] + GAP + text[target.end :]


def _exchange(text: str, target: Occurrence, new: str) -> tuple[str, str, str]:
    return text[: target.start] + new + text[target.end :], text[target.start : target.end], new


def _whole_words(text: str, occurrence: Occurrence) -> int:
    word = re.escape(text[occurrence.start : occurrence.end])
    return len(re.findall(rf"(?<!\w){word}(?!\w)", text, re.IGNORECASE))


_EXPLAINS = frozenset("(（·•/")
"""Beside a bracket stands a synonym; beside a middle dot, the rest of a name."""
_HAN_DIGITS = frozenset("一二三四五六七八九十")
"""A count before a term is part of it more often than not: 三碳化合物."""


def _beside_bracket(text: str, occurrence: Occurrence) -> bool:
    before, after = text[: occurrence.start].rstrip()[-1:], text[occurrence.end :].lstrip()[:1]
    if is_han(text[occurrence.start]) and before and (before in _HAN_DIGITS or before.isdigit()):
        return True
    if re.search(r"\b(?:most|more|very|less) $", text[: occurrence.start]):
        return True
    return before in _EXPLAINS or after in _EXPLAINS


def _asked(draft: Draft) -> str:
    """What a question asks for, so that two kinds do not ask for the same; empty when it is no single thing."""
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE:
            return fold(draft.options[draft.correct[0]])
        case QuestionKind.FILL_IN_THE_BLANK:
            return fold(draft.blanks[0][0])
        case _:
            return ""
