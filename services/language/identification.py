"""Which language a document is in."""

from __future__ import annotations

import re
from itertools import islice

from services.language.scripts import HAN, mostly_han

_HAN = re.compile(f"[{HAN}]")
_KANA = re.compile("[\u3041-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_LATIN_WORD = re.compile("[A-Za-zÀ-ɏ]+")
_ENGLISH_FUNCTION_WORDS = re.compile(
    r"(?i:the|of|and|to|in|is|are|an?|that|it|for|on|with|as|was|be|by|from|this|which|or|at|not|ha(?:s|ve)|can)"
)
_LANGUAGE_SAMPLE_CHARS = 50_000


def detect_language(text: str) -> str:
    """`zh`, `ja`, `ko`, `en` or `und`, judged by script and, for Latin letters, by English function words."""
    sample = text[:_LANGUAGE_SAMPLE_CHARS]
    han = len(_HAN.findall(sample))
    kana = len(_KANA.findall(sample))
    hangul = len(_HANGUL.findall(sample))
    words = [match.group() for match in islice(_LATIN_WORD.finditer(sample), 10_000)]
    if kana and kana * 10 >= han + kana:
        return "ja"
    if hangul > max(han, len(words)):
        return "ko"
    if mostly_han(sample):
        return "zh"
    if words:
        english = sum(_ENGLISH_FUNCTION_WORDS.fullmatch(word) is not None for word in words)
        if english >= len(words) * 0.1:
            return "en"
        if sum(len(word) for word in words if word.isascii()) == sum(map(len, words)) and len(words) < 30:
            return "en"  # too short for function words: plain ASCII is the best hint there is
    return "und"
