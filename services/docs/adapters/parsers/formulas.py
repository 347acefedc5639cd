"""Formulas on one line, from Office Math, MathML and Word's EQ fields.

What is written above, below or around something is written beside it, with brackets where what belongs together would
not be seen otherwise: `(a+b)/2`, `√(x+1)`, `∑_(i=1)^n i`, `[1, 0; 0, 1]`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from services.language.numerals import write_number

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FORMULA = f"{_M}oMath"
_VAL = f"{_M}val"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_STYLED = re.compile("[\u2102-\u2134\U0001d400-\U0001d7ff]")
"""Letters that are bold, italic or script only because a formula is; a search is for the letter."""
_WHOLE_ABOVE = re.compile(r"\w+[\u0300-\u036f\u20d0-\u20ff′]*|[^\w\s][\u0300-\u036f]*")
_WHOLE_BELOW = re.compile(r"\d+|[d∂]?\w[\u0300-\u036f\u20d0-\u20ff′]*")
_FRACTIONS = frozenset({"f", "mfrac"})
_WHOLE_BASES = _FRACTIONS | {"rad", "msqrt", "mroot"}
"""What has to be in brackets before an index or an exponent, which would read as that of its last part."""
_ENDING_OPEN = _FRACTIONS | {"rad", "sSub", "sSup", "sSubSup", "msub", "msup", "msubsup", "msqrt", "mroot", "r", "s"}
"""What stands beside a letter or figure as if that were a part of it; `r` and `s` are switches of EQ fields."""
_CLOSED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\|[^|]*\|")
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_COMBINING = {"→": "\u20d7", "⃗": "\u20d7", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303", "¯": "\u0305"}
_COMBINING |= {"‾": "\u0305", "―": "\u0305", "˙": "\u0307", ".": "\u0307", "¨": "\u0308", "..": "\u0308", "ˇ": "\u030c"}
_COMBINING |= {"_": "\u0332", "⏜": "\u0311", "←": "\u20d6", "↔": "\u20e1"}
_COMBINING |= dict.fromkeys("·‧∙⋅•・", "\u0307") | dict.fromkeys("⌒⁀︵", "\u0311")
_ARROWS = frozenset("=←↑→↓↔↼↽⇀⇁⇄⇆⇋⇌⇐⇒⇔⇽⇾⇿⟵⟶⟷⟸⟹⟺⥂⥃⥄⥫⥬⥭")
"""What has a condition written above or below it, as in a reaction, rather than being a mark on what stands there."""
_CIRCLES = frozenset("○〇◯")
_OVER = "\u0305"
_UNDER = "\u0332"


def plain(text: str) -> str:
    """Return a formula's text with plain letters, and without what only aligns it."""
    text = _STYLED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return text.replace("\u2061", "").replace("\u2062", "").replace("\u2063", "").replace("\u200b", "")


def grouped(text: str) -> str:
    """Return text in brackets unless it is one character, or in brackets already."""
    text = text.strip()
    return text if sum(not unicodedata.combining(char) for char in text) < 2 else bracketed(text)


def bracketed(text: str) -> str:
    """Return text in brackets unless it is in brackets already."""
    return text if _CLOSED.fullmatch(text) else f"({text})"


def fraction(above: str, below: str) -> str:
    """Write one thing over another, in brackets that keep each whole."""
    above, below = above.strip(), below.strip()
    above = above if _WHOLE_ABOVE.fullmatch(above) else bracketed(above)
    return f"{above}/{below if _WHOLE_BELOW.fullmatch(below) else bracketed(below)}"


def joined(pieces: Iterable[tuple[str, str]]) -> str:
    """Join texts, each with the name of what it is.

    A space parts a fraction, a root or an exponent from what would read as part of it: `2 1/2`, `x^2 y`.
    """
    whole = before = ""
    for text, name in pieces:
        apart = before in _ENDING_OPEN and text[:1].isalnum()
        apart = apart or (name in _FRACTIONS and (whole[-1:].isalnum() or whole[-1:] == ")"))
        whole += f" {text}" if apart and whole and text else text
        before = name if text else before
    return whole


