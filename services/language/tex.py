"""What TeX writes with commands, in signs: how learners copy a formula, and how models write one."""

from __future__ import annotations

import re

from services.language.patterns import pairs

_SIGNS = dict(
    pairs(
        r"""
        times/× cdot/· ast/* div/÷ pm/± mp/∓ leq/≤ le/≤ leqslant/≤ geq/≥ ge/≥ geqslant/≥ neq/≠ ne/≠ lt/< gt/> approx/≈
        equiv/≡ sim/~ infty/∞ circ/∘ degree/° prime/′ to/→ rightarrow/→ longrightarrow/→ xrightarrow/→ Rightarrow/→
        leftarrow/← leftrightarrow/↔ rightleftharpoons/⇌ in/∈ notin/∉ subset/⊂ subseteq/⊆ supset/⊃ cup/∪ cap/∩
        emptyset/∅ varnothing/∅ forall/∀ exists/∃ angle/∠ triangle/△ perp/⊥ parallel/∥ mid/| vert/| lvert/| rvert/|
        uparrow/↑ downarrow/↓ sum/∑ prod/∏ int/∫ partial/∂ nabla/∇ land/∧ lor/∨ neg/¬ lnot/¬ cdots/… ldots/… dots/…
        alpha/α beta/β gamma/γ delta/δ epsilon/ε varepsilon/ε zeta/ζ eta/η theta/θ vartheta/θ iota/ι kappa/κ lambda/λ
        mu/μ nu/ν xi/ξ pi/π rho/ρ sigma/σ tau/τ upsilon/υ phi/φ varphi/φ chi/χ psi/ψ omega/ω Gamma/Γ Delta/Δ Theta/Θ
        Lambda/Λ Xi/Ξ Pi/Π Sigma/Σ Phi/Φ Psi/Ψ Omega/Ω
        sin/sin cos/cos tan/tan cot/cot sec/sec csc/csc arcsin/arcsin arccos/arccos arctan/arctan log/log ln/ln lg/lg
        exp/exp lim/lim max/max min/min quad/ qquad/ left/ right/ displaystyle/ rm/
        because/∵ therefore/∴ wedge/∧ vee/∨ oplus/⊕ otimes/⊗ odot/⊙ supseteq/⊇ subsetneq/⊊ setminus/∖ iff/⇔ implies/→
        Leftrightarrow/⇔ mapsto/↦ simeq/≃ cong/≅ propto/∝ ll/≪ gg/≫ ell/ℓ hbar/ℏ celsius/°C bullet/· star/* lbrace/{
        rbrace/} langle/⟨ rangle/⟩ square/□ Re/Re Im/Im det/det dim/dim gcd/gcd mod/mod bmod/mod
        """
    )
)
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_ACCENTS = dict(
    pairs(
        "hat/\u0302 widehat/\u0302 bar/\u0304 overline/\u0304 vec/\u20d7 overrightarrow/\u20d7 dot/\u0307 tilde/\u0303"
    )
)
"""Above one letter. What stands above several may deny them, or make a segment of them, and stays as it is."""
_ROW, _CELL = re.compile(r"\s*\\\\\s*"), re.compile(r"\s*&\s*")
_BRACKETS = {"p": "()", "b": "[]", "v": "||", "B": "{}"}
_GROUP = r"\{([^{}]*)\}"
_ARGUMENT = r"\s*(?:\{([^{}]*)\}|([0-9A-Za-z]))"
_MATH = re.compile(r"\$\$?((?:[^$]*[\\^_][^$]*))\$\$?|\\\((.*?)\\\)|\\\[(.*?)\\\]")
_RAISED = re.compile(rf"([\^_]){_GROUP}")
_STYLE = re.compile(rf"\\(?:math|text|operatorname|ce\b|mbox|boldsymbol)[a-z]*\s*{_GROUP}")
_FRACTION = re.compile(rf"(\d?)\s*\\[cdt]?frac{_ARGUMENT}{_ARGUMENT}")
_ROOT = re.compile(rf"\\sqrt(?:\[(\w)\])?{_ARGUMENT}")
_ACCENT = re.compile(rf"\\({'|'.join(_ACCENTS)}){_ARGUMENT}")
_MEASURE = re.compile(rf"\\(?:SI|qty|num)\s*(?:\[[^\]]*\])?{_GROUP}(?:{_GROUP})?")
_MATRIX = re.compile(r"\\begin\{([pbvB]?)(?:small)?(matrix|cases)\}(.*?)(?:\\\\)?\s*\\end\{\1(?:small)?\2\}")
_CHOICE = re.compile(rf"\\[dt]?binom{_ARGUMENT}{_ARGUMENT}")
_COMMAND = re.compile(r"\\([A-Za-z]+)(?![A-Za-z])")
_FACTORS = re.compile(r"-?[√∛∜]?(?:[\d.]+|[^\W\d_])+")
_ATOM = re.compile(r"-?[√∛∜]?(?:[\d.]+|[^\W\d_])")
_REWRITES = (
    (re.compile(r"\\[,;:! ]"), " "),
    (re.compile(r"\\\{(.*?)\\\}"), r"{\1}"),
    (re.compile(r"\\([%$#&_])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<=\w)\s\^(?=\s*(?:[+}]|$))"), "↑"),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ\b|\{\s*\\degree\s*\})"), "°"),
    (re.compile(r"\^\s*(?:\{\s*\\prime\s*\}|\\prime\b)"), "′"),
    (re.compile(r"\\not\s*="), "≠"),
)
_DEEPEST = 6
"""Groups within groups that are read."""


