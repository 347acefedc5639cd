"""Telling a question from a text that only repeats what the prompts say about questions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from services.exercises.domain.prompts.prompt import LANGUAGES
from services.exercises.domain.prompts.question import FALSE_STATEMENT, QUESTIONS
from services.language.detection import CHINESE, ENGLISH
from services.language.folding import alike, bigrams, fold

_NEAR = 0.6
"""Jaccard similarity of folded character pairs from which a text repeats an instruction."""
_TELLING = {CHINESE: 6, ENGLISH: 15}
"""Folded characters from which a piece of an instruction cannot stand in a question by chance."""
_SHORTEST_CLAUSE = 4
_SENTENCE = re.compile(r"[^。.]+[。.]")
_CLAUSE_END = re.compile(r"[，。；：,.;:]\s*")
_FIELD_NAME = re.compile(r"^\w+(?:：|: )", re.MULTILINE)
_PLACEHOLDER = re.compile(
    r"题干|问句|陈述句|(?:不含|不出现)答案|^(?:唯一)?(?:正确|错误|参考)的?(?:答案|选项)\s*[A-D一二三四五1-5]?[。.]?$"
    r"|^[一两二三四几][到个].{0,12}(?:答案|选项)[。.]?$|^(?:干扰项|选项|答案|要点|理由|题目|解析)\s*[A-D一二三四五1-5]?[。.]?$"
    r"|^(?:(?:a|an|the|one|two|three|only|single|but) )*(?:(?:right|correct|wrong|incorrect|plausible|model) )+"
    r"(?:but plausible )?(?:answer|option)s?(?: [a-d1-5])?(?:, .*)?\.?$"
    r"|^(?:option|answer|distractor|choice)s?(?: [a-d1-5])?\.?$"
    r"|\bwrong but plausible\b|^(?:a|the|one|full) (?:full )?(?:question|statement) (?:that|which|with)\b"
    r"|\b(?:single-choice|true/false|fill-in-the-blank|short-answer) question\b|^(?:string|null|n/a|\.{3}|…)$",
    re.IGNORECASE,
)
"""What small models write for a text that they should have made up."""


@dataclass(frozen=True, slots=True)
class _Instructions:
    """What the prompts of a language say about questions, folded."""

    whole: tuple[str, ...]
    clauses: frozenset[str]
    pairs: tuple[frozenset[str], ...]
    """Each instruction in character pairs."""
    example_stems: tuple[frozenset[str], ...]
    """The stems of the worked examples in character pairs."""

    @classmethod
    def read(cls, language: str) -> Self:
        """Collect them from the texts of every kind of question."""
        said: dict[str, None] = {}
        stems: list[str] = []
        for prompt in (*QUESTIONS.values(), FALSE_STATEMENT):
            texts = prompt.texts[language]
            system = texts.messages[0].content.partition("\n\n")[0]
            said |= dict.fromkeys(_FIELD_NAME.sub("", texts.parts["fields"]).split("\n"))
            said |= dict.fromkeys(_SENTENCE.findall(texts.parts["ask"]) + _SENTENCE.findall(system))
            example = json.loads(texts.parts["example"])
            stems += [example["stem"]] if "stem" in example else []
        clauses = {fold(clause) for text in said for clause in _CLAUSE_END.split(text)}
        whole = tuple(map(fold, said))
        return cls(
            whole=whole,
            clauses=frozenset(clause for clause in clauses if len(clause) >= _SHORTEST_CLAUSE),
            pairs=tuple(map(bigrams, whole)),
            example_stems=tuple(bigrams(fold(stem)) for stem in stems),
        )


_INSTRUCTIONS = MappingProxyType({language: _Instructions.read(language) for language in LANGUAGES})


def echoes(text: str, language: str) -> bool:
    """Return whether a text of a question repeats, whole or nearly, what the prompts say about questions."""
    if _PLACEHOLDER.search(text.strip()):
        return True
    plain = fold(text)
    if not plain:
        return False
    said = _INSTRUCTIONS[language]
    if plain in said.clauses:
        return True
    if len(plain) >= _TELLING[language] and any(plain in instruction for instruction in said.whole):
        return True
    if any(len(clause) >= _TELLING[language] and clause in plain for clause in said.clauses):
        return True
    pairs = bigrams(plain)
    return any(alike(pairs, instruction, _NEAR) for instruction in said.pairs)


def echoes_example(stem: str, language: str) -> bool:
    """Return whether a stem is that of a worked example, or nearly."""
    plain = bigrams(fold(stem))
    return any(alike(plain, example, _NEAR) for example in _INSTRUCTIONS[language].example_stems)
