"""How English writes values: numbers in words, units, dates, times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from services.language.patterns import Pattern, Rewrites, pairs, rewrite


def _numbers(text: str) -> dict[str, int]:
    return {word: int(value) for word, value in pairs(text)}


_SMALL_NUMBERS = _numbers(
    """
    zero/0 one/1 two/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9 ten/10 eleven/11 twelve/12 thirteen/13
    fourteen/14 fifteen/15 sixteen/16 seventeen/17 eighteen/18 nineteen/19
    """
)
_TENS = _numbers("twenty/20 thirty/30 forty/40 fifty/50 sixty/60 seventy/70 eighty/80 ninety/90")
_MAGNITUDES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_CARDINALS = _SMALL_NUMBERS | _TENS | {"hundred": 100} | _MAGNITUDES
_ORDINALS = dict(pairs("first/one second/two third/three fifth/five eighth/eight ninth/nine twelfth/twelve"))
_ORDINALS |= {f"{word[:-1]}ieth": word for word in _TENS}
_ORDINALS |= {f"{word}th": word for word in _CARDINALS if word not in {*_ORDINALS.values()}}


def _any_of(names: Iterable[str]) -> str:
    """Return an expression for any of some words, the longest first."""
    return "|".join(sorted(map(re.escape, names), key=lambda word: (-len(word), word)))


_CARDINAL, _ORDINAL = _any_of(_CARDINALS), _any_of(_ORDINALS)
_JOINED = r"(?:\s+and\s+|\s+|-)"
_IN_WORDS = Pattern(
    rf"\b(?:(an?)\s+(?=hundred\b|thousand\b|[mbtr]+illion\b))?({_CARDINAL})((?:{_JOINED}(?:{_CARDINAL})\b)*)"
    rf"(?:({_JOINED})({_ORDINAL}))?\b",
    re.IGNORECASE,
)


def _in_digits(found: re.Match[str]) -> str:
    """Return a number in words in digits; what is no number as it is."""
    parts = ["one"] if found[1] else []
    parts += re.split(_JOINED, (found[2] + found[3]).casefold())
    ordinal = _ORDINALS.get((found[5] or "").casefold())
    if ordinal and (value := _value_of([*parts, ordinal])) is not None:
        return f"{value}th"
    value = _value_of(parts)
    return found[0] if value is None else f"{value}{found[4] or ''}{found[5] or ''}"


def _value_of(parts: Sequence[str]) -> int | None:
    """Return the value of a number in words; None for words that make no one number, such as `one two`."""
    total, section, room, magnitude = 0, 0, 100, 10**15
    for word in parts:
        value = _CARDINALS[word]
        if value >= 1000:
            if not section or value >= magnitude:
                return None
            total, section, room, magnitude = total + section * value, 0, 100, value
        elif value == 100:
            if not 0 < section < 100:
                return None
            section, room = section * 100, 100
        elif value >= room or (value == 0 and len(parts) > 1):
            return None
        else:
            section, room = section + value, 10 if word in _TENS else 0
    return total + section


_DIGIT_WORD = _any_of([*_SMALL_NUMBERS][:10])
_DECIMAL = Pattern(
    rf"\b((?:{_CARDINAL})(?:{_JOINED}(?:{_CARDINAL})\b)*|\d+)\s+point((?:\s+(?:{_DIGIT_WORD})\b)+)", re.IGNORECASE
)


def _decimal(found: re.Match[str]) -> str:
    digits = "".join(str(_SMALL_NUMBERS[word.casefold()]) for word in found[2].split())
    return f"{_IN_WORDS.compiled.sub(_in_digits, found[1])}.{digits}"


_PARTS = {word: _CARDINALS[number] for word, number in _ORDINALS.items() if _CARDINALS[number] > 2}
_PARTS |= {"half": 2, "quarter": 4, "halve": 2}
_FRACTION = Pattern(
    rf"\b(an?|{_any_of(_SMALL_NUMBERS)}|\d+)[\s-]+({_any_of(_PARTS)})(s?)\b(?<!half)(?!\s+(?:century|[a-z]*-?year))"
    r"|\b(an?|one|1)[\s-]+(half)()\b",
    re.IGNORECASE,
)


def _fraction(found: re.Match[str]) -> str:
    if found[5]:
        return "1/2"
    count = found[1].casefold()
    one = count in {"a", "an", "one", "1"}
    if one is bool(found[3]):
        # `two third` is no fraction.
        return found[0]
    return f"{1 if one else _SMALL_NUMBERS.get(count, count)}/{_PARTS[found[2].casefold()]}"


_UNIT_PREFIXES = pairs("pico/p nano/n micro/μ milli/m centi/c deci/d hecto/h kilo/k mega/M giga/G tera/T")
_PREFIXED_UNITS = dict(
    pairs(
        """
        meter/m metre/m gram/g gramme/g liter/L litre/L second/s ampere/A amp/A kelvin/K mole/mol newton/N pascal/Pa
        joule/J watt/W volt/V coulomb/C ohm/Ω farad/F henry/H tesla/T weber/Wb hertz/Hz calorie/cal byte/B bit/bit
        electronvolt/eV becquerel/Bq sievert/Sv gray/Gy bar/bar dalton/Da
        """
    )
)
_OTHER_UNITS = dict(
    pairs(
        """
        kilo/kg ton/t tonne/t minute/min hour/h day/d week/wk month/mo year/yr mile/mi foot/ft inch/in yard/yd pound/lb
        ounce/oz gallon/gal hectare/ha micron/μm atmosphere/atm decibel/dB degree/° radian/rad candela/cd lumen/lm
        dollar/$ euro/€ light-year/ly nautical-mile/nmi astronomical-unit/AU kilowatt-hour/kWh us-dollar/$
        """
    )
)
_UNITS_WITHOUT_PLURAL = dict(
    pairs(
        """
        feet/ft inches/in celsius/°C centigrade/°C fahrenheit/°F degree-celsius/°C degrees-celsius/°C
        degree-centigrade/°C degrees-centigrade/°C degrees-c/°C deg-c/°C degree-fahrenheit/°F degrees-fahrenheit/°F
        degrees-f/°F °-celsius/°C °-fahrenheit/°F horsepower/hp lux/lx yuan/¥ renminbi/¥ yen/JPY pounds-sterling/£
        """
    )
)


@cache
def _unit_symbols() -> dict[str, str]:
    """Return the symbols of units by their names in small letters, with hyphens for spaces."""
    prefixed = {
        prefix + name: sign + symbol
        for prefix, sign in (("", ""), *_UNIT_PREFIXES)
        for name, symbol in _PREFIXED_UNITS.items()
    }
    names = prefixed | _OTHER_UNITS
    return names | {f"{name}s": symbol for name, symbol in names.items()} | _UNITS_WITHOUT_PLURAL


_PER = r"\s*(?:\bper\b|[/·*])\s*"
_UNIT_WORDS = Pattern(r"(?:(square|cubic|sq|cu)\.?\s+)?(.+?)(?:\s+(squared|cubed))?", re.IGNORECASE)
_POWERS = dict(pairs("square/^2 squared/^2 sq/^2 cubic/^3 cubed/^3 cu/^3"))


@cache
def _unit_expressions() -> re.Pattern[str]:
    """Compile units in a row, of which some have names: meters per second squared, km per hour."""
    name = _any_of(_unit_symbols()).replace(r"\-", r"[\s-]*")
    symbol = r"(?!per\b)[A-Za-zμ°]{1,4}(?=\s+per\b)|(?<=per )[A-Za-zμ]{1,4}"
    symbol = rf"{symbol}|(?<=sq )[A-Za-z]{{1,2}}|(?<=cu )[A-Za-z]{{1,2}}"
    unit = rf"(?:(?:square|cubic|sq|cu)\.?\s+)?(?:{name}|{symbol})(?:\s+(?:squared|cubed))?\b"
    return re.compile(rf"(?>/?{unit}(?:{_PER}{unit})*)", re.IGNORECASE)


def _in_symbols(units: str) -> str:
    """Return an expression of units in symbols."""
    kept = ""
    for place, part in enumerate(re.split(rf"({_PER})", units, flags=re.IGNORECASE)):
        if place % 2:
            kept += "*" if part.strip() in {"·", "*"} else "/"
        elif (found := _UNIT_WORDS.compiled.fullmatch(part)) is not None:
            name = re.sub(r"[\s-]+", "-", found[2])
            power = (found[1] or found[3] or "").casefold()
            kept += _unit_symbols().get(name.casefold(), found[2]) + _POWERS.get(power, "")
    return kept


_AT_NUMBER = Pattern(r"(?<=[\d%])[\s-]*(?=/?[A-Za-zμ°])")


def _with_symbols(text: str) -> str:
    """Return a text with the names of units behind numbers, or of a unit alone, as symbols."""
    expression = _unit_expressions()
    if expression.fullmatch(text):
        return _in_symbols(text)
    kept, at = [], 0
    for place in _AT_NUMBER.finditer(text):
        found = expression.match(text, place.end()) if place.end() >= at else None
        if found is not None:
            kept += [text[at : place.start()], " ", _in_symbols(found[0])]
            at = found.end()
    return "".join(kept) + text[at:]


_MONTH_NUMBERS = _numbers(
    """
    january/1 jan/1 february/2 feb/2 march/3 mar/3 april/4 apr/4 may/5 june/6 jun/6 july/7 jul/7 august/8 aug/8
    september/9 sept/9 sep/9 october/10 oct/10 november/11 nov/11 december/12 dec/12
    """
)
_MONTH = rf"(?P<month>{_any_of(_MONTH_NUMBERS)})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:th)?"


def _date(found: re.Match[str]) -> str:
    """Return a date as ISO 8601 writes it."""
    parts = found.groupdict()
    day, year = parts.get("day"), parts.get("year")
    return f"{year or '-'}-{_MONTH_NUMBERS[parts['month'].casefold()]:02}" + (f"-{int(day):02}" if day else "")


_HOUR_WORDS = rf"(?P<hour>\d{{1,2}}|{_any_of([*_SMALL_NUMBERS][1:13])})"
_SPOKEN_CLOCK = Pattern(
    rf"^(?:at\s+)?(?P<minute>half|(?:a\s+)?quarter|(?:\d{{1,2}}|[a-z]+(?:[\s-][a-z]+)?)(?:\s+minutes)?)\s+"
    rf"(?P<side>past|after|to|before)\s+{_HOUR_WORDS}(?:\s+in\s+the\s+(?P<part>morning|afternoon|evening))?$",
    re.IGNORECASE,
)


def _spoken_clock(found: re.Match[str]) -> str:
    """Return half past two, ten to nine and the like as a time of day; what is none as it is."""
    minute = re.sub(r"^a\s+|\s+minutes$", "", found["minute"].casefold())
    hour = _SMALL_NUMBERS.get(found["hour"].casefold()) or int(found["hour"])
    parts = re.split(r"[\s-]+", minute)
    known = {"half": 30, "quarter": 15}.get(minute)
    if known is None:
        known = int(minute) if minute.isdigit() else _value_of(parts) if all(map(_CARDINALS.get, parts)) else None
    before = found["side"].casefold() in {"to", "before"}
    # `2 to 1` without a word of time is a ratio or a range.
    told = minute in {"half", "quarter"} or found["part"] or found["side"].casefold() == "past"
    if known is None or not told or known >= 60 or not 1 <= hour <= 12:
        return found[0]
    total = (hour % 12 if before or found["part"] else hour) * 60 + (-known if before else known)
    total += 720 if (found["part"] or "").casefold() in {"afternoon", "evening"} else 0
    total = total % 1440 if found["part"] else (total - 60) % 720 + 60
    return f"{total // 60:02}:{total % 60:02}"


_TENS_OF_YEARS = _any_of([*[*_SMALL_NUMBERS][10:], "twenty"])
_YEAR_IN_WORDS = Pattern(
    rf"\b({_TENS_OF_YEARS})[\s-]+(?:(oh|o)[\s-]+({_any_of([*_SMALL_NUMBERS][1:10])})"
    rf"|({_any_of([*_SMALL_NUMBERS][10:])})|({_any_of(_TENS)})(?:[\s-]+({_any_of([*_SMALL_NUMBERS][1:10])}))?)\b"
    rf"(?![\s-]+(?:hundred|thousand|[mbtr]+illion|and|{_CARDINAL})\b)",
    re.IGNORECASE,
)


def _year(found: re.Match[str]) -> str:
    """Return a year that is read in two halves, as nineteen eighty-four is."""
    low = sum(_CARDINALS[word.casefold()] for word in found.groups()[2:] if word)
    return f"{_CARDINALS[found[1].casefold()]}{low:02}"


def _clock(found: re.Match[str]) -> str:
    """Return a time of day in 24 hours."""
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        late = found[3].casefold() in {"p", "afternoon", "evening"}
        hour = hour % 12 + (12 if late else 0) if hour <= 12 else hour
    return f"{hour:02}:{minute:02}"


_DATED: Rewrites = tuple(
    (Pattern(expression, re.IGNORECASE), _date)
    for expression in (
        rf"\b{_MONTH}\s*{_DAY}\s*,?\s+(?:of\s+)?(?P<year>\d{{4}})\b",
        rf"\b{_DAY}\s*(?:of\s+|-)?{_MONTH}[\s,-]*(?:of\s+)?(?P<year>\d{{4}})\b",
        rf"\b{_MONTH}[\s,]+(?:of\s+)?(?P<year>\d{{4}})\b",
        rf"\b{_MONTH}\s*{_DAY}(?![\d.:])",
        rf"\b{_DAY}\s*(?:of\s+)?{_MONTH}",
        rf"^{_MONTH}$",
    )
)
_ERA = r"(?:B\.?\s?C\.?(?:\s?E\.?)?)"
_COMMON_ERA = r"(?:A\.?\s?D\.?|C\.?\s?E\.?)"
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_GREEK = dict(
    pairs(
        """
        alpha/α beta/β gamma/γ delta/δ epsilon/ε zeta/ζ eta/η theta/θ kappa/κ lambda/λ mu/μ nu/ν xi/ξ pi/π rho/ρ sigma/σ
        tau/τ phi/φ chi/χ psi/ψ omega/ω
        """
    )
)
_TIME_SYMBOLS = dict(pairs("second/s sec/s minute/min min/min hour/h hr/h day/d week/wk month/mo year/yr"))
_SIZES = {"k": 3, "m": 6, "b": 9}


def _money(found: re.Match[str]) -> str:
    """Return $5m and £2bn with the number in full."""
    return f"{found[1].replace(',', '')}e{_SIZES[found[2][0].casefold()]}"


def _angle(found: re.Match[str]) -> str:
    return f"{found[1]}°{found[2]}′" + (f"{found[3]}″" if found[3] else "")


_REWRITES: Rewrites = (
    (Pattern(r"\bhalf\s+a\s+dozen\b", re.IGNORECASE), "6"),
    (Pattern(rf"\b({_CARDINAL})[\s-]?fold$", re.IGNORECASE), r"\1 times"),
    (Pattern(r"\bhalf\s+an?\s+(?=[a-z])", re.IGNORECASE), "0.5 "),
    (Pattern(r"^half$", re.IGNORECASE), "1/2"),
    (Pattern(r"^infinity$", re.IGNORECASE), "∞"),
    (Pattern(r"^(?:positive|plus)\s+infinity$", re.IGNORECASE), "+∞"),
    (Pattern(r"^(?:negative|minus)\s+infinity$", re.IGNORECASE), "-∞"),
    (Pattern(r"^(?:the\s+)?(?:empty|null)\s+set$", re.IGNORECASE), "∅"),
    (Pattern(r"(?:\s|^)plus\s+or\s+minus\s+", re.IGNORECASE), "±"),
    (
        Pattern(rf"(?<=[a-z])\s*(?:/|\bper\b|\ba\b)\s*({_any_of(_TIME_SYMBOLS)})$", re.IGNORECASE),
        lambda found: f"/{_TIME_SYMBOLS[found[1].casefold()]}",
    ),
    (Pattern(r"(?<=\d)\s+per\s+(?=[A-Za-z])(?!cent|mil|thousand)", re.IGNORECASE), "/"),
    (_SPOKEN_CLOCK, _spoken_clock),
    (Pattern(r"\ba\s+dozen\b", re.IGNORECASE), "12"),
    (Pattern(r"^twice$", re.IGNORECASE), "2 times"),
    (Pattern(r"\bca(?:n't|nnot)(?!\w)", re.IGNORECASE), "can not"),
    (Pattern(r"\bwon't(?!\w)", re.IGNORECASE), "will not"),
    (Pattern(r"(?<=[a-z])n't(?!\w)", re.IGNORECASE), " not"),
    (Pattern(r"(?<=[a-z])\s+&\s+(?=[a-z])", re.IGNORECASE), " and "),
    (Pattern(r"^([^,]+(?:,[^,]+)+?)(?:,\s*|\s+)and\s+([^,]+)$", re.IGNORECASE), r"\1, \2"),
    (_YEAR_IN_WORDS, _year),
    (_FRACTION, _fraction),
    (_DECIMAL, _decimal),
    (_IN_WORDS, _in_digits),
    (
        Pattern(rf"(?<![\d.])({_NUMBER})\s*(hundred|thousand|million|billion|trillion)\b", re.IGNORECASE),
        lambda found: f"{found[1].replace(',', '')}e{len(str(_CARDINALS[found[2].casefold()])) - 1}",
    ),
    (
        Pattern(rf"(?<![\d.])({_NUMBER})\s?(mln|bn)\b", re.IGNORECASE),
        lambda found: f"{found[1].replace(',', '')}e{_SIZES[found[2][0].casefold()]}",
    ),
    (
        Pattern(r"(?<![\d.])(\d{1,3})\s+dozen\b", re.IGNORECASE),
        lambda found: str(12 * int(found[1])),
    ),
    (Pattern(r"([$€£¥]\s?\d[\d,]*(?:\.\d+)?)\s?(m|bn?|k)n?\b", re.IGNORECASE), _money),
    (Pattern(r"(?<=\d)[\s-]?fold$", re.IGNORECASE), " times"),
    (Pattern(r"(?<=\d)\s+times\s+(?=\d)", re.IGNORECASE), "×"),
    (Pattern(r"^(?:at\s+)?(?:12\s+)?noon$", re.IGNORECASE), "12:00"),
    (Pattern(r"(?:(?<=\d)|(?<=^[a-z]))\s+squared$", re.IGNORECASE), "^2"),
    (Pattern(r"(?:(?<=\d)|(?<=^[a-z]))\s+cubed$", re.IGNORECASE), "^3"),
    (Pattern(r"(?<=\d)\s+and\s+(?=\d+/\d)", re.IGNORECASE), " "),
    (Pattern(r"\b(?:minus|negative)\s+(?=[\d.])", re.IGNORECASE), "-"),
    (Pattern(r"(?<=\d)\s*(?:per\s?cent|percent|pct\b)", re.IGNORECASE), "%"),
    (Pattern(r"(?<=\d)\s*(?:per\s+(?:mille|mill?|thousand)|permille)\b", re.IGNORECASE), "‰"),
    (Pattern(r"^(?:about|approximately|approx\.?|around|roughly|circa|ca\.|~)\s*(?=[-+$€£¥]?\d)", re.IGNORECASE), "≈"),
    (Pattern(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE), "th"),
    (
        Pattern(rf"(?<!per\s)(?<!square\s)(?<![\d%]\s)(?<![\d%]-)\b({_ORDINAL})\b", re.IGNORECASE),
        lambda found: f"{_CARDINALS[_ORDINALS[found[1].casefold()]]}th",
    ),
    (Pattern(r"^the\s+(?=\S)", re.IGNORECASE), ""),
    (
        Pattern(r"(?<=\d)\s+to\s+the\s+(?:power\s+(?:of\s+)?(-?\d+)|(-?\d+)th(?:\s+power)?)(?!\w)", re.IGNORECASE),
        lambda found: f"^{found[1] or found[2]}",
    ),
    (
        Pattern(
            r"(\d+)\s*(?:degrees?|°)[\s,]*(\d+)\s*(?:arc\s?)?minutes?"
            r"(?:[\s,]*(\d+)\s*(?:arc\s?)?seconds?)?\b",
            re.IGNORECASE,
        ),
        _angle,
    ),
    (Pattern(r"(?<=\d)\s*degrees?\s+(?=(?:north|south|east|west|[NSEW])\b)", re.IGNORECASE), "°"),
    (
        Pattern(r"(?<=[\d°′″])\s*(north|south|east|west)(?:\s+(?:latitude|longitude))?$", re.IGNORECASE),
        lambda found: found[1][0].upper(),
    ),
    (Pattern(r"(?<=[\d°′″])\s+([NSEW])$"), r"\1"),
    (Pattern(r"^(?:latitude|longitude)?\s*([NSEW])\s*(\d[\d.]*\s?°[\d.′″ ]*)$"), r"\2\1"),
    (
        Pattern(r"^(\d[\d.]*\s*(?:degrees?\b|°)\s*(?:Celsius|Fahrenheit|C|F)?)\s+below\s+(?:zero|0)$", re.IGNORECASE),
        r"-\1",
    ),
    (Pattern(r"\bsquare\s+root\s+of\s+", re.IGNORECASE), "√"),
    (
        Pattern(rf"(?<![A-Za-z])({_any_of(_GREEK)})(?![A-Za-z])", re.IGNORECASE),
        lambda found: _GREEK[found[1].casefold()],
    ),
    (
        Pattern(
            r"^(?:on|in)\s+(?=(?:the\s+)?(?:year\s+)?(?:\d{4}$|[a-z]+\.?\s+\d|\d+(?:th)?\s+(?:of\s+)?[a-z]+,?\s+\d))",
            re.IGNORECASE,
        ),
        "",
    ),
    *_DATED,
    (Pattern(rf"(?<=\d{{4}}-\d\d)((?:-\d\d)?)\s*{_COMMON_ERA}$"), r"\1"),
    (Pattern(rf"(?<=th)\s+century\s*{_ERA}$"), " century BCE"),
    (Pattern(rf"(?<=th)\s+century\s*{_COMMON_ERA}$"), " century"),
    (Pattern(r"(?<=\d{3}0)['′]s$"), "s"),
    (Pattern(rf"(?<!\w){_ERA}\s*(\d{{1,4}})(?!\w)"), r"\1 BCE"),
    (Pattern(r"^(?:the\s+)?year\s+(\d{1,4})$", re.IGNORECASE), r"\1 CE"),
    (Pattern(rf"(?<![\w.])(\d{{1,4}})\s*{_ERA}(?!\w)"), r"\1 BCE"),
    (Pattern(rf"(?<![\w.])(\d{{1,4}})\s*{_COMMON_ERA}(?!\w)"), r"\1 CE"),
    (Pattern(rf"(?<!\w){_COMMON_ERA}\s*(\d{{1,4}})(?!\w)"), r"\1 CE"),
    (Pattern(r"(?<![\d.:])(\d{1,2})(?::(\d{2}))?\s*([ap])\.?\s?m\b\.?", re.IGNORECASE), _clock),
    (
        Pattern(
            r"(?<![\d.:])(\d{1,2})(?::(\d{2}))?(?:\s+o[’'′]?clock)?\s+in\s+the\s+(morning|afternoon|evening)$",
            re.IGNORECASE,
        ),
        _clock,
    ),
    (Pattern(r"(?<![\d.:])(\d{1,2})()\s+o[’'′]?clock()", re.IGNORECASE), _clock),
)
_ELEMENTS = dict(
    pairs(
        """
        hydrogen/H helium/He lithium/Li beryllium/Be boron/B carbon/C nitrogen/N oxygen/O fluorine/F neon/Ne
        sodium/Na magnesium/Mg aluminium/Al aluminum/Al silicon/Si phosphorus/P sulfur/S sulphur/S chlorine/Cl
        argon/Ar potassium/K calcium/Ca chromium/Cr manganese/Mn iron/Fe cobalt/Co nickel/Ni copper/Cu zinc/Zn
        gallium/Ga selenium/Se bromine/Br krypton/Kr rubidium/Rb strontium/Sr yttrium/Y molybdenum/Mo technetium/Tc
        silver/Ag iodine/I xenon/Xe cesium/Cs caesium/Cs barium/Ba iridium/Ir platinum/Pt gold/Au mercury/Hg
        thallium/Tl lead/Pb bismuth/Bi polonium/Po radon/Rn radium/Ra thorium/Th uranium/U neptunium/Np plutonium/Pu
        americium/Am curium/Cm californium/Cf
        """
    )
)
"""Those whose isotopes have names."""
_BOUNDS = (
    ("≥", r"(?:greater|larger|more) than or equal to|at least|not? less than"),
    ("≤", r"(?:less|smaller|fewer) than or equal to|at most|not? more than"),
    (">", r"(?:greater|larger|more|higher) than|over|above"),
    ("<", r"(?:less|smaller|fewer|lower) than|below|under"),
)
_TIMES = "(?:yr|mo|wk|d|h|min|s)"
_BETWEEN_NUMBERS: Rewrites = (
    (Pattern(r"^between\s+(-?[\d.,]+\S*(?:\s\S+)?)\s+and\s+(?=-?[\d.])", re.IGNORECASE), r"\1~"),
    (
        Pattern(r"^(?:from\s+)?(-?[\d.,]+\S*(?:\s\S+)?)\s+(?:to|through|until|till)\s+(?=-?[\d.])", re.IGNORECASE),
        r"\1~",
    ),
    (Pattern(r"(?<=\d)\s*-to-\s*(?=\d)", re.IGNORECASE), ":"),
    (Pattern(rf"(?<=\d)\s({_TIMES})\s+and\s+(?=\d+\s{_TIMES}\b)"), r" \1 "),
    (Pattern(r"(?<=\d)\s+and\s+(?=\d+$)"), ","),
    *(
        (Pattern(rf"(?:^|(?<=^[a-z]))\s*(?:is\s+)?(?:{words})\s+(?=[-\d.])", re.IGNORECASE), sign)
        for sign, words in _BOUNDS
    ),
)
_ISOTOPE: Rewrites = (
    (
        Pattern(rf"^({_any_of(_ELEMENTS)})[\s-]?(\d{{1,3}})$", re.IGNORECASE),
        lambda found: f"{_ELEMENTS[found[1].casefold()]}-{found[2]}",
    ),
)
_ARTICLE = Pattern(r"^an?\s+(?=[a-z]{2})(?!(?:few|little|lot|bit|priori|posteriori)\b)", re.IGNORECASE)
_RATIO: Rewrites = ((Pattern(r"(?<=\d)\s+to\s+(?=\d+$)"), ":"),)
_SPELLED = Pattern("[A-Za-z]")
_POUNDS = Pattern(r"(?<=\w\s)pounds?$", re.IGNORECASE)


def in_notation(text: str) -> Iterator[str]:
    """Yield a text with its values in the notation of all languages, the likeliest reading first.

    `second` is 2nd as well as s, `2 to 1` a range as well as a ratio, and pounds are money as well as a weight.
    """
    if not _SPELLED.search(text):
        yield text
        return
    in_digits = _with_symbols(rewrite(text, _REWRITES))
    yield rewrite(in_digits, (*_BETWEEN_NUMBERS, *_ISOTOPE))
    yield rewrite(rewrite(in_digits, _RATIO), _BETWEEN_NUMBERS)
    if _ARTICLE.search(text):
        yield _ARTICLE.sub("", text)
    if text.casefold() in _unit_symbols():
        yield _with_symbols(text)
    if _POUNDS.search(text):
        in_money = _with_symbols(rewrite(_POUNDS.sub("pounds sterling", text), _REWRITES))
        yield rewrite(in_money, _BETWEEN_NUMBERS)
