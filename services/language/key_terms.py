"""Key terms: the words that a material is about, where they stand, and what they could be taken for.

A term's category says which other terms could stand in its place: a name for a name, a plural for a plural, a number
for a number. Only whole noun phrases become terms, so that a gap never cuts one.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.language.detection import CHINESE
from services.language.scripts import is_han
from services.language.segmentation import Dictionary, Word
from services.language.words import (
    CHINESE_GENERAL,
    CHINESE_VERBS,
    COMMON_WORDS,
    FUNCTION_WORDS,
    NOUN_SUFFIXES,
    VERBS,
)


class Category(StrEnum):
    """What could stand in a term's place."""

    CONCEPT = "concept"
    PLURAL = "plural"
    NAME = "name"
    PERSON = "person"
    PLACE = "place"
    ACRONYM = "acronym"
    NUMBER = "number"
    YEAR = "year"


NUMERIC = frozenset((Category.NUMBER, Category.YEAR))


@dataclass(frozen=True, slots=True)
class Term:
    """A key term. `score` is how much the material is about it; higher is more."""

    text: str
    category: Category
    score: float


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A term where it stands in a sentence: the slice [start, end)."""

    start: int
    end: int
    term: Term


@dataclass(frozen=True, slots=True)
class TermIndex:
    """Terms of a material, best first, and each sentence's occurrences in order."""

    terms: tuple[Term, ...]
    occurrences: tuple[tuple[Occurrence, ...], ...]


def index_terms(sentences: Sequence[str], language: str, dictionary: Dictionary) -> TermIndex:
    """Finds the key terms of a material given as its sentences."""
    if language == CHINESE:
        found = [_chinese_spans(sentence, dictionary) for sentence in sentences]
        for _ in range(_LONGEST_GROWTH):
            found = _join_recurring(sentences, found)
    else:
        found = _english_spans(sentences)
    counts: Counter[str] = Counter()
    categories: defaultdict[str, Counter[Category]] = defaultdict(Counter)
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, spans in zip(sentences, found, strict=True):
        for start, end, category in spans:
            text = sentence[start:end]
            key = text.casefold()
            counts[key] += 1
            categories[key][category] += 1
            shown[key][text] += 1
    terms = {
        key: Term(
            key if shown[key][key] else shown[key].most_common(1)[0][0],
            categories[key].most_common(1)[0][0],
            _score(key, count, categories[key].most_common(1)[0][0], language, dictionary),
        )
        for key, count in counts.items()
    }
    occurrences = tuple(
        tuple(Occurrence(start, end, terms[sentence[start:end].casefold()]) for start, end, _ in spans)
        for sentence, spans in zip(sentences, found, strict=True)
    )
    return TermIndex(tuple(sorted(terms.values(), key=lambda term: (-term.score, term.text))), occurrences)


_LONGEST_GROWTH = 3
"""Characters by which a term may be widened."""
_RARE_BITS = 14.0


def _score(key: str, count: int, category: Category, language: str, dictionary: Dictionary) -> float:
    """Frequency in the material, damped, times how rare the term is elsewhere."""
    if category in NUMERIC:
        return 1.2 if category is Category.YEAR else 1.0
    if language == CHINESE and is_han(key[0]):
        rarity = min(_RARE_BITS, -dictionary.log_probability(key)) / _RARE_BITS
        rarity *= 0.5 if len(key) < 2 else 1.0
    else:
        words = key.split()
        rarity = min(1.0, 0.55 + 0.15 * len(words) + (0.2 if key.endswith(NOUN_SUFFIXES) else 0.0))
    return (1.0 + math.log(count)) * rarity * (1.15 if category is Category.NAME else 1.0)


_Span = tuple[int, int, Category]

_NUMBER = re.compile(
    r"(?<![\w.,/-])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w.,]*\d)|(?<![\w.,/–-])\d+(?:\.\d+)?(?![\d:/–-]|[.,]\d|[A-Za-z])"
)
_YEAR_ZH = re.compile(r"(?:1[0-9]|20)\d\d(?=\s?年)")
_YEAR_EN = re.compile(r"(?:1[0-9]|20)\d\d")
_BEFORE_YEAR = re.compile(
    r"(?:\b(?:in|since|by|until|from|after|before|year|around|between|during)"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{1,2},)?)$",
    re.IGNORECASE,
)
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9+#]*(?:[-/.][A-Za-z0-9+]+)*(?: [A-Z][A-Za-z0-9]+)*")

_NOUN_TAGS = ("n", "vn", "an", "l", "j", "g", "i")
_PERSON_TAGS = frozenset(("nr", "nrt", "nrfg"))
_THING_ENDINGS = frozenset("素体光酸物质器官膜核剂菌粒液气水油糖盐碱法学论力能量率度线面点层机电热石金木花草树区")
"""The dictionary takes many a thing for a person when its first character is a surname: 叶绿素."""


