"""A cited answer as a stream: sources, text, citations, the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import KW_ONLY, dataclass, replace

from services.common.model_failures import ModelFailure
from services.common.values import TokenUsage
from services.kit.coalesce import coalesce
from services.kit.errors import FailedPrecondition, TikuError, Unavailable
from services.retrieval.domain.answering.answerability import AnswerabilityCheck
from services.retrieval.domain.answering.context_window import fit
from services.retrieval.domain.answering.draft import AnswerDraft, not_in_material
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.first_reading import whole
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.answering.reading import Reading
from services.retrieval.domain.answering.relevance_gate import RelevanceGate, is_overview
from services.retrieval.domain.prompts.answer import chat_messages
from services.retrieval.domain.search.hybrid import HybridRetriever, require_text
from services.retrieval.domain.search.neighbors import joined
from services.retrieval.ports import ChatModel
from services.retrieval.values.answer import AnswerEvent, AnswerOutcome, AnswerSources, Portion
from services.retrieval.values.chat import ChatFinish, ChatRequest
from services.retrieval.values.chunk import Hit, LegQuery, LegReport

logger = logging.getLogger(__name__)

_NO_MODEL = frozenset({"NO_CHAT_PROVIDER", "PROVIDER_UNAVAILABLE"})
"""Reasons of the llm service that mean that no model answers now: none is configured, or none is reached."""
_COUNT_SECONDS = 1.0
"""Time to wait for the count of tokens of a model that has said that it has no answer."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers from passages or says that they do not hold the answer.

    `context_tokens` bounds passages, question and answer together; `answer_tokens` is the answer's part. With
    `answerability`, an answer from what was read first is judged once it is written.
    """

    _retriever: HybridRetriever
    _gate: RelevanceGate
    _chat: ChatModel
    _extractive: ExtractiveAnswerer
    _groundedness: GroundednessCheck
    _reading: Reading
    _: KW_ONLY
    answerability: AnswerabilityCheck | None = None
    context_tokens: int = 4096
    answer_tokens: int = 512

    async def answer(self, query: LegQuery, model: str = "") -> AsyncGenerator[AnswerEvent, None]:
        """Yield `AnswerSources`, then deltas and citations, then `AnswerDone`; closing the generator stops the model.

        A citation comes right after the delta that ends with its mark. Where the model cited nothing that supports the
        answer, the sources that do are cited at its end; where none does, by terms or across languages by meaning, the
        answer says so and ends as NOT_IN_MATERIAL.

        Raises:
            InvalidArgument: the question is blank, or punctuation only.
        """
        require_text("question", query.text)
        hits, legs = await self._relevant(query)
        yield AnswerSources(tuple(hit.chunk.source() for hit in hits), legs)
        if not hits:
            for event in not_in_material(query.text, ChatFinish(TokenUsage(), "", False)):
                yield event
            return
        draft = AnswerDraft(query.text, hits, model)
        # What a summary leaves out cannot be told by the words of its question.
        overview = is_overview(query.text)
        parts = [whole(draft.passages)] if overview else await self._reading.parts(query.text, draft.passages, model)
        async with aclosing(self._write(draft, parts)) as events:
            async for event in events:
                yield event

    async def _relevant(self, query: LegQuery) -> tuple[Sequence[Hit], tuple[LegReport, ...]]:
        """Return the passages to answer from, best first, and how the legs went; none that cannot hold the answer."""
        overview = is_overview(query.text)
        # A question about no document in particular cannot be spread; it reads the nearest passages.
        reading = replace(query, text="") if overview and query.where.document_ids else query
        retrieval = await self._retriever.retrieve(reading)
        hits = fit(query.text, retrieval.hits, self.context_tokens, self.answer_tokens)
        # Tens of passages are read for their words, which takes the loop's time for other requests.
        if not overview and not await asyncio.to_thread(self._gate.passes, query.text, hits, retrieval.candidates):
            return (), retrieval.legs
        # Only now: what the gate compares was calibrated on single chunks.
        return fit(query.text, joined(retrieval.hits), self.context_tokens, self.answer_tokens), retrieval.legs

    async def _write(self, draft: AnswerDraft, parts: Sequence[Sequence[Portion]]) -> AsyncGenerator[AnswerEvent, None]:
        """Have the model read part after part until they hold the answer."""
        read: list[Portion] = []
        for number, part in enumerate(parts, start=1):
            read += part
            async with aclosing(self._written(draft, read)) as events:
                async for event in events:
                    yield event
            answers = await self._answers(draft)
            if answers or draft.failure or number == len(parts):
                break
            for event in draft.restart():
                yield event
        if answers and number == 1 and not draft.is_blank and not is_overview(draft.question):
            answers = await self._is_held(draft, read)
        usage = draft.finish.usage
        counts = {"prompt_tokens": usage.prompt_tokens, "cached_prompt_tokens": usage.cached_prompt_tokens}
        logger.info("an answer was written", extra={"parts_read": number, "parts": len(parts), **counts})
        for event in await self._conclude(draft, answers=answers):
            yield event

    async def _written(self, draft: AnswerDraft, portions: Sequence[Portion]) -> AsyncGenerator[AnswerEvent, None]:
        """Have the model write from portions of the passages."""
        try:
            async with aclosing(coalesce(self._model_text(draft, portions))) as pieces:
                async for piece in pieces:
                    for event in draft.write(piece):
                        yield event
                    if draft.abstained:
                        await _counted(pieces)
                        break
        except (FailedPrecondition, Unavailable) as error:
            if error.reason not in _NO_MODEL or draft.model or not draft.is_blank:
                raise
            draft.error = ModelFailure(error.reason, error.message)
        for event in draft.close():
            yield event

    async def _model_text(self, draft: AnswerDraft, portions: Sequence[Portion]) -> AsyncGenerator[str, None]:
        """Yield the model's text; its finish goes to the draft."""
        request = ChatRequest(chat_messages(draft.question, portions), draft.model, self.answer_tokens)
        async with aclosing(self._chat.stream(request)) as stream:
            async for item in stream:
                if isinstance(item, ChatFinish):
                    draft.end_reading(item)
                else:
                    yield item

    async def _answers(self, draft: AnswerDraft) -> bool:
        """Return whether the sources support what the model wrote; also True where it neither wrote nor abstained."""
        if draft.is_blank:
            return not draft.abstained
        speaks = not draft.is_abstention and not draft.repeats_question
        return speaks and await draft.is_grounded(self._groundedness)

    async def _is_held(self, draft: AnswerDraft, read: Sequence[Portion]) -> bool:
        """Return whether the judge, where there is one, finds an answer in what was read."""
        if self.answerability is None:
            return True
        holds, usage = await self.answerability.holds_answer(draft.question, read)
        draft.add_usage(usage)
        return holds

    async def _conclude(self, draft: AnswerDraft, *, answers: bool) -> Sequence[AnswerEvent]:
        if draft.is_blank and draft.abstained:
            return not_in_material(draft.question, draft.finish)
        if draft.is_blank:
            # Without a model, or where it says nothing, the passages themselves answer.
            return await self._extractive.answer(draft.question, draft.passages, draft.finish, draft.failure)
        if draft.repeats_question:
            # The model found the sentence and told half of it: the sentence itself says more.
            anew = draft.restart()
            return (*anew, *await self._extractive.answer(draft.question, draft.passages, draft.finish))
        if draft.is_abstention:
            return draft.end(AnswerOutcome.NOT_IN_MATERIAL)
        return draft.end(AnswerOutcome.ANSWERED) if answers else draft.end_unsupported()


async def _counted(pieces: AsyncGenerator[str, None]) -> None:
    """Wait for the end of a text of which nothing counts any more, if it is near: what it took comes with it."""
    with contextlib.suppress(TimeoutError, TikuError):
        async with asyncio.timeout(_COUNT_SECONDS):
            async for _ in pieces:
                pass
