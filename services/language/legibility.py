"""Whether a text whose letters may be wrong reads as a language: its encoding was guessed, or its font has no map."""

from __future__ import annotations

import re
from collections import Counter

from services.language.en import ENGLISH
from services.language.scripts import HAN, HAN_CHARACTER, LATIN, plain_words
from services.language.zh import COMMON_CHARACTERS, dictionary, simplified

LEAST_LIKELY = -8.0
"""Least mean log-probability of a character in words of Chinese. Prose has -4.4 to -6.5, lists of words -4.5 to -8.7.

Chinese in the other encoding has -9.7 and less, Korean, Japanese and Russian read as Chinese -8.4 and less.
"""
_UNREADABLE = -14.0
"""What a character counts that Chinese texts do not hold."""
_ACCOMPANYING = frozenset("，。、；：？！“”‘’（）《》〈〉—…·　「」『』【】％℃°×÷±①②③④⑤⑥⑦⑧⑨⑩→")

_TYPOGRAPHIC = frozenset("‚„…†‡ˆ‰‹‘’“”•–—™›\xa0¢£¤¥¦§©«¬­®°±¶·»¼½¾¹²³´¨¸×÷€")
"""Signs of cp1252 that stand between English words."""
_LETTERS = re.compile(f"[{LATIN}]+")
_DAMAGED_WORD = re.compile(r"[^\W\d_a-zA-Z]{2}|[a-z][À-ÖØ-Þ]|[a-zA-Z][¢£¤¥¦§©«¬®±¶»¼½¾÷€†‡‰][a-zA-Z]")
"""What a word of an English text does not hold: two such letters in a row, a capital or a sign in the middle."""
_MOST_ACCENTED = 0.02
_LEAST_ENGLISH = 0.13
"""Least share of words of grammar in an English text."""


_LOOKED_AT = 4000
"""Characters of a text by which its letters are judged."""
_LEAST_VISIBLE = 40
_CONTROL = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f]")
"""What no text shows; U+0002 is pdfium's hyphen at a line's end."""
_UNKNOWN = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_GLYPH_NUMBER = re.compile(r"\(cid:\d{1,5}\)")
"""How programs write a glyph of which they know no letter."""
_ACCENTED = re.compile("[À-ÖØ-öø-ÿ]")
_COMMONEST = "etaoin"
_PRINTABLE = range(0x21, 0x7F)
_MOVED = frozenset(map(chr, _PRINTABLE))
_FOLDED_TO_LATIN = re.compile("[À-ɏ\u1e96-\u1e9e\u212a\u212b\ufb00-\ufb06]")
_MOST_FOLDED = 3
"""Letters that one of those becomes without its case."""
_MOST_CONTROL, _SOME_CONTROL = 0.3, 0.05
_MOST_UNKNOWN = 0.5
_MOST_GLYPH_NUMBERS = 0.1
_LEAST_WORD, _LEAST_WORDS, _LEAST_GRAMMAR_WORDS = 3, 30, 5
"""Letters of a word, and how many words and different words of grammar make a text English beyond doubt."""
_LEAST_LETTERS = 200
"""Letters from which on it is judged whether they are those of a language."""

_LEAST_HAN = 100
"""Ideographs from which on it is judged whether they are those of a text."""
_HAN_LOOKED_AT = 400
_CLAUSE = re.compile(f"[{HAN}]{{5,}}")
"""What names, cells and signs do not come to."""
_MOST_DISTINCT = 0.75
"""Share of different ideographs in a text, which says some again and again; lists have more."""
_LEAST_COMMON_HAN = 0.3
"""A text of as many common characters is not looked at more closely."""
_LEAST_LIKELY_HAN = -9.8
"""Least mean log-probability of ideographs that stand in words.

Texts have -4.3 to -8.5, classical ones too. With a map that is wrong they have -10.2 to -15.
"""
_OTHER_ASIAN = re.compile("[\u3040-\u30ff\u3100-\u312f\u1100-\u11ff\uac00-\ud7af]")
"""Kana, Bopomofo and Hangul: with them, a text is no Chinese one."""
_MOST_OTHER_ASIAN = 0.05
_PRIVATE = re.compile("[\ue000-\uefff\uf100-\uf8ff\U000f0000-\U0010ffff]")
"""Private characters but those of fonts of symbols, which stand in formulas and before items."""
_MOST_PRIVATE = 0.15

_NOT_PLAIN = bytes((*range(2), *range(3, 9), *range(0x0E, 0x20), 0x7F, *range(0xC3, 0xCA), 0xE1, *range(0xE3, 0xF5)))
"""Bytes in UTF-8 of controls, and the first of Latin letters beyond A to Z, of ideographs and private characters."""
_NOT_PLAIN_IN_TWO = re.compile(b"\xc2[\x80-\x9f]|\xe2\x84[\xaa\xab]")
"""The other controls, and the signs for kelvin and ångström, which become letters without their case."""


