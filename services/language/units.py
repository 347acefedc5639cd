"""Units of measure by their symbols: what a unit expression such as `kg·m/s²` is, and of which dimension.

The symbols are those of the SI brochure (9th edition) and of what else is in everyday use. Names in words are in the
languages' files, which bring them to these symbols.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from services.language.patterns import pairs

_PREFIXES = {
    "p": -12, "n": -9, "μ": -6, "u": -6, "m": -3, "c": -2, "d": -1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15
}  # fmt: skip

_TABLE = """
    m=m p n μ u m c d k
    g=kg/1000 p n μ u m k
    s=s p n μ u m
    A=A n μ u m k
    K=K m k
    mol=mol n μ u m k
    cd=cd
    t=kg*1000 k M G
    min=s*60
    h=s*3600
    d=s*86400
    wk=s*604800
    mo=mo
    yr=mo*12
    L=m^3/1000 n μ u m c d h
    ha=m^2*10000
    mu=m^2*2000/3
    Hz=s^-1 k M G T
    N=kg,m,s^-2 μ u m k M
    Pa=kg,m^-1,s^-2 h k M G
    J=kg,m^2,s^-2 m k M G
    W=kg,m^2,s^-3 μ u m k M G T
    V=kg,m^2,s^-3,A^-1 μ u m k M
    C=A,s n μ u m
    Ω=kg,m^2,s^-3,A^-2 m k M
    S=kg^-1,m^-2,s^3,A^2 μ u m
    F=kg^-1,m^-2,s^4,A^2 p n μ u m
    H=kg,m^2,s^-2,A^-2 μ u m
    T=kg,s^-2,A^-1 μ u m
    Wb=kg,m^2,s^-2,A^-1 m
    lm=lm
    lx=lm,m^-2 k
    Bq=decay,s^-1 k M G T
    Gy=m^2,s^-2 m μ u
    Sv=sievert μ u m
    eV=kg,m^2,s^-2*1602176634/10000000000000000000000000000 m k M G
    cal=kg,m^2,s^-2*4184/1000 k
    bar=kg,m^-1,s^-2*100000 m k
    atm=kg,m^-1,s^-2*101325
    mmHg=kg,m^-1,s^-2*133322387415/1000000000
    °=degree
    rad=rad m
    ′=prime
    ″=doubleprime
    °C=celsius
    °F=fahrenheit
    jin=kg/2
    li=m*500
    mi=m*1609344/1000
    nmi=m*1852
    ft=m*3048/10000
    in=m*254/10000
    yd=m*9144/10000
    lb=kg*45359237/100000000
    oz=kg*28349523125/1000000000000
    gal=m^3*3785411784/1000000000000
    ly=m*9460730472580800
    AU=m*149597870700
    Da=Da k M
    bit=bit k M G T
    B=bit*8 k M G T P
    dB=dB
    hp=hp
    rpm=s^-1/60
    ppm=ppm
    ppb=ppb
    ¥=yuan
    $=dollar
    €=euro
    £=pound
    JPY=yen
    HK$=hkd
    NT$=twd
    A$=aud
    C$=cad
    CHF=chf
    ₽=ruble
    ₩=won
    ₹=rupee
    times=times
    CE=CE
    BCE=BCE
"""
"""Symbol, its dimension and its size in that, and the prefixes that it takes."""

_OTHER_SYMBOLS = dict(
    pairs(
        """
        l:L sec:s secs:s mins:min hr:h hrs:h wks:wk mos:mo y:yr yrs:yr lbs:lb ohm:Ω kohm:kΩ deg:°
        degC:°C degF:°F cc:cm^3 mph:mi/h kph:km/h kmh:km/h bps:bit/s Kbps:kbit/s Mbps:Mbit/s
        Gbps:Gbit/s kb:kbit Mb:Mbit Gb:Gbit Tb:Tbit KB:kB RMB:¥ CNY:¥ USD:$ US$:$ EUR:€ GBP:£
        HKD:HK$ TWD:NT$ AUD:A$ CAD:C$ RUB:₽ KRW:₩ INR:₹ kBps:kB/s KBps:kB/s MBps:MB/s GBps:GB/s AD:CE
        BC:BCE M:mol/L mM:mmol/L Wh:W*h kWh:kW*h MWh:MW*h GWh:GW*h TWh:TW*h Ah:A*h mAh:mA*h Nm:N*m
        """,
        ":",
    )
)
_TEMPERATURES = {"celsius": (Fraction(1), Fraction(5463, 20)), "fahrenheit": (Fraction(5, 9), Fraction(229835, 900))}
"""Kelvins a degree, and the kelvins of zero degrees."""

_Powers = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: the symbols that it is written with, and what it is in units of the SI."""

    symbols: _Powers
    dimension: _Powers
    size: Fraction

    def in_si(self, value: Fraction) -> tuple[Fraction, _Powers]:
        """Return a value of this unit in units of the SI, and which these are."""
        if len(self.dimension) == 1 and self.dimension[0] in {(name, 1) for name in _TEMPERATURES}:
            size, zero = _TEMPERATURES[self.dimension[0][0]]
            return value * size + zero, (("K", 1),)
        return value * self.size, self.dimension


def _powers(pairs: list[tuple[str, int]]) -> _Powers:
    total: dict[str, int] = {}
    for name, power in pairs:
        total[name] = total.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in total.items() if power))


def _entry(line: str) -> tuple[str, Unit, list[str]]:
    symbol, _, rest = line.partition("=")
    definition, *prefixes = rest.split()
    dimension, *factors = re.split(r"(?=[*/])", definition)
    size = Fraction(1)
    for factor in factors:
        size = size * int(factor[1:]) if factor[0] == "*" else size / int(factor[1:])
    bases = [(name, int(power or 1)) for name, _, power in (base.partition("^") for base in dimension.split(","))]
    return symbol, Unit(((symbol, 1),), _powers(bases), size), prefixes


