"""The text of an answer with its citations: each mark is checked and tied to the sentence that supports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from services.language.detection import LANGUAGES, language_of
from services.language.sentences import Span, ends_as_question, split_sentences
from services.language.terms import coverage, terms
from services.retrieval.domain.answering.faithfulness import contradicts
from services.retrieval.domain.answering.marks import Mark, MarkScanner
from services.retrieval.values.answer import AnswerDelta, Citation
from services.retrieval.values.chunk import Chunk

_TELLING_TERMS = 3
"""A statement with fewer terms says little without its question."""
_STRONG_SUPPORT = 0.5
"""Like the two that follow, a share of a statement's terms that a source sentence holds."""
_WEAK_SUPPORT = 0.3
_LEAST_SUPPORT = 0.15
_FAR_LESS = 0.5
"""Share of the best passage's support below which a mark is meant for that one."""
_ACROSS_SCRIPTS = 0.36
"""What a passage in another script counts for, whose support terms cannot tell: one that holds nearly three quarters of
a statement in its own script is likelier meant."""
_MOST_ADDED_CITATIONS = 3
_STATEMENT_WINDOW = 1000
"""Code points before a mark in which its statement is looked for."""


class CitablePassage:
    """A passage whose sentences may support a statement."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk

    @cached_property
    def _sentences(self) -> list[tuple[Span, frozenset[str]]]:
        """The sentences, each with its terms; computed when first asked.

        A question counts as one without terms. It may have all words of the statement that answers it, since exercises
        stand in the material too, but it supports nothing.
        """
        spans = split_sentences(self.chunk.text) or [Span(0, len(self.chunk.text))]
        texts = [self.chunk.text[span.start : span.end] for span in spans]
        told = [frozenset[str]() if ends_as_question(text) else terms(text) for text in texts]
        return list(zip(spans, told, strict=True))

    def support(self, statement: frozenset[str], question: frozenset[str]) -> tuple[float, Span]:
        """Return how well this passage supports a statement, 0 to 1, and the sentence that does.

        The sentence is the one that holds most of the statement's terms; between equals, it holds more of the
        question's terms, then it is shorter. Its share of the statement's terms is the support. A statement as short
        as "Yes" would be supported by any sentence: there, the question's terms count as the statement's. A heading
        that says no more than the question supports no statement that does.
        """
        answers = len(statement) >= _TELLING_TERMS and bool(statement - question)

        def held_by(told: frozenset[str]) -> frozenset[str]:
            return frozenset() if answers and told <= question else told

        best, held = max(
            ((span, held_by(told)) for span, told in self._sentences),
            key=lambda found: (coverage(statement, found[1]), coverage(question, found[1]), -len(found[1])),
        )
        wanted = statement if len(statement) >= _TELLING_TERMS else statement | question
        return coverage(wanted, held), best

    def quote(self, statement: frozenset[str], question: frozenset[str]) -> Span:
        """Return the sentence that supports a statement or is nearest the question, else the whole passage."""
        _, span = self.support(statement, question)
        shared = terms(self.chunk.text[span.start : span.end]) & (statement | question)
        return span if shared else Span(0, len(self.chunk.text))


class CitedText:
    """The text of an answer as it grows. Marks come out as "[1][2]"; numbers without a passage are dropped."""

    def __init__(self, question: str, passages: Sequence[Chunk]) -> None:
        self._question = question
        self._passages = [CitablePassage(chunk) for chunk in passages]
        self._scanner = MarkScanner()
        self.text = ""
        """The whole answer so far."""
        self.plain = ""
        """The answer so far without its marks."""
        self._events: list[AnswerDelta | Citation] = []
        """What has been added since it was last taken; no two deltas stand side by side."""
        self._support = 0.0
        """The best support of all citations of passages in the answer's script."""
        self._crosses_scripts = False
        self.cited: list[int] = []
        """Numbers of the passages cited so far, in order, repetitions included."""
        self._places: list[int] = []
        """For each of them, how much plain text stood before it."""
        self._moved_at = -1
        """How much plain text stood before the last mark that was given to another passage."""

    @property
    def has_supported_citation(self) -> bool:
        """Whether a cited sentence shares more than a trace with its statement, or may do so in another script."""
        return bool(self.cited) and (self._support >= _LEAST_SUPPORT or self._crosses_scripts)

    @property
    def needs_groundedness_check(self) -> bool:
        """Whether the citations could support the answer only across scripts, where terms cannot tell."""
        return self._support < _LEAST_SUPPORT and self._crosses_scripts

    def feed(self, text: str) -> list[AnswerDelta | Citation]:
        """Append what the model wrote; return what the reader gets."""
        return self._append(self._scanner.feed(text))

    def close(self) -> list[AnswerDelta | Citation]:
        """End the text: what was held back is no mark; white space at the end is dropped."""
        return self._append([piece.rstrip() if isinstance(piece, str) else piece for piece in self._scanner.close()])

    def cite_support(self) -> list[AnswerDelta | Citation]:
        """Cite at the end what supports an answer without a supported citation; return nothing where nothing does.

        A sentence's support is the source sentence that holds at least half of its terms, or the best one with
        three tenths when no sentence reaches half. Where answer and sources differ in script, terms cannot tell, and
        the best passage is cited.
        """
        if not self._passages or not self.plain.strip():
            return []
        best = self._best_support()
        strong = sorted(number for number, (score, _) in best.items() if score >= _STRONG_SUPPORT)
        weak = sorted((number for number in best if best[number][0] >= _WEAK_SUPPORT), key=lambda n: -best[n][0])
        chosen = strong[:_MOST_ADDED_CITATIONS] or weak[:1]
        if not chosen and self._is_foreign_to(self._passages[0]):
            chosen = [1]
        if not chosen:
            return []
        self._write(" ")
        for number in chosen:
            self._cite(number, best[number][1] if number in best else None)
        self._note_contradiction(chosen)
        return self._take()

    def quote(self, number: int, span: Span) -> list[AnswerDelta | Citation]:
        """Append a sentence of passage `number` verbatim, on a line of its own, with its mark."""
        sentence = self._passages[number - 1].chunk.text[span.start : span.end]
        self._write(f"\n{sentence} " if self.text else f"{sentence} ")
        self._cite(number, span)
        return self._take()

    def _best_support(self) -> Mapping[int, tuple[float, Span]]:
        """Return, by the number of a passage, its best support of a sentence that no other passage supports better."""
        question = terms(self._question)
        best: dict[int, tuple[float, Span]] = {}
        for span in split_sentences(self.plain):
            statement = terms(self.plain[span.start : span.end])
            supports = [passage.support(statement, question) for passage in self._passages]
            index = max(range(len(supports)), key=lambda i: (supports[i][0], -i))
            if supports[index][0] > best.get(index + 1, (0.0,))[0]:
                best[index + 1] = supports[index]
        return best

    def _append(self, pieces: Sequence[str | Mark]) -> list[AnswerDelta | Citation]:
        for piece in pieces:
            if isinstance(piece, str):
                text = piece if self.text else piece.lstrip()
                self._write(text)
                self.plain += text
            elif self.plain.strip():
                # A mark before any statement cites nothing.
                self._cite_mark(piece)
            elif piece.text:
                self._write(piece.text.lstrip())
                self.plain += piece.text.lstrip()
        return self._take()

    def _cite_mark(self, mark: Mark) -> None:
        numbers = [number for number in mark.numbers if 1 <= number <= len(self._passages)]
        if not numbers:
            self._write(mark.text)
            self.plain += mark.text
            return
        supporting = self._supporting(numbers)
        moved = supporting != numbers or self._moved_at == len(self.plain)
        if moved:
            # The mark that names it may stand beside this one.
            here = {number for number, place in zip(self.cited, self._places, strict=True) if place == len(self.plain)}
            numbers = [number for number in supporting if number not in here]
            self._moved_at = len(self.plain)
        if not numbers:
            return
        self._write(mark.space)
        for number in numbers:
            self._cite(number)
        self._note_contradiction(numbers)

    def _supporting(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return the numbers of a mark without those that do not support the last statement, if one strongly does.

        Small models cite another passage than the one they read from: then the one that holds the statement is cited.
        """
        statement, question = terms(self._last_statement()), terms(self._question)
        if len(statement) < _TELLING_TERMS:
            return numbers
        supports = {number: self._support_by(number, statement, question) for number in numbers}
        marked = max(supports.values())
        if marked < _STRONG_SUPPORT:
            # Only now: to read all passages takes milliseconds of the event loop.
            of_all = [self._support_by(n, statement, question) for n in range(1, len(self._passages) + 1)]
            most = max(of_all)
            if most < _STRONG_SUPPORT:
                return numbers
            if marked < _FAR_LESS * most:
                return [of_all.index(most) + 1]
        return [number for number in numbers if supports[number] >= _LEAST_SUPPORT]

    def _support_by(self, number: int, statement: frozenset[str], question: frozenset[str]) -> float:
        passage = self._passages[number - 1]
        return _ACROSS_SCRIPTS if self._is_foreign_to(passage) else passage.support(statement, question)[0]

    def _note_contradiction(self, numbers: Sequence[int]) -> None:
        """Tell the reader if the last statement says otherwise than each of the passages that it cites."""
        statement, known = self._last_statement(), (*(p.chunk.text for p in self._passages), self._question)
        passages = [self._passages[number - 1] for number in numbers]
        quotes = [p.chunk.text[slice(*p.quote(terms(statement), terms(self._question)))] for p in passages]
        if all(contradicts(statement, quote, known) for quote in quotes):
            self._write(LANGUAGES.of(statement).answering.contradicted)

    def _take(self) -> list[AnswerDelta | Citation]:
        events, self._events = self._events, []
        return events

    def _write(self, text: str) -> None:
        self.text += text
        last = self._events[-1] if self._events else None
        if isinstance(last, AnswerDelta):
            self._events[-1] = AnswerDelta(last.text + text)
        elif text:
            self._events.append(AnswerDelta(text))

    def _cite(self, number: int, quote: Span | None = None) -> None:
        """Write the mark of passage `number` and make its citation of `quote`, by default the best sentence."""
        passage = self._passages[number - 1]
        statement, question = terms(self._last_statement()), terms(self._question)
        support, _ = passage.support(statement, question)
        if self._is_foreign_to(passage):
            self._crosses_scripts = True
        else:
            # A quote that was given was judged before.
            self._support = max(self._support, support if quote is None else 1.0)
        span = quote or passage.quote(statement, question)
        start = len(self.text)
        self._write(f"[{number}]")
        self.cited.append(number)
        self._places.append(len(self.plain))
        self._events.append(Citation(number, passage.chunk.source(*span), start, len(self.text)))

    def _is_foreign_to(self, passage: CitablePassage) -> bool:
        # "0.04 %" is in no script of its own: it speaks the question's language.
        spoken = self.plain if any(char.isalpha() for char in self.plain) else self._question
        return language_of(spoken) != language_of(passage.chunk.text)

    def _last_statement(self) -> str:
        tail = self.plain[-_STATEMENT_WINDOW:]
        spans = split_sentences(tail)
        return tail[spans[-1].start : spans[-1].end] if spans else ""
