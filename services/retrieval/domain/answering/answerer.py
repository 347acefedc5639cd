"""A cited answer as a stream: sources, text, citations, the end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from services.kit.coalesce import coalesce
from services.kit.errors import FailedPrecondition, FieldViolation, InvalidArgument
from services.retrieval.domain.answering import prompting
from services.retrieval.domain.answering.abstention import AbstentionFilter, is_abstention
from services.retrieval.domain.answering.citations import AnswerDelta, Citation, CitedText
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.answering.overview import is_overview
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.ports import ChatModel
from services.retrieval.values.chat import ChatFinish, TokenUsage
from services.retrieval.values.chunk import Chunk, Hit, Source, embedding_model, source_of
from services.retrieval.values.query import LegQuery

_NO_CHAT_PROVIDER = "NO_CHAT_PROVIDER"


class AnswerOutcome(Enum):
    """How an answer ended."""

    ANSWERED = "answered"
    NOT_IN_MATERIAL = "not_in_material"


@dataclass(frozen=True, slots=True)
class AnswerSources:
    """The passages that the answer may cite, number 1 first; always the first event."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The end; ``text`` is all deltas joined, ``model`` is empty when none was asked."""

    outcome: AnswerOutcome
    text: str
    usage: TokenUsage
    model: str


AnswerEvent = AnswerSources | AnswerDelta | Citation | AnswerDone


class Answerer:
    """Answers from passages or says that they do not hold the answer.

    ``context_tokens`` bounds passages, question and answer together; ``answer_tokens`` is the answer's part.
    """

    def __init__(
        self,
        retriever: HybridRetriever,
        gate: RelevanceGate,
        chat: ChatModel,
        extractor: ExtractiveAnswerer,
        groundedness: GroundednessCheck,
        *,
        context_tokens: int = 4096,
        answer_tokens: int = 512,
    ) -> None:
        self._retriever = retriever
        self._gate = gate
        self._chat = chat
        self._extractor = extractor
        self._groundedness = groundedness
        self._context_tokens = context_tokens
        self._answer_tokens = answer_tokens

    async def answer(self, query: LegQuery, model: str = "") -> AsyncGenerator[AnswerEvent, None]:
        """Yield ``AnswerSources``, then deltas and citations, then ``AnswerDone``.

        Each citation comes right after the delta that ends with its mark. Every answered question has at least
        one citation: where the model cited nothing, or in vain, the sources that support its sentences are cited at the
        end. Where none does, or the cited ones share nothing with the answer (words; across languages, meaning),
        the answer says so and ends as NOT_IN_MATERIAL. Closing the generator stops the model. Raises
        InvalidArgument for a blank question, and what retrieval and the model raise.
        """
        if not query.text.strip():
            raise InvalidArgument(
                "question must hold more than white space.",
                violations=[FieldViolation("question", "must hold more than white space")],
            )
        overview = is_overview(query.text)
        # Without documents there is nothing to spread over; the nearest passages have to do.
        reading = replace(query, text="") if overview and query.document_ids else query
        retrieval = await self._retriever.retrieve(reading)
        hits = prompting.fit(query.text, retrieval.hits, self._context_tokens, self._answer_tokens)
        if not (hits and overview) and not self._gate.passes(query.text, hits):
            yield AnswerSources(())
            refusal = prompting.refusal(query.text)
            yield AnswerDelta(refusal)
            yield AnswerDone(AnswerOutcome.NOT_IN_MATERIAL, refusal, TokenUsage(), "")
            return
        passages = [hit.chunk for hit in hits]
        yield AnswerSources(tuple(source_of(chunk) for chunk in passages))
        try:
            async with contextlib.aclosing(self._write(query.text, hits, model)) as events:
                async for event in events:
                    yield event
        except FailedPrecondition as error:
            if error.reason != _NO_CHAT_PROVIDER or model:
                raise
            async with contextlib.aclosing(
                self._extract(query.text, passages, ChatFinish(TokenUsage(), "", False))
            ) as events:
                async for event in events:
                    yield event

    async def _write(self, question: str, hits: Sequence[Hit], model: str) -> AsyncGenerator[AnswerEvent, None]:
        passages = [hit.chunk for hit in hits]
        answer = CitedText(question, passages)
        refusal = AbstentionFilter()
        finish = ChatFinish(TokenUsage(), model, False)
        stream = self._chat.stream(
            system=prompting.instructions(question),
            user=prompting.prompt(question, passages),
            model=model,
            max_tokens=self._answer_tokens,
        )

        async def texts() -> AsyncGenerator[str, None]:
            nonlocal finish
            async with contextlib.aclosing(stream):
                async for item in stream:
                    if isinstance(item, ChatFinish):
                        finish = item
                    else:
                        yield item

        async with contextlib.aclosing(coalesce(texts())) as pieces:
            async for piece in pieces:
                for event in answer.feed(refusal.feed(piece)):
                    yield event
                if refusal.abstained:
                    break
        for event in (*answer.feed(refusal.close()), *answer.close()):
            yield event
        if refusal.abstained and not answer.text.strip():
            text = prompting.refusal(question)
            yield AnswerDelta(text)
            yield AnswerDone(AnswerOutcome.NOT_IN_MATERIAL, text, finish.usage, finish.model)
            return
        if not answer.text.strip():
            # A model that says nothing leaves the passages themselves to answer.
            async with contextlib.aclosing(self._extract(question, passages, finish)) as events:
                async for extracted in events:
                    yield extracted
            return
        outcome = AnswerOutcome.ANSWERED
        if is_abstention(answer.text) or (refusal.abstained and not answer.cited):
            outcome = AnswerOutcome.NOT_IN_MATERIAL
        else:
            support = [] if answer.cited and not answer.has_unsupported_citations else answer.cite_support()
            for event in support:
                yield event
            if (
                not answer.cited
                or answer.has_unsupported_citations
                or not await self._is_backed(question, answer, hits)
            ):
                outcome = AnswerOutcome.NOT_IN_MATERIAL
                for event in answer.feed(" " + prompting.unsupported(question)):
                    yield event
        yield AnswerDone(outcome, answer.text, finish.usage, finish.model)

    async def _is_backed(self, question: str, answer: CitedText, hits: Sequence[Hit]) -> bool:
        if not answer.needs_groundedness_check:
            return True
        likeliest_first = sorted(range(len(hits)), key=lambda i: i + 1 not in answer.cited)
        passages = [hits[i].chunk for i in likeliest_first]
        return await self._groundedness.is_grounded(question, answer.plain, passages, embedding_model(hits))

    async def _extract(
        self, question: str, passages: Sequence[Chunk], finish: ChatFinish
    ) -> AsyncGenerator[AnswerEvent, None]:
        answer = CitedText(question, passages)
        for extract in await self._extractor.extract(question, passages):
            chunk = passages[extract.number - 1]
            for event in answer.quote(chunk.text[extract.span.start : extract.span.end], extract.number, extract.span):
                yield event
        yield AnswerDone(AnswerOutcome.ANSWERED, answer.text, finish.usage, finish.model)
