"""Every notation of a value is that value, and no notation of another one is.

The writers of notations here share nothing with the code that reads them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from services.language.values import same_value
from tests.properties import examples
from tests.unit.language.hostile_values import HOSTILE

ZH = "零一二三四五六七八九"
CAPITALS = str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")
TRADITIONAL = str.maketrans("万亿", "萬億")
FULL_WIDTH = str.maketrans("0123456789.-,%", "０１２３４５６７８９．－，％")
SMALL = [
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
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def zh_section(n: int) -> str:
    """A number from 1 to 9999 as it is read aloud."""
    text, zero = "", False
    for size, place in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // size % 10
        if digit:
            text += ("零" if zero and text else "") + ZH[digit] + place
        zero = not digit
    return text


def zh(n: int) -> str:
    """A number below 10**16 in Chinese."""
    if n < 10**4:
        return zh_section(n) if n else "零"
    size, place = (10**8, "亿") if n >= 10**8 else (10**4, "万")
    high, low = divmod(n, size)
    rest = "" if not low else ("零" if low < size // 10 else "") + zh(low)
    return zh(high) + place + rest


def en(n: int) -> str:
    """A number below 10**15 in English."""
    if n < 20:
        return SMALL[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{SMALL[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{SMALL[n // 100]} hundred" + (f" and {en(n % 100)}" if n % 100 else "")
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= size:
            return f"{en(n // size)} {word}" + (f" {en(n % size)}" if n % size else "")
    raise AssertionError


def mixed(n: int) -> str:
    """Digits with Chinese places: 12万3456."""
    text = ""
    for size, place in ((10**8, "亿"), (10**4, "万")):
        if n >= size:
            text += f"{n // size}{place}"
            n %= size
    return f"{text}{n}" if n or not text else text


def scientific(n: int) -> str:
    digits = str(n).rstrip("0") or "0"
    power = len(str(n)) - 1
    return f"{digits[0]}.{digits[1:] or '0'}×10^{power}"


INTEGERS: list[Callable[[int], str]] = [
    str,
    lambda n: f"{n:,}",
    lambda n: f"{n:,}".replace(",", " "),
    lambda n: str(n).translate(FULL_WIDTH),
    lambda n: f"{n}.0",
    zh,
    lambda n: zh(n).translate(CAPITALS),
    lambda n: zh(n).translate(TRADITIONAL),
    mixed,
    en,
    lambda n: en(n).replace("-", " ").replace(" and ", " "),
    lambda n: en(n).upper(),
    scientific,
    lambda n: scientific(n).replace("×10^", "e"),
]
naturals = st.one_of(st.integers(0, 120), st.integers(0, 10**6), st.integers(0, 10**14))


@given(naturals, st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))
def test_an_integer_in_two_notations_is_one_value(
    n: int, one: Callable[[int], str], other: Callable[[int], str]
) -> None:
    assert same_value(one(n), other(n)), (one(n), other(n))


@given(naturals, naturals, st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))
def test_two_integers_are_two_values(n: int, m: int, one: Callable[[int], str], other: Callable[[int], str]) -> None:
    for another in {m, n * 10, n + 1, n // 10, int(str(n)[::-1])} - {n}:
        assert not same_value(one(n), other(another)), (one(n), other(another))


def zh_decimal(text: str) -> str:
    whole, _, part = text.partition(".")
    return zh(int(whole)) + (f"点{''.join(ZH[int(digit)] for digit in part)}" if part else "")


def en_decimal(text: str) -> str:
    whole, _, part = text.partition(".")
    return en(int(whole)) + (f" point {' '.join(SMALL[int(digit)] for digit in part)}" if part else "")


DECIMALS: list[Callable[[str], str]] = [
    str,
    lambda text: text + ("0" if "." in text else ".00"),
    lambda text: text.removeprefix("0") if text.startswith("0.") else text,
    lambda text: text.translate(FULL_WIDTH),
    zh_decimal,
    en_decimal,
]
SIGNS = ["-", "−", "－", "–", "负", "minus ", "negative "]
decimals = st.builds(
    lambda n, places: f"{n // 10**places}.{n % 10**places:0{places}}", st.integers(0, 10**6), st.integers(1, 4)
)
PERCENTS: list[Callable[[str], str]] = [
    lambda text: f"{text}%",
    lambda text: f"{text} percent",
    lambda text: f"百分之{zh_decimal(text)}",
    lambda text: f"{text}％",
    lambda text: f"{en_decimal(text)} per cent",
]


@given(decimals, st.sampled_from(DECIMALS), st.sampled_from(DECIMALS), st.sampled_from(SIGNS), st.sampled_from(SIGNS))
def test_a_decimal_and_its_sign(
    text: str, one: Callable[[str], str], other: Callable[[str], str], sign: str, minus: str
) -> None:
    # 负 stands at no English word.
    assume(en_decimal not in {one, other} or "负" not in {sign, minus})
    assert same_value(one(text), other(text))
    assert same_value(sign + one(text), minus + other(text))
    assert same_value(one(text), minus + other(text)) is (float(text) == 0)
    assert same_value(one(text), other(text.replace(".", ""))) is (float(text) == 0)


@given(decimals, decimals, st.sampled_from(PERCENTS), st.sampled_from(PERCENTS))
def test_a_percentage(text: str, another: str, one: Callable[[str], str], other: Callable[[str], str]) -> None:
    assert same_value(one(text), other(text))
    assert same_value(one(text), other(another)) is (Fraction(text) == Fraction(another))
    assert same_value(one(text), text) is (Fraction(text) == 0)


FRACTIONS: list[Callable[[int, int], str]] = [
    lambda a, b: f"{a}/{b}",
    lambda a, b: f"{a} / {b}",
    lambda a, b: f"{a}⁄{b}",
    lambda a, b: f"{zh(b)}分之{zh(a)}",
    lambda a, b: f"{b}分之{a}",
    lambda a, b: rf"\frac{{{a}}}{{{b}}}",
]


@given(
    st.integers(1, 500), st.integers(2, 500), st.integers(1, 9), st.sampled_from(FRACTIONS), st.sampled_from(FRACTIONS)
)
def test_a_fraction(
    a: int, b: int, times: int, one: Callable[[int, int], str], other: Callable[[int, int], str]
) -> None:
    assert same_value(one(a, b), other(a * times, b * times))
    assert same_value(one(a, b), other(a + 1, b)) is False
    assert same_value(one(a, b), f"{a}{b}") is False
    assert same_value(one(a, b), other(b, a)) is (a == b)


UNITS = [
    ("kg", "千克", "kilograms"), ("kg", "公斤", "kilogram"), ("g", "克", "grams"), ("km", "公里", "kilometers"),
    ("m", "米", "metres"), ("cm", "厘米", "centimeters"), ("mm", "毫米", "millimetres"), ("s", "秒", "seconds"),
    ("min", "分钟", "minutes"), ("h", "小时", "hours"), ("°C", "摄氏度", "degrees Celsius"), ("K", "开尔文", "kelvins"),
    ("mL", "毫升", "milliliters"), ("L", "升", "litres"), ("mol", "摩尔", "moles"), ("N", "牛顿", "newtons"),
    ("J", "焦耳", "joules"), ("kW", "千瓦", "kilowatts"), ("V", "伏特", "volts"), ("Pa", "帕", "pascals"),
    ("m^2", "平方米", "square meters"), ("cm³", "立方厘米", "cubic centimeters"),
    ("km/h", "千米每小时", "kilometers per hour"),
    ("m/s", "米/秒", "meters per second"), ("m·s⁻²", "米/秒²", "meters per second squared"),
    ("g/cm^3", "克每立方厘米", "grams per cubic centimeter"), ("mol/L", "摩尔/升", "moles per liter"),
    ("¥", "元", "yuan"), ("$", "美元", "dollars"), ("d", "天", "days"),
]  # fmt: skip


@given(st.integers(0, 9999), st.sampled_from(UNITS), st.sampled_from(UNITS), st.integers(0, 2), st.integers(0, 2))
def test_a_quantity(n: int, unit: tuple[str, ...], another: tuple[str, ...], one: int, other: int) -> None:
    writers: list[Callable[[int], str]] = [str, zh, en]
    texts = [f"{writers[way](n)}{' ' * (way != 1)}{unit[way]}" for way in (one, other)]
    assert same_value(*texts), texts
    assert not same_value(texts[0], str(n))
    assert not same_value(texts[0], f"{n + 1} {unit[other]}")
    assert not same_value(texts[0], f"-{n + 1} {unit[other]}")
    assume({unit[0], another[0]} != {"kg"} and unit[0] != another[0])
    assert not same_value(texts[0], f"{n} {another[other]}")


MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DATES: list[Callable[[datetime.date], str]] = [
    datetime.date.isoformat,
    lambda d: f"{d.year}年{d.month}月{d.day}日",
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}.{d.month:02}.{d.day:02}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1][:3]}. {d.day}, {d.year}",
    lambda d: f"{''.join(ZH[int(digit)] for digit in str(d.year))}年{zh(d.month)}月{zh(d.day)}号",
]
dates = st.dates(datetime.date(1000, 1, 1), datetime.date(2099, 12, 31))


@given(dates, dates, st.sampled_from(DATES), st.sampled_from(DATES))
def test_a_date(
    day: datetime.date,
    another: datetime.date,
    one: Callable[[datetime.date], str],
    other: Callable[[datetime.date], str],
) -> None:
    assert same_value(one(day), other(day)), (one(day), other(day))
    assert same_value(one(day), other(another)) is (day == another)
    assert not same_value(one(day), other(day + datetime.timedelta(1)))


@given(
    st.integers(0, 500), st.integers(1, 500), st.sampled_from("-–~～至到—"), st.sampled_from([" to ", "-", "~", "至"])
)
def test_a_range_and_a_ratio_are_no_numbers(low: int, more: int, sign: str, other: str) -> None:
    high = low + more
    assert same_value(f"{low}{sign}{high}", f"{low}{other}{high}")
    assert not same_value(f"{low}{sign}{high}", f"{low}{high}")
    assert not same_value(f"{low}{sign}{high}", f"{low}{other}{high + 1}")
    assert same_value(f"{low}:{high}", f"{low}比{high}")
    assert not same_value(f"{low}:{high}", f"{high}:{low}")
    assert not same_value(f"{low}:{high}", f"{low}{high}")


WILD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("0123456789.,-−^/*×eE%‰:~()[]{}'\"一二三十百千万亿点分之负第年月日零〇半个米克秒度 ²³⁻½₂"),
    ),
    max_size=60,
)


@examples(2)
@given(WILD, WILD)
def test_no_text_is_an_error_and_order_does_not_matter(one: str, other: str) -> None:
    assert same_value(one, other) is same_value(other, one)
    assert same_value(one, other, convert=True) is same_value(other, one, convert=True)


def test_hostile_texts_are_compared_within_their_bounds() -> None:
    for text in HOSTILE:
        for other in ("3 kg", "1", text[:-1]):
            assert not same_value(text, other) or text[:-1] == other
