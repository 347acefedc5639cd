"""Characters of symbol fonts, whose codes mean something only in their font."""

from __future__ import annotations

import re

_PRIVATE = 0xF000
"""Word stores the codes of a symbol font from here on."""

_SYMBOL = dict(
    zip(
        range(0x20, 0x7F),
        " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
        strict=True,
    )
) | dict(
    zip(
        range(0xA0, 0xFF),
        "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
        strict=True,
    )
)
"""Adobe's Symbol encoding."""
_WINGDINGS = (
    dict(zip(range(0x80, 0x96), "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿", strict=True))
    | dict(zip(range(0xDF, 0xE7), "←→↑↓↖↗↙↘", strict=True))
    | dict(zip(range(0xEF, 0xF5), "⇦⇨⇧⇩⬄⇳", strict=True))
    | dict(zip(range(0x6C, 0x70), "●❍■□", strict=True))
    | {0x21: "✏", 0x22: "✂", 0x28: "☎", 0x2A: "✉", 0x36: "⌛", 0x4A: "☺", 0x4C: "☹", 0x71: "❑", 0x72: "❒", 0x73: "◆"}
    | {0x75: "◆", 0x76: "❖", 0x9F: "•", 0xA1: "○", 0xA7: "▪", 0xA8: "□", 0xAB: "★", 0xD8: "➢", 0xE8: "➔"}
    | {0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"}
)
_WINGDINGS_2 = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "□", 0x97: "●", 0xA2: "■"}
_WINGDINGS_3 = {0x66: "←", 0x67: "→", 0x68: "↑", 0x69: "↓", 0x75: "▶", 0x7D: "▶"}
_FONTS = {"symbol": _SYMBOL, "wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2, "wingdings 3": _WINGDINGS_3}
_PRIVATE_CODES = re.compile("[\uf020-\uf0ff]")


def symbol(font: str, code: int) -> str:
    """Return the character that a symbol font draws for a code; empty where that is not known."""
    low = code - _PRIVATE if code >= _PRIVATE else code
    known = _FONTS.get(font.strip().lower())
    if known is not None:
        return known.get(low, "")
    return chr(code) if 0x20 <= code < _PRIVATE else ""


def in_font(text: str, font: str) -> str:
    """Return text as its font draws it; codes that only a symbol font has are those of Symbol in any other font."""
    known = _FONTS.get(font.strip().lower())
    if known is _SYMBOL:
        # A program that knows the font writes the codes themselves, not those of the private area.
        text = "".join(_SYMBOL.get(ord(char), char) if char.isascii() and char.isalpha() else char for char in text)
    return _PRIVATE_CODES.sub(lambda match: (known or _SYMBOL).get(ord(match[0]) - _PRIVATE, ""), text)