def in_signs(text: str) -> str:
    r"""Return a text with its commands of TeX as signs: `\frac{\pi}{2}` is `π/2`; what is no command stays."""
    plain = _MATH.sub(lambda found: found[1] or found[2] or found[3] or "", text)
    if "\\" not in plain:
        return plain
    plain = _MATRIX.sub(_matrix, plain)
    for pattern, written in _REWRITES:
        plain = pattern.sub(written, plain)
    for _ in range(_DEEPEST):
        before = plain
        plain = _COMMAND.sub(_sign, plain)
        plain = _RAISED.sub(_raised, plain)
        plain = _STYLE.sub(r"\1", plain)
        plain = _MEASURE.sub(_measure, _ACCENT.sub(_accent, plain))
        plain = _ROOT.sub(_root, plain)
        plain = _CHOICE.sub(_choice, _FRACTION.sub(_fraction, plain))
        if plain == before:
            break
    return plain


def _raised(found: re.Match[str]) -> str:
    # The base of a logarithm is no digit of its argument.
    based = found[1] == "^" or found.string[: found.start()].endswith("log")
    return f"{found[1]}({found[2]})" if based else found[2]


def _either(found: re.Match[str], place: int) -> str:
    """Return an argument, in braces or a character."""
    return (found[place] if found[place] is not None else found[place + 1]).strip()


def _accent(found: re.Match[str]) -> str:
    inner = _either(found, 2)
    return inner + _ACCENTS[found[1]] if len(inner) == 1 else found[0]


def _measure(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2] or ''}".strip()


def _choice(found: re.Match[str]) -> str:
    return f"C({_either(found, 1)},{_either(found, 3)})"


def _matrix(found: re.Match[str]) -> str:
    rows = [_CELL.sub(" ", row) for row in _ROW.split(found[3].strip())]
    brackets = _BRACKETS.get(found[1], "")
    return f"{brackets[:1]}{(',' if found[2] == 'cases' else '; ').join(rows)}{brackets[1:]}"


def _root(found: re.Match[str]) -> str:
    inner = _either(found, 2)
    alone = _ATOM.fullmatch(inner) and not found.string[found.end() :][:1].isalnum()
    whole = inner if alone else f"({inner})"
    return _ROOTS[found[1] or ""] + whole if (found[1] or "") in _ROOTS else f"{whole}^(1/{found[1]})"


def _fraction(found: re.Match[str]) -> str:
    whole = found[1]
    top, bottom = _either(found, 2), _either(found, 4)
    between = " " if whole and f"{top}{bottom}".isdigit() else ""
    over = (top if _FACTORS.fullmatch(top) else f"({top})", bottom if _ATOM.fullmatch(bottom) else f"({bottom})")
    return f"{whole}{between}{'/'.join(over)}"


def _sign(found: re.Match[str]) -> str:
    # `\frac` and `\sqrt` wait for what is within them.
    return _SIGNS.get(found[1], found[0]) or " "
