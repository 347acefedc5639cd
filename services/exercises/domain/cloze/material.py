"""The shared reading of a material: which sentences may be asked about, and which of their terms may be taken out."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.exercises.domain.cloze.distractors import Distractors
from services.exercises.domain.text.sentences import sentences_of, stands_alone
from services.exercises.domain.text.statements import contradicts
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind, Substitution
from services.language.detection import Languages, detect_language
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence, index_terms
from services.language.language import NO_SUBJECT, Definition, Language, Subject
from services.language.scripts import closed_up, is_han, whole
from services.language.terms import units

_MOST_SENTENCES = 600
_LEAST_RARITY = 0.75
"""Rarity of a word that few others can stand for."""
_ENOUGH_SENTENCES = 8
"""Sentences from which on those are left out that do not say what they speak of."""
_MUCH_LEANING = 0.5
"""How much a sentence leans that is asked about only where the others give nothing more."""
_STEP_OF_LEANING = 0.3
"""Sentences whose leaning differs by less are ordered by what they are worth."""
_COST_OF_LEANING = 0.8
"""Share of its weight that a sentence loses which does not say what it speaks of."""
_MOST_LEANING = 0.25
"""How much a sentence may lean that is an option beside others."""
_CERTAIN = NUMERIC | {Category.NAME, Category.PERSON, Category.PLACE, Category.ACRONYM}
_TOLD_SHARE = 0.1
"""Greatest share of the sentences that hold a term which is asked for."""
_NO_HEADING_ENDS = frozenset('。.！!?？;；:：…)）”"，,')
"""What closes a line that is no heading."""
_EXPLAINS = frozenset("(（·•/")
"""Beside a bracket stands a synonym; beside a middle dot, the rest of a name."""
_CITATION = re.compile(r"[(（][^()（）]*?[,，]\s*(?:1[5-9]|20)\d\d[a-z]?\s*(?:[;；,，][^()（）]*)?[)）]")
"""Authors and years of works, in brackets: (Bandura, 1999; Darley & Latané, 1968)."""
_CONVERTED = re.compile(r"[^\d,.，。；;()（）]{0,12}[(（][^)）]*\d")
"""Behind a number: brackets that give it in another unit."""
_STORIED = frozenset((Category.NAME, Category.PERSON, Category.PLACE))
_SORTS_OF_ONE = frozenset(("person", "place", "organization", "placed", "event"))
_QUOTES = (("《", "》"), ("“", "”"), ("「", "」"), ("『", "』"), ("〈", "〉"))
_SHORTEST_TELLING = 3
"""Characters of a term of more than one word, where no spaces stand between words."""
_LONG_STEM = 6
"""Letters that only words of one family share: stimuli, stimulation."""
_LONGEST_TITLE = 30
"""Characters of what is quoted as one thing; longer quotes are sentences."""
_BOUND_REACH = 12
"""Characters before a number in which a word makes it approximate."""


@dataclass(frozen=True, slots=True)
class ClozeLine:
    """A sentence of the material that may be asked about: the slice [start, end) of a passage, and on one line."""

    passage: int
    start: int
    end: int
    text: str
    occurrences: tuple[Occurrence, ...]
    score: float
    firm: bool
    """Whether it neither hedges nor denies."""
    leaning: float
    """How much it leans on others, by `ClozeRules.leans`."""
    about: str = ""
    """The material's title, where it tells what the sentence speaks of."""

    @property
    def place(self) -> tuple[int, int]:
        """What no other line has."""
        return self.passage, self.start

    def cut(self, target: Occurrence) -> str:
        """Return the sentence with a gap where a term stands."""
        return self.text[: target.start] + GAP + self.text[target.end :]

    def said(self, occurrence: Occurrence) -> str:
        """Return a term as the sentence writes it."""
        return self.text[occurrence.start : occurrence.end]


Falsehood = tuple[str, Substitution]
"""A sentence with one thing exchanged, so that it is false, and what was exchanged."""


