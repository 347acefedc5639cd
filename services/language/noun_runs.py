"""Key terms of Chinese: runs of nouns, by a dictionary with parts of speech."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.language.key_terms import Category, NumberRules, TermSpan, spelled_rarity
from services.language.scripts import SPELLED, is_han
from services.language.segmentation import Dictionary, Word

_LATIN = re.compile(
    rf"(?<!{SPELLED})(?!\d){SPELLED}(?:{SPELLED}|[+#])*(?:[-/.](?:{SPELLED}|\+)+)*(?: (?=[A-ZÀ-Þ]){SPELLED}+)*"
)
_NOUN_TAGS = frozenset(("vn", "an", "l", "j", "g", "i", "b", "k"))
"""Beside all that begin with n: verbs and adjectives used as nouns, idioms, morphemes, distinguishing words."""
_NO_NAME_BEGINS = frozenset("在相被把从将由及或并所")
"""Words of grammar with which the dictionary has persons begin, of texts that were cut wrongly."""
_PERSON_TAGS = frozenset(("nr", "nrt", "nrfg"))
_PLACE_TAGS = {"ns": Category.PLACE, "nt": Category.NAME}
_LONGEST_PHRASE = 5
"""Characters up to which a set phrase may be a term."""
_LONGEST_TERM = 8
_LONGEST_GROWTH = 3
"""Characters by which a term may be widened."""
_RARE_BITS = 14.0


@dataclass(frozen=True, slots=True)
class NounRuns:
    """Finds maximal runs of nouns, Latin terms and numbers, by a dictionary and what it does not know of nouns."""

    dictionary: Callable[[], Dictionary]
    """Called when it is needed: the first call takes long."""
    verbs: frozenset[str]
    """Verbs that the dictionary also counts as nouns: they end a run of nouns instead of joining it."""
    auxiliaries: frozenset[str]
    """Words behind which what may be a verb is one: 会销售."""
    general: frozenset[str]
    """Words too general to be asked for."""
    fringe: frozenset[str]
    """Characters that neither open nor close a term."""
    thing_endings: frozenset[str]
    """The dictionary takes many things for persons because their first character is a surname: 叶绿素."""
    numbers: NumberRules
    is_person: Callable[[str], bool]
    """Whether what the dictionary has as a person's name has the form of one."""
    latin_noun_endings: tuple[str, ...] = ()
    """Endings of learned nouns among foreign words."""

    def warm(self) -> None:
        """Read the dictionary."""
        self.dictionary()

    def rarity(self, key: str) -> float:
        """Look the term up; a Latin one is judged by its form."""
        if not is_han(key[0]):
            return spelled_rarity(key, self.latin_noun_endings)
        rarity = min(_RARE_BITS, -self.dictionary().log_probability(key)) / _RARE_BITS
        return rarity * (0.5 if len(key) < 2 else 1.0)

    def spans(self, sentences: Sequence[str]) -> list[list[TermSpan]]:
        """Cut each sentence, then widen what recurs beside the same character."""
        found = [self._sentence_spans(sentence) for sentence in sentences]
        for _ in range(_LONGEST_GROWTH):
            found = self._join_recurring(sentences, found)
        return found

    def _sentence_spans(self, text: str) -> list[TermSpan]:
        spans = self.numbers.spans(text)
        taken = {i for start, end, _ in spans for i in range(start, end)}
        for match in _LATIN.finditer(text):
            if not taken & set(range(*match.span())) and len(match.group()) >= 2:
                spans.append((*match.span(), Category.ACRONYM))
                taken.update(range(*match.span()))
        for run in self._runs(text):
            spans.extend(self._run_span(run, text))
        return sorted(spans)

    def _runs(self, text: str) -> Iterable[list[Word]]:
        run: list[Word] = []
        before = ""
        for word in self.dictionary().cut(text):
            joins = self._is_nounlike(word) and not (word.tag == "vn" and before in self.auxiliaries)
            before = word.text
            if not joins or (run and run[-1].end != word.start):
                yield run
                run = []
            if joins:
                run.append(word)
        yield run

    def _is_nounlike(self, word: Word) -> bool:
        if word.text in self.verbs or word.text in self.auxiliaries:
            return False
        if word.tag in _PERSON_TAGS and word.text[0] in _NO_NAME_BEGINS:
            return False
        unknown = len(word.text) >= 3 and word.tag in {"x", "t"}
        return word.tag[0] == "n" or word.tag in _NOUN_TAGS or unknown

    def _run_span(self, run: list[Word], text: str) -> list[TermSpan]:
        """Return the span of a run of nouns, as a list; a run that is too long, too short or too general has none."""
        while run and self._is_fringe(run[0]):
            run = run[1:]
        while run and (run[-1].tag == "b" or self._is_fringe(run[-1])):
            run = run[:-1]
        if not run:
            return []
        start, end = run[0].start, run[-1].end
        term, general = text[start:end], self.general
        if not 2 <= len(term) <= _LONGEST_TERM or term in general or all(word.text in general for word in run):
            return []
        category = self._category(run[0]) if len(run) == 1 else Category.CONCEPT
        return [(start, end, category)] if category else []

    def _is_fringe(self, word: Word) -> bool:
        return len(word.text) == 1 and word.text in self.fringe

    def _category(self, word: Word) -> Category | None:
        """Return what a single word is; None for a saying."""
        person = word.tag in _PERSON_TAGS and 2 <= len(word.text) <= _LONGEST_PHRASE
        if person and self.is_person(word.text) and word.text[-1] not in self.thing_endings:
            return Category.PERSON
        if word.tag == "i" or (word.tag == "l" and len(word.text) > _LONGEST_PHRASE):
            return None
        return _PLACE_TAGS.get(word.tag, Category.CONCEPT)

    def _join_recurring(self, sentences: Sequence[str], found: list[list[TermSpan]]) -> list[list[TermSpan]]:
        """Widen terms by neighbors that nearly always stand beside them: `类囊` before `体`, `光` before `反应`."""
        grown = self._grown(sentences, found)
        return [_widened(sentence, spans, grown) for sentence, spans in zip(sentences, found, strict=True)]

    def _grown(self, sentences: Sequence[str], found: list[list[TermSpan]]) -> dict[str, str]:
        """Return terms and the wholes that they are parts of: with a neighbor that stands there in 3 of 4 places."""
        uses: Counter[str] = Counter()
        wider: Counter[tuple[str, str]] = Counter()
        for sentence, spans in zip(sentences, found, strict=True):
            for start, end, category in spans:
                if category is not Category.CONCEPT:
                    continue
                term = sentence[start:end]
                uses[term] += 1
                if start and is_han(sentence[start - 1]):
                    wider[term, sentence[start - 1 : end]] += 1
                if end < len(sentence) and is_han(sentence[end]):
                    wider[term, sentence[start : end + 1]] += 1
        return {
            term: whole
            for (term, whole), count in wider.items()
            if count >= max(2, 0.75 * uses[term]) and (whole[0] if whole[1:] == term else whole[-1]) not in self.fringe
        }


def _widened(sentence: str, spans: list[TermSpan], grown: dict[str, str]) -> list[TermSpan]:
    """Return the terms of a sentence, grown ones as wholes; one that another now reaches into is left out."""
    row: list[TermSpan] = []
    for start, end, category in spans:
        whole = grown.get(sentence[start:end]) if category is Category.CONCEPT else None
        if whole:
            first = start - whole.index(sentence[start:end])
            if first >= 0 and sentence[first : first + len(whole)] == whole:
                start, end = first, first + len(whole)
        if not row or row[-1][1] <= start:
            row.append((start, end, category))
    return row
