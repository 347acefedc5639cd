"""Whether two short texts say the same value: an answer and its key, two options, a fact and its source.

Each text is read as the most precise things that it may be, and two texts are compared as the most precise thing that
both are:

- a quantity: numbers with their units, also as a range, a ratio, a bound, a date or a time;
- a formula, in which letters, their case and every sign count (`formulas`);
- one of several: 2 or -2, ±2;
- a text, in which case, spaces, quotes and punctuation do not count, but symbols and numbers do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from services.language.detection import LANGUAGES, Languages
from services.language.folding import fold
from services.language.formulas import is_cased, isotope_of, read_formula
from services.language.scripts import HAN_CHARACTER, is_han
from services.language.tex import in_signs
from services.language.units import Unit, read_unit

_LONGEST = 200
"""Characters beyond which a text holds no value to compare, and is compared as text."""

Token = str | tuple[str, ...] | Fraction
"""A word, a sign, or a number; one that is too large for a fraction is its digits and its power of ten."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a text says, as each of the things that it may be."""

    quantities: frozenset[tuple[Token, ...]]
    """Its quantities, with the units that it names; empty where it is none."""
    in_si: frozenset[tuple[Token, ...]]
    """The same in units of the SI."""
    formula: tuple[Token, ...] | None
    is_cased: bool
    """Whether it is a formula that without the case of its letters is another or none: NaCl, but not H2O."""
    signs: frozenset[str]
    """Its letters and signs in a row, whatever their case, as a formula has them."""
    silent: str
    """Its signs that a text is compared without."""
    words: tuple[Token, ...]
    """Its words, numbers and signs as they stand."""
    text: frozenset[tuple[Token, ...]]
    """The same with its values in one notation as well."""
    choices: tuple[str, ...]
    """What it says as one of several, such as both of ±2."""


def same_value(one: str, other: str, *, convert: bool = False, languages: Languages = LANGUAGES) -> bool:
    """Return whether two texts say the same value, whatever the notation; what says nothing says no value.

    With `convert`, 1 km is 1000 m.
    """
    first, second = _read(one, languages), _read(other, languages)
    if first.choices and second.choices:
        return _are_the_same(first.choices, second.choices, convert=convert, languages=languages)
    if _is_word(one, other) or _is_word(other, one):
        numbers = {quantity for quantity in first.quantities & second.quantities if isinstance(quantity[0], Fraction)}
        return bool(numbers) or (bool(first.words) and first.words == second.words)
    if first.quantities and second.quantities:
        if convert:
            return bool(first.in_si & second.in_si)
        return bool(first.quantities & second.quantities)
    if first.formula is not None and second.formula is not None:
        return first.formula == second.formula
    if first.is_cased or second.is_cased:
        return False
    if first.formula is None and second.formula is None:
        return bool(first.text & second.text) and _is_one_unit(one, other)
    # In a text brackets and the like are silent, but f(x) is not fx.
    return bool(first.signs & second.signs) or (bool(first.text & second.text) and first.silent == second.silent)


def _are_the_same(one: Sequence[str], other: Sequence[str], *, convert: bool, languages: Languages) -> bool:
    """Return whether each of some texts says what one of the others says, and the reverse."""
    found = [[same_value(a, b, convert=convert, languages=languages) for b in other] for a in one]
    return len(one) == len(other) and all(map(any, found)) and all(map(any, zip(*found, strict=True)))


def _is_one_unit(one: str, other: str) -> bool:
    """Return whether two texts of the same letters are no two signs that their case tells: mA and MA, Δ and δ."""
    plain = (one.strip(), other.strip())
    if all(map(_GREEK_LETTER.fullmatch, plain)):
        return plain[0] == plain[1]
    units = [read_unit(text) if 1 < len(text) <= _LONGEST_UNIT else None for text in plain]
    return None in units or units[0] == units[1]


_GREEK_LETTER = re.compile("[Α-Ωα-ω]")
_LONGEST_UNIT = 4
"""Characters of a unit's symbol that stands alone."""


