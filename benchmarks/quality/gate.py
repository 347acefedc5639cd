"""How many faulty questions the checks catch, by class of fault, and how many sound ones they refuse.

    python -m benchmarks.quality.gate [--count 100] [--seed 11] [--show CLASS] [--language en]

A sound question is XQuAD's own, written by a person, with options that this script makes from other answers of the same
article. A faulty one is a sound one that passes, with one fault put in, as a model's JSON: it goes the whole way from
text to question. A fault is caught when the question is refused, or comes out without it.

Each wording, and where there are none each question, belongs to one half by its hash. The rules were written with the
seen half: what passes can be printed (`--show`) for it alone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.quality import gate_wordings as wordings
from benchmarks.quality.xquad import LANGUAGES, Corpus, load
from services.exercises.domain.completion import WrittenObject
from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.drafts import draft_of
from services.exercises.domain.generation.model_questions import answer_of
from services.exercises.domain.text.sentences import split
from services.exercises.values.question import GAP, Draft, Passage, QuestionKind
from services.exercises.values.refusal import RefusedError
from services.language.folding import fold

SEEN, HELD = "seen", "held"
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """A question of a person with all that the kinds of questions need."""

    language: str
    question: str
    answer: str
    quote: str
    passage: Passage
    article: int
    distractors: tuple[str, ...]

    def values(self, **changes: Any) -> Values:
        """Return what a model would write of it as a single choice."""
        written = {
            "quote": self.quote,
            "stem": self.question,
            "answer": self.answer,
            "distractors": list(self.distractors),
            "explanation": self.quote,
        }
        return written | changes


@dataclass(frozen=True, slots=True)
class Faulty:
    """A question with one fault."""

    half: str
    kind: QuestionKind
    values: Values
    passage: Passage
    remains: Callable[[Draft], bool] = lambda draft: True
    """Whether a question that passed has the fault."""
    before: Values | None = None
    """A question that was accepted before it."""


def half_of(*parts: str) -> str:
    """Return the half that wordings belong to; "" when they belong to different ones."""
    halves = {(SEEN, HELD)[hashlib.sha256(part.encode()).digest()[0] & 1] for part in parts if part}
    return halves.pop() if len(halves) == 1 else ""


def items_of(corpus: Corpus, language: str, rng: random.Random) -> list[Item]:
    """Return the questions with options from other answers of their article."""
    answers = defaultdict(list)
    for question in corpus.questions:
        answers[corpus.articles[question.paragraph]].append(question.answer)
    items = []
    for question in corpus.questions:
        text = corpus.paragraphs[question.paragraph]
        article = corpus.articles[question.paragraph]
        quote = next((s.text for s in split(text) if question.answer in s.text), "")
        others = [a for a in dict.fromkeys(answers[article]) if _is_distractor(a, question.answer, quote)]
        if quote and len(others) >= 3:
            rng.shuffle(others)
            others.sort(key=lambda a: (_shape(a) != _shape(question.answer), abs(len(a) - len(question.answer))))
            chosen = tuple(others[:3])
            items.append(Item(language, question.text, question.answer, quote, Passage(text), article, chosen))
    return items


def _is_distractor(other: str, answer: str, quote: str) -> bool:
    one, two = fold(other), fold(answer)
    return bool(one and two) and one not in two and two not in one and one not in fold(quote)


def _shape(text: str) -> tuple[bool, bool]:
    return any(map(str.isdigit, text)), text[:1].isupper()


def verdict(kind: QuestionKind, values: Values, passage: Passage, before: Values | None = None) -> Draft | str:
    """Return the question that comes of a model's JSON, or why it is refused."""
    accepted = Accepted()
    with contextlib.suppress(RefusedError):
        if before is not None:
            check(draft_of(answer_of(kind, before), passage=0, model="m", rng=random.Random(1)), passage, accepted)
    written = WrittenObject()
    written.feed(json.dumps(values, ensure_ascii=False))
    try:
        draft = draft_of(answer_of(kind, written.value()), passage=0, model="m", rng=random.Random(1))
        check(draft, passage, accepted)
    except RefusedError as refused:
        return refused.reason.value
    return draft


def in_text(*texts: str) -> Callable[[Draft], bool]:
    """Return whether one of these texts is still in the question."""

    def remains(draft: Draft) -> bool:
        shown = "\n".join((draft.stem, *draft.options, draft.explanation))
        return any(text in shown for text in texts)

    return remains


def topic_of(item: Item) -> str:
    """Return what an item is about: its first option, which is another answer of its article."""
    return item.distractors[0]


