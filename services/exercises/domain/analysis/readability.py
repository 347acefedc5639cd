"""How demanding a text is.

English: the Flesch-Kincaid grade, `0.39 words/sentence + 11.8 syllables/word - 15.59` (Kincaid et al. 1975, Naval
Technical Training Command report 8-75). Below grade 8 is beginner, above 12 advanced.

Chinese: average sentence length in words plus difficult words per hundred words, the difficulty coefficient of teaching
Chinese as a foreign language (20 to 30 intermediate, above that advanced); a word counts as difficult when it is rarer
than one in 50,000 in jieba's frequencies, where the original asks a graded word list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from services.exercises.values.analysis import Level
from services.language.detection import CHINESE
from services.language.segmentation import Dictionary

_RARE = math.log(1 / 50_000)


def level_of(sentences: Sequence[str], language: str, dictionary: Dictionary) -> Level:
    """The level of a text given as its sentences; BEGINNER for an empty one."""
    if not sentences:
        return Level.BEGINNER
    if language == CHINESE:
        score, easy, hard = chinese_difficulty(sentences, dictionary), 20.0, 30.0
    else:
        score, easy, hard = flesch_kincaid(sentences), 8.0, 12.0
    return Level.BEGINNER if score < easy else Level.INTERMEDIATE if score <= hard else Level.ADVANCED


def flesch_kincaid(sentences: Sequence[str]) -> float:
    """The Flesch-Kincaid grade of English sentences."""
    words = re.findall(r"[A-Za-z]+(?:['’-][A-Za-z]+)*", " ".join(sentences))
    if not words:
        return 0.0
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    """Groups of vowels, without a silent final e; at least one."""
    groups = len(re.findall(r"[aeiouy]+", word.casefold()))
    silent = word.casefold().endswith("e") and not word.casefold().endswith(("le", "ee"))
    return max(1, groups - silent)


def chinese_difficulty(sentences: Sequence[str], dictionary: Dictionary) -> float:
    """Average sentence length in words plus difficult words per hundred words."""
    words = [word for sentence in sentences for word in dictionary.cut(sentence)]
    if not words:
        return 0.0
    difficult = sum(word.log_probability < _RARE and word.tag != "x" for word in words)
    return len(words) / len(sentences) + 100 * difficult / len(words)
