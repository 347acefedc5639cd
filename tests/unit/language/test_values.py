"""Two texts are the same value, or they are not: by kind, in both languages, whatever the notation."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.language import en_values, zh_values
from services.language.values import same_value

SAME = r"""
    -40 °C = −40 °C
    3 = 3.0
    0.5 = .5
    3.5 kg = 3.50 kg
    三万 = 3万
    30000 = 3万
    叶绿体 = 葉綠體
    100 °C = 100.0 °C
    100 °C = 100 degrees Celsius
    100摄氏度 = 一百摄氏度
    100摄氏度 = 100℃
    1000 = 1,000
    1000 = 1 000
    1000.5 = 1.000,5
    10-20 = 10~20
    10-20 = 10至20
    10-20 = 10–20
    10^8 = 10⁸
    3×10^8 = 3e8
    3×10⁸ = 300000000
    1/2 = ½
    1/2 = 二分之一
    1 1/2 = 1½
    1 1/2 = 一又二分之一
    12.5% = 百分之十二点五
    3‰ = 千分之三
    35000 = 3万5千
    200 = 两百
    25 = 廿五
    135 = 壹佰叁拾伍
    0.5 = 半
    3 kg = 3千克
    3 kg = 三公斤
    3 kg = three kilograms
    3 kg = 三千克
    3000 g = 三千克
    km/h = 千米每小时
    60 km/h = 60公里/小时
    9.8 m/s^2 = 9.8 m·s⁻²
    9.8 m/s^2 = 9.8 meters per second squared
    9.8 m/s^2 = 9.8米每二次方秒
    5 元 = ￥5
    0.1 mol/L = 0.1摩尔每升
    1949年10月1日 = 1949-10-01
    1949年10月1日 = October 1, 1949
    1949年10月1日 = 1 October 1949
    1949年10月1日 = 一九四九年十月一日
    1949 = 1949年
    第三 = third
    第三 = 3rd
    H2O = H₂O
    C6H12O6 = C₆H₁₂O₆
    x^2+1 = x²+1
    C++ = c++
    5' = 5′
    ≥5 = >=5
    ≥5 = 大于等于5
    21 = twenty-one
    200 = two hundred
    ATP = ａｔｐ
    thylakoid membrane = Thylakoid-Membrane
    两百零五 = 205
    10,000 = 10000
    二〇二四 = 2024
    3:30 pm = 下午三点半
    15:30 = 3:30 p.m.
    221 BC = 公元前221年
    Ca²⁺ = Ca2+
    SO₄²⁻ = SO42-
    一百五 = 150
    三万五 = 35000
    3.5 million = 350万
    1.5亿 = 150,000,000
    3 h 20 min = 3小时20分钟
    5° = 5度
    COVID-19 = COVID19
    2x = 2*x
    -3 = 负三
    -3 = minus three
    零下40℃ = -40 °C
    1e999999 = 10^999999
    two thirds = 2/3
    2 to 1 = 2:1
    three quarters = 0.75
    one and a half = 1.5
    一半 = 1/2
    两个半小时 = 2.5小时
    第三次世界大战 = 第3次世界大战
    1960s = 20世纪60年代
    October = 10月
    pH=7 = PH=7
    WHO = who
    H2O = h2o
    10–20 kg = 10 kg–20 kg
    from 10 to 20 = 10-20
    10%~20% = 10-20%
    a hundred = 100
    1,234,567.89 = 1234567.89
    二比一 = 2:1
    5 m² = 5平方米
    5 cubic meters = 5 m^3
    三千米 = 3 km
    三千米 = 3000米
    三百万 = 3 million
    5 KG = 5 kg
    2.4 mhz = 2.4 MHz
    5 mpa = 5 MPa
    5 ml = 5 mL
    3 mw = 3 mW
    50 MT = 50 Mt
    CO2 = co2
    H2SO4 = h2so4
    ∞ = infinity
    ∞ = Infinity
    ∞ = 无穷大
    ∞ = 無窮大
    infinity = 无限大
    -∞ = negative infinity
    −∞ = 负无穷大
    +∞ = positive infinity
    +∞ = 正无穷
    \infty = ∞