def filled(wording: str, item: Item, noun: str = "") -> str:
    """Return a wording with the item's parts in its places."""
    question = item.question
    if item.language == "en":
        lowered = (
            question if question[:1].isupper() and question[1:2].isupper() else question[:1].lower() + question[1:]
        )
        question = question if wording.startswith("{q}") or ": {q}" in wording or ". {q}" in wording else lowered
    stem = item.question.rstrip("?？ .。")
    parts = {"q": question, "stem": stem, "topic": topic_of(item), "noun": noun, "answer": item.answer}
    text = re.sub(r"\{(q|stem|topic|noun|answer)\}", lambda name: parts[name[1]], wording)
    return text[:1].upper() + text[1:]


Make = Callable[[Item, random.Random], Faulty | None]


def single(item: Item, half: str, remains: Callable[[Draft], bool] = lambda draft: True, **changes: Any) -> Faulty:
    """Return a single choice with changes."""
    return Faulty(half, QuestionKind.SINGLE_CHOICE, item.values(**changes), item.passage, remains)


def reference(kind: str, item: Item, rng: random.Random) -> Faulty | None:
    """Return one whose stem speaks of what the learner does not see."""
    frames = wordings.REFERENCES[item.language][kind]
    frame, noun = rng.choice(frames.frames), rng.choice(frames.nouns)
    half = half_of(frame, noun if "{noun}" in frame else "")
    return single(item, half, stem=filled(frame, item, noun)) if half else None


def of_options(kind: str, item: Item, rng: random.Random) -> Faulty:
    """Return one with an option that speaks of the others, as the key or in place of a distractor."""
    option = rng.choice(wordings.OPTION_REFERENCES[item.language][kind])
    if rng.random() < 0.5:
        return single(item, half_of(option), answer=option)
    return single(item, half_of(option), distractors=[*item.distractors[:2], option])


def equal_options(item: Item, rng: random.Random) -> Faulty:
    """Return one with two options of one value."""
    one, other = rng.choice(wordings.EQUAL_OPTIONS[item.language])
    return single(
        item,
        half_of(f"{one} = {other}"),
        lambda draft: {one, other} <= {*draft.options},
        distractors=[one, item.distractors[0], other],
    )


def listed(name: str, field: str, item: Item, rng: random.Random) -> Faulty:
    """Return one with a field that holds one of a list of wordings."""
    wording = rng.choice(getattr(wordings, name)[item.language])
    text = filled(wording, item)
    if field == "distractors":
        return single(item, half_of(wording), distractors=[*item.distractors[:2], text])
    remains = in_text(text) if field == "explanation" else lambda draft: True
    return single(item, half_of(wording), remains, **{field: text})


def markup(item: Item, rng: random.Random) -> Faulty:
    """Return one whose stem has around it what is no text of it."""
    wording = rng.choice(wordings.MARKUP[item.language])
    stem = wording.replace("{q}", item.question).replace("{answer}", item.answer)
    for escape, char in (
        ("\\n", "\n"),
        ("\\u0000", "\0"),
        ("\\ufffd", "\ufffd"),
        ("\\u200b", "\u200b"),
        ("\\u0007", "\a"),
    ):
        stem = stem.replace(escape, char)
    return single(item, half_of(wording), lambda draft: draft.stem != item.question, stem=stem)


def leaking_stem(item: Item, rng: random.Random) -> Faulty:
    """Return one whose stem holds its answer."""
    stem = rng.choice(
        (f"{item.question} ({item.answer})", f"{item.answer}: {item.question}", f"{item.answer} — {item.question}")
    )
    return single(item, half_of(item.question), stem=stem)


def changed_quote(item: Item, rng: random.Random) -> Faulty:
    """Return one with a quote that the material does not hold."""
    words = (
        re.findall(r"\w+", item.quote) if item.language == "en" else re.findall(r"[\u4e00-\u9fff]{2}|\d+", item.quote)
    )
    word = rng.choice(words)
    other = rng.choice([topic_of(item), "never" if item.language == "en" else "从不", str(rng.randint(3, 4000))])
    quote = item.quote.replace(word, other, 1)
    fault = single(item, half_of(item.question), quote=quote)
    return fault if quote != item.quote else single(item, "", quote=quote)


def wrong_key(item: Item, _: random.Random) -> Faulty:
    """Return one with a wrong option as the key, and the answer among the wrong ones."""
    return single(
        item, half_of(item.question), answer=item.distractors[0], distractors=[item.answer, *item.distractors[1:]]
    )