def scripts(base: str, below: str = "", above: str = "") -> str:
    """Write an index and an exponent behind their base."""
    return base + (f"_{grouped(below)}" if below.strip() else "") + (f"^{grouped(above)}" if above.strip() else "")


def root(inner: str, degree: str = "") -> str:
    """Write a radical."""
    degree = degree.strip()
    return _ROOTS.get(degree, f"√[{degree}]") + grouped(inner)


def large(operator: str, below: str, above: str, inner: str) -> str:
    """Write a sum, an integral or the like with its limits, and what it is taken of."""
    operator = scripts(operator, below, above)
    return f"{operator} {inner}" if below or above else operator + inner


def marked(base: str, mark: str) -> str:
    """Write what has an accent, an arrow or a bar over or under it."""
    return grouped(base) + (mark if unicodedata.combining(mark[:1] or " ") else _COMBINING.get(mark, mark))


def conditioned(sign: str, below: str = "", above: str = "") -> str:
    """Write an arrow or an equals sign with what stands above and below it: ` →^(heat)_(Pt) `."""
    sign = sign.strip()
    return f" {sign}{f'^{grouped(above)}' if above.strip() else ''}{f'_{grouped(below)}' if below.strip() else ''} "


def matrix(rows: Iterable[Sequence[str]]) -> str:
    """Write cells with commas and rows with semicolons, without brackets."""
    return "; ".join(", ".join(cell.strip() for cell in row) for row in rows)


def math_text(formula: Any) -> str:
    """Write a formula of Office Math on one line."""
    return plain(_omml(formula)).strip()


def _omml(element: Any) -> str:
    """Write an element and all within it; libxml2's limit of depth bounds the recursion."""
    if not isinstance(element.tag, str):
        return ""
    if element.tag in _TEXTS:
        return element.text or ""
    write = _OMML.get(element.tag)
    return write(element) if write else joined((_omml(child), _own_name(child)) for child in element)


def _own_name(element: Any) -> str:
    """Return an element's name of Office Math; a run's is empty, as `r` is a root in EQ fields."""
    name = str(element.tag).removeprefix(_M)
    return "" if name == "r" else name


def _child(element: Any, name: str) -> str:
    found = element.find(_M + name)
    return "" if found is None else _omml(found).strip()


def _property(element: Any, name: str, default: str) -> str:
    """Return a value of the element's properties; `default` where it is not said, which differs from an empty one."""
    for properties in element:
        if isinstance(properties.tag, str) and properties.tag.endswith("Pr"):
            found = properties.find(_M + name)
            if found is not None:
                return str(found.get(_VAL, ""))
    return default


def _omml_fraction(element: Any) -> str:
    above, below = _child(element, "num"), _child(element, "den")
    return f"{above}; {below}" if _property(element, "type", "bar") == "noBar" else fraction(above, below)


def _omml_delimiters(element: Any) -> str:
    opening, closing = _property(element, "begChr", "("), _property(element, "endChr", ")")
    inner = _property(element, "sepChr", "|").join(
        matrix(_matrix_rows(only)) if (only := _only(part, "m")) is not None else _omml(part)
        for part in element.findall(f"{_M}e")
    )
    return opening + inner.strip() + closing


def _only(part: Any, name: str) -> Any:
    """Return the child of that name if the element holds nothing else, else None."""
    children = [child for child in part if isinstance(child.tag, str) and not child.tag.endswith("Pr")]
    return children[0] if len(children) == 1 and children[0].tag == _M + name else None


def _matrix_rows(element: Any) -> list[list[str]]:
    return [[_omml(cell) for cell in row.findall(f"{_M}e")] for row in element.findall(f"{_M}mr")]


def _omml_array(element: Any) -> str:
    return "; ".join(_omml(line).replace("&", "").strip() for line in element.findall(f"{_M}e"))


def _omml_large(element: Any) -> str:
    limits = (_child(element, "sub"), _child(element, "sup"))
    return large(_property(element, "chr", "∫") or "∫", *limits, _child(element, "e"))


def _omml_function(element: Any) -> str:
    return f"{_child(element, 'fName')} {_child(element, 'e')}"


def _omml_bar(element: Any) -> str:
    return marked(_child(element, "e"), _OVER if _property(element, "pos", "bot") == "top" else _UNDER)