"""
OTHER = """
    3.5 kg = 35 kg
    12.5% = 125%
    1.5 m = 15m
    -40 °C = 40 °C
    1/2 = 12
    2:1 = 21
    10-20 = 1020
    10^8 = 108
    1949年10月1日 = 1949年10月2日
    第三 = 3
    H2O = H2O2
    x^2+1 = x2+1
    Co = CO
    C++ = C
    C# = C
    5′ = 5″
    O₂ = O²
    >5 = <5
    >5 = 5
    3 km = 3000 m
    cell = cells
    Na+ = Na-
    Aa = AA
    x-1 = x1
    F=ma = f=MA
    ¥5 = $5
    三四个 = 34个
    1e999999 = 1e999998
    5 mg = 5 Mg
    5 mg = 5 MG
    5 MPa = 5 mPa
    10 mL = 10 ML
    3 mW = 3 MW
    3 MW = 3 mw
    5 pF = 5 PF
    12 mm = 12 Mm
    NaCl = NACL
    NaCl = nacl
    MgSO4 = MGSO4
    Ca(OH)2 = CA(OH)2
    Fe2O3 = fe2o3
    Ca2+ = CA2+
    CO = Co
    ∞ = -∞
    infinity = negative infinity
    ∞ = infinite
    无穷大 = 负无穷大
    ∞ = 8
"""


def pairs(table: str) -> list[tuple[str, str]]:
    """The two sides of each line."""
    return [(one, other) for one, _, other in (line.strip().partition(" = ") for line in table.strip().splitlines())]


@pytest.mark.parametrize(("one", "other"), pairs(SAME))
def test_a_value_is_the_same_in_every_notation(one: str, other: str) -> None:
    assert same_value(one, other)
    assert same_value(other, one)


@pytest.mark.parametrize(("one", "other"), pairs(OTHER))
def test_another_value_is_another(one: str, other: str) -> None:
    assert not same_value(one, other)
    assert not same_value(other, one)


@pytest.mark.parametrize("name", ["zh", "en", "zh2", "en2", "zh3", "en3", "tex"])
def test_the_pairs_that_were_written_before_they_were_tried(name: str) -> None:
    """Each line has whether the two are the same, and the two."""
    lines = (Path(__file__).parent / "values" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    wrong = []
    for line in lines:
        sign, one, other = line.split("\t")
        if {same_value(one, other), same_value(other, one)} != {sign == "="}:
            wrong.append(line)
    assert not wrong
    assert len(lines) > 130


@pytest.mark.parametrize("text", ["", " ", "？", "。", "\u200b", "…", "()"])
def test_what_says_nothing_says_no_value(text: str) -> None:
    assert not same_value(text, text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1 km", "1000 m", True),
        ("1 L", "1000 mL", True),
        ("36 km/h", "10 m/s", True),
        ("0 °C", "273.15 K", True),
        ("212 °F", "100 °C", True),
        ("2小时", "120分钟", True),
        ("1吨", "1000公斤", True),
        ("1 kWh", "3.6 MJ", True),
        ("1 km", "1000 g", False),
        ("1 km", "999 m", False),
        ("5 N", "5 J", False),
        ("1 km", "1", False),
    ],
)
def test_units_are_converted_where_that_is_asked_for(one: str, other: str, same: bool) -> None:
    assert same_value(one, other, convert=True) is same
    assert not same_value(one, other)


@pytest.mark.parametrize(
    ("text", "likeliest"),
    [
        ("1911年", "1911 CE"),
        ("三千米", "3000 m"),
        ("37度", "37 °"),
        ("公元前139年出使", "139 BCE出使"),
        ("second", "2th"),
        ("10 to 20", "10~20"),
    ],
)
def test_the_likeliest_reading_comes_first(text: str, likeliest: str) -> None:
    read = zh_values.in_notation if text[-1] > "~" else en_values.in_notation
    assert next(iter(read(text))) == likeliest