def two_keys(item: Item, rng: random.Random) -> Faulty:
    """Return one with fewer options than are asked for, or one that is empty."""
    options = rng.choice(([item.distractors[0]], [item.distractors[0], " ", "。"], [], [*item.distractors[:2], ""]))
    return single(item, half_of(item.question), lambda draft: len(draft.options) < 3, distractors=options)


def twice(item: Item, rng: random.Random) -> Faulty:
    """Return one that was asked already, in other dress."""
    question = item.question
    stem = rng.choice((question.upper(), question.rstrip("?？") + " ?", f"{question} ", question.replace(" ", "  ")))
    values = item.values()
    changed = values | {"stem": stem}
    return Faulty(half_of(question), QuestionKind.SINGLE_CHOICE, changed, item.passage, before=values)


def cut_stem(item: Item, rng: random.Random) -> Faulty:
    """Return one whose stem ends in its middle."""
    cut = rng.uniform(0.35, 0.8)
    stem = item.question[: int(len(item.question) * cut)].rstrip()
    return single(item, half_of(item.question), stem=stem)


def false_truth(item: Item, rng: random.Random) -> Faulty | None:
    """Return a statement that the source contradicts, said to be true."""
    quote = item.quote
    number = re.search(r"\d+", quote)
    choices = []
    if number:
        choices.append(quote.replace(number[0], str(int(number[0]) + rng.randint(1, 9)), 1))
    if item.language == "en":
        negated = re.sub(r"\b(is|was|were|are|can|will|has|had)\b", r"\1 not", quote, count=1)
    else:
        negated = re.sub(r"(?<![不没])(是|有|能|会)", r"不\1", quote, count=1)
    choices += [text for text in (negated, quote.replace(item.answer, topic_of(item), 1)) if text != quote]
    if not choices:
        return None
    stem = rng.choice(choices)
    return Faulty(
        half_of(item.question), QuestionKind.TRUE_FALSE, {"quote": quote, "stem": stem}, item.passage, in_text(stem)
    )


_NUMERALS = {
    "en": dict(
        zip(
            range(2, 13),
            ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
            strict=True,
        )
    ),
    "zh": dict(zip(range(2, 11), "二三四五六七八九十", strict=False)),
}


def same_false(item: Item, rng: random.Random) -> Faulty | None:
    """Return a statement said to be false in which something was exchanged for itself."""
    quote, answer = item.quote, item.answer
    choices = [(answer, answer.swapcase()), (answer, f"“{answer}”"), (answer, f" {answer} ")]
    if item.language == "en":
        choices += [(answer, f"the {answer}"), (answer, answer.rstrip("s") + "s")]
        if len(words := answer.split()) > 1:
            choices.append((answer, words[-1]))
    else:
        choices.append((answer, answer + "等"))
    for number in re.findall(r"(?<!\d)\d{1,2}(?!\d)", quote):
        if (spelled := _NUMERALS[item.language].get(int(number))) and quote.count(number) == 1:
            choices += [(number, spelled), (number, f"{number}.0")] * 2
    old, new = rng.choice(choices)
    if old == new:
        return None
    values = {"quote": quote, "original": old, "changed": new}
    return Faulty(half_of(item.question), QuestionKind.TRUE_FALSE, values, item.passage)


def bad_gap(item: Item, rng: random.Random) -> Faulty | None:
    """Return a gap with its answer beside it, with two answers, or with one that the source has not."""
    gapped = item.quote.replace(item.answer, GAP)
    if gapped.count(GAP) != 1:
        return None
    stem, answer = rng.choice(
        (
            (f"{gapped} ({item.answer})", item.answer),
            (f"{item.answer}: {gapped}", item.answer),
            (gapped + f" {GAP}", item.answer),
            (f"{topic_of(item)}____", topic_of(item)),
            (GAP, item.answer),
        )
    )
    values = {"quote": item.quote, "stem": stem, "answer": answer, "explanation": item.quote}
    return Faulty(
        half_of(item.question), QuestionKind.FILL_IN_THE_BLANK, values, item.passage, lambda draft: draft.stem == stem
    )