def _is_word(one: str, other: str) -> bool:
    """Return whether a text is one ideograph and the other has some: 牛 is N, but 天 (heaven) is not 日 (sun)."""
    return len(one.strip()) == 1 and is_han(one.strip()) and HAN_CHARACTER.search(other) is not None


def prepare() -> None:
    """Read the dictionaries and patterns of comparisons: a tenth of a second, which is too long for an event loop."""
    same_value("詞 3.5 kg per second, H2O, x^2, May 1, 1990", "三千克每秒")


@lru_cache(maxsize=1 << 12)
def _read(text: str, languages: Languages) -> _Reading:
    if len(text) > _LONGEST:
        folded = fold(text)
        whole = (folded,) if folded else ()
        return _Reading(
            frozenset(), frozenset(), None, False, frozenset(), "", whole, frozenset(filter(None, [whole])), ()
        )
    plain = languages.one_spelling(_plain(text))
    ways = {plain, _ROMAN.sub(_roman, plain)}
    for language in languages:
        ways = {told for way in ways for told in language.values.in_notation(way)}
    ways = {_bare(way) for way in ways}
    if one_of := next(filter(None, map(_choices, sorted(ways))), ()):
        return _Reading(frozenset(), frozenset(), None, False, frozenset(), "", (), frozenset(), one_of)
    # Carbon-14 is a formula in words, and no unit.
    isotope = next(filter(None, map(isotope_of, sorted(ways))), "")
    found = [quantity for way in sorted(ways) for quantity in _quantities(way) if not isotope]
    formula = read_formula(_bare(plain)) or tuple(isotope) or None
    # A name with numerals in it is a name as well: 一二·九运动.
    words = _text_tokens(_bare(plain))
    texts = frozenset(filter(None, (words, *map(_text_tokens, ways))))
    return _Reading(
        frozenset(quantity for quantity, _ in found),
        frozenset(in_si for _, in_si in found),
        formula,
        formula is not None and not isotope and is_cased(_bare(plain), "".join(formula)),
        frozenset(_signs(way, formula) for way in ways),
        re.sub("[^(/']", "", plain),
        words,
        texts,
        (),
    )


_EITHER = re.compile(r"(?:\s+or\s+|,\s*or\s+)", re.IGNORECASE)
_EITHER_SIGN = re.compile(r"([^±]*=)?\s*±([^±~]+)")
_MOST_CHOICES = 8


def _choices(text: str) -> tuple[str, ...]:
    """Return what a text says as one of several: `2` and `-2` of ±2, `x=1` and `x=3` of x=1 or 3."""
    signed = _EITHER_SIGN.fullmatch(text)
    if signed is not None:
        return tuple(f"{signed[1] or ''}{sign}{signed[2].strip()}" for sign in ("", "-"))
    members = [member.strip() for member in _EITHER.split(text)]
    if not 1 < len(members) <= _MOST_CHOICES or not all(members):
        return ()
    named, equals, _ = members[0].partition("=")
    return tuple(f"{named}={member}" if equals and "=" not in member else member for member in members)


_BRACKETED = re.compile(r"(?<![a-z])(sin|cos|tan|cot|sec|csc|log|ln|lg|exp)\((\w)\)")


def _signs(text: str, formula: tuple[str, ...] | None) -> str:
    """Return the letters and signs of a text in a row; a letter in brackets behind a function's name, sin(x), bare."""
    plain = "".join(formula) if formula is not None else text.replace(" ", "")
    return _BRACKETED.sub(r"\1\2", plain.casefold())


# --- Characters -------------------------------------------------------------------------------------------------------

