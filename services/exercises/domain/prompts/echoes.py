"""Telling a question from a text that only repeats what the prompts say about questions."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import NamedTuple

from services.exercises.domain.prompts.tasks import FALSE_STATEMENT, QUESTIONS
from services.language.detection import LANGUAGES
from services.language.folding import alike, bigrams, fold
from services.language.language import Language

_NEAR = 0.6
"""Jaccard similarity of folded character pairs from which a text repeats an instruction."""
_SHORTEST_CLAUSE = 4
_SENTENCE = re.compile(r"[^。.]+[。.]")
_CLAUSE_END = re.compile(r"[，。；：,.;:]\s*")
_FIELD_NAME = re.compile(r"^\w+(?:：|: )", re.MULTILINE)
_QUOTE = re.compile(r"^.*?quote(?:：|: )")
_PLACEHOLDER = re.compile(r"^\W?(?:(?i:string|null|undefined|nan|n/a)|NA|na|\.{3,}|…+|[?？]{2,}|_+)[^\w+⁺^-]?$")
"""What models of any language write for a text that they should have made up; Na is sodium, and Na+ its ion."""


class _Instructions(NamedTuple):
    """What the prompts of a language say about questions, folded."""

    whole: tuple[str, ...]
    clauses: frozenset[str]
    pairs: tuple[frozenset[str], ...]
    """Each instruction in character pairs."""
    example_stems: tuple[frozenset[str], ...]
    """The stems of the worked examples in character pairs."""

    def near(self, size: int) -> list[frozenset[str]]:
        """Return the instructions of so nearly this many pairs that a text of as many may be one."""
        return [pairs for pairs in self.pairs if _NEAR * size <= len(pairs) <= size / _NEAR]


@cache
def _instructions(language: Language) -> _Instructions:
    """Collect them from the texts of every kind of question; none where no model is asked in the language."""
    said: dict[str, None] = {}
    stems: list[str] = []
    asked = [prompt.texts.get(language.code) for prompt in (*QUESTIONS.values(), FALSE_STATEMENT)]
    for texts in filter(None, asked):
        system = texts.messages[0].content.partition("\n\n")[0]
        said |= dict.fromkeys(_FIELD_NAME.sub("", texts.parts["fields"]).split("\n"))
        said[_QUOTE.sub("", texts.parts["quoting"])] = None
        said |= dict.fromkeys(_SENTENCE.findall(texts.parts["ask"]) + _SENTENCE.findall(system))
        stems.append(json.loads(texts.parts["example"]).get("stem", ""))
    whole = tuple(map(fold, said))
    clauses = {fold(clause) for text in said for clause in _CLAUSE_END.split(text)}
    return _Instructions(
        whole=whole,
        clauses=frozenset(clause for clause in clauses if len(clause) >= _SHORTEST_CLAUSE),
        pairs=tuple(map(bigrams, whole)),
        example_stems=tuple(bigrams(fold(stem)) for stem in stems if stem),
    )


@lru_cache(maxsize=256)
def echoes(text: str, language: Language) -> bool:
    """Return whether a text of a question repeats, whole or nearly, what the prompts say about questions."""
    stripped, plain = text.strip(), fold(text)
    if _PLACEHOLDER.search(stripped) or any(known.writing.placeholder.search(stripped) for known in LANGUAGES):
        return True
    said, telling, pairs = _instructions(language), language.writing.telling_length, bigrams(plain)
    return bool(plain) and (
        plain in said.clauses
        or (len(plain) >= telling and any(plain in instruction for instruction in said.whole))
        or any(len(clause) >= telling and clause in plain for clause in said.clauses)
        or any(alike(pairs, instruction, _NEAR) for instruction in said.near(len(pairs)))
    )


def echoes_example(stem: str, language: Language) -> bool:
    """Return whether a stem is that of a worked example, or nearly."""
    plain = bigrams(fold(stem))
    return any(alike(plain, example, _NEAR) for example in _instructions(language).example_stems)