def _omml_accent(element: Any) -> str:
    return marked(_child(element, "e"), _property(element, "chr", "\u0302"))


def _omml_before(element: Any) -> str:
    return f"{scripts('', _child(element, 'sub'), _child(element, 'sup'))} {_child(element, 'e')}"


def _omml_phantom(element: Any) -> str:
    return "" if _property(element, "show", "1") in {"0", "off", "false"} else _child(element, "e")


def _omml_scripts(element: Any) -> str:
    base = _child(element, "e")
    inner = [child for child in element.iterfind(f"{_M}e/*") if _omml(child).strip()]
    if len(inner) == 1 and _own_name(inner[0]) in _WHOLE_BASES:
        base = bracketed(base)
    return scripts(base, _child(element, "sub"), _child(element, "sup"))


def _omml_lower(element: Any) -> str:
    base = _child(element, "e")
    write = conditioned if base[:1] in _ARROWS else scripts
    return write(base, _child(element, "lim"))


def _omml_upper(element: Any) -> str:
    base = _child(element, "e")
    write = conditioned if base[:1] in _ARROWS else scripts
    return write(base, "", _child(element, "lim"))


def _omml_group(element: Any) -> str:
    """Write a brace under or over something, or an arrow with something over or under it."""
    inner, sign = _child(element, "e"), _property(element, "chr", "⏟")
    if sign not in _ARROWS:
        return marked(inner, sign)
    # The sign stands below what it groups unless it is said to stand on top.
    on_top = _property(element, "pos", "bot") == "top"
    return conditioned(sign, inner) if on_top else conditioned(sign, "", inner)


_TEXTS = frozenset({f"{_M}t", f"{_WORD}t", f"{_DRAWING}t"})
_OMML: dict[str, Callable[[Any], str]] = {
    f"{_M}{name}": write
    for name, write in {
        "f": _omml_fraction,
        "rad": lambda element: root(_child(element, "e"), _child(element, "deg")),
        "d": _omml_delimiters,
        "m": lambda element: f"[{matrix(_matrix_rows(element))}]",
        "eqArr": _omml_array,
        "nary": _omml_large,
        "func": _omml_function,
        "sSub": _omml_scripts,
        "sSup": _omml_scripts,
        "sSubSup": _omml_scripts,
        "sPre": _omml_before,
        "limLow": _omml_lower,
        "limUpp": _omml_upper,
        "acc": _omml_accent,
        "bar": _omml_bar,
        "groupChr": _omml_group,
        "phant": _omml_phantom,
        "oMathPara": lambda element: "\n".join(filter(None, map(math_text, element.findall(FORMULA)))),
        "ctrlPr": lambda _: "",
        "rPr": lambda _: "",
    }.items()
}


def mathml_text(formula: Any) -> str:
    """Write a formula of MathML, whatever namespace prefix it has, on one line."""
    return plain(_mathml(formula)).strip()


def _mathml(element: Any) -> str:
    name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    if name in {"mi", "mn", "mo", "mtext", "ms"}:
        return " ".join("".join(element.itertext()).split())
    if name in {"", "annotation", "annotation-xml", "mphantom"}:
        return ""
    parts = [_mathml(child).strip() for child in element]
    names = [str(child.tag).rpartition("}")[2] for child in element]
    row = joined(zip(parts, names, strict=True))
    if name in {"msub", "msup", "msubsup"} and names and names[0] in _WHOLE_BASES:
        parts[0] = bracketed(parts[0])
    write = _MATHML.get(name)
    try:
        return write(*parts) if write else _MATHML_ROWS[name](parts) if name in _MATHML_ROWS else row
    except TypeError:  # It has fewer or more children than its name wants.
        return row


def _under(base: str, below: str, above: str = "") -> str:
    if base in "∑∏∫∮⋃⋂" or base[:3] in {"lim", "max", "min", "sup", "inf"}:
        return scripts(base, below, above) + " "
    return marked(base, below) if below in _COMBINING and not above else scripts(base, below, above)


def _over(base: str, above: str) -> str:
    return marked(base, above) if above in _COMBINING else scripts(base, "", above)


