"""Sentences as questions use them: where they stand, what one says by itself, and whether it speaks of its subject."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.exercises.values.question import Passage
from services.language.detection import LANGUAGES, Languages
from services.language.folding import flatten
from services.language.language import Language
from services.language.sentences import list_mark_end, split_sentences
from services.language.terms import content_words
from services.language.tokens import estimate_tokens


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: the slice [start, end) of its text, and the same on one line."""

    start: int
    end: int
    text: str


def split(text: str, *, wrapped: bool = True, languages: Languages = LANGUAGES) -> list[Sentence]:
    """Return a text's sentences in order, without list marks; `wrapped` lines may have been broken to a width."""
    found: list[Sentence] = []
    for start, end in split_sentences(text, wrapped=wrapped, languages=languages):
        first = list_mark_end(text, start, end, languages)
        if first < end:
            found.append(Sentence(first, end, flatten(text[first:end])))
    return found


def sentences_of(passage: Passage, languages: Languages = LANGUAGES) -> Sequence[Sentence]:
    """Return a passage's sentences. A document's broken lines were joined when it was read."""
    return _sentences(passage.text, wrapped=not passage.document_id, languages=languages)


@lru_cache(maxsize=16)
def _sentences(text: str, *, wrapped: bool, languages: Languages) -> tuple[Sentence, ...]:
    """Return a text's sentences; each question of a run asks for those of the same few passages."""
    return tuple(split(text, wrapped=wrapped, languages=languages))


def surroundings(passage: Passage, focus: str, tokens: int) -> str:
    """Return the slice of whole sentences around the one that is `focus` on one line, from the first if none is.

    On either side stand about `tokens` of them, or one of up to twice as many.
    """
    found = sentences_of(passage)
    at = next((number for number, sentence in enumerate(found) if sentence.text == focus), 0)
    first, last = at - _fitting(found[:at][::-1], tokens), at + _fitting(found[at + 1 :], tokens)
    return passage.text[found[first].start : found[last].end] if found else passage.text


# Questions about one passage have most of their surroundings in common.
_tokens = lru_cache(maxsize=256)(estimate_tokens)


def _fitting(neighbors: Sequence[Sentence], tokens: int) -> int:
    """Return how many of some sentences, the nearest first, fit into so many tokens."""
    left = float(tokens)
    for number, sentence in enumerate(neighbors):
        left -= _tokens(sentence.text)
        if left < (0 if number else -tokens):
            return number
    return len(neighbors)


def clip(text: str, most: int) -> str:
    """Return the first sentences that fit into `most` characters, or the beginning of the first and an ellipsis."""
    if len(text) <= most:
        return text
    end = max((sentence.end for sentence in split(text) if sentence.end <= most), default=0)
    if end:
        return text[:end]
    head = text[: most - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head) + "…"


_STATEMENT_ENDS = frozenset('。.！!）)”"；;')
_NO_PROSE = re.compile(
    r"https?://|www\.|[=<>|\\{}?？]|\w_\d|\[\w+ needed|:$|：$|^[.,;:、。，；：]"
    r"|[(（]\s*[,，;；:：、)）]|[,，;；:：、]\s*[)）]"
    r"|\(Eds?\.\)|\bpp?\.\s?\d|\bdoi:|\bISBN\b|\d\(\d+\),|\bVol\. \d+[,)]|\bRetrieved from\b|\[[JMDNC]\]\."
    r"|, (?-i:[A-Z])\.(?: ?(?-i:[A-Z])\.)*,? (?:&|\([12]\d{3})",
    re.IGNORECASE,
)
"""Addresses, formulas, table rows, questions, cited works, what only introduces a list, and what is cut or emptied."""
_INITIAL_AT_END = re.compile(r"(?<![A-Za-z.])[A-Z]\.$")
"""Behind ideographs: the sentence goes on with a name, and that of a vitamin would have no point behind it."""
_PAIRS = (("(", ")"), ("（", "）"), ("“", "”"), ("《", "》"), ("[", "]"), ("「", "」"))


def stands_alone(text: str, language: Language) -> bool:
    """Return whether a sentence can be understood, and asked about, without its neighbors."""
    rules = language.reading
    if not rules.shortest <= language.length(text) <= rules.longest or not is_balanced(text):
        return False
    if text[-1] not in _STATEMENT_ENDS and text[-1] not in language.sentences.stops:
        return False
    # Chinese material points at a `Figure 3` as well.
    if _NO_PROSE.search(text) or (not language.spaced and _INITIAL_AT_END.search(text)):
        return False
    if any(known.reading.points_elsewhere.search(text) for known in {*LANGUAGES, language}):
        return False
    if rules.opens_badly.search(text) or _dangles(text, language):
        return False
    return text[0].isupper() or not rules.capital


def _dangles(text: str, language: Language) -> bool:
    """Return whether a word points at a thing that the sentence has not named before: `these devices`."""
    for found in language.reading.pointer.finditer(text):
        named = content_words(text[: found.start()]) if language.spaced else text[: found.start()]
        thing = content_words(found["thing"] or "") if language.spaced else [found["thing"] or ""]
        if not any(thing) or any(word not in named for word in thing):
            return True
    return False


def is_balanced(text: str) -> bool:
    """Return whether every bracket and quotation mark of a text has its other."""
    return all(text.count(a) == text.count(b) for a, b in _PAIRS) and text.count('"') % 2 == 0


def refers_to_material(text: str, language: Language, material: str) -> bool:
    """Return whether a text speaks of the material, of a part or of its author, which a learner does not see.

    What may be any text or author is the material's own unless the material speaks of one.
    """
    reading = language.reading
    if reading.passage_reference.search(text):
        return True
    said = material.casefold()
    return any(
        found["thing"].casefold() not in said for things in reading.thing_references for found in things.finditer(text)
    )


def is_about_the_question(explanation: str, language: Language, material: str) -> bool:
    """Return whether an explanation, in words that the material has not, speaks of the material or of the question."""
    said = material.casefold()
    # A model may speak of its task in another language than the question's.
    of_the_task = [known.reading.question_reference for known in LANGUAGES]
    return any(
        found[0].casefold() not in said
        for pattern in (language.reading.passage_reference, *language.reading.thing_references, *of_the_task)
        for found in pattern.finditer(explanation)
    )
