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
        """
    )
)
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_GROUP = r"\{([^{}]*)\}"
_ARGUMENT = r"\s*(?:\{([^{}]*)\}|([0-9A-Za-z]))"
_MATH = re.compile(r"\$\$?((?:[^$]*[\\^_][^$]*))\$\$?|\\\((.*?)\\\)|\\\[(.*?)\\\]")
_RAISED = re.compile(rf"([\^_]){_GROUP}")
_STYLE = re.compile(rf"\\(?:math|text|operatorname|ce\b|mbox|boldsymbol)[a-z]*\s*{_GROUP}")
_FRACTION = re.compile(rf"(\d?)\s*\\[dt]?frac{_ARGUMENT}{_ARGUMENT}")
_ROOT = re.compile(rf"\\sqrt(?:\[([234])\])?{_ARGUMENT}")
_COMMAND = re.compile(r"\\([A-Za-z]+)(?![A-Za-z])")
_FACTORS = re.compile(r"-?[√∛∜]?(?:[\d.]+|[^\W\d_])+")
_ATOM = re.compile(r"-?[√∛∜]?(?:[\d.]+|[^\W\d_])")
_REWRITES = (
    (re.compile(r"\\[,;:! ]"), " "),
    (re.compile(r"\\\{(.*?)\\\}"), r"{\1}"),
    (re.compile(r"(?<=[\w}])\s*\\%"), "%"),
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
    for pattern, written in _REWRITES:
        plain = pattern.sub(written, plain)
    for _ in range(_DEEPEST):
        before = plain
        plain = _COMMAND.sub(_sign, plain)
        plain = _RAISED.sub(_raised, plain)
        plain = _STYLE.sub(r"\1", plain)
        plain = _ROOT.sub(_root, plain)
        plain = _FRACTION.sub(_fraction, plain)
        if plain == before:
            break
    return plain


def _raised(found: re.Match[str]) -> str:
    return f"^({found[2]})" if found[1] == "^" else found[2]


def _root(found: re.Match[str]) -> str:
    inner = (found[2] if found[2] is not None else found[3]).strip()
    alone = _ATOM.fullmatch(inner) and not found.string[found.end() :][:1].isalnum()
    return _ROOTS[found[1] or ""] + (inner if alone else f"({inner})")


def _fraction(found: re.Match[str]) -> str:
    whole = found[1]
    top, bottom = ((found[place] if found[place] is not None else found[place + 1]).strip() for place in (2, 4))
    between = " " if whole and f"{top}{bottom}".isdigit() else ""
    over = (top if _FACTORS.fullmatch(top) else f"({top})", bottom if _ATOM.fullmatch(bottom) else f"({bottom})")
    return f"{whole}{between}{'/'.join(over)}"


def _sign(found: re.Match[str]) -> str:
    # `\frac` and `\sqrt` wait for what is within them.
    return _SIGNS.get(found[1], found[0]) or " "