_MATHML: dict[str, Callable[..., str]] = {
    "mfrac": fraction,
    "mroot": root,
    "msub": scripts,
    "msup": lambda base, above: scripts(base, "", above),
    "msubsup": scripts,
    "munder": _under,
    "mover": _over,
    "munderover": _under,
}
_MATHML_ROWS: dict[str, Callable[[Sequence[str]], str]] = {
    "msqrt": lambda parts: root("".join(parts)),
    "mfenced": lambda parts: f"({', '.join(parts)})",
    "mtable": "; ".join,
    "mtr": ", ".join,
    "semantics": lambda parts: "".join(parts[:1]),
}

_SWITCH = re.compile(r"\\([A-Za-z]+)")
_FORMAT_SWITCH = re.compile(r'\\\*\s*(?:"[^"]*"|\S+)')
_OPTION = re.compile(r"\s*\\(?:(?:lc|rc|bc|fc|vc)\\?(?:\\.|.)|[A-Za-z]+\s*\d*)\s*")
_SYNTAX = re.compile(r"[\\,;()]")
_OPENING = re.compile(r"\s*\(")
_NESTED = 40


def eq_argument(text: str) -> str:
    """Return a text that stands as it is within the arguments of an EQ field."""
    return _SYNTAX.sub(r"\\\g<0>", text)


def eq_field_text(instruction: str) -> str:
    r"""Write what Word draws for an EQ field, such as `EQ \f(3,8)`; arguments are split at commas or semicolons."""
    return _Equation(_FORMAT_SWITCH.sub("", re.sub(r"^\s*EQ\b", "", instruction, flags=re.IGNORECASE))).text()


class _Equation:
    def __init__(self, source: str) -> None:
        self._source = source.strip()
        self._at = 0
        self._depth = 0

    def text(self) -> str:
        return re.sub(r"\s+", " ", self._sequence(""))

    def _sequence(self, ends: str) -> str:
        """Read up to one of the characters `ends`, which stays."""
        pieces: list[tuple[str, str]] = []
        source = self._source
        while self._at < len(source) and source[self._at] not in ends:
            name = ""
            if source[self._at] != "\\":
                opening = source[self._at] == "(" and ends
                text = source[self._at]
                self._at += 1
                if opening:  # Brackets within an argument hold its commas together.
                    text += self._sequence(")") + source[self._at : self._at + 1]
                    self._at += 1
            elif switch := _SWITCH.match(source, self._at):
                self._at = switch.end()
                name = switch[1].lower()
                text = self._switch(name)
            else:
                text = source[self._at + 1 : self._at + 2]
                self._at += 2
            pieces.append((text, name))
        return joined(pieces)

    def _switch(self, name: str) -> str:
        options = self._options()
        parts = self._arguments()
        write = _EQ.get(name[:1])
        return write(options, parts) if parts and write else ""

    def _options(self) -> str:
        r"""Read options such as `\al\co2` that stand before the arguments, as one text."""
        options = ""
        while option := _OPTION.match(self._source, self._at):
            options += option[0].strip().lstrip("\\")
            self._at = option.end()
        return options

    def _arguments(self) -> list[str]:
        opening = _OPENING.match(self._source, self._at)
        if not opening or self._depth > _NESTED:
            return []
        self._at = opening.end()
        self._depth += 1
        parts = []
        while self._at <= len(self._source):
            parts.append(self._sequence(",;)").strip())
            ended = self._source[self._at : self._at + 1]
            self._at += 1
            if ended in {"", ")"}:
                break
        self._depth -= 1
        return parts


_REACTION = re.compile(f"[-—–―─━_ ]*[{re.escape(''.join(sorted(_ARROWS)))}＝═>][-—–―─━═＝=_> ]*|[-—–―─━]{{2,}}")
"""Arrows and equals signs, some of which are put together of lines."""
_BAR = re.compile("[-—–―－─]")
_CHARGE = re.compile(r"\d*[-+－＋–—]|[⁰¹²³⁴-⁹]*[⁺⁻]")
_PAIR = 2
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def _eq_brackets(options: str, parts: list[str]) -> str:
    """Write brackets: `bc` names both, `lc` and `rc` each alone."""
    inner = ", ".join(parts)
    if both := re.search(r"bc\\*(.)", options):
        return both[1] + inner + _PAIRS.get(both[1], both[1])
    left, right = re.search(r"lc\\*(.)", options), re.search(r"rc\\*(.)", options)
    if left or right:
        return (left[1] if left else "") + inner + (right[1] if right else "")
    return f"({inner})"