CLASSES: Mapping[str, Make] = {
    "refers to a text": partial(reference, "text"),
    "refers to a figure or table": partial(reference, "figure"),
    "refers to a chapter or paragraph": partial(reference, "section"),
    "refers to an author": partial(reference, "author"),
    "refers to what was said before": partial(reference, "back"),
    "option: all of the above": partial(of_options, "all"),
    "option: names other options": partial(of_options, "some"),
    "option: none, not sure": partial(of_options, "none"),
    "options of equal value": equal_options,
    "option is a placeholder": partial(listed, "PLACEHOLDERS", "distractors"),
    "too few or empty options": two_keys,
    "stem in another language": partial(listed, "FOREIGN_STEMS", "stem"),
    "option in another script": partial(listed, "FOREIGN_OPTIONS", "distractors"),
    "explanation speaks of the text": partial(listed, "EXPLANATIONS", "explanation"),
    "stem is a fragment": partial(listed, "FRAGMENTS", "stem"),
    "stem is cut": cut_stem,
    "stem asks about nothing": partial(listed, "VAGUE", "stem"),
    "markup or thinking in the stem": markup,
    "stem holds the answer": leaking_stem,
    "asked already": twice,
    "quote is not in the material": changed_quote,
    "key is a wrong option": wrong_key,
    "true statement is false": false_truth,
    "false statement is true": same_false,
    "gap is wrong": bad_gap,
}


def faulty(name: str, items: Sequence[Item], count: int, seed: int) -> Iterator[Faulty]:
    """Yield `count` questions with a fault, half of them of either half, as far as there are wordings."""
    rng = random.Random(f"{seed} {name} {items[0].language}")
    left = {SEEN: count - count // 2, HELD: count // 2}
    for _ in range(200 * count):
        fault = CLASSES[name](rng.choice(items), rng)
        if fault is not None and left.get(fault.half, 0):
            left[fault.half] -= 1
            yield fault
        if not any(left.values()):
            return


def soundness(items: Sequence[Item]) -> tuple[int, Counter[str]]:
    """Return of how many sound questions the refused ones are, and why, over kinds that can be made of them."""
    refused: Counter[str] = Counter()
    for item in items:
        result = verdict(QuestionKind.SINGLE_CHOICE, item.values(), item.passage)
        if isinstance(result, str):
            refused[result] += 1
    return len(items), refused


def as_stems(items: Sequence[Item], language: str) -> tuple[int, list[str]]:
    """Return how many stems about authors and documents there are, and those that are refused as references."""
    stems = wordings.SOUND_REFERENCES[language]
    item = items[0]
    reason = "STEM_REFERS_TO_PASSAGE"
    return len(stems), [
        s for s in stems if verdict(QuestionKind.SINGLE_CHOICE, item.values(stem=s), item.passage) == reason
    ]


def as_options(items: Sequence[Item], language: str) -> tuple[int, list[str]]:
    """Return how many pairs of options differ, and those that are refused as equal."""
    pairs = wordings.DIFFERENT_OPTIONS[language]
    item = items[0]
    refused = []
    for one, other in pairs:
        values = item.values(distractors=[one, item.distractors[0], other])
        if verdict(QuestionKind.SINGLE_CHOICE, values, item.passage) == "EQUAL_OPTIONS":
            refused.append(f"{one} = {other}")
    return len(pairs), refused


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument(
        "--show", default="", help="print what passes of the classes with this in their name, seen half"
    )
    given = parser.parse_args()
    rows: dict[str, list[str]] = defaultdict(list)
    notes: list[str] = []
    languages = [given.language] if given.language else LANGUAGES
    for language in languages:
        items = items_of(load(language), language, random.Random(given.seed))
        total, refused = soundness(items)
        reasons = ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
        notes.append(f"{language}: {refused.total()} of {total} sound questions refused: {reasons}")
        for what, (count, wrongly) in (("stems", as_stems(items, language)), ("pairs", as_options(items, language))):
            notes.append(f"{language}: {len(wrongly)} of {count} sound {what} refused: {'; '.join(wrongly)}")
        sound = [i for i in items if not isinstance(verdict(QuestionKind.SINGLE_CHOICE, i.values(), i.passage), str)]
        for name in CLASSES:
            caught: Counter[str] = Counter()
            counted: Counter[str] = Counter()
            for fault in faulty(name, sound, given.count, given.seed):
                result = verdict(fault.kind, fault.values, fault.passage, fault.before)
                counted[fault.half] += 1
                if isinstance(result, str) or not fault.remains(result):
                    caught[fault.half] += 1
                elif given.show and given.show in name and fault.half == SEEN:
                    print(language, name, json.dumps(fault.values, ensure_ascii=False)[:600])
            rows[name] += [f"{caught[half]}/{counted[half]}" for half in (SEEN, HELD)]
    print("| fault |", " | ".join(f"{language}, {half}" for language in languages for half in (SEEN, HELD)), "|")
    print("| --- |", " | ".join("---" for _ in range(2 * len(languages))), "|")
    for name, cells in rows.items():
        print(f"| {name} |", " | ".join(cells), "|")
    print("\n".join(notes))


if __name__ == "__main__":
    main()
