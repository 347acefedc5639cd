"""Wrong answers that look right: terms of the same kind from elsewhere in the material, and other numbers."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence, Term, TermIndex
from services.language.scripts import is_han

_MOST_CONSIDERED = 400


class Distractors:
    """Finds distractors in one material.

    A term is no distractor for another when it stands in the same sentence, when one contains the other, or when
    both follow or precede the same words anywhere: what fits the same place may be right as well.
    """

    def __init__(self, sentences: Sequence[str], index: TermIndex) -> None:
        self._material = fold("\n".join(sentences))
        self._candidates: dict[Category, list[Term]] = defaultdict(list)
        for term in index.terms:
            if len(self._candidates[term.category]) < _MOST_CONSIDERED:
                self._candidates[term.category].append(term)
        self._contexts: dict[str, set[str]] = defaultdict(set)
        for sentence, occurrences in zip(sentences, index.occurrences, strict=True):
            for occurrence in occurrences:
                self._contexts[fold(occurrence.term.text)].update(_contexts(sentence, occurrence))

    def texts(self, sentence: str, target: Occurrence, count: int, rng: random.Random) -> list[str]:
        """Up to `count` texts that are wrong in the target's place in `sentence`, the most plausible first."""
        if target.term.category in NUMERIC:
            return self.numbers(sentence[target.start : target.end], target.term.category, count, rng)
        return [text for _, text in self.terms(sentence, target, count, rng)]

    def terms(self, sentence: str, target: Occurrence, count: int, rng: random.Random) -> list[tuple[float, str]]:
        """The same for a target that is no number, each with how plausible it is; higher is more."""
        wanted = sentence[target.start : target.end]
        plain, folded = fold(wanted), fold(sentence)
        context = self._contexts[plain]
        article = re.search(r"\b(an?) $", sentence[: target.start])
        scored: list[tuple[float, str]] = []
        for term in self._candidates[target.term.category]:
            other = fold(term.text)
            if other in folded or other in plain or plain in other or self._contexts[other] & context:
                continue
            if article and (article.group(1) == "an") != (term.text[0].casefold() in "aeiou"):
                continue
            likeness = _likeness(wanted, term.text)
            if likeness > 0:
                scored.append((likeness + 0.3 * term.score + 0.2 * rng.random(), _in_case_of(term.text, wanted)))
        scored.sort(reverse=True)
        chosen: list[tuple[float, str]] = []
        for score, text in scored:
            if all(fold(text) not in fold(other) and fold(other) not in fold(text) for _, other in chosen):
                chosen.append((score, text))
                if len(chosen) == count:
                    break
        return chosen

    def numbers(self, number: str, category: Category, count: int, rng: random.Random) -> list[str]:
        """Up to `count` other numbers of the same form that the material does not hold."""
        plain = number.replace(",", "")
        decimals = len(plain.partition(".")[2])
        value = float(plain)
        if category is Category.YEAR:
            steps = [
                value + sign * step for step in (7, 11, 16, 24, 35) for sign in (-1, 1) if value + sign * step <= 2035
            ]
        elif value <= 12 and not decimals:
            steps = [value + step for step in (-2, -1, 1, 2, 3, 4) if value + step > 1]
        elif value <= 100 and not decimals:
            steps = [value + step for step in (-9, -6, -4, 3, 5, 8) if 0 < value + step <= 100]
        else:
            steps = [value * factor for factor in (0.5, 0.8, 1.2, 1.5, 2.0)]
        rng.shuffle(steps)
        found: list[str] = []
        for step in steps:
            text = f"{step:,.{decimals}f}" if "," in number else f"{step:.{decimals}f}"
            if (
                text not in found
                and text != number
                and re.search(rf"(?<!\d){re.escape(fold(text))}(?!\d)", self._material) is None
            ):
                found.append(text)
        return found[:count]

    def outsiders(
        self, sentence: str, members: Sequence[Occurrence | str], count: int, rng: random.Random
    ) -> list[str]:
        """Up to `count` terms that stand nowhere near the members of a list: in no sentence with one of them."""
        names = [member if isinstance(member, str) else member.term.text for member in members]
        folded = [fold(name) for name in names]
        everywhere = fold(sentence)
        scored = []
        for category in (Category.CONCEPT, Category.PLURAL, Category.NAME, Category.PLACE, Category.PERSON):
            for term in self._candidates[category]:
                other = fold(term.text)
                if other in everywhere or any(other in name or name in other for name in folded):
                    continue
                likeness = max(_likeness(name, term.text) for name in names)
                if any(_tail(name) == _tail(term.text) for name in names):
                    continue
                if likeness > 0 and term.text[-1:].endswith("s") == names[0][-1:].endswith("s"):
                    scored.append((likeness + 0.3 * term.score + 0.2 * rng.random(), _in_case_of(term.text, names[-1])))
        scored.sort(reverse=True)
        return [text for _, text in scored[:count]]


def _contexts(sentence: str, occurrence: Occurrence) -> Iterable[str]:
    """The words right before and after an occurrence that would choose its like again."""
    if is_han(sentence[occurrence.start]):
        before, after = (
            sentence[max(0, occurrence.start - 2) : occurrence.start],
            sentence[occurrence.end : occurrence.end + 2],
        )
        if len(fold(before)) == 2:
            yield "<" + before
        if len(fold(after)) == 2:
            yield ">" + after
        return
    words = re.findall(r"[\w']+", sentence[: occurrence.start].casefold())
    if len(words) >= 2 and words[-1] not in {"the", "a", "an"}:
        yield "<" + " ".join(words[-2:])
    elif len(words) >= 3:
        yield "<" + " ".join(words[-3:])
    following = re.findall(r"[\w']+", sentence[occurrence.end :].casefold())
    if len(following) >= 2:
        yield ">" + " ".join(following[:2])


def _tail(term: str) -> str:
    """What a term is a kind of: its last word, or its last two ideographs."""
    return term[-2:] if is_han(term[-1]) else term.split()[-1].casefold()


def _likeness(one: str, other: str) -> float:
    """How alike two terms look, 0 to 2; 0 when they cannot stand for each other."""
    if is_han(one[0]) != is_han(other[0]):
        return 0.0
    if is_han(one[0]):
        if abs(len(one) - len(other)) > 3:
            return 0.0
        return 1.0 - 0.2 * abs(len(one) - len(other)) + (0.6 if one[-1] == other[-1] else 0.0)
    words = abs(len(one.split()) - len(other.split()))
    if words > 1:
        return 0.0
    return 1.0 - 0.4 * words + (0.4 if one.casefold()[-3:] == other.casefold()[-3:] else 0.0)


def _in_case_of(text: str, model: str) -> str:
    """`text` with its first letter in the case of `model`'s, names and acronyms kept."""
    if model[:1].isupper() and model[1:].islower():
        return text[:1].upper() + text[1:]
    return text