class ClozeMaterial:
    """One material, read for questions. Building it reads all of it: work for a worker process."""

    def __init__(self, passages: Sequence[Passage], seed: int, languages: Languages) -> None:
        self.passages = passages
        self.language: Language = languages.of("\n".join(passage.text for passage in passages))
        self.rng = random.Random(seed)  # noqa: S311 - choices of distractors, not secrets
        found = [
            (number, sentence, sentence.text if self.language.spaced else closed_up(sentence.text))
            for number, passage in enumerate(passages)
            for sentence in sentences_of(passage, languages)
            if detect_language(sentence.text, languages) == self.language.code and not self._is_heading(sentence.text)
        ]
        texts = [text for _, _, text in found]
        index = index_terms(texts, self.language.key_terms)
        self.distractors = Distractors(texts, index, self.language)
        titles = self._titles(languages)
        self.titles = frozenset(map(fold, titles))
        """What other questions may name as their subject, and none should ask for."""
        subjects = self._subjects(titles, texts)
        lines: dict[str, ClozeLine] = {}
        for (number, sentence, text), occurrences in zip(found, index.occurrences, strict=True):
            key = fold(text)
            if key not in lines and stands_alone(text, self.language):
                place = number, sentence.start, sentence.end
                lines[key] = self._line(place, text, occurrences, subjects[titles[number]])
        self._told = Counter(
            text for occurrences in index.occurrences for text in {fold(found.term.text) for found in occurrences}
        )
        whole = [line for line in lines.values() if line.leaning < 1]
        kept = whole if len(whole) >= _ENOUGH_SENTENCES else lines.values()
        ordered = sorted(kept, key=lambda line: (line.leaning // _STEP_OF_LEANING, -line.score))
        self.lines: list[ClozeLine] = ordered[:_MOST_SENTENCES]

    def _line(
        self, place: tuple[int, int, int], text: str, occurrences: tuple[Occurrence, ...], subject: Subject
    ) -> ClozeLine:
        rules = self.language.cloze
        leaning = rules.leans(text, subject)
        about = "" if _names(text, subject.title, self.language) else subject.title
        occurrences = tuple(found for found in occurrences if not _is_cited(text, found))
        score, firm = self._weight(text, occurrences, leaning), not rules.hedge.search(text)
        return ClozeLine(*place, text, occurrences, score, firm, leaning, about)

    def _titles(self, languages: Languages) -> list[str]:
        """Return of each passage the title of its document, without its number; of a text, its first line if it is one.

        What stands above exercises or aims names nothing, nor does `Introduction`, nor what is in another language.
        """
        outline, no_title = self.language.outline, self.language.reading.task_section
        number = re.compile(rf"^(?:(?:{outline.chapter}|{outline.section})[\s:：.、—–-]*|\d+(?:\.\d+)*[\s.、:：]+)")
        plain = re.compile(outline.alone, re.IGNORECASE)
        opening = next(iter(sentences_of(self.passages[0], languages)), None) if self.passages else None
        of_text = opening.text if opening and self._is_heading(opening.text) else ""
        titles = []
        for passage in self.passages:
            title = passage.heading_path[0] if passage.heading_path else "" if passage.document_id else of_text
            bare = number.sub("", title).strip()
            foreign = bare and languages.of(bare) is not self.language
            titles.append("" if foreign or no_title.search(bare) or plain.fullmatch(bare) else bare)
        return titles

    def _subjects(self, titles: Sequence[str], texts: Sequence[str]) -> dict[str, Subject]:
        """Return what each title names."""
        subjects = {title: Subject(title, self.language.cloze.kinds(title, texts)) for title in {*titles} - {""}}
        return subjects | {"": NO_SUBJECT}

    def lead(self, line: ClozeLine) -> str:
        """Return what stands before a sentence in a question: what it speaks of, where it does not say so."""
        return self.language.cloze.wording.about.format(title=line.about, text="") if line.about else ""

    def _is_heading(self, text: str) -> bool:
        closed = text[-1] in _NO_HEADING_ENDS or text[-1] in self.language.sentences.stops
        return not closed and self.language.length(text) <= self.language.cloze.longest_heading

    def _weight(self, text: str, occurrences: Sequence[Occurrence], leaning: float) -> float:
        """How worth asking about a sentence is: by its best terms, whether it defines, and how well it reads alone."""
        rules = self.language.cloze
        best = sorted((term.score for term in {o.term for o in occurrences}), reverse=True)[:3]
        fit = 1.0 if 0.4 <= len(text) / rules.good_length <= 1.5 else 0.75
        vague = (0.8 if rules.pronoun.search(text) else 1.0) * (1.0 - _COST_OF_LEANING * min(1.0, leaning))
        return (sum(best) / 3 + (0.6 if self.language.reading.definition(text) else 0.0)) * fit * vague

    def targets(self, line: ClozeLine) -> list[Occurrence]:
        """Return the terms that stand in a sentence once and that nothing beside them explains, best first."""
        targets = [
            occurrence
            for occurrence in line.occurrences
            if _stands_once(line, occurrence)
            and not self._is_explained(line.text, occurrence)
            and not self._is_listed(line.text, occurrence)
            and not _is_half_told(line, occurrence)
            and not _is_in_title(line.text, occurrence)
            and not self.language.cloze.is_part(line.text, occurrence.start, occurrence.end)
            and self._is_told_rarely(occurrence)
        ]
        return sorted(targets, key=lambda occurrence: -occurrence.term.score)

    def _is_listed(self, text: str, occurrence: Occurrence) -> bool:
        rules = self.language.cloze
        before, after = text[: occurrence.start], text[occurrence.end :]
        numeric = occurrence.term.category in NUMERIC
        listed = (rules.listed_number if numeric else rules.listed).search(before) is not None
        return listed or rules.lists_on.match(after) is not None

    def _is_told_rarely(self, occurrence: Occurrence) -> bool:
        """Return whether few sentences hold a term: what the material is about answers half of its other questions."""
        return self._told[fold(occurrence.term.text)] <= max(2, len(self.lines) * _TOLD_SHARE)

    def is_certain(self, occurrence: Occurrence) -> bool:
        """Return whether few other words could stand for a term: it is a number, a name, or spoken of twice."""
        term = occurrence.term
        if term.category in _CERTAIN:
            return True
        told = self._told[fold(term.text)] > 1 and self.language.key_terms.rarity(term.text) > _LEAST_RARITY
        own = not self.language.spaced or " " in term.text or self.language.cloze.sort(term.text, term.category)
        return told and bool(own)

    def is_telling(self, occurrence: Occurrence) -> bool:
        """Return whether a term says more than one word says, so that not many others fit where it stands."""
        text = occurrence.term.text
        return " " in text if self.language.spaced else len(text) >= _SHORTEST_TELLING

    def is_one(self, term: str, category: Category) -> bool:
        """Return whether a term names one person, place, body or work: that has a story, and no meaning."""
        sort = self.language.cloze.sort(term, category).partition(":")[0]
        numbered = category is Category.ACRONYM and re.search(r"\d", term) is not None
        return category in _STORIED or sort in _SORTS_OF_ONE or numbered

    def is_named(self, occurrence: Occurrence) -> bool:
        """Return whether a term is a number or a name, for which hardly any other word could stand."""
        return occurrence.term.category in _CERTAIN - {Category.ACRONYM}

    def _is_explained(self, text: str, occurrence: Occurrence) -> bool:
        before, after = text[: occurrence.start].rstrip()[-1:], text[occurrence.end :].lstrip()[:1]
        clings = self.language.cloze.clings.search(text[: occurrence.start + 1])
        head = text[: occurrence.start]
        bracketed = head.count("(") + head.count("（") > head.count(")") + head.count("）")
        if occurrence.term.category in NUMERIC and (bracketed or _CONVERTED.match(text[occurrence.end :])):
            return True
        return clings is not None or before in _EXPLAINS or after in _EXPLAINS

    def leans(self, line: ClozeLine) -> bool:
        """Return whether a sentence may speak of what another one names."""
        return line.leaning >= _MOST_LEANING or self.language.cloze.pronoun.search(line.text) is not None

    def is_approximate(self, line: ClozeLine, target: Occurrence) -> bool:
        """Return whether a word before a number makes it approximate or a bound."""
        before = line.text[: target.start][-_BOUND_REACH:]
        return self.language.cloze.approximate.search(before) is not None

    def definition(self, line: ClozeLine) -> Definition | None:
        """Return what a sentence defines, where that is a key term."""
        found = self.language.reading.definition(line.text)
        known = found is not None and self.occurrence_of(line, found.term) is not None
        return found if known else None

    def defines(self, line: ClozeLine, target: Occurrence) -> bool:
        """Return whether a sentence defines one of its terms, so that no other word stands for it."""
        found = self.definition(line)
        return found is not None and fold(found.term) == fold(line.said(target))

    def occurrence_of(self, line: ClozeLine, term: str) -> Occurrence | None:
        """Return where a term stands in a sentence, as one of its key terms."""
        plain = fold(term)
        return next((o for o in line.occurrences if fold(line.said(o)) == plain), None)

    def falsify(self, line: ClozeLine) -> Falsehood | None:
        """Exchange one number, or else one term, of a sentence so that it is false; None where that is not sure."""
        targets = self.targets(line)
        for target in targets:
            if target.term.category in NUMERIC and not self.is_approximate(line, target):
                for number in self.distractors.texts(line.text, target, 3, self.rng):
                    if falsehood := self._exchange(line, target, number):
                        return falsehood
        if not line.firm:
            return None
        candidates = [
            (target.term.category in _CERTAIN, score + 0.3 * target.term.score, text, target)
            for target in targets[:4]
            if target.term.category not in NUMERIC and self.is_certain(target)
            for score, text in self.distractors.terms(line.text, target, 2, self.rng)
            if not self._may_be_another_name(target.term.text, text)
        ]
        candidates.sort(key=lambda candidate: candidate[:3], reverse=True)
        exchanged = ((named, self._exchange(line, target, text)) for named, _, text, target in candidates)
        found = [(named, made) for named, made in exchanged if made is not None]
        # One thing for another of its sort may make nonsense; a name for a name does not.
        of_names = next((made for named, made in found if named), None)
        return of_names or self._deny(line) or next((made for _, made in found), None)

    def _may_be_another_name(self, term: str, other: str) -> bool:
        """Return whether two phrases are kinds of one thing, which may be the same: hidden and subliminal messages."""
        one, two = term.casefold().split(), other.casefold().split()
        return self.language.spaced and len(one) > 1 and len(two) > 1 and one[-1] == two[-1] and term[:1].islower()

    def is_surely_false(self, line: ClozeLine, made: Substitution) -> bool:
        """Return whether no thing stands for another, which may be true as well: a number, a name or a denial does."""
        things = (found for found in line.occurrences if line.said(found) == made.old)
        return all(map(self.is_named, things))

    def _deny(self, line: ClozeLine) -> Falsehood | None:
        """Deny the verb of a sentence that has one to deny."""
        rules = self.language.statements
        verbs = [*rules.deniable.finditer(line.text)]
        if len(verbs) != 1 or rules.undeniable.search(line.text):
            return None
        (verb,) = verbs
        if rules.subordinate.search(line.text[: verb.start()]):
            return None
        made = Substitution(verb[0], rules.denials[-1].format(verb[0]))
        statement = line.text[: verb.start()] + made.new + line.text[verb.end() :]
        false = contradicts(made, statement, line.text, self.language, known=True)
        return (statement, made) if false else None

    def draft(
        self, line: ClozeLine, kind: QuestionKind, stem: str, explanation: str, until: ClozeLine | None = None
    ) -> Draft:
        """Return a question, still without its key, whose quote is a sentence, or the stretch from it to `until`."""
        quote = self.passages[line.passage].text[line.start : (until or line).end]
        lead = self.lead(line) if stem.startswith(self.lead(line)) else ""
        second = line.leaning >= _MUCH_LEANING
        return Draft(kind, stem, quote, explanation, Generator.CLOZE, passage=line.passage, second=second, lead=lead)

    def _exchange(self, line: ClozeLine, target: Occurrence, new: str) -> Falsehood | None:
        """Return a sentence with a term exchanged; None where that does not surely make it false."""
        statement = line.text[: target.start] + new + line.text[target.end :]
        made = Substitution(line.said(target), new)
        false = contradicts(made, statement, line.text, self.language, known=True)
        return (statement, made) if false else None


def _names(text: str, title: str, language: Language) -> bool:
    """Return whether a sentence names what a title names: by one of its names, and its number if it has one."""
    if not set(re.findall(r"\d+", title)) <= set(re.findall(r"\d+", text)):
        return False
    if not language.spaced:
        return title in text
    words = [word for word in re.findall(r"[^\W\d_]+", title) if word.casefold() not in language.words.function]
    if all(word[0].isupper() for word in words):
        return not set(words).isdisjoint(re.findall(r"[^\W\d_]+", text))
    return title.casefold() in text.casefold()


def _is_cited(text: str, occurrence: Occurrence) -> bool:
    """Return whether a term stands in brackets that name the work of which a sentence is told."""
    spans = (found.span() for found in _CITATION.finditer(text))
    return any(start < occurrence.start and occurrence.end < end for start, end in spans)


def _is_half_told(line: ClozeLine, occurrence: Occurrence) -> bool:
    """Return whether the rest of a sentence holds a word of a term: `Luther` tells of `Martin Luther`."""
    rest = line.text[: occurrence.start] + " " + line.text[occurrence.end :]
    said = line.said(occurrence)
    if is_han(said[0]):
        return len(said) > 2 and (said[:2] in rest or said[-2:] in rest)
    if not units(rest).isdisjoint(units(said)):
        return True
    beginnings = {word[:_LONG_STEM] for word in rest.casefold().split()}
    return any(len(word) >= _LONG_STEM and word[:_LONG_STEM] in beginnings for word in said.casefold().split())


def _is_in_title(text: str, occurrence: Occurrence) -> bool:
    """Return whether a term is a part of what is quoted as one thing, such as the title of a book."""
    if text.count('"', 0, occurrence.start) % 2 and _is_short_quote(text, occurrence):
        return True
    for opening, closing in _QUOTES:
        start = text.rfind(opening, 0, occurrence.start)
        end = text.find(closing, occurrence.end)
        if start < 0 or end < 0 or closing in text[start : occurrence.start]:
            continue
        if occurrence.end - occurrence.start < end - start - 1 <= _LONGEST_TITLE:
            return True
    return False


def _is_short_quote(text: str, occurrence: Occurrence) -> bool:
    start, end = text.rfind('"', 0, occurrence.start), text.find('"', occurrence.end)
    return start >= 0 and occurrence.end - occurrence.start < end - start - 1 <= _LONGEST_TITLE


def _stands_once(line: ClozeLine, occurrence: Occurrence) -> bool:
    """Return whether a term stands in its sentence once, and is no single letter."""
    plain = fold(line.said(occurrence))
    if len(plain) < 2 and occurrence.term.category not in NUMERIC:
        return False
    if fold(line.text).count(plain) == 1:
        return True
    if is_han(plain[0]):
        return False
    return len(re.findall(whole(line.said(occurrence)), line.text, re.IGNORECASE)) == 1