def _numbers(text: str, *, chinese: bool) -> list[_Span]:
    spans: list[_Span] = []
    for match in _NUMBER.finditer(text):
        before = text[: match.start()].rstrip()
        if re.search(
            r"(?:第|图|表|式|章|节|页|[Ff]ig(?:ure|s)?\.?|[Tt]able|[Ss]ection|[Cc]hapter|[Pp]age|[Ss]tep|[Nn]o\.?|[\[(（])$",
            before,
        ):
            continue
        year = (
            _YEAR_ZH.match(text, match.start())
            if chinese
            else _YEAR_EN.fullmatch(match.group()) and _BEFORE_YEAR.search(before)
        )
        spans.append((match.start(), match.end(), Category.YEAR if year else Category.NUMBER))
    return spans


def _chinese_spans(text: str, dictionary: Dictionary) -> list[_Span]:
    """Maximal runs of nouns, Latin terms and numbers."""
    spans = _numbers(text, chinese=True)
    taken = {i for start, end, _ in spans for i in range(start, end)}
    for match in _LATIN.finditer(text):
        if not taken & set(range(*match.span())) and len(match.group()) >= 2:
            spans.append((*match.span(), Category.ACRONYM))
            taken.update(range(*match.span()))
    run: list[Word] = []
    for word in [*dictionary.cut(text), None]:
        if word is not None and (not run or run[-1].end == word.start) and _is_nounlike(word):
            run.append(word)
            continue
        spans.extend(_run_span(run, text))
        run = [word] if word is not None and _is_nounlike(word) else []
    return sorted(spans)


def _is_nounlike(word: Word) -> bool:
    if word.text in CHINESE_VERBS:
        return False
    return (
        word.tag[0] == "n"
        or word.tag in _NOUN_TAGS
        or word.tag in {"b", "an", "vn", "k"}
        or (len(word.text) >= 3 and word.tag in {"x", "t"})
    )


def _run_span(run: list[Word], text: str) -> list[_Span]:
    """The span of a run of nouns; a run that is too long, too short or too general has none."""
    while run and len(run[0].text) == 1 and _FRINGE.match(run[0].text):
        run = run[1:]
    while run and (run[-1].tag == "b" or (len(run[-1].text) == 1 and _FRINGE.match(run[-1].text))):
        run = run[:-1]
    if not run:
        return []
    start, end = run[0].start, run[-1].end
    term = text[start:end]
    if not 2 <= len(term) <= 8 or term in CHINESE_GENERAL or all(word.text in CHINESE_GENERAL for word in run):
        return []
    if len(run) == 1:
        tag = run[0].tag
        if tag in _PERSON_TAGS and 2 <= len(term) <= 5 and term[-1] not in _THING_ENDINGS:
            return [(start, end, Category.PERSON)]
        if tag in {"ns", "nt"}:
            return [(start, end, Category.PLACE if tag == "ns" else Category.NAME)]
        if tag in {"i"} or (tag in {"l"} and len(term) > 5):
            return []
    return [(start, end, Category.CONCEPT)]


def _join_recurring(sentences: Sequence[str], found: list[list[_Span]]) -> list[list[_Span]]:
    """Widens terms by neighbours that nearly always stand beside them: `类囊` before `体`, `光` before `反应`.

    A neighbour character belongs to the term when the term stands beside it at least twice and in at least
    three of four places (a word that the dictionary does not know).
    """
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
    grown = {
        term: whole
        for (term, whole), count in wider.items()
        if count >= 2
        and count >= 0.75 * uses[term]
        and not _FRINGE.search(whole[0] if whole[1:] == term else whole[-1])
    }
    joined = []
    for sentence, spans in zip(sentences, found, strict=True):
        row: list[_Span] = []
        for start, end, category in spans:
            whole = grown.get(sentence[start:end]) if category is Category.CONCEPT else None
            if whole:
                before = whole.index(sentence[start:end])
                wide = (start - before, start - before + len(whole))
                if wide[0] >= 0 and sentence[slice(*wide)] == whole:
                    start, end = wide
            if not row or row[-1][1] <= start:
                row.append((start, end, category))
        joined.append(row)
    return joined


_FRINGE = re.compile(
    r"[的是在和与或及以为了着过将被把对从向由到于之等也都不没有就而但且若则因所其该此这那每各某可能会要应须使让"
    r"上下中内外里前后时间种个类条次层一二三四五六七八九十两多少几主最更很较只仅再又还即称叫做指含包括构成产进行发生通经利用名位只本份张把根支台架件年月日周季场届回遍全总各新旧大小高低多少]"
)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-'’/][A-Za-z0-9]+)*")
_DETERMINERS = frozenset(
    [
        "a",
        "an",
        "the",
        "its",
        "their",
        "our",
        "his",
        "her",
        "this",
        "that",
        "these",
        "those",
        "each",
        "every",
        "any",
        "some",
        "of",
        "in",
        "by",
        "into",
        "from",
        "with",
        "called",
        "as",
        "between",
    ]
)
_VERB_CUES = frozenset(["to", "can", "could", "will", "would", "may", "might", "must", "should", "they", "we"])