@lru_cache(maxsize=1)
def _units() -> dict[str, Unit]:
    """Return each unit, with every prefix that it takes, by its symbol."""
    known: dict[str, Unit] = {}
    for line in filter(None, map(str.strip, _TABLE.splitlines())):
        symbol, unit, prefixes = _entry(line)
        known[symbol] = unit
        for prefix in prefixes:
            # `um` is how a keyboard writes μm.
            written = f"{prefix.replace('u', 'μ')}{symbol}"
            size = unit.size * Fraction(10) ** _PREFIXES[prefix]
            known[f"{prefix}{symbol}"] = Unit(((written, 1),), unit.dimension, size)
    others = {symbol: _product(meaning, known.get) for symbol, meaning in _OTHER_SYMBOLS.items()}
    return known | {symbol: unit for symbol, unit in others.items() if unit is not None}


_OTHER_CASE = {"m": "M", "M": "m", "p": "P", "P": "p"}
"""Prefixes that are another one in the other case."""


@lru_cache(maxsize=1)
def _twins() -> dict[str, Unit]:
    """Return what common units become by their prefix in the other case: `Mg` of `mg`, `mPa` of `MPa`.

    What is a common unit in small letters behind its prefix is none: `MT` is megatons.
    """
    known, near = _units(), _by_first_letter(_units())
    found: dict[str, Unit] = {}
    for symbol, unit in known.items():
        prefix, base = _OTHER_CASE.get(symbol[0], ""), known.get(symbol[1:])
        twin = prefix + symbol[1:]
        listed = known[symbol].symbols == ((symbol, 1),) and base is not None and base.dimension == unit.dimension
        if prefix and base and listed and _near(twin) not in near:
            found[twin] = Unit(((twin, 1),), base.dimension, base.size * Fraction(10) ** _PREFIXES[prefix])
    return found


def _near(symbol: str) -> str:
    """Return a symbol with small letters behind its first, whose case tells a prefix."""
    return symbol[0] + symbol[1:].casefold()


def _by_first_letter(units: Mapping[str, Unit]) -> dict[str, set[Unit]]:
    found: dict[str, set[Unit]] = {}
    for symbol, unit in units.items():
        if len(symbol) > 1:
            found.setdefault(_near(symbol), set()).add(unit)
    return found


@lru_cache(maxsize=1)
def _units_in_any_case() -> tuple[Mapping[str, Unit], Mapping[str, Unit], Mapping[str, Unit]]:
    """Return units by their symbols as they are written, with the first letter so, and in small letters.

    The latter two hold what one unit alone is: neither holds `mt`.
    """
    known, twins = _units(), _twins()
    near = _by_first_letter(known)
    # Small letters may be meant as capitals, but no capital as a small letter: MG is not mg.
    near |= {symbol: units for symbol, units in _by_first_letter(twins).items() if symbol[0].isupper()}
    small: dict[str, set[Unit]] = {}
    for symbol, unit in known.items():
        if len(symbol) > 1:
            small.setdefault(symbol.casefold(), set()).add(unit)
    return twins | known, _alone(near), _alone(small)


def _alone(found: Mapping[str, set[Unit]]) -> dict[str, Unit]:
    """Return what one unit alone is written as."""
    return {symbol: next(iter(units)) for symbol, units in found.items() if len(units) == 1}


def _common_unit(symbol: str) -> Unit | None:
    return _units().get(symbol) or _units().get(symbol.casefold())


def _unit_in_any_case(symbol: str) -> Unit | None:
    exact, near, small = _units_in_any_case()
    return exact.get(symbol) or near.get(_near(symbol)) or small.get(symbol.casefold())


_LONGEST = 48
"""Characters of an expression."""
_FACTOR = re.compile(r"([*/]?)([^\W\d_]*[^\W\d_$][$]?|[°′″$€£¥₽₩₹][CF]?)(?:\^?\(?([+-]?\d{1,2})\)?)?(?=[*/]|$)")
_DIVISOR = re.compile(r"/\(([^()]*)\)")


def _product(text: str, find: Callable[[str], Unit | None]) -> Unit | None:
    """Return the unit that `*` and `/` make of those that are found by their symbols."""
    symbols: list[tuple[str, int]] = []
    dimension: list[tuple[str, int]] = []
    size = Fraction(1)
    at = 0
    while at < len(text):
        factor = _FACTOR.match(text, at)
        unit = find(factor[2]) if factor else None
        if factor is None or unit is None or (not factor[1] if at else factor[1] == "*"):
            return None
        power = int(factor[3] or 1) * (-1 if factor[1] == "/" else 1)
        symbols += [(name, count * power) for name, count in unit.symbols]
        dimension += [(name, count * power) for name, count in unit.dimension]
        size *= unit.size**power
        at = factor.end()
    return Unit(_powers(symbols), _powers(dimension), size) if symbols else None


@lru_cache(maxsize=1 << 10)
def read_unit(text: str, *, any_case: bool = True) -> Unit | None:
    """Return the unit that an expression of symbols is, such as `kg`, `m/s^2`, `J/(kg*K)`; None where it is none.

    With `any_case`, `KG` is kg, as no other unit is written so.
    """
    if len(text) > _LONGEST:
        return None
    plain = re.sub(r"\s*([*/])\s*", r"\1", re.sub("[·×]", "*", text.strip()))
    plain = re.sub(r"\s+", "*", plain)
    plain = _DIVISOR.sub(lambda divisor: "/" + divisor[1].replace("*", "/"), plain)
    return _product(plain, _unit_in_any_case if any_case else _common_unit)