_END_MARKS = " .,;:?。"
_SAME = str.maketrans(
    {
        **dict.fromkeys("−‒–—―‐‑﹣－﹘─", "-"),
        **dict.fromkeys("～〜∼˜∽", "~"),
        **dict.fromkeys("∶：꞉", ":"),
        **dict.fromkeys("✕✖⨯╳", "×"),
        **dict.fromkeys("⋅∙•‧・･●", "·"),
        **dict.fromkeys("＊∗﹡", "*"),
        **dict.fromkeys("⁄∕", "/"),
        **dict.fromkeys("≦⩽", "≤"),
        **dict.fromkeys("≧⩾", "≥"),
        **dict.fromkeys("º˚", "°"),
        **dict.fromkeys("⟶➝➔➜⇒⟹", "→"),
        **dict.fromkeys("⇋⇄⇆", "⇌"),
        **dict.fromkeys("‘’＇`´", "'"),
        **dict.fromkeys("“”＂〃", '"'),
        "￥": "¥",
        "、": ",",
        "″": "''",
        "‴": "'''",
        "′": "'",
    }
)
_WRITTEN = (
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"<[-=]+>"), "⇌"),
    (re.compile(r">="), "≥"),
    (re.compile(r"<="), "≤"),
    (re.compile(r"!=|=/="), "≠"),
    (re.compile(r"-+>|=>"), "→"),
    (re.compile(r"\b0x(?=[0-9a-f]+\b)", re.IGNORECASE), "#0X"),
    (re.compile(r"\+\s*/\s*-|(?<![\w)^])\+-(?=\s*[\d.])|(?<=\d)\s*\+-\s*(?=[\d.])"), "±"),
    (re.compile(r"(?<=\d)\s*[*xX]\s*(?=\d)"), "×"),
    (re.compile(r"\^\{([^{}]*)\}"), r"^(\1)"),
    # The base of a logarithm is no digit of its argument.
    (re.compile(r"(?<![A-Za-z])log(?:_\s*(?:[({](\w+)[)}]|(\w+)(?=[\s(])|(\w))|(\d+)(?=\())\s*"), r"log_(\1\2\3\4)"),
    (re.compile(r"(?<=log_\()(\w+)\)\((\w+)\)"), r"\1)\2"),
    (re.compile(r"(?<!log)(?:_\{([^{}]*)\}|_(?=[0-9a-z](?![0-9a-z])))"), r"\1"),
    (re.compile(r"^\$([^$]+)\$$"), r"\1"),
    (re.compile(r"^(['\"])(.*)\1$"), r"\2"),
    (re.compile(r"(?<=\d)\s?''|(?<=\d)\s?\""), "″"),
    (re.compile(r"(?<=\d)\s?'(?!\d{3}(?:\D|$))"), "′"),
    (re.compile(r"\^\(([+-]?(?:\d+|[^\W\d_])|\d*[+-])\)"), r"^\1"),
    (re.compile(r"(?<![A-Za-z])sqrt(?=[({])"), "√"),
    (re.compile(r"√[({](\w+)[)}](?!\w)"), r"√\1"),
    (re.compile(r"(?<![\w)^])\((√\w+)\)(?!\^)"), r"\1"),
    (re.compile(r"°\s+(?=[CF]\b)"), "°"),
    (re.compile(r"^~\s*(?=\d)"), "≈"),
    (re.compile(r"(?<=[-+,(\[])(\s*)inf(?:inity)?(?=\s*[,)\]])", re.IGNORECASE), r"\1∞"),
    (re.compile(r"(?<=\d)\s*÷\s*(?=\d)"), "/"),
    (re.compile(r"(?<![A-Za-z])pH\s*(?:值|values?)?\s*(?:is|of|[为是=])?\s*(?=\d)", re.IGNORECASE), "pH="),
)


def _plain(text: str) -> str:
    """Return a text with one character for each sign, powers as `^`, and nothing that is not seen."""
    kept: list[str] = []
    above = False
    for char in _BASE.sub(_based, _ATOMIC_NUMBER.sub(r"\1", unicodedata.normalize("NFC", in_signs(text)))):
        form = unicodedata.decomposition(char)
        if form.startswith("<super>") and char not in "™℠ªº":
            kept.append("" if above else "^(")
            above = True
        elif above:
            kept.append(")")
            above = False
        kept.append(_one_form(char, form, kept[-1] if kept else ""))
    plain = "".join(kept) + (")" if above else "")
    plain = re.sub(r"\s+", " ", plain).strip()
    for pattern, written in _WRITTEN:
        plain = pattern.sub(written, plain)
    return plain


