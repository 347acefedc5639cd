"""The answer under way: what a model has written so far, whether it says that it has no answer, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from services.common.model_failures import NONE, ModelFailure, failure_of
from services.common.values import TokenUsage
from services.kit.texts import clean
from services.kit.thinking import ThinkingFilter, Written
from services.language.detection import LANGUAGES
from services.language.terms import terms
from services.retrieval.domain.answering.citations import CitedText
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.prompts.answer import ABSTENTION_MARKER
from services.retrieval.values.answer import AnswerDelta, AnswerDone, AnswerEvent, AnswerOutcome, AnswerRestarted
from services.retrieval.values.chat import ChatFinish
from services.retrieval.values.chunk import Hit, embedding_model

_MARKER = re.compile(ABSTENTION_MARKER.replace("_", "[_ ]"))
_CITED = re.compile(r"\[\d")
"""A citation, as `CitedText` writes it."""
_MOST_CODE_POINTS = 300
"""A longer text says more than that there is no answer."""


def prepare() -> None:
    """Compile what answers are read with: a tenth of a second each, too long for an event loop at its first use."""
    _abstention()
    _uncited_abstention()


@cache
def _abstention() -> re.Pattern[str]:
    """Compile how a model begins, in any language, that says that the material holds no answer."""
    return _beginning(language.answering.abstention for language in LANGUAGES)


@cache
def _uncited_abstention() -> re.Pattern[str]:
    """Compile how one begins that says so without a word of the material, and so without a citation."""
    return _beginning(language.answering.uncited_abstention for language in LANGUAGES)


def _beginning(abstentions: Iterable[str]) -> re.Pattern[str]:
    apologies = "|".join(language.answering.apology for language in LANGUAGES)
    return re.compile(rf"^\W*(?:(?:{apologies})\W+)?(?:{'|'.join(abstentions)})", re.IGNORECASE)


class AbstentionFilter:
    """Holds back the end of a stream while it may become the marker, and drops all that follows the marker."""

    def __init__(self) -> None:
        self._pending = ""
        self.abstained = False
        """Whether the marker was seen."""

    def feed(self, text: str) -> str:
        """Return the text that is certain not to belong to the marker; nothing once the marker was seen."""
        if self.abstained:
            return ""
        text = self._pending + text
        found = _MARKER.search(text)
        if found:
            self.abstained, self._pending = True, ""
            return text[: found.start()]
        keep = _overlap(text)
        self._pending = text[len(text) - keep :]
        return text[: len(text) - keep]

    def close(self) -> str:
        """Return what was held back: the stream ended before it became the marker."""
        pending, self._pending = self._pending, ""
        return pending


def is_abstention(answer: str) -> bool:
    """Return whether an answer of one or two sentences says, in the model's own words, that there is none."""
    if len(answer) > _MOST_CODE_POINTS:
        return False
    plain = LANGUAGES.one_spelling(answer)
    if _abstention().match(plain) is not None:
        return True
    return _CITED.search(answer) is None and _uncited_abstention().match(plain) is not None


def _overlap(text: str) -> int:
    """Return the length of the longest end of `text` that begins the marker."""
    folded = text[-len(ABSTENTION_MARKER) :].replace(" ", "_")
    return next((n for n in range(len(folded), 0, -1) if ABSTENTION_MARKER.startswith(folded[-n:])), 0)


def _may_deliberate(opening: str) -> bool:
    """Return whether a text begins, or may yet begin, as models do that think before they answer."""
    known = (phrase for language in LANGUAGES for phrase in language.answering.deliberation)
    return any(phrase.startswith(opening) or opening.startswith(phrase) for phrase in known)


class OpeningFilter:
    """Holds back a text that begins as thoughts do, until a mark that ends them comes or the text ends."""

    def __init__(self) -> None:
        self._held: str | None = ""

    def feed(self, text: str) -> str:
        """Return what may be shown."""
        if self._held is None:
            return text
        self._held += text
        opening = LANGUAGES.one_spelling(self._held.lstrip(' \n*#"“').casefold().replace("’", "'"))
        return "" if _may_deliberate(opening) else self.close()

    def close(self) -> str:
        """Return what was held back: no mark came."""
        held, self._held = self._held or "", None
        return held