def has_wrong_letters(text: str) -> bool:
    """Return whether the letters of a text are surely not those that it shows, as with a font without a map.

    Its characters are controls, private ones or numbers of glyphs; or they become English when all of them are moved
    by as much; or half of its letters have accents, as Chinese has in a Western encoding; or its ideographs are rare
    ones that stand together in no words. What is not sure counts as right.
    """
    text = text[:_LOOKED_AT]
    if _is_english_in_plain_letters(text):
        return False
    visible = len("".join(text.split()))
    if visible < _LEAST_VISIBLE:
        return False
    control = len(_CONTROL.findall(text)) / visible
    unknown = 0 if text.isascii() else len(_UNKNOWN.findall(text))
    if control >= _MOST_CONTROL or unknown >= _MOST_UNKNOWN * visible:
        return True
    if "(cid:" in text and sum(map(len, _GLYPH_NUMBER.findall(text))) >= _MOST_GLYPH_NUMBERS * visible:
        return True
    if not text.isascii() and _has_wrong_ideographs(text):
        return True
    if _grammar_share(text) >= _LEAST_ENGLISH / 2:
        return False
    letters = sum(map(str.isalpha, text))
    if control >= _SOME_CONTROL or (letters >= _LEAST_LETTERS and 2 * len(_ACCENTED.findall(text)) >= letters):
        return True
    return letters >= _LEAST_LETTERS and _becomes_english(text)


def _is_english_in_plain_letters(text: str) -> bool:
    """Return whether a text, of nothing that is looked at more closely, has many words of English grammar.

    Most pages are such, and this takes a fifth of the time of what it spares them.
    """
    plain = text.replace("\ufffe", " ").encode("utf-8", "replace")
    if len(plain.translate(None, _NOT_PLAIN)) < len(plain) or b"(cid:" in plain:
        return False
    if (b"\xe2\x84" in plain or b"\xc2" in plain) and _NOT_PLAIN_IN_TWO.search(plain):
        return False
    words = plain_words(text) or ()
    return 2 * sum(map(ENGLISH.words.function.__contains__, words)) >= _LEAST_ENGLISH * len(words) > 0


def _has_wrong_ideographs(text: str) -> bool:
    """Return whether the ideographs of a text are surely not those that it shows, as with a font with a wrong map.

    Then they recur as those of a text do, and yet are as rare and as seldom in words as if drawn by lot. Lists of names
    are not looked at.
    """
    han = len(HAN_CHARACTER.findall(text))
    private = len(_PRIVATE.findall(text))
    if han + private < _LEAST_HAN:
        return False
    if private >= _MOST_PRIVATE * (han + private):
        return True
    sample = " ".join(_CLAUSE.findall(text))[:_HAN_LOOKED_AT]
    count = len(sample) - sample.count(" ")
    if count < _LEAST_HAN or len(set(sample)) > _MOST_DISTINCT * count:
        return False
    if len(_OTHER_ASIAN.findall(text)) >= _MOST_OTHER_ASIAN * han:
        return False
    # Traditional texts have enough of the common characters that are the same in both scripts.
    if sum(map(COMMON_CHARACTERS.__contains__, sample)) >= _LEAST_COMMON_HAN * count:
        return False
    return likelihood(sample) < _LEAST_LIKELY_HAN


def _becomes_english(text: str) -> bool:
    """Return whether a text is English whose characters were all moved by the same number of places."""
    letters = Counter(filter(_MOVED.__contains__, text))
    stay = len(_FOLDED_TO_LATIN.findall(text))
    # Most texts that are not English have too few of both.
    if not letters or letters.total() + _MOST_FOLDED * stay < _LEAST_WORD * _LEAST_WORDS:
        return False
    commonest = ord(letters.most_common(1)[0][0])
    moves = {commonest - ord(letter) for letter in _COMMONEST} - {0}
    tables = ({code: code - move for code in _PRINTABLE if code - move > 0} for move in moves)
    return any(_is_plainly_english(text.translate(table)) for table in tables)


def _is_plainly_english(text: str) -> bool:
    """Return whether a text has many words, and more words of grammar among them than by accident."""
    words = [word for word in _words(text) if len(word) >= _LEAST_WORD]
    if len(words) < _LEAST_WORDS:
        return False
    grammar = [word for word in words if word in ENGLISH.words.function]
    return len(set(grammar)) >= _LEAST_GRAMMAR_WORDS and len(grammar) >= _LEAST_ENGLISH * len(words)


def _words(text: str) -> list[str]:
    """Return the runs of Latin letters of a text, without their case."""
    folded = text.casefold()
    words = plain_words(folded)
    return _LETTERS.findall(folded) if words is None else words


def _grammar_share(text: str) -> float:
    """Return the share of words of English grammar among a text's words."""
    words = _words(text)
    return sum(map(ENGLISH.words.function.__contains__, words)) / len(words) if words else 0.0


def likelihood(text: str) -> float:
    """Return the mean log-probability of the characters that are not ASCII, as those of words of Chinese."""
    text = simplified(text)
    words = dictionary().cut(text)
    count = sum(len(word.text) for word in words)
    total = sum(word.log_probability for word in words)
    strange = (
        sum(not char.isascii() and char not in _ACCOMPANYING and not "！" <= char <= "～" for char in text) - count
    )
    return (total + strange * _UNREADABLE) / (count + strange) if count + strange > 0 else _UNREADABLE


def reads_as_spelled(text: str) -> bool:
    """Return whether a text is English, with signs and single accented letters where English texts have them.

    Those signs are the same in all of Windows' encodings of alphabets.
    """
    words = _LETTERS.findall(text.casefold())
    accented = sum(char.isalpha() and not char.isascii() for char in text)
    others = [char for char in text if not char.isascii() and not char.isalpha()]
    return (
        _DAMAGED_WORD.search(text) is None
        and _TYPOGRAPHIC.issuperset(others)
        and accented <= _MOST_ACCENTED * sum(map(len, words))
        and sum(word in ENGLISH.words.function for word in words) >= _LEAST_ENGLISH * len(words)
    )