_BASE = re.compile("(?<=[lL]og)[₀-₉ₐ-ₜ]+")
_ATOMIC_NUMBER = re.compile(r"([⁰¹²³⁴-⁹]{1,3}|\^[({]?\d{1,3}[)}]?)(?:[₀-₉]{1,3}|_[({]?\d{1,3}[)}]?)(?=[A-Z])")
"""What an isotope's mass is told with, and its symbol tells as well."""


def _based(found: re.Match[str]) -> str:
    """Return the base of a logarithm as it is typed."""
    return f"_({unicodedata.normalize('NFKC', found[0])})"


_ROMAN = re.compile(r"(?<![\w-])(?=[IVX]{2})(X{0,3})(IX|IV|V?I{0,3})(?![\w-])")
"""A Roman numeral up to 39. One letter may be a name: chromosome X."""
_ROMAN_ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")


def _roman(found: re.Match[str]) -> str:
    return str(10 * len(found[1]) + _ROMAN_ONES.index(found[2]))


def _bare(text: str) -> str:
    """Return a text without the marks at its ends that belong to the sentence around it."""
    return text.rstrip(_END_MARKS).lstrip(" ,;:。")


def _one_form(char: str, form: str, before: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cf", "Cn", "Co"} or (category == "Cc" and not char.isspace()):
        return ""
    if category == "Cs":
        return "\ufffd"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    mapped = char.translate(_SAME)
    if mapped != char:
        return mapped
    same = unicodedata.normalize("NFKC", char).translate(_SAME)
    # ½ and ① behind a digit are no further digits of it, and log₂8 is not log₂₈.
    return f" {same}" if category == "No" and form and not form.startswith("<su") else same


# --- Numbers ----------------------------------------------------------------------------------------------------------

_UNSIGNED = (
    r"\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?(?![\d,'.])|\d{1,3}(?:\.\d{3})+,\d+(?!\d)|\d{1,3}(?:\.\d{3}){2,}(?![\d.,])"
    r"|\d+(?:\.\d+)?(?!\d|\.\d)|\.\d+"
)
_EXPONENT = r"\^\s*\(?\s*(?P<{}>[+-]?\d+)\s*\)?(?!\s*\^|\d)"
_NUMBER = re.compile(
    rf"(?P<mixed>\d+)\s+(?P<over>\d+)\s*/\s*(?P<under>\d+)(?![\d/])"
    rf"|(?P<top>{_UNSIGNED})\s*/\s*(?P<bottom>{_UNSIGNED})(?!\s*[/^]|\d)"
    rf"|(?P<mantissa>{_UNSIGNED})\s*[×x*·]\s*10\s*{_EXPONENT.format('ten')}"
    rf"|(?P<coefficient>{_UNSIGNED})[eE](?P<e>[+-]?\d+)(?!\d|\.\d|_|[A-Fa-f]?\d)"
    rf"|(?P<base>\d+)\s*{_EXPONENT.format('power')}"
    rf"|(?P<number>{_UNSIGNED})"
)
_FEW_DIGITS = 60
_SMALL_EXPONENT = 400
_LONGEST_EXPONENT = 15


def _number(found: re.Match[str]) -> Token:
    """Return the value of a match of `_NUMBER`."""
    part = found.groupdict()
    if part["mixed"]:
        return _plus(_decimal(part["mixed"]), _over(_decimal(part["over"]), _decimal(part["under"])))
    if part["top"]:
        return _over(_decimal(part["top"]), _decimal(part["bottom"]))
    if part["ten"]:
        return _decimal(part["mantissa"], part["ten"])
    if part["e"]:
        return _decimal(part["coefficient"], part["e"])
    if part["power"]:
        return _power(part["base"], part["power"])
    return _decimal(part["number"])


def _decimal(text: str, exponent: str = "0") -> Token:
    """Return the value of digits with their separators, times a power of ten."""
    if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT:
        return ("power of ten", text, exponent)
    if re.search(r"\..*,|\..*\.", text):
        text = text.replace(".", "").replace(",", ".")
    whole, _, part = re.sub("[,' ]", "", text).partition(".")
    digits = (whole + part).lstrip("0")
    if not digits:
        return Fraction(0)
    significant = digits.rstrip("0")
    power = int(exponent) - len(part) + len(digits) - len(significant)
    if len(significant) > _FEW_DIGITS or abs(power) > _SMALL_EXPONENT:
        return ("digits", significant, str(power))
    return int(significant) * Fraction(10) ** power


def _power(base: str, exponent: str) -> Token:
    if base == "10":
        return _decimal("1", exponent)
    if len(base) > 6 or len(exponent) > 3 or not base.strip("0"):
        return ("power", base.lstrip("0"), exponent)
    return Fraction(int(base)) ** int(exponent)


def _plus(one: Token, other: Token) -> Token:
    return one + other if isinstance(one, Fraction) and isinstance(other, Fraction) else ("sum", str(one), str(other))


def _over(one: Token, other: Token) -> Token:
    if isinstance(one, Fraction) and isinstance(other, Fraction) and other:
        return one / other
    return ("quotient", str(one), str(other))


def _minus(value: Token) -> Token:
    return -value if isinstance(value, Fraction) else ("-", *value)


# --- Quantities -------------------------------------------------------------------------------------------------------

_SIGNS = re.compile(r"\s*([<>≤≥≠≈~:,;±])\s*")
_CURRENCY = re.compile(
    r"(?:(?:US|HK|NT|A|C|CN)?[$¥€£₽₩₹]|USD|CNY|RMB|EUR|GBP|JPY|HKD|TWD|AUD|CAD|CHF|RUB|KRW|INR)\s*(?=[\d.])"
)
_POWER = r"(?:\^\(?[+-]?\d{1,2}\)?|\d(?![\d.]))"
_UNIT = re.compile(
    rf"\s*(/?[^\W\d_]+\$?{_POWER}?|[°′″$€£¥₽₩₹][^\W\d_]?{_POWER}?)"
    rf"(?:\s*[/*·× ]\s*\(?°?[^\W\d_]+(?:{_POWER}|-\d(?![\d.A-Za-z]))?(?:\s*[·*]\s*°?[^\W\d_]+{_POWER}?)*\)?)*"
)
_CALENDAR = tuple(
    re.compile(expression)
    for expression in (
        r"(?P<y>\d{3,4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})",
        r"(?P<m>\d{1,2})([-/.])(?P<d>\d{1,2})\2(?P<y>\d{4})",
        r"(?P<d>\d{1,2})([-/.])(?P<m>\d{1,2})\2(?P<y>\d{4})",
        r"(?P<y>\d{4})-(?P<m>\d{2})",
        r"--(?P<m>\d{2})(?:-(?P<d>\d{2}))?",
    )
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")

_Measured = tuple[Token, Unit | None]
"""A number and its unit."""
_PER_CENT, _PER_MILLE = Fraction(1, 100), Fraction(1, 1000)
_Quantity = tuple[tuple[Token, ...], tuple[Token, ...]]
"""A quantity with the units that it names, and in those of the SI."""


def _quantities(text: str) -> Iterator[_Quantity]:
    """Yield every quantity that a text may be as a whole."""
    for moment in _moments(text):
        yield moment, moment
    unit = read_unit(text, any_case=False)
    if unit is not None:
        yield (str(unit.symbols),), (str(unit.dimension), unit.size)
    parts = _parts(text)
    if parts is None:
        return
    parts = _with_shared_units(parts)
    yield _tokens_of(parts, in_si=False), _tokens_of(parts, in_si=True)
    if re.fullmatch(r"[12]\d{3}(?:\s*[~-]\s*[12]\d{3})?", text):
        years: list[str | _Measured] = [(Fraction(year), read_unit("CE")) for year in re.findall(r"\d+", text)]
        years[1:1] = ["~"] * (len(years) - 1)
        yield _tokens_of(years, in_si=False), _tokens_of(years, in_si=True)


def _moments(text: str) -> Iterator[tuple[Token, ...]]:
    """Yield the dates and times of day that a text may be."""
    for pattern in _CALENDAR:
        found = pattern.fullmatch(text)
        if found is not None:
            year, month, day = (int(found.groupdict().get(name) or 0) for name in "ymd")
            if 1 <= month <= 12 and 0 <= day <= 31:
                yield "date", Fraction(year), Fraction(month), Fraction(day)
    found = _CLOCK.fullmatch(text)
    if found is not None and int(found[1]) <= 24 and int(found[2]) < 60:
        yield "time", *(Fraction(int(part or 0)) for part in found.groups())


def _parts(text: str) -> list[str | _Measured] | None:
    """Return the numbers with their units and the signs between them that a text consists of; None if of more."""
    parts: list[str | _Measured] = []
    at = 0
    while at < len(text):
        sign = _SIGNS.match(text, at)
        after_number = bool(parts) and not isinstance(parts[-1], str)
        if sign is None and after_number:
            sign = _RANGE.match(text, at)
        if sign is not None:
            parts.append(sign[1].replace("-", "~"))
            at = sign.end()
            continue
        measured = _measured(text, at)
        # Two numbers side by side are one quantity only in units: 3 h 20 min.
        if measured is None or (after_number and (measured[0][1] is None or parts[-1][1] is None)):
            return None
        parts.append(measured[0])
        at = measured[1]
    return parts if any(not isinstance(part, str) for part in parts) else None


_RANGE = re.compile(r"\s*(-)\s*(?=[\d.$¥€£+-])")
_SIGNED = re.compile(r"\s*([+-]?)\s*")


def _measured(text: str, at: int) -> tuple[_Measured, int] | None:
    """Return the number with its unit at a place of a text, and where it ends."""
    signed = _SIGNED.match(text, at)
    at = signed.end() if signed else at
    currency = _CURRENCY.match(text, at)
    found = _NUMBER.match(text, currency.end() if currency else at)
    if found is None:
        return None
    value, at = _number(found), found.end()
    if signed and signed[1] == "-":
        value = _minus(value)
    unit = read_unit(currency[0].strip().replace("CN¥", "¥")) if currency else None
    if unit is None:
        unit, at = _unit_at(text, at)
    return (value, unit), at


def _unit_at(text: str, at: int) -> tuple[Unit | None, int]:
    """Return the longest unit at a place of a text, and where it ends."""
    percent = re.compile(r"\s*([%‰])").match(text, at)
    if percent is not None:
        return Unit(((percent[1], 1),), (), _PER_CENT if percent[1] == "%" else _PER_MILLE), percent.end()
    found = _UNIT.match(text, at)
    if found is not None:
        for written in (found[0], f"{text[at : found.start(1)]}{found[1]}"):
            unit = read_unit(written.strip())
            if unit is not None:
                return unit, at + len(written)
    return None, at


def _with_shared_units(parts: list[str | _Measured]) -> list[str | _Measured]:
    """Return parts with the unit of a range or tolerance at both of its numbers: 10–20 kg."""
    shared = list(parts)
    for place in range(len(parts) - 2, 0, -1):
        before, after = shared[place - 1], shared[place + 1]
        if parts[place] in {"~", "±"} and not isinstance(before, str) and not isinstance(after, str) and not before[1]:
            shared[place - 1] = (before[0], after[1])
    return shared


def _tokens_of(parts: Iterable[str | _Measured], *, in_si: bool) -> tuple[Token, ...]:
    tokens: list[Token] = []
    for part in parts:
        if isinstance(part, str):
            tokens.append(part)
            continue
        value, unit = part
        dimension = unit.symbols if unit else ()
        if unit and isinstance(value, Fraction) and (in_si or not unit.dimension):
            value, dimension = unit.in_si(value)
        tokens += [value, str(dimension)]
    return tuple(tokens)


# --- Texts ------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W\d_]+")
_DOTTED = re.compile(r"\d+(?:\.\d+){2,}")
_KEPT = frozenset("%‰#&@*^′″°+/-~:†\\_")


def _text_tokens(text: str) -> tuple[Token, ...]:
    """Return the words, numbers and signs of a text; words that stand side by side are one."""
    tokens: list[Token] = []
    joins = False
    at = 0
    while at < len(text):
        token, at, is_word = _token_at(text, at)
        if is_word and joins and token:
            tokens[-1] = f"{tokens[-1]}{token}"
        elif token != "":
            tokens.append(token)
            joins = is_word
    return tuple(tokens)


def _token_at(text: str, at: int) -> tuple[Token, int, bool]:
    """Return the word, number or sign at a place, empty for what is silent; where it ends; whether it is a word."""
    word = _WORD.match(text, at)
    if word is not None:
        return unicodedata.normalize("NFKC", word[0]).casefold(), word.end(), True
    dotted = _DOTTED.match(text, at)
    number = _NUMBER.match(text, at)
    if dotted is not None and (number is None or number.end() < dotted.end()):
        return dotted[0], dotted.end(), False
    if number is not None:
        # What clings to letters is part of a name: B12, H2O, v1.20.
        plain = re.compile(r"\d+(?:\.\d+)*").match(text, at) if re.search("[A-Za-z]-?$", text[:at]) else None
        if plain is not None:
            return (plain[0] if "." in plain[0] or plain[0][0] == "0" else _decimal(plain[0])), plain.end(), False
        return _number(number), number.end(), False
    char = text[at]
    if char == "-" and text[:at].rstrip()[-1:].isdigit() and text[at + 1 :].lstrip()[:1].isdigit():
        return "~", at + 1, False
    if unicodedata.category(char)[0] in "MN":
        return char, at + 1, True
    return (char if _counts(char, text, at) else ""), at + 1, False


def _counts(char: str, text: str, at: int) -> bool:
    """Return whether a sign makes another text of one."""
    before, after = text[:at], text[at + 1 :]
    if char == "-":
        return _is_operator(before, after)
    if char == "/":
        return not (_ends_in_word(before.rstrip()) and _begins_with_word(after.lstrip()))
    if char == ".":
        return not before.strip() and after[:1].isalpha()
    if char == ":":
        return before[-1:].isdigit() and after[:1].isdigit()
    if char in "*×":
        return not (before[-1:].isdigit() and after[:1].isalpha())
    if char == "!":
        return bool(re.search(r"(?:\d|\b[A-Za-z]|\))$", before))
    return char in _KEPT or unicodedata.category(char)[0] == "S"


def _is_operator(before: str, after: str) -> bool:
    """Return whether a `-` between two texts is more than a hyphen."""
    if before[-1:].isspace() and after[:1].isspace():
        return before.rstrip()[-1:].isdigit() and after.lstrip()[:1].isdigit()
    if re.search(r"(?<![^\W_])[A-Za-z]$", before) and re.match(r"[A-Za-z](?![^\W_])", after):
        return True
    return not (_ends_in_word(before) and _begins_with_word(after)) and not (
        (_ends_in_word(before, 2) and after[:1].isdigit()) or (before[-1:].isdigit() and _begins_with_word(after, 2))
    )


def _ends_in_word(text: str, least: int = 1) -> bool:
    return re.search(rf"(?:[^\W\d_]{{{least}}}|[^\x00-\u024f\W\d_])$", text) is not None


def _begins_with_word(text: str, least: int = 1) -> bool:
    return re.match(rf"[^\W\d_]{{{least}}}|[^\x00-\u024f\W\d_]", text) is not None
