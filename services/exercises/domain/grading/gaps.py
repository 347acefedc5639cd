"""What is right in a gap: the value counts, and not how it is written (`services.language.values`).

Case, width, spaces and punctuation of words do not count; words and their endings do, and so do a number's sign and
decimal point, its unit, and symbols. An accent may be left out. Things that are listed may stand in any order, in one
gap or in several side by side, unless the question asks for one. So may what says only that it is the answer stand
around it, and a translation in brackets behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from services.exercises.values.question import GAP, Question
from services.language.detection import LANGUAGES, language_of
from services.language.folding import drops_accents, fold, says
from services.language.foreign import is_foreign
from services.language.values import same_value


def right_gaps(question: Question, blanks: Sequence[str]) -> int:
    """Return how many gaps of a question are filled rightly."""
    keys = question.answer_key.blanks
    # A stem that somebody else stored may have gaps of another form.
    following = [*question.stem.split(GAP)[1:], *("" for _ in keys)]
    in_order = asks_for_order(question.stem)

    def is_right(place: int, text: str) -> bool:
        key = keys[place]
        right = accepts(key, text, following[place], in_order=in_order)
        return right or _drops_accents(key, text, question)

    filled = [*blanks, *("" for _ in keys)][: len(keys)]
    groups = [[place] for place in range(len(keys))]
    if not in_order:
        groups = _side_by_side(following, len(keys))
    return sum(
        _most_pairs([[is_right(place, filled[other]) for other in group] for place in group]) for group in groups
    )


def _side_by_side(following: Sequence[str], count: int) -> list[list[int]]:
    """Return the places of gaps in groups: between those of one, nothing but what parts the members of a list."""
    groups = [[0]]
    for place in range(1, count):
        if _parted().fullmatch(following[place - 1]):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _most_pairs(fits: Sequence[Sequence[bool]]) -> int:
    """Return how many rows and columns that fit can be paired at most, each once (augmenting paths)."""
    row_of: dict[int, int] = {}

    def paired(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in row_of or paired(row_of[column], tried):
                    row_of[column] = row
                    return True
        return False

    return sum(paired(row, set()) for row in range(len(fits)))


def asks_for_order(stem: str) -> bool:
    """Return whether a question asks for things in an order."""
    return any(language.grading.in_order.search(stem) for language in LANGUAGES)


_FOLLOWING_CHARACTERS = 12


def accepts(accepted: Sequence[str], text: str, following: str = "", *, in_order: bool = False) -> bool:
    """Return whether what was filled into a gap is one of its accepted answers.

    A unit is converted where the accepted answers name one quantity in two units. What follows the gap may be repeated:
    `100 °C` in front of °C. With `in_order`, what is listed stands as in the answer.
    """
    convert = any(_needs_conversion(*pair) for pair in combinations(accepted, 2))
    for said in _unframed(text):
        if any(same_value(answer, said, convert=convert) for answer in accepted):
            return True
        if any(_is_meant(answer, said, in_order=in_order) for answer in accepted):
            return True
    repeated = following[:_FOLLOWING_CHARACTERS] if _UNIT_FOLLOWS.match(following) else ""
    ends = range(1, len(repeated) + 1)
    return any(same_value(f"{answer}{repeated[:end]}", text) for answer in accepted for end in ends)


def _unframed(text: str) -> Iterator[str]:
    """Yield what was written, and that without the words around it that say that it is the answer."""
    yield text
    for language in LANGUAGES:
        found = language.grading.framed.match(text.strip())
        if found is not None:
            yield found["said"]


def _is_meant(answer: str, said: str, *, in_order: bool) -> bool:
    """Return whether a text means an answer, though it is no notation of its value."""
    judged = _judged(answer, short=False)
    if judged is not None:
        return _judged(said, short=True) is judged
    if _LETTERS.fullmatch(answer) and not _EITHER.search(said):
        plain = "".join(_members(said)) or said.strip(" .。")
        chosen = filter(None, (language.grading.chosen.match(plain) for language in LANGUAGES))
        return any(same_value(answer, found["said"]) for found in chosen)
    return _names_the_same(answer, said) or (not in_order and _lists_the_same(answer, said))


_LETTERS = re.compile("[A-H]{1,8}")
"""The letters of options."""
_EITHER = re.compile(r"或|\bor\b", re.IGNORECASE)


def _judged(text: str, *, short: bool) -> bool | None:
    """Return whether a text says that something is true or that it is false; None where it says neither.

    With `short`, also what says so only in answer to a question, such as a letter.
    """
    plain = text.strip(" .。!！").casefold()
    for language in LANGUAGES:
        rules = language.grading
        for known, others, value in ((rules.true, rules.short_true, True), (rules.false, rules.short_false, False)):
            if plain in known or plain in _SIGNS[value] or (short and plain in others):
                return value
    return None


_SIGNS = {True: frozenset("√✓✔☑"), False: frozenset("×✗✘✕✖☒")}

_GLOSSED = re.compile(r"(?P<term>[^()（）\d]{2,60}?)\s*[(（](?P<gloss>[^()（）\d]{2,60})[)）]")
_ROMAN = re.compile("[IVX]+")


def _names_the_same(answer: str, said: str) -> bool:
    """Return whether two texts are one name, of which one has a translation or an abbreviation in brackets behind it.

    Where both have one, they must say the same in all. An abbreviation behind what was written may be a second answer.
    """
    of_answer, of_said = _GLOSSED.fullmatch(answer.strip()), _GLOSSED.fullmatch(said.strip())
    if of_said is not None:
        return of_answer is None and _is_foreign(of_said) and same_value(answer, of_said["term"])
    if of_answer is None:
        return False
    short = of_answer["gloss"].isupper() and not _ROMAN.fullmatch(of_answer["gloss"])
    return (short or _is_foreign(of_answer)) and any(same_value(name, said) for name in of_answer.groups())


def _is_foreign(glossed: re.Match[str]) -> bool:
    return language_of(glossed["term"]) != language_of(glossed["gloss"])


_MOST_MEMBERS = 8


def _lists_the_same(answer: str, said: str) -> bool:
    """Return whether two texts list the same things, in whatever order."""
    one, other = _members(answer), _members(said)
    if not 1 < len(one) == len(other) <= _MOST_MEMBERS:
        return False
    return _most_pairs([[same_value(a, b) for b in other] for a in one]) == len(one)


def _members(text: str) -> list[str]:
    """Return the things that a text lists; nothing for a point, an interval and whatever else is in brackets."""
    members = _parted().split(text.strip(" .。"))
    return members if all(members) and not re.search(r"[(\[{（【]", text) else []


def _parted() -> re.Pattern[str]:
    """Compile what parts the members of a list in any language."""
    between = "|".join(language.grading.between for language in LANGUAGES)
    return re.compile(rf"\s*(?:{between})\s*", re.IGNORECASE)


def _drops_accents(accepted: Sequence[str], text: str, question: Question) -> bool:
    """Return whether an accepted answer is meant that is written without accents.

    It is not where that makes another word that the question shows or asks for. In Chinese, small letters with accents
    are sounds, and what is asked in a language of accents teaches them.
    """
    stem, plain = question.stem, fold(text)
    others = (other for blanks in question.answer_key.blanks for other in blanks if other not in accepted)
    if says(stem, text) or plain in map(fold, others):
        return False
    language = LANGUAGES.of(stem)
    names = [answer for answer in accepted if language.spaced or answer[:1].isupper()]
    return any(drops_accents(text, name) for name in names) and not is_foreign(stem.replace(GAP, " "), language)


_UNIT_FOLLOWS = re.compile(r"\s*[^\W\d_%°]|\s*[%‰°]")


def _needs_conversion(one: str, other: str) -> bool:
    return not same_value(one, other) and same_value(one, other, convert=True)
