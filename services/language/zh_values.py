"""How Chinese writes values: numerals, units, dates, times.

Numerals are read by the grammar of places, up to 万亿. What the grammar does not know (三四百, 一亿亿) is left as
it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache

from services.language.patterns import Pattern, Rewrites, pairs, rewrite
from services.language.scripts import HAN, HAN_CHARACTER

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_DIGITS |= {char: value for value, char in enumerate("壹贰叁肆伍陆柒捌玖", start=1)}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "万": 10**4, "亿": 10**8}
_TENS = {"廿": "二十", "卅": "三十", "卌": "四十"}
_CAPITALS = str.maketrans("拾佰仟", "十百千")
NUMERAL_DIGITS = "".join(_DIGITS)
_DIGIT = f"[{NUMERAL_DIGITS}]"
_NUMERAL = Pattern(
    rf"(?>(?:{_DIGIT}|\d++(?:\.\d++)?|[{''.join(_TENS)}十拾])"
    rf"(?:{_DIGIT}|[{''.join(_PLACES)}{''.join(_TENS)}]|\d++(?:\.\d++)?)*)"
)
"""What may be a number in Chinese numerals, or in digits and Chinese places (3万5千)."""
_COUNT = rf"(?:{_DIGIT}|\d+(?:\.\d+)?)"
_SECTION = Pattern(rf"(?:({_COUNT})千)?([零〇]?)(?:({_COUNT})百)?([零〇]?)(?:({_COUNT})?(十))?([零〇]?)({_COUNT})?")
_LONGEST_NUMERAL = 40


def in_digits(text: str) -> str:
    """Return a text with its Chinese numerals in digits: by place value (二十一) or digit by digit (二〇二四)."""
    return _NUMERAL.compiled.sub(lambda match: _numeral(match[0]), text)


def _numeral(text: str) -> str:
    """Return a number in digits; what is no number, or more than one (三五), as it is."""
    if all(char in _DIGITS for char in text):
        return _digit_by_digit(text)
    if not any(char in _PLACES or char in _TENS for char in text) or len(text) > _LONGEST_NUMERAL:
        return text
    plain = "".join(_TENS.get(char, char) for char in text.translate(_CAPITALS))
    value = _by_places(plain, (("亿", 10**8), ("万", 10**4)))
    return text if value is None else _decimal(value)


def _digit_by_digit(text: str) -> str:
    digits = _digits(text)
    if len(digits) == 2 and "0" not in digits:
        # 三四 is three or four; 三五 is from three to five or 35.
        return f"{digits[0]}~{digits[1]}" if int(digits[1]) == int(digits[0]) + 1 else text
    return digits


def _digits(text: str) -> str:
    return "".join(str(_DIGITS[char]) for char in text)


def _by_places(text: str, places: Sequence[tuple[str, int]]) -> Fraction | None:
    """Return the value of a number whose myriads are `places`, the highest first; None for what is no number."""
    if not places:
        return _section(text)
    (place, size), *lower = places
    high, found, low = text.rpartition(place)
    if not found:
        return _by_places(text, lower)
    value = _by_places(high, lower)
    if value is None or not low:
        return None if value is None else value * size
    if len(low) == 1 and (low in _DIGITS or low.isdigit()) and low not in "零〇0":
        # 三万五 is 35,000, and so is 3万5.
        return value * size + _count(low) * Fraction(size, 10)
    rest = _by_places(low, lower)
    return None if rest is None or rest >= size else value * size + rest


def _section(text: str) -> Fraction | None:
    """Return the value of a number below ten thousand, or of digits."""
    found = _SECTION.compiled.fullmatch(text)
    if found is None or not text:
        return None
    thousands, zero, hundreds, second_zero, tens, ten, third_zero, ones = found.groups()
    total = Fraction(0)
    for count, size in ((thousands, 1000), (hundreds, 100), (tens or ("1" if ten else None), 10)):
        total += _count(count) * size
    if ones is None:
        return total
    above = 10 if ten else 100 if hundreds else 1000 if thousands else 1
    shortened = above > 10 and not (zero or second_zero or third_zero) and len(ones) == 1
    return total + _count(ones) * (above // 10 if shortened else 1)


def _count(text: str | None) -> Fraction:
    return Fraction(0) if text is None else Fraction(_DIGITS[text]) if text in _DIGITS else Fraction(text)


def _decimal(value: Fraction) -> str:
    """Return a number that has a finite decimal form in that form."""
    whole, rest = divmod(value, 1)
    digits = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        digits += str(digit)
    return f"{whole}.{digits}" if digits else str(whole)


_UNIT_PREFIXES = pairs("千/k 毫/m 厘/c 分/d 微/μ 纳/n 皮/p 百/h 兆/M 吉/G 奈/n")
_PREFIXED_UNITS = dict(
    pairs(
        """
        米/m 公尺/m 克/g 公克/g 升/L 公升/L 秒/s 瓦特/W 瓦/W 伏特/V 伏/V 安培/A 安/A 欧姆/Ω 欧/Ω 焦耳/J 焦/J 牛顿/N
        牛/N 帕斯卡/Pa 帕/Pa 赫兹/Hz 赫/Hz 摩尔/mol 摩/mol 库仑/C 库/C 法拉/F 法/F 亨利/H 特斯拉/T 韦伯/Wb 卡路里/cal
        卡/cal 字节/B 比特/bit 电子伏特/eV 电子伏/eV 瓦时/Wh 安时/Ah 贝克勒尔/Bq 贝可/Bq 希沃特/Sv 西弗/Sv 戈瑞/Gy
        巴/bar 道尔顿/Da
        """
    )
)
_OTHER_UNITS = dict(
    pairs(
        """
        公斤/kg 牛米/N·m 度电/kWh
        斤/jin 市斤/jin 吨/t 公吨/t 公里/km 里/li 公分/cm 公厘/mm 公顷/ha 亩/mu 小时/h 钟头/h 分钟/min 分/min
        秒钟/s 天/d 日/d 星期/wk 周/wk 礼拜/wk 个月/mo 年/yr 度/° 摄氏度/°C 华氏度/°F 开尔文/K 开/K 元/¥ 块钱/¥ 块/¥
        元人民币/¥ 人民币/¥ 美元/$ 美金/$ 欧元/€ 英镑/£ 日元/JPY 港元/HK$ 港币/HK$ 新台币/NT$ 澳元/A$ 加元/C$
        瑞士法郎/CHF 卢布/₽ 韩元/₩ 卢比/₹ 英里/mi 英尺/ft 英寸/in 码/yd 磅/lb 盎司/oz 加仑/gal 海里/nmi 光年/ly
        天文单位/AU 毫米汞柱/mmHg 标准大气压/atm 大气压/atm 分贝/dB 马力/hp 坎德拉/cd 流明/lm 勒克斯/lx 弧度/rad
        """
    )
)


@cache
def _unit_symbols() -> dict[str, str]:
    """Return the symbols of units by their names."""
    names = _PREFIXED_UNITS | _OTHER_UNITS
    names |= {
        prefix + name: sign + symbol for prefix, sign in _UNIT_PREFIXES for name, symbol in _PREFIXED_UNITS.items()
    }
    lengths = {name: symbol for name, symbol in names.items() if re.fullmatch(r"[cdkmnμ]?m|ft|in|mi|yd", symbol)}
    for word, power in (("平方", "^2"), ("立方", "^3")):
        names |= {word + name: symbol + power for name, symbol in lengths.items()}
    return names


@cache
def _unit_expressions() -> re.Pattern[str]:
    """Compile units in a row, of which some have names: 米/秒, 千克每立方米, km/小时."""
    name = "|".join(sorted(map(re.escape, _unit_symbols()), key=lambda word: (-len(word), word)))
    unit = rf"(?:{name}|[A-Za-zμΩ°]+)(?:\^?-?\d|平方)?"
    return re.compile(rf"{unit}(?:\s*(?:/\(?|[·*]|每(?:[2二]次方|平方)?)\s*(?:{unit}|时)\)?)*")


_SQUARED = Pattern(rf"每(?:[2二]次方|平方)([{HAN}A-Za-z]+)")
_POWER_WORD = Pattern("平方$|平方(?=[每/·*])")
_HAN_RUN = Pattern(f"[{HAN}]+")


def _in_symbols(units: str) -> str:
    """Return an expression of units in symbols."""
    # 时 is a time of day, except behind another unit.
    names = _unit_symbols() | {"时": "h"}
    plain = units if units in names else _POWER_WORD.sub("^2", _SQUARED.sub(r"/\1^2", units))
    for word in sorted(set(_HAN_RUN.compiled.findall(plain.replace("每", "/"))), key=len, reverse=True):
        plain = plain.replace(word, names.get(word, word)) if word in names else plain
    return plain.replace("每", "/")


_AT_NUMBER = Pattern(r"(?<=[\d%])\s*(?=\S)")


def _with_symbols(text: str) -> str:
    """Return a text with the names of units behind numbers, or of a unit alone, as symbols."""
    expression = _unit_expressions()
    if expression.fullmatch(text):
        return _in_symbols(text)
    kept, at = [], 0
    for place in _AT_NUMBER.finditer(text):
        found = expression.match(text, place.end()) if place.end() >= at else None
        if found is not None and HAN_CHARACTER.search(found[0]):
            kept += [text[at : place.start()], " ", _in_symbols(found[0])]
            at = found.end()
    return "".join(kept) + text[at:]


_NUMBER = r"\d+(?:\.\d+)?"
_A_NUMERAL = rf"(?:{_DIGIT}|[十百千万亿\d])"
_PREFIXED = rf"千(?={'|'.join(_PREFIXED_UNITS)})"
_PARTS_OF_DAY = "上午|早上|早晨|清晨|凌晨|中午|下午|晚上|傍晚|夜里"
_UNIT_AT_DIGIT: Rewrites = (
    (Pattern(rf"(?<=\d){_PREFIXED}"), "\ue003"),
    (Pattern(r"(?<=\d)百(?=帕)"), "\ue004"),
)
_UNIT_AT_NUMERAL: Rewrites = ((Pattern(_PREFIXED), "\ue003"), (Pattern("百(?=帕)"), "\ue004"))
_BEFORE_NUMERALS: Rewrites = (
    (Pattern("百分之百"), "100%"),
    (Pattern(r"(?<=\d)\s+(?=[百千]?[万亿])"), ""),
    (Pattern("^空集$"), "∅"),
    (Pattern(rf"(?<!{_A_NUMERAL})百分之"), "\ue000"),
    (Pattern(rf"(?<!{_A_NUMERAL})千分之"), "\ue001"),
    (Pattern(rf"(?<!{_A_NUMERAL})万分之"), "\ue002"),
    (Pattern(r"(摄氏|华氏)(零下)?([^度]{1,12})(?=度)"), r"\2\3\1"),
    (Pattern(r"零下([^度氏]{1,12})度"), r"零下\1摄氏度"),
    (Pattern("(?<=每)(千克|公斤|克|摩尔?)(?=摄氏度|开)"), r"\1每"),
    (Pattern("正负"), "±"),
    (Pattern(r"(?<=[\d零〇一二三四五六七八九十百千万亿])\s*乘以?\s*(?=[\d.一二三四五六七八九十])"), "×"),
    (Pattern(r"^(?:无穷大?|无限大)$"), "∞"),
    (Pattern(r"^正\s*(?:无穷大?|无限大)$"), "+∞"),
    (Pattern(r"^负\s*(?:无穷大?|无限大)$"), "-∞"),
    (Pattern("根号下?"), "√"),
    (Pattern(rf"(?:零下|负)\s*(?=[{HAN}\d.\ue000-\ue002])"), "-"),
    (Pattern(rf"(?<={_A_NUMERAL})个半"), "点五个"),
    (Pattern(rf"((?:{_PARTS_OF_DAY})\s*{_A_NUMERAL}{{1,3}}点零?{_A_NUMERAL}{{1,3}})$"), r"\1分"),
    (Pattern("约莫|大约|大概|约(?=-?[\\d.])"), "≈"),
    (Pattern(rf"^约(?={_A_NUMERAL})"), "≈"),
    (Pattern(rf"^({_A_NUMERAL}.{{0,20}}?)左右$"), r"≈\1"),
    (Pattern(r"的平方$"), "^2"),
    (Pattern(r"的立方$"), "^3"),
    (Pattern(r"^[一1]?半$|(?<![点个])半个?(?=小时|钟头|年|天|米|公里|公斤|斤|[千毫]?克|升|吨|世纪|径$)"), "0.5"),
)
_NUMERALS: Rewrites = (
    (
        Pattern(rf"({_NUMERAL.text})点({_DIGIT}++)(?![分刻十\d])"),
        lambda found: f"{_numeral(found[1])}.{_digits(found[2])}",
    ),
    (_NUMERAL, lambda found: _numeral(found[0])),
)
_CALENDAR: Rewrites = (
    (Pattern(r"[公西]元前\s*(\d+)世纪"), r"\1th century BCE"),
    (Pattern(r"(?:[公西]元)?(?<!\d)(\d{1,2})世纪(?!\d0年代)"), r"\1th century"),
    (Pattern(r"[公西]元前\s*(\d+)年?|^前\s*(\d+)年"), r"\1\2 BCE"),
    (Pattern(r"(?:公元|西元)\s*(\d+)年(?!\d+月)"), r"\1 CE"),
    (Pattern(r"(?<!\d)(\d{1,2})世纪(\d0)年代"), lambda found: f"{int(found[1]) - 1}{found[2]}s"),
    (Pattern(r"(?<!\d)(\d{3}0)年代"), r"\1s"),
    (
        Pattern(r"(?<!\d)(?:公元)?(\d{3,4})年\s*(\d{1,2})月\s*(\d{1,2})[日号]"),
        lambda found: f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}",
    ),
    (Pattern(r"(?<!\d)(\d{4})年\s*(\d{1,2})月(?:份)?"), lambda found: f"{found[1]}-{int(found[2]):02}"),
    (
        Pattern(r"(?<!\d)(\d{1,2})月\s*(\d{1,2})[日号]"),
        lambda found: f"--{int(found[1]):02}-{int(found[2]):02}",
    ),
    (Pattern(r"^(\d{1,2})月份?$"), lambda found: f"--{int(found[1]):02}"),
)
_LATE = ("下午", "晚上", "傍晚", "夜里")
_CLOCK = Pattern(
    rf"({_PARTS_OF_DAY})?\s*(?<![\d.])(\d{{1,2}})(?(1)(?:点钟?|时)|(?:点钟?|时(?=\s*\d{{1,2}}分)))"
    r"\s*(?:(半|整|[13]刻)|(\d{1,2})\s*(?:分(?!之)|$))?"
)


def _clock(found: re.Match[str]) -> str:
    """Return a time of day in 24 hours."""
    part, hour, word, minute = found[1], int(found[2]), found[3] or "", int(found[4] or 0)
    hour += 12 if part in _LATE and hour < 12 else 0
    minute += 30 if word == "半" else 15 * int(word[0]) if word.endswith("刻") else 0
    return f"{hour:02}:{minute:02}" if hour <= 24 and minute < 60 else found[0]


_SHORT_OF = r"(?:(?P<minute>\d{1,2})分钟?|(?P<quarter>[13])刻钟?)"
_CLOCKS_BEFORE = tuple(
    Pattern(rf"(?P<part>{_PARTS_OF_DAY})?\s*(?<![\d.])" + written)
    for written in (
        rf"差\s*{_SHORT_OF}\s*(?:到|不到)?\s*(?P<hour>\d{{1,2}})点钟?$",
        rf"(?P<hour>\d{{1,2}})点钟?\s*差\s*{_SHORT_OF}$",
    )
)


def _clock_before(found: re.Match[str]) -> str:
    """Return so many minutes before an hour as a time of day in 24 hours."""
    hour, minute = int(found["hour"]), int(found["minute"] or 15 * int(found["quarter"] or 0))
    if not 1 <= hour <= 24 or not 0 < minute < 60:
        return found[0]
    hour += 12 if found["part"] in _LATE and hour <= 12 else 0
    return f"{hour - 1:02}:{60 - minute:02}"


_DIGITAL_CLOCK = Pattern(rf"({_PARTS_OF_DAY})\s*(\d{{1,2}}):(\d{{2}})(?!\d)")


def _digital_clock(found: re.Match[str]) -> str:
    hour = int(found[2])
    return f"{hour + (12 if found[1] in _LATE and hour < 12 else 0):02}:{found[3]}"


def _angle(found: re.Match[str]) -> str:
    return f"{found[1]}°{found[2]}′" + (f"{found[3]}″" if found[3] else "")


_PER = dict(pairs("分/min 秒/s"))
_AFTER_NUMERALS: Rewrites = (
    (Pattern(rf"({_NUMBER})\s*又\s*(\d+)分之(\d+)"), r"\1 \3/\2"),
    (Pattern(r"(?<=\d)\s*又\s*(?=\d+/\d)"), " "),
    (Pattern(r"(?<=[时点分钟])[零0](?=\d)"), ""),
    (Pattern(rf"({_NUMBER})分之({_NUMBER})"), r"\2/\1"),
    (Pattern(rf"^({_NUMBER})分之(√?(?:\d+|[A-Za-zπ]))$"), r"\2/\1"),
    (Pattern(r"(?<=\d)的\s*(-?\d+)次[方幂]"), r"^\1"),
    (Pattern(r"(?<=\d)倍(?=√)"), ""),
    (Pattern(r"(?<=\d)倍$"), " times"),
    (Pattern(rf"({_NUMBER})度({_NUMBER})分(?:({_NUMBER})秒)?(?!\w)"), _angle),
    (Pattern(r"(?<![\d.])(\d+)[元块](\d)[角毛](?:(\d)分)?"), r"\1.\2\3元"),
    (Pattern(r"(?<=\d[元块])整$"), ""),
    (Pattern(r"^人民币\s*(?=[\d.,万亿]+元)"), ""),
    (Pattern(rf"^每([{HAN}A-Za-z]{{1,4}}?)(?:为|是)?\s*(-?\d.*)$"), r"\2/\1"),
    (Pattern(rf"(?<=\d)\s*([{HAN}])\s*[/每]\s*(分|秒)钟?$"), lambda found: f"{found[1]}/{_PER[found[2]]}"),
    (Pattern(rf"\ue000\s*({_NUMBER})"), r"\1%"),
    (Pattern(rf"\ue001\s*({_NUMBER})"), r"\1‰"),
    (Pattern(rf"\ue002\s*({_NUMBER})"), r"\1/10000"),
    (Pattern(r"^(\d)成$"), r"\g<1>0%"),
    (Pattern(r"^(\d)成半$"), r"\g<1>5%"),
    (Pattern(r"第\s*(\d+)"), r"\1th"),
    *_CALENDAR,
    *((pattern, _clock_before) for pattern in _CLOCKS_BEFORE),
    (_CLOCK, _clock),
    (_DIGITAL_CLOCK, _digital_clock),
    (Pattern(r"(?<!\d)(\d+)(小时|年|天|米|公里|公斤|斤|千克|克|吨|升)半"), r"\1.5\2"),
    (Pattern(r"(?<=\d)\s*个(?!月)"), ""),
)
_POINTS = dict(pairs("东/E 西/W 南/S 北/N"))
_ELEMENTS = dict(
    pairs(
        """
        氢/H 氦/He 锂/Li 铍/Be 硼/B 碳/C 氮/N 氧/O 氟/F 氖/Ne 钠/Na 镁/Mg 铝/Al 硅/Si 磷/P 硫/S 氯/Cl 氩/Ar 钾/K
        钙/Ca 铬/Cr 锰/Mn 铁/Fe 钴/Co 镍/Ni 铜/Cu 锌/Zn 镓/Ga 硒/Se 溴/Br 氪/Kr 铷/Rb 锶/Sr 钇/Y 钼/Mo 锝/Tc 银/Ag
        碘/I 氙/Xe 铯/Cs 钡/Ba 铱/Ir 铂/Pt 金/Au 汞/Hg 铊/Tl 铅/Pb 铋/Bi 钋/Po 氡/Rn 镭/Ra 钍/Th 铀/U 镎/Np 钚/Pu
        镅/Am 锔/Cm 锎/Cf
        """
    )
)
"""Those whose isotopes have names."""
_LISTED = rf"[{HAN}A-Za-z]{{1,8}}?"
_BEFORE_BOUND = r"(?:^|(?<=^[A-Za-zα-ω]))\s*"
"""A number that is bounded stands alone, or behind the letter of which it is the bound."""
_BETWEEN_NUMBERS: Rewrites = (
    (Pattern(rf"^(-?[\d.]+)\s*([{HAN}]{{1,2}})\s*(?:[至到~～]|-+)\s*(-?[\d.]+)\s*\2$"), r"\1~\3\2"),
    (Pattern(r"^(?:介于|在)?\s*(-?[\d.][^和与之]{0,30}?)\s*[和与]\s*(-?[\d.][^和与之]{0,30})之间$"), r"\1~\2"),
    (Pattern(r"(?<=[0-9A-Za-z%°′″$¥€])\s*[至到]\s*(?=-?[\d.])"), "~"),
    (Pattern(r"^(?:从|由|自|介于)\s*(?=-?[\d.][^~]{0,30}~)"), ""),
    (Pattern("(?<=[0-9A-Za-z%°])之间$"), ""),
    (
        Pattern(r"(?:(?<=^)|(?<=[,，]))\s*([东西南北])[经纬]\s*(\d[^,，]*)"),
        lambda found: f"{found[2]}{_POINTS[found[1]]}",
    ),
    (Pattern(r"(?<=\d)\s*比\s*(?=\d)"), ":"),
    (Pattern(r"(?<=\d)\s*和\s*(?=[-+]?\d)"), ","),
    (Pattern(r"(?<=[\w)%°])\s*[，,]?或者?\s*(?=[-+]?[A-Za-z\d√πα-ω(])"), " or "),
    (
        Pattern(rf"^({'|'.join(_ELEMENTS)})\s*-?\s*(\d{{1,3}})$"),
        lambda found: f"{_ELEMENTS[found[1]]}-{found[2]}",
    ),
    (
        Pattern(rf"^{_LISTED}(?:(?:[、,]|以及|[和与及]){_LISTED}){{2,}}$"),
        lambda found: re.sub("以及|[和与及]", ",", found[0]),
    ),
    (Pattern(r"不等于"), "≠"),
    (Pattern(r"(?<=[A-Za-z\d)])\s*等于\s*(?=[-+A-Za-z\d√(])"), "="),
    (Pattern(r"^(-?[\d.]+\s*(?:%|[A-Za-z°$¥€/^0-9]{0,8}|\w{0,3}?))及?以上$"), r"≥\1"),
    (Pattern(r"^(-?[\d.]+\s*(?:%|[A-Za-z°$¥€/^0-9]{0,8}|\w{0,3}?))及?以[下内]$"), r"≤\1"),
    (Pattern(rf"{_BEFORE_BOUND}(?:大于或?等于|不小于|不少于|不低于|至少)\s*(?=-?[\d.])"), "≥"),
    (Pattern(rf"{_BEFORE_BOUND}(?:小于或?等于|不大于|不多于|不超过|不高于|至多|最多)\s*(?=-?[\d.])"), "≤"),
    (Pattern(rf"{_BEFORE_BOUND}(?:大于|多于|高于|超过)\s*(?=-?[\d.])"), ">"),
    (Pattern(rf"{_BEFORE_BOUND}(?:小于|少于|低于|不到)\s*(?=-?[\d.])"), "<"),
)


_YEAR: Rewrites = ((Pattern(r"(?<!\d)(\d{4})年(?!级)"), r"\1 CE"),)
_OTHER_READINGS: Sequence[Rewrites] = (
    (),
    ((Pattern(r"(?<!\d)(\d{3})年(?!级)"), r"\1 CE"),),
    ((Pattern(r"(?<=\d)度$"), "摄氏度"),),
)


def in_notation(text: str) -> Iterator[str]:
    """Yield a text with its values in the notation of all languages, the likeliest reading first.

    三千克 is 3 kg as well as 3000 g, 1949年 is a year as well as so many, and 37度 is 37° or 37 °C.
    """
    if not _WRITTEN.search(text):
        yield text
        return
    for units in (_UNIT_AT_DIGIT, _UNIT_AT_NUMERAL):
        in_digits = _in_digits(text, units)
        for reading in (_YEAR, *_OTHER_READINGS):
            yield rewrite(_with_symbols(rewrite(in_digits, reading)), _BETWEEN_NUMBERS)


_WRITTEN = Pattern(f"[{HAN}〇]")


def _in_digits(text: str, units: Rewrites) -> str:
    for rewrites in (units, _BEFORE_NUMERALS, _NUMERALS, _AFTER_NUMERALS):
        text = rewrite(text, rewrites)
    return text.replace("\ue003", "千").replace("\ue004", "百")
