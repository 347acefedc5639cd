"""Formulas of mathematics and chemistry: when a text is one, and how it is written in one way.

Letters, their case and every sign count. What may stand in any order stands in one: the terms of a sum, the sides of
an equation, the substances on a side of a reaction, the members of a set.
"""

from __future__ import annotations

import re
from fractions import Fraction

from services.language.patterns import words

_ELEMENT = (
    "A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|K[r]?|L[airuv]|M[cdgnot]"
    "|N[abdehiop]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|U|V|W|Xe|Yb?|Z[nr]"
)
_ELEMENTS = re.compile(rf"(?:{_ELEMENT})+")
_SYMBOL = re.compile(_ELEMENT)
_CHEMICAL = re.compile(r"[A-Za-z0-9()·+→⇌=^↑↓-]+")
_ELECTRON = re.compile(r"(?<![A-Za-z])e[+-](?!\w)")
_HYDRATE = re.compile(r"(?<=[\w)])[.*×](?=\d*H2O)")
_EQUATION = re.compile("[^=]+=+[^=]+")
_ARROW = re.compile("([→⇌])")
_SUBSTANCE = re.compile(r"[^+]+(?:\+(?=\+|$))?")
"""One side's substance with its charge: a plus before another plus, or at the end, is none between two."""
_ISOTOPE = re.compile(
    rf"(?:\^\(?(?P<above>\d{{1,3}})\)?(?P<of>{_ELEMENT})|(?P<element>{_ELEMENT})(?:-(?=\d{{1,3}}$)|(?=\d{{3}}$))(?P<mass>\d+))"
)
_RELATION = re.compile(r"[<>≤≥]")
_CHAIN = re.compile(r"([^<>≤≥]+)([<>≤≥])([^<>≤≥]+)(?:([<>≤≥])([^<>≤≥]+))?")
_TURNED = {">": "<", "≥": "≤"}
_GENOTYPE = re.compile(r"(?:([A-Za-z])\1){1,8}", re.IGNORECASE)
_ALGEBRA = re.compile(r"[A-Za-zΑ-Ωα-ω0-9().,·+→=^√∛∜÷×*/<>≤≥≠≈±∑∫∞!′'_|-]+")
_WELL_FORMED = re.compile(r".*[\w)!′'∞|]")
_NAMED = {
    name.casefold(): name for name in words("sin cos tan cot sec csc arcsin arccos arctan log ln lg exp lim mod pH")
}
"""What no learner is held to the case of."""
_LETTERS = re.compile(r"[A-Za-zΑ-Ωα-ω]+")
_CHARGE = re.compile(r"\^\(?(\d*[+-])\)?(?![\w(])")
_MASS_NUMBER = re.compile(r"(?<![\w)])\^\(?(\d+)\)?(?=[A-Z])")
_SILENT_PRODUCT = re.compile(r"(?<=[\w)])[·×*](?=[A-Za-zΑ-Ωα-ω(√])")
_TERM = re.compile(r"[+-]?[^+-]+")
_NO_SUM = re.compile(r"[±∑∫!|,→≈'√∛∜]|\^[+(-]|[(*/·^][+-]|lim|mod")
"""What may reach over more than one term, or has a sign that joins none."""


def read_formula(text: str) -> tuple[str, ...] | None:
    """Return the letters, numbers and signs of a formula; None for a text that is none."""
    if _INTERVAL.fullmatch(text):
        return tuple(_with_short_decimals(_with_plain_members(text.replace(" ", ""))))
    plain = text.translate(str.maketrans("[]{}", "()()")).replace(" ", "")
    if isotope := isotope_of(text):
        return tuple(isotope)
    plain = _MASS_NUMBER.sub(r"\1", _CHARGE.sub(r"\1", plain))
    plain = _HYDRATE.sub("·", plain)
    plain = _LETTERS.sub(lambda run: "π" if run[0] == "pi" else _NAMED.get(run[0].casefold(), run[0]), plain)
    if not (_is_chemical(plain) or _is_algebra(plain) or _GENOTYPE.fullmatch(plain)):
        return None
    plain = _SILENT_PRODUCT.sub("", plain).replace("*", "·").replace("×", "·")
    plain = re.sub(r"(?<!\d)\.(?=\d)", "0.", plain)
    plain = re.sub(r"√\((\w)\)", r"√\1", plain)
    if _is_chemical(plain):
        return tuple(_with_short_decimals(_reaction(plain)))
    return tuple(in_one_order(_with_short_decimals(plain)))


