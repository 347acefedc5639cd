"""Numbers as outlines write them: letters, Roman and Chinese numerals, circled figures and the like."""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import category, east_asian_width

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_ARABIC = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_THAI = "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"
_GANADA = "가나다라마바사아자차카타파하"
_CHOSUNG = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_AIUEO = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_COUNTING = "〇一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_MYRIADS = ("", "万", "亿")
_LEGAL = str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")
_LEGAL_TRADITIONAL = str.maketrans("一二三四五六七八九十百千万亿", "壹貳參肆伍陸柒捌玖拾佰仟萬億")
_TRADITIONAL = str.maketrans("万亿", "萬億")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_MARKS = "*†‡§"
_LARGEST = 32_767
"""The largest number of a list that an office program writes."""


def write_number(number: int, form: str) -> str:
    """Write a number in one of Office Open XML's formats (`ST_NumberFormat`); in digits where it has no such form."""
    if form in {"none", "bullet"}:
        return ""
    if not 0 < number <= _LARGEST:
        return str(number)
    return _FORMS.get(form, str)(number)


def joined_number(number: str, text: str, *, tight: bool = False) -> str:
    """Put a number before its text, with a space between them unless it ends in a wide mark such as 、."""
    if not number or not text:
        return number or text
    wide = east_asian_width(number[-1]) in "WF" and category(number[-1]).startswith("P")
    return number + text if wide or tight else f"{number} {text}"


def _repeated(alphabet: str) -> Callable[[int], str]:
    """Write a … z, aa, bb …, as Word does."""
    return lambda number: alphabet[(number - 1) % len(alphabet)] * min(9, (number - 1) // len(alphabet) + 1)


def _cyclic(alphabet: str) -> Callable[[int], str]:
    return lambda number: alphabet[(number - 1) % len(alphabet)]


def _from(first: str, last: int, *, least: int = 1) -> Callable[[int], str]:
    """Write by characters that follow each other, up to the number `last`, and in digits beyond."""
    return lambda number: chr(ord(first) + number - least) if number <= last else str(number)


def _circled(number: int) -> str:
    for least, most, first in ((1, 20, "①"), (21, 35, "㉑"), (36, 50, "㊱")):
        if least <= number <= most:
            return chr(ord(first) + number - least)
    return f"({number})"


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def _by_place(number: int) -> str:
    """Write by place value: 十, 十二, 二十, 一百零五, 一万二千."""
    groups = []
    while number:
        groups.append(number % 10_000)
        number //= 10_000
    text = ""
    for place, group in reversed(list(enumerate(groups))):
        if not group:
            continue
        if text and group < 1000:
            text += "零"
        text += _below_myriad(group) + _MYRIADS[place]
    return re.sub("^一十", "十", text)


def _below_myriad(number: int) -> str:
    digits = str(number)
    text = ""
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        text += "零" if digit == "0" else _COUNTING[int(digit)] + _UNITS[place]
    return re.sub("零+", "零", text).rstrip("零")


def _by_digit(number: int) -> str:
    return "".join(_COUNTING[int(digit)] for digit in str(number))


def _words(number: int) -> str:
    if number < 20:
        return _WORDS[number]
    if number < 100:
        return _TENS[number // 10] + (f"-{_WORDS[number % 10]}" if number % 10 else "")
    value, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    return f"{_words(number // value)} {name}" + (f" {_words(number % value)}" if number % value else "")


def _ordinal_words(number: int) -> str:
    head, separator, last = re.fullmatch(r"(?:(.*)([ -]))?(.*)", _words(number)).groups("")  # type: ignore[union-attr]
    ordinal = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else re.sub("ve?$", "f", last) + "th")
    return head + separator + ordinal


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _digits_from(zero: str) -> Callable[[int], str]:
    return lambda number: "".join(chr(ord(zero) + int(digit)) for digit in str(number))


_FORMS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalZero": lambda number: f"{number:02}",
    "decimalFullWidth": _digits_from("０"),
    "decimalFullWidth2": _digits_from("０"),
    "decimalHalfWidth": str,
    "numberInDash": lambda number: f"- {number} -",
    "hex": lambda number: f"{number:X}",
    "upperLetter": _repeated(_LATIN.upper()),
    "lowerLetter": _repeated(_LATIN),
    "upperRoman": lambda number: _roman(number).upper(),
    "lowerRoman": _roman,
    "upperGreek": _repeated(_GREEK.upper()),
    "lowerGreek": _repeated(_GREEK),
    "russianUpper": _repeated(_RUSSIAN.upper()),
    "russianLower": _repeated(_RUSSIAN),
    "hebrew2": _repeated(_HEBREW),
    "arabicAlpha": _repeated(_ARABIC),
    "thaiLetters": _repeated(_THAI),
    "thaiNumbers": _digits_from("๐"),
    "hindiNumbers": _digits_from("०"),
    "ordinal": _ordinal,
    "cardinalText": lambda number: _words(number).capitalize(),
    "ordinalText": lambda number: _ordinal_words(number).capitalize(),
    "chicago": _repeated(_MARKS),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedFullstop": _from("⒈", 20),
    "decimalEnclosedParen": _from("⑴", 20),
    "ideographEnclosedCircle": _from("㊀", 10),
    "ideographTraditional": _cyclic(_STEMS),
    "ideographZodiac": _cyclic(_BRANCHES),
    "ideographZodiacTraditional": lambda number: _cyclic(_STEMS)(number) + _cyclic(_BRANCHES)(number),
    "chineseCounting": _by_place,
    "chineseCountingThousand": _by_place,
    "taiwaneseCounting": lambda number: _by_place(number).translate(_TRADITIONAL),
    "taiwaneseCountingThousand": lambda number: _by_place(number).translate(_TRADITIONAL),
    "japaneseCounting": lambda number: _by_place(number).translate(_TRADITIONAL),
    "koreanCounting": lambda number: _by_place(number).translate(_TRADITIONAL),
    "chineseLegalSimplified": lambda number: _by_place(number).translate(_LEGAL),
    "ideographLegalTraditional": lambda number: _by_place(number).translate(_LEGAL_TRADITIONAL),
    "japaneseLegal": lambda number: _by_place(number).translate(_LEGAL_TRADITIONAL),
    "ideographDigital": _by_digit,
    "japaneseDigitalTenThousand": _by_digit,
    "taiwaneseDigital": _by_digit,
    "koreanDigital": _by_digit,
    "koreanDigital2": _by_digit,
    "ganada": _repeated(_GANADA),
    "chosung": _repeated(_CHOSUNG),
    "aiueo": _repeated(_AIUEO),
    "aiueoFullWidth": _repeated(_AIUEO),
    "iroha": _repeated(_IROHA),
    "irohaFullWidth": _repeated(_IROHA),
}