def _stem(word: str) -> str:
    """A word without its plural or verb ending, for looking it up: a rough cut, good enough for a list."""
    for ending, rest in (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x")):
        if word.endswith(ending):
            return word[: -len(ending)] + rest
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def is_verb(word: str) -> bool:
    """Whether an English word in lower case is a common verb in any of its forms."""
    if word in VERBS or _stem(word) in VERBS:
        return True
    for ending in ("ing", "ed", "d", "es"):
        if word.endswith(ending):
            base = word[: -len(ending)]
            if base in VERBS or base + "e" in VERBS or (len(base) > 3 and base[-1] == base[-2] and base[:-1] in VERBS):
                return True
    return False


def _english_spans(sentences: Sequence[str]) -> list[list[_Span]]:
    """Noun phrases of at most three words, names, acronyms and numbers."""
    tokens = [[(m.start(), m.end(), m.group()) for m in _WORD.finditer(sentence)] for sentence in sentences]
    noun_votes: Counter[str] = Counter()
    verb_votes: Counter[str] = Counter()
    names: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    for row in tokens:
        for i, (_, _, word) in enumerate(row):
            plain = word.casefold()
            if word == plain:
                lower[plain] += 1
            elif i:
                names[word] += 1
            before = row[i - 1][2].casefold() if i else ""
            if before in _DETERMINERS:
                noun_votes[plain] += 1
            elif before in _VERB_CUES:
                verb_votes[plain] += 1
    found = []
    for sentence, row in zip(sentences, tokens, strict=True):
        spans = _numbers(sentence, chinese=False)
        phrase: list[tuple[int, int, str]] = []
        for i, token in enumerate([*row, None]):
            if (
                token is not None
                and (not phrase or sentence[phrase[-1][1] : token[0]] == " ")
                and _may_be_in_phrase(token[2], i == 0, phrase, row[i - 1][2] if i else "", noun_votes, verb_votes)
            ):
                phrase.append(token)
                continue
            spans.extend(_phrase_span(phrase, sentence, lower, names, noun_votes))
            phrase = []
            if token is not None and _may_be_in_phrase(
                token[2], i == 0, phrase, row[i - 1][2] if i else "", noun_votes, verb_votes
            ):
                phrase = [token]
        found.append(sorted(spans))
    return found


def _may_be_in_phrase(
    word: str,
    opens: bool,
    phrase: list[tuple[int, int, str]],
    before: str,
    nouns: Counter[str],
    verbs: Counter[str],
) -> bool:
    plain = word.casefold()
    if (
        plain in FUNCTION_WORDS
        or len(word) < 2
        or plain.endswith(("ly", "'s", "’s"))
        or before.casefold() in _VERB_CUES
    ):
        return False
    if not word.islower() and not opens:
        return True
    if plain in COMMON_WORDS or _stem(plain) in COMMON_WORDS:
        return False
    after_determiner = before.casefold() in _DETERMINERS
    if is_verb(plain):
        return after_determiner and not plain.endswith(("ed", "ing", "s")) and nouns[plain] > verbs[plain]
    if phrase and plain.endswith("s") and verbs[_stem(plain)] > nouns[_stem(plain)]:
        return False
    return verbs[plain] <= nouns[plain] or plain.endswith(NOUN_SUFFIXES)


def _phrase_span(
    phrase: list[tuple[int, int, str]],
    sentence: str,
    lower: Counter[str],
    names: Counter[str],
    nouns: Counter[str],
) -> list[_Span]:
    while (
        phrase
        and phrase[-1][2].islower()
        and phrase[-1][2].endswith(("ed", "ing", "ous", "able", "ible", "ful", "al", "ic", "ive", "less"))
        and not nouns[phrase[-1][2]] > 1
    ):
        phrase = phrase[:-1]
    if not phrase:
        return []
    if len(phrase) > 3:
        phrase = phrase[-2:]
    start, end = phrase[0][0], phrase[-1][1]
    text, head = sentence[start:end], phrase[-1][2]
    if len(text) < 3 and not text.isupper():
        return []
    if len(phrase) == 1 and text.isupper():
        return [(start, end, Category.ACRONYM)]
    opens = start == 0
    # A sentence's first word is a name only when it is written as one elsewhere.
    capital = [word for begin, _, word in phrase if word[0].isupper() and (begin or names[word])]
    if len(phrase) == 1 and capital and lower[head.casefold()]:
        # Capital in a title or a company's name only.
        return []
    if capital:
        return [(start, end, Category.NAME)]
    if len(phrase) == 1 and not (
        nouns[head.casefold()] or lower[head.casefold()] > 1 or _stem(head.casefold()).endswith(NOUN_SUFFIXES) or opens
    ):
        return []
    plural = head.endswith("s") and not head.endswith(("ss", "us", "is", "ics"))
    return [(start, end, Category.PLURAL if plural else Category.CONCEPT)]