def isotope_of(text: str) -> str:
    """Return an isotope as its mass and its symbol, 14C; empty for a text that is none or may be another thing."""
    found = _ISOTOPE.fullmatch(text.replace(" ", ""))
    return f"{found['above'] or found['mass']}{found['of'] or found['element']}" if found else ""


def _reaction(text: str) -> str:
    """Return a reaction with the substances of each side in one order, and any other chemical formula as it is."""
    if "+" in text and _EQUATION.fullmatch(text):
        # 2H2 + O2 = 2H2O is how schools in China write the arrow.
        text = re.sub("=+", "→", text)
    if not _ARROW.search(text):
        return text
    sides = _ARROW.split(text)
    return "".join(side if _ARROW.fullmatch(side) else "+".join(sorted(_SUBSTANCE.findall(side))) for side in sides)


def in_one_order(text: str) -> str:
    """Return a relation or a sum with what may change places in one order: 3>x is x<3, and 1+2x is 2x+1."""
    found = _CHAIN.fullmatch(text)
    if found is not None:
        sides = [side for side in found.groups() if side]
        if all(side in _TURNED for side in sides[1::2]):
            sides = [_TURNED.get(side, side) for side in reversed(sides)]
        return "".join(side if _RELATION.fullmatch(side) else _sum_in_order(side) for side in sides)
    return "=".join(sorted(map(_sum_in_order, text.split("=")))) if text.count("=") == 1 else _sum_in_order(text)


def _sum_in_order(text: str) -> str:
    """Return a sum with its terms sorted; a text with what may reach over several of them as it is."""
    if _NO_SUM.search(text) or not re.search("[+-]", text[1:]):
        return text
    depth, terms, start = 0, list[str](), 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char in "+-" and at > start and not depth:
            terms.append(text[start:at])
            start = at
    terms.append(text[start:])
    signed = sorted(term if term[0] in "+-" else f"+{term}" for term in terms)
    return "".join(signed).removeprefix("+")


_INTERVAL = re.compile(r"[\[({][^,\[\](){}]{1,20}(?:,[^,\[\](){}]{1,20})+[\])}]")
"""An interval, a point or a set, whose brackets count."""
_RATIONAL = re.compile(r"([+-]?)(\d{1,9})(?:\.(\d{1,9})|/0*([1-9]\d{0,8}))?")


def _with_plain_members(text: str) -> str:
    """Return an interval, a point or a set with its numbers in one notation, and the members of a set in one order."""
    members = [_RATIONAL.sub(_rational, member).replace("+∞", "∞") for member in text[1:-1].split(",")]
    if text[0] == "{" and text[-1] == "}":
        members.sort()
    return f"{text[0]}{','.join(members)}{text[-1]}"


def _rational(found: re.Match[str]) -> str:
    """Return a number as a fraction, if it is one by itself."""
    if found.span() != (0, len(found.string)):
        return found[0]
    number = found[2] + (f".{found[3]}" if found[3] else f"/{found[4]}" if found[4] else "")
    return f"{'-' if found[1] == '-' else ''}{Fraction(number)}"


def _with_short_decimals(text: str) -> str:
    return re.sub(r"(?<![\d.])\d+\.\d+", lambda number: number[0].rstrip("0").rstrip("."), text)


def _is_chemical(text: str) -> bool:
    runs = _LETTERS.findall(_ELECTRON.sub("", text))
    known = bool(runs) or _ELECTRON.search(text) is not None
    return known and _CHEMICAL.fullmatch(text) is not None and all(map(_ELEMENTS.fullmatch, runs))


def is_cased(text: str, formula: str) -> bool:
    """Return whether the case of a chemical formula tells its elements; a symbol alone may be a word, as may `As 3`."""
    elements = [symbol for run in _LETTERS.findall(formula) for symbol in _SYMBOL.findall(run)]
    told = _is_chemical(formula) and any(len(symbol) > 1 for symbol in elements)
    return told and " " not in text and len(formula) > 2


def _is_algebra(text: str) -> bool:
    if _ALGEBRA.fullmatch(text) is None or _WELL_FORMED.fullmatch(text) is None:
        return False
    runs = [run for run in _LETTERS.findall(text) if run.casefold() not in _NAMED]
    longest = max(map(len, runs), default=0)
    named = len(runs) < len(_LETTERS.findall(text))
    # Words have slashes and hyphens too.
    if longest > 1 or not (runs or named):
        return "√" in text if not longest else longest <= 3 and bool(re.search("[=^√]", text))
    return bool(re.search(r"[=^√+×÷·*/<>≤≥≠≈±∑∫!(|'-]", text))
