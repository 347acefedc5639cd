"""Citation marks in a stream of text: found even when split, checked, and tied to the sentence that supports them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.language.detection import language_of
from services.language.sentences import Span, split_sentences
from services.language.terms import coverage, terms
from services.retrieval.values.chunk import Chunk, Source, source_of

# "[1]", "[1, 2]", "[1-3]", "【1】", "[Passage 1]", "[来源 1]": what models write when asked for "[1]".
_NUMBER = r"\d{1,3}"
_MARK = re.compile(
    rf"^(?:passages?|sources?|段落|来源|资料|文献)?\s*#?\s*({_NUMBER}(?:\s*(?:[,，、;；和&–-]|and)\s*{_NUMBER})*)$",
    re.IGNORECASE,
)
_OPENING = re.compile(r"\s*[\[【［]")
_CLOSING = re.compile(r"[\]】］]")
_LONGEST_MARK = 32
_STRONG_SUPPORT = 0.5  # share of a statement's terms that a source sentence holds
_WEAK_SUPPORT = 0.3
_LEAST_SUPPORT = 0.15
_TELLING_TERMS = 3  # a statement with fewer says little without its question
_STATEMENT_WINDOW = 1000  # code points before a mark in which its statement is looked for


@dataclass(frozen=True, slots=True)
class Delta:
    """Text to append to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark of the answer, ``[answer_start, answer_end)`` in code points, and what it cites."""

    number: int
    source: Source
    answer_start: int
    answer_end: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation mark as the model wrote it: the white space before it, and the numbers in it."""

    space: str
    numbers: tuple[int, ...]


class MarkScanner:
    """Cuts a stream of text into plain text and citation marks.

    White space and an opening bracket are held back until it is clear whether a mark follows; nothing else is.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[str | Mark]:
        """Return what is certain so far."""
        return self._scan(self._held + text, final=False)

    def close(self) -> list[str | Mark]:
        """Return what was held back, as text."""
        return self._scan(self._held, final=True)

    def _scan(self, text: str, *, final: bool) -> list[str | Mark]:
        found: list[str | Mark] = []
        plain = ""
        position = 0
        self._held = ""
        while position < len(text):
            opening = _OPENING.search(text, position)
            if opening is None:
                rest = text[position:]
                # Space may precede a mark that is dropped, and must then go with it.
                kept = rest if final else rest.rstrip()
                plain += kept
                self._held = rest[len(kept) :]
                break
            plain += text[position : opening.start()]
            window = text[opening.end() : opening.end() + _LONGEST_MARK]
            closing = _CLOSING.search(window)
            if closing is None and len(window) < _LONGEST_MARK and not final:
                self._held = text[opening.start() :]
                break
            mark = _MARK.match(window[: closing.start()]) if closing else None
            if closing is None or mark is None:
                plain += opening[0]
                position = opening.end()
                continue
            if plain:
                found.append(plain)
                plain = ""
            found.append(Mark(opening[0][:-1], tuple(_numbers(mark[1]))))
            position = opening.end() + closing.end()
        if plain:
            found.append(plain)
        return found


def _numbers(mark: str) -> list[int]:
    numbers: list[int] = []
    for part in re.split(r"\s*(?:[,，、;；和&]|and)\s*", mark, flags=re.IGNORECASE):
        first, *last = (int(n) for n in re.findall(_NUMBER, part))
        if last and first <= last[0] < first + 20:
            numbers += range(first, last[0] + 1)
        else:
            numbers += [first, *last]
    return list(dict.fromkeys(numbers))


class CitedText:
    """An answer as it grows: appends text, checks marks, ties each to a quote.

    Marks come out as "[1][2]" whatever form the model used; numbers without a passage are dropped.
    """

    def __init__(self, question: str, passages: Sequence[Chunk]) -> None:
        self._question = question
        self._passages = [Passage(chunk) for chunk in passages]
        self._scanner = MarkScanner()
        self._parts: list[str] = []
        self._plain = ""
        self._length = 0
        self.cited: list[int] = []
        self._support = 0.0
        self._crosses_languages = False

    @property
    def text(self) -> str:
        """The whole answer so far."""
        return "".join(self._parts)

    @property
    def plain(self) -> str:
        """The answer so far without its marks."""
        return self._plain

    @property
    def cites_in_vain(self) -> bool:
        """Whether no citation's quote shares more than a trace of its statement: the marks are decoration."""
        return bool(self.cited) and self._support < _LEAST_SUPPORT and not self._crosses_languages

    @property
    def cites_unseen(self) -> bool:
        """Whether the citations could support the answer only across scripts, where terms cannot tell."""
        return self._support < _LEAST_SUPPORT and self._crosses_languages

    def feed(self, text: str) -> list[Delta | Citation]:
        """Append what the model wrote; return what the reader gets."""
        return self._append(self._scanner.feed(text))

    def close(self) -> list[Delta | Citation]:
        """End the text: what was held back is no mark; white space at the end is dropped."""
        return self._append([piece.rstrip() if isinstance(piece, str) else piece for piece in self._scanner.close()])

    def cite_support(self) -> list[Delta | Citation]:
        """Cite at the end what supports an answer whose writer cited nothing, or in vain; empty when nothing does.

        A sentence's support is the source sentence that holds at least half of its terms, or the best one with
        three tenths when no sentence reaches half. Where answer and sources differ in script, terms cannot tell, and
        the best passage is cited.
        """
        if not self._passages or not self._plain.strip():
            return []
        asked = terms(self._question)
        best: dict[int, tuple[float, Span]] = {}
        for span in split_sentences(self._plain):
            statement = terms(self._plain[span.start : span.end])
            supports = [passage.support(statement, asked) for passage in self._passages]
            index = max(range(len(supports)), key=lambda i: (supports[i][0], -i))
            if supports[index][0] > best.get(index + 1, (0.0,))[0]:
                best[index + 1] = supports[index]
        strong = sorted(number for number, (score, _) in best.items() if score >= _STRONG_SUPPORT)
        weak = sorted((number for number in best if best[number][0] >= _WEAK_SUPPORT), key=lambda n: -best[n][0])
        chosen = strong[:3] or weak[:1]
        if not chosen and self._is_foreign_to(self._passages[0]):
            chosen = [1]
        if not chosen:
            return []
        events = self._write(" ")
        for number in chosen:
            events += self._cite(number, best[number][1] if number in best else None)
        return _merge(events)

    def quote(self, sentence: str, number: int, span: Span) -> list[Delta | Citation]:
        """Append a sentence of passage ``number`` verbatim, on a line of its own, with its mark."""
        events = self._write(f"\n{sentence} " if self._length else f"{sentence} ")
        return _merge([*events, *self._cite(number, span)])

    def _append(self, pieces: Sequence[str | Mark]) -> list[Delta | Citation]:
        events: list[Delta | Citation] = []
        for piece in pieces:
            if isinstance(piece, str):
                text = piece if self._length else piece.lstrip()
                events += self._write(text)
                self._plain += text
            else:
                numbers = [number for number in piece.numbers if 1 <= number <= len(self._passages)]
                if not self._plain.strip():
                    continue  # a mark before any statement cites nothing
                if numbers:
                    events += self._write(piece.space)
                for number in numbers:
                    events += self._cite(number)
        return _merge(events)

    def _write(self, text: str) -> list[Delta | Citation]:
        if not text:
            return []
        self._parts.append(text)
        self._length += len(text)
        return [Delta(text)]

    def _cite(self, number: int, quote: Span | None = None) -> list[Delta | Citation]:
        passage = self._passages[number - 1]
        statement, question = terms(self._statement()), terms(self._question)
        support, _ = passage.support(statement, question)
        if self._is_foreign_to(passage):
            self._crosses_languages = True
        else:
            self._support = max(self._support, support if quote is None else 1.0)  # a given quote was judged before
        span = quote or passage.quote(statement, question)
        start = self._length
        events = self._write(f"[{number}]")
        self.cited.append(number)
        source = source_of(passage.chunk, span.start, span.end)
        return [*events, Citation(number, source, start, self._length)]

    def _is_foreign_to(self, passage: Passage) -> bool:
        # "0.04 %" is in no language of its own: it speaks the question's language.
        spoken = self._plain if any(char.isalpha() for char in self._plain) else self._question
        return language_of(spoken) != language_of(passage.chunk.text)

    def _statement(self) -> str:
        tail = self._plain[-_STATEMENT_WINDOW:]
        spans = split_sentences(tail)
        return tail[spans[-1].start : spans[-1].end] if spans else ""