class AnswerDraft:
    """One answer from the first piece of its text to its end; each step returns the events that it adds."""

    def __init__(self, question: str, hits: Sequence[Hit], model: str) -> None:
        self.question = question
        self.passages = [hit.chunk for hit in hits]
        """What may be cited, number 1 first."""
        self.model = model
        """The model that was asked for; empty for the default one."""
        self._embedding_model = embedding_model(hits)
        self._thinking = ThinkingFilter()
        self._begin()
        self.finish = ChatFinish(TokenUsage(), model, False)
        """How the model ended, with the tokens of all its calls; before that, nothing spent and the model asked for."""
        self.error = NONE
        """Why no model was reached."""

    def _begin(self) -> None:
        self._text = CitedText(self.question, self.passages)
        self._filter = AbstentionFilter()
        self._opening = OpeningFilter()

    def end_reading(self, finish: ChatFinish) -> None:
        """Note how the model ended; what it used is added to what it used before."""
        self.finish = replace(finish, usage=self.finish.usage + finish.usage)

    def add_usage(self, usage: TokenUsage) -> None:
        """Note what a further call about the answer used."""
        self.finish = replace(self.finish, usage=self.finish.usage + usage)

    def restart(self) -> Sequence[AnswerEvent]:
        """Drop what was written, which is no answer: the model reads more and writes another."""
        shown = bool(self._text.text)
        self._thinking = ThinkingFilter()
        self._begin()
        return [AnswerRestarted()] if shown else []

    @property
    def abstained(self) -> bool:
        """Whether the model wrote the marker, after which nothing that it writes counts."""
        return self._filter.abstained

    @property
    def failure(self) -> ModelFailure:
        """How the model failed: it was not reached, its answer is not whole, or there is none."""
        refused, truncated = self.finish.refused, self.finish.truncated
        if self.error or not (refused or truncated or (self.is_blank and not self.abstained)):
            return self.error
        thought = self.finish.thought or self._thinking.thought
        return failure_of(refused=refused, truncated=truncated, thought=thought, written=False)

    @property
    def is_blank(self) -> bool:
        """Whether the reader has been shown no text."""
        return not self._text.text.strip()

    @property
    def is_abstention(self) -> bool:
        """Whether the text says that there is no answer, or holds no cited statement before the marker."""
        return is_abstention(self._text.text) or (self.abstained and not self._text.cited)

    @property
    def repeats_question(self) -> bool:
        """Whether a question for a cause, purpose or effect is told back in its own words, which answers nothing."""
        question = LANGUAGES.one_spelling(self.question)
        asks = any(
            demand.asks.search(question)
            for stems in (language.stems for language in LANGUAGES)
            for demand in (stems.cause, stems.purpose, stems.effect)
        )
        said = terms(self._text.plain)
        return asks and bool(said) and said <= terms(self.question)

    def write(self, piece: str) -> Sequence[AnswerEvent]:
        """Append a piece of the model's stream; what may become a mark or the marker is held back."""
        return self._take(self._thinking.feed(clean(piece)))

    def _take(self, written: Written) -> Sequence[AnswerEvent]:
        """Append what is no thought; where it turns out that all before was one, begin anew."""
        events: list[AnswerEvent] = []
        if written.anew:
            if self._text.text:
                events.append(AnswerRestarted())
            self._begin()
        events += self._text.feed(self._filter.feed(self._opening.feed(written.text)))
        return events

    def close(self) -> Sequence[AnswerEvent]:
        """End the model's text with what was held back, and cite what supports it where its own citations do not."""
        events = [*self._take(self._thinking.close())]
        held = self._filter.feed(self._opening.close()) + self._filter.close()
        events += [*self._text.feed(held), *self._text.close()]
        if not (self.is_blank or self.is_abstention or self._text.has_supported_citation):
            events += self._text.cite_support()
        return events

    async def is_grounded(self, check: GroundednessCheck) -> bool:
        """Return whether the sources support the text: by their terms, and across scripts by their meaning."""
        if not self._text.has_supported_citation:
            return False
        if not self._text.needs_groundedness_check:
            return True
        cited_first = sorted(range(len(self.passages)), key=lambda i: i + 1 not in self._text.cited)
        passages = [self.passages[i] for i in cited_first]
        return await check.is_grounded(self.question, self._text.plain, passages, self._embedding_model)

    def end_unsupported(self) -> Sequence[AnswerEvent]:
        """Tell the reader that no passage supports the text, and end the answer."""
        note = self._text.feed(f" {LANGUAGES.of(self.question).answering.unsupported}")
        return (*note, *self.end(AnswerOutcome.NOT_IN_MATERIAL))

    def end(self, outcome: AnswerOutcome) -> Sequence[AnswerEvent]:
        """End the answer with what has been written."""
        failure = self.failure
        end = self.finish
        return (AnswerDone(outcome, self._text.text, end.usage, end.model, failure.reason, failure.message),)


def not_in_material(question: str, finish: ChatFinish) -> Sequence[AnswerEvent]:
    """Return the events that tell the reader, in the question's language, that the material holds no answer."""
    text = LANGUAGES.of(question).answering.not_in_material
    return AnswerDelta(text), AnswerDone(AnswerOutcome.NOT_IN_MATERIAL, text, finish.usage, finish.model)