def _eq_array(options: str, parts: list[str]) -> str:
    columns = re.search(r"co(\d+)", options)
    width = max(1, int(columns[1])) if columns else 1
    return matrix(parts[at : at + width] for at in range(0, len(parts), width))


def _eq_scripts(options: str, parts: list[str]) -> str:
    if len(parts) > 1:
        return scripts("", parts[1], parts[0])
    return ("^" if "up" in options else "_") + grouped(parts[0])


def _eq_large(options: str, parts: list[str]) -> str:
    below, above, *inner = [*parts, "", ""]
    return large({"su": "∑", "pr": "∏"}.get(options[:2], "∫"), below, above, "".join(inner))


def _eq_over(options: str, parts: list[str]) -> str:
    """Write characters over each other: the reading above a word goes, a mark above letters stays."""
    if reaction := _eq_reaction(parts):
        return reaction
    *above, base = parts if parts[-1][:1] not in "^_" else parts[::-1]
    mark = _unraised(above[0]) if above else ""
    if mark in _CIRCLES and base.isdecimal():
        return write_number(int(base[:4]), "decimalEnclosedCircle")
    if mark in _COMBINING or _BAR.fullmatch(mark):
        return marked(_unraised(base), _COMBINING.get(mark, _OVER))
    return _eq_both_scripts(options, parts) or base


def _eq_reaction(parts: list[str]) -> str:
    """Write an arrow or equals sign of a reaction with its conditions, which are raised or lowered; else nothing."""
    sign = next((part for part in parts if part[:1] != "^" and _REACTION.fullmatch(_unraised(part))), "")
    others = [part for part in parts if part is not sign]
    if not sign or not others or any(part[:1] not in {"^", "_"} for part in others):
        return ""
    above, below = (", ".join(_unraised(part) for part in others if part[0] == mark) for mark in "^_")
    return conditioned(_unraised(sign), below, above)


def _eq_both_scripts(options: str, parts: list[str]) -> str:
    """Write an index below an exponent, as those of an ion; else nothing."""
    if len(parts) != _PAIR:
        return ""
    raised = {part[:1]: _unraised(part) for part in parts}
    if set(raised) == {"^", "_"}:
        if raised["^"] in _COMBINING:
            return marked(raised["_"], raised["^"])
        return scripts("", raised["_"], raised["^"])
    if _CHARGE.fullmatch(parts[0]) and parts[1].isdigit() and "al" in options:
        above, below = parts
        return scripts("", below, above) if above.isascii() and below.isascii() else below + above
    return ""


def _unraised(part: str) -> str:
    """Return what stands in a raised or lowered part."""
    text = part.lstrip("^_")
    return text[1:-1] if text != part and _CLOSED.fullmatch(text) and text[0] == "(" else text


def _eq_borders(options: str, parts: list[str]) -> str:
    """Write what has lines around it: one above or below is a mark, those beside it are bars."""
    inner = ", ".join(parts)
    sides = frozenset(re.findall("to|bo|le|ri", options.lower()))
    if sides == {"to"} or sides == {"bo"}:
        return marked(inner, _OVER if "to" in sides else _UNDER)
    beside = sides & {"le", "ri"}
    return f"{'|' * ('le' in beside)}{inner}{'|' * ('ri' in beside)}" if sides == beside else inner


_EQ: dict[str, Callable[[str, list[str]], str]] = {
    "a": _eq_array,
    "b": _eq_brackets,
    "f": lambda _, parts: fraction(parts[0], ", ".join(parts[1:])),
    "i": _eq_large,
    "l": lambda _, parts: ", ".join(parts),
    "o": _eq_over,
    "r": lambda _, parts: root(parts[-1], parts[0] if len(parts) > 1 else ""),
    "s": _eq_scripts,
    "x": _eq_borders,
}
