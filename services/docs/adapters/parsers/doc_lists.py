"""The lists of Word files of before 2007: how their levels are numbered, and which styles are numbered.

The layout is that of [MS-DOC]: a table of definitions (PlfLst) is followed by their levels, and a table of lists
(PlfLfo) names definitions and what it changes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from struct import error, unpack_from

from services.docs.adapters.parsers.list_numbers import Level, ListNumbers

_STYLES_AT, _DEFINITIONS_AT, _LISTS_AT = 0xA2, 0x2E2, 0x2EA
_DEFINITION_BYTES, _LEVEL_BYTES, _LIST_BYTES, _CHANGE_BYTES = 28, 28, 16, 8
_LEVELS = 9
_SIMPLE, _LEGAL, _NO_RESTART = 1, 4, 8
_STARTS_AGAIN, _IS_FORMATTED = 0x10, 0x20
_NOTHING_BEHIND = 2
_PARAGRAPH_STYLE = 1
_MOST = 4000
"""Lists and styles that are read."""
_FORMS = (
    "decimal", "upperRoman", "lowerRoman", "upperLetter", "lowerLetter", "ordinal", "cardinalText", "ordinalText",
    "hex", "chicago", "ideographDigital", "japaneseCounting", "aiueo", "iroha", "decimalFullWidth",
    "decimalHalfWidth", "japaneseLegal", "japaneseDigitalTenThousand", "decimalEnclosedCircle",
    "decimalFullWidth2", "aiueoFullWidth", "irohaFullWidth", "decimalZero", "bullet", "ganada", "chosung",
    "decimalEnclosedFullstop", "decimalEnclosedParen", "decimalEnclosedCircleChinese", "ideographEnclosedCircle",
    "ideographTraditional", "ideographZodiac", "ideographZodiacTraditional", "taiwaneseCounting",
    "ideographLegalTraditional", "taiwaneseCountingThousand", "taiwaneseDigital", "chineseCounting",
    "chineseLegalSimplified", "chineseCountingThousand", "decimal", "koreanDigital", "koreanCounting",
    "koreanLegal", "koreanDigital2", "hebrew1", "arabicAlpha", "hebrew2", "arabicAbjad", "hindiVowels",
    "hindiConsonants", "hindiNumbers", "hindiCounting", "thaiLetters", "thaiNumbers", "thaiCounting",
    "vietnameseCounting", "numberInDash", "russianLower", "russianUpper",
)  # fmt: skip
"""Names of number formats by their codes (MSONFC)."""
_NO_NUMBER = 255


def list_numbers(main: bytes, table: bytes) -> ListNumbers:
    """Return the lists of a file by their numbers, from `1`; as far as they can be read where they are damaged."""
    numbers = ListNumbers()
    with suppress(error, IndexError):
        definitions = dict(_definitions(main, table))
        _read_lists(main, table, definitions, numbers)
    return numbers


def _definitions(main: bytes, table: bytes) -> Iterator[tuple[int, dict[int, Level]]]:
    """Yield the id and the levels of each definition."""
    at, size = unpack_from("<2I", main, _DEFINITIONS_AT)
    if not size:
        return
    count = min(unpack_from("<H", table, at)[0], _MOST)
    following = at + size
    for index in range(count):
        begin = at + 2 + index * _DEFINITION_BYTES
        is_simple = table[begin + 26] & _SIMPLE
        levels: dict[int, Level] = {}
        for depth in range(1 if is_simple else _LEVELS):
            levels[depth], following = _level(table, following)
        yield unpack_from("<i", table, begin)[0], levels


def _level(table: bytes, at: int) -> tuple[Level, int]:
    """Return a level, and where it ends."""
    first, code, flags = unpack_from("<iBB", table, at)
    follows, of_characters, of_paragraph, restart = (table[at + place] for place in (15, 24, 25, 26))
    begin = at + _LEVEL_BYTES + of_characters + of_paragraph
    end = begin + 2 + 2 * unpack_from("<H", table, begin)[0]
    text = table[begin + 2 : end].decode("utf-16-le", "replace")
    form = "none" if code == _NO_NUMBER else _FORMS[code] if code < len(_FORMS) else "decimal"
    return Level(
        form=form,
        first=first,
        text="".join(f"%{ord(char) + 1}" if char < "\t" else char for char in text),
        legal=bool(flags & _LEGAL),
        restarts_after=-1 if not flags & _NO_RESTART else restart - 1 if restart else -2,
        tight=follows == _NOTHING_BEHIND,
    ), end


def _read_lists(main: bytes, table: bytes, definitions: dict[int, dict[int, Level]], numbers: ListNumbers) -> None:
    at, size = unpack_from("<2I", main, _LISTS_AT)
    if not size:
        return
    count = min(unpack_from("<I", table, at)[0], _MOST)
    following = at + 4 + count * _LIST_BYTES
    for index in range(count):
        begin = at + 4 + index * _LIST_BYTES
        definition, name = unpack_from("<i", table, begin)[0], str(index + 1)
        numbers.definitions[name] = str(definition)
        levels = numbers.levels[name] = dict(definitions.get(definition, {}))
        starts = numbers.starts[name] = {}
        following += 4
        for _ in range(table[begin + 12]):
            first, flags = unpack_from("<iI", table, following)
            following += _CHANGE_BYTES
            if flags & _STARTS_AGAIN:
                starts[flags & 0xF] = first
            if flags & _IS_FORMATTED:
                levels[flags & 0xF], following = _level(table, following)


def style_properties(main: bytes, table: bytes) -> dict[int, tuple[int, bytes]]:
    """Return what each paragraph style is based on and its properties, by its index."""
    styles: dict[int, tuple[int, bytes]] = {}
    with suppress(error, IndexError):
        styles.update(_styles(main, table))
    return styles


def _styles(main: bytes, table: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    at, size = unpack_from("<2I", main, _STYLES_AT)
    if not size:
        return
    head, count, base = unpack_from("<3H", table, at)
    begin = at + 2 + head
    for index in range(min(count, _MOST)):
        length = unpack_from("<H", table, begin)[0]
        kind = unpack_from("<H", table, begin + 4)[0] if length else 0
        if kind & 0xF == _PARAGRAPH_STYLE:
            name = begin + 2 + base
            properties = name + 2 * unpack_from("<H", table, name)[0] + 4
            own = unpack_from("<H", table, properties)[0]
            yield index, (kind >> 4, table[properties + 2 : properties + 2 + own])
        begin += 2 + length