class Passage:
    """A passage with the terms of its sentences, computed when first asked."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._spans: list[Span] = []
        self._terms: list[frozenset[str]] = []

    def support(self, statement: frozenset[str], question: frozenset[str]) -> tuple[float, Span]:
        """Return how well this passage supports a statement, 0 to 1, and the sentence that does.

        The sentence holds most of the statement's terms; the question's decide between equals, then brevity. Its
        share of the statement's terms is the support; of the question's too when the statement is as short as
        "Yes", which by itself any sentence could support.
        """
        if not self._spans:
            self._spans = split_sentences(self.chunk.text) or [Span(0, len(self.chunk.text))]
            self._terms = [terms(self.chunk.text[span.start : span.end]) for span in self._spans]
        best = max(
            range(len(self._spans)),
            key=lambda i: (
                coverage(statement, self._terms[i]),
                coverage(question, self._terms[i]),
                -len(self._terms[i]),
                -i,
            ),
        )
        wanted = statement if len(statement) >= _TELLING_TERMS else statement | question
        return coverage(wanted, self._terms[best]), self._spans[best]

    def quote(self, statement: frozenset[str], question: frozenset[str]) -> Span:
        """Return the sentence that supports a statement or is nearest the question, else the whole passage."""
        _, span = self.support(statement, question)
        shared = terms(self.chunk.text[span.start : span.end]) & (statement | question)
        return span if shared else Span(0, len(self.chunk.text))


def _merge(events: Sequence[Delta | Citation]) -> list[Delta | Citation]:
    """Join neighbouring deltas."""
    merged: list[Delta | Citation] = []
    for event in events:
        last = merged[-1] if merged else None
        if isinstance(event, Delta) and isinstance(last, Delta):
            merged[-1] = Delta(last.text + event.text)
        else:
            merged.append(event)
    return merged
