"""Extraction with models: several are asked at once, and the best answer whose quotes stand in the text is taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import KW_ONLY, dataclass, field

from services.common.values import TokenUsage
from services.kit import context
from services.kit.errors import FailedPrecondition, TikuError, Unavailable
from services.kit.json_answers import JsonObjectScanner
from services.language.detection import LANGUAGES
from services.language.tokens import estimate_tokens
from services.retrieval.domain.graph.located import score
from services.retrieval.domain.prompts.extraction import probe_text, request_for
from services.retrieval.ports import ChatModel, MentionFinder, ModelDirectory
from services.retrieval.values.chat import ChatFinish, ChatRequest
from services.retrieval.values.extraction import Extraction, ModelProbe
from services.retrieval.values.graph import Contribution

logger = logging.getLogger(__name__)

_PROVIDERS = 3
"""Providers that are asked at once."""
_MOST_CHARACTERS = 65_536
"""What a model writes beyond is not read."""
_MOST_OBJECTS = 8
"""Objects in an answer in which the entities are looked for: a model may think in braces first."""
_USAGE_SECONDS = 1.0
"""Time to wait for the count of tokens after the object closed; a model that goes on is stopped."""


@dataclass(slots=True)
class _Call:
    """One model that is asked: what it has written so far, and how it ended."""

    model: str
    request: ChatRequest
    written: list[str] = field(default_factory=list)
    finish: ChatFinish | None = None
    found: Contribution | None = None
    error: str = ""

    @property
    def usage(self) -> TokenUsage:
        """What it cost, by the provider's count, or else by an estimate of what was sent and read."""
        if self.finish is not None:
            return self.finish.usage
        sent = sum(estimate_tokens(message.content) for message in self.request.messages)
        return TokenUsage(round(sent), round(estimate_tokens("".join(self.written))))


@dataclass(frozen=True, slots=True)
class Extractor:
    """Asks the first providers at once; the first valid answer waits `grace_seconds` for a better one.

    Answers that come too late are canceled, which stops their providers, and what they cost is counted. One model's
    failure costs nothing but its answer. A model has `timeout_seconds`.
    """

    _model: ChatModel
    _directory: ModelDirectory
    _finder: MentionFinder
    _: KW_ONLY
    timeout_seconds: float = 60.0
    grace_seconds: float = 2.0
    max_tokens: int = 3000

    async def extract(self, text: str, model: str = "", headings: Sequence[str] = ()) -> Extraction:
        """Return what models find in a text; `model` names the only one to ask, `headings` the text's section.

        Raises:
            FailedPrecondition: there is no model, or none that can be asked in the text's language; reason
                NO_CHAT_PROVIDER.
            Unavailable: no model gave an answer whose quotes stand in the text; reason EXTRACTION_FAILED. The message
                says of each why.
        """
        names = [model] if model else await self.models()
        calls = [_Call(name, request_for(text, name, headings, self.max_tokens)) for name in names]
        await self._race(calls, text)
        answered = [call for call in calls if call.found is not None]
        usage = sum((call.usage for call in calls), TokenUsage())
        if not answered:
            failures = "; ".join(f"{call.model}: {call.error}" for call in calls)
            raise Unavailable(f"No model could extract from the text. {failures}.", reason="EXTRACTION_FAILED")
        best = max(answered, key=lambda call: score(call.found or Contribution()))
        return Extraction(best.found or Contribution(), best.model, usage)

    async def models(self) -> list[str]:
        """Return the first model of each of the first providers.

        Raises:
            FailedPrecondition: no provider is configured; reason NO_CHAT_PROVIDER.
        """
        by_provider: dict[str, str] = {}
        for served in await self._directory.chat_models():
            if served.name not in by_provider.values():
                by_provider.setdefault(served.provider, served.name)
        if not by_provider:
            raise FailedPrecondition("No language model is configured.", reason="NO_CHAT_PROVIDER")
        return list(by_provider.values())[:_PROVIDERS]

    async def _race(self, calls: Sequence[_Call], text: str) -> None:
        """Ask all; return when all have ended, or when the first valid answer has waited for a better one."""
        tasks = [asyncio.create_task(self._ask(call, text)) for call in calls]
        try:
            waiting = set(tasks)
            while waiting and not any(call.found for call in calls):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                await asyncio.wait(waiting, timeout=self.grace_seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, call: _Call, text: str) -> None:
        try:
            async with asyncio.timeout(context.time_for(self.timeout_seconds, 0.9)):
                await self._read(call)
                found = await self._finder.located(_answer_of(call), text)
        except ValueError as error:
            call.error = str(error)
        except TimeoutError:
            call.error = "it took too long"
        except TikuError as error:
            call.error = error.message.rstrip(".")
        except Exception:
            # Any fault of one model costs its answer, not the request; cancellation passes through.
            logger.exception("extraction failed", extra={"model": call.model})
            call.error = "it failed"
        else:
            call.found, call.error = found, ""
        if call.error:
            logger.info("a model could not extract", extra={"model": call.model, "error": call.error})

    async def _read(self, call: _Call) -> None:
        """Read an answer as far as the object that holds entities."""
        scanner, length, objects = JsonObjectScanner(), 0, 0
        async with aclosing(self._model.stream(call.request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, ChatFinish):
                    call.finish = piece
                    return
                call.written.append(piece)
                length += len(piece)
                if length > _MOST_CHARACTERS or objects >= _MOST_OBJECTS:
                    return
                if scanner.feed(piece):
                    if _object_in("".join(call.written)) is None:
                        scanner, objects = JsonObjectScanner(), objects + 1
                        continue
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_USAGE_SECONDS):
                            async for rest in pieces:
                                if isinstance(rest, ChatFinish):
                                    call.finish = rest
                                    return
                    return


def _object_in(text: str) -> dict[str, object] | None:
    """Return the first of an answer's objects that has a list of entities."""
    start = text.rfind("</think>") + 1
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", start)
        if start < 0:
            return None
        scanner = JsonObjectScanner()
        if not scanner.feed(text[start:]):
            return None
        with contextlib.suppress(ValueError):
            value = scanner.value()
            if isinstance(value.get("entities"), list):
                return value
        start += scanner.length
    return None


def _answer_of(call: _Call) -> dict[str, object]:
    """Return the object that a model wrote.

    Raises:
        ValueError: there is none with entities; the message says why.
    """
    answer = _object_in("".join(call.written))
    if answer is None:
        cut = call.finish is not None and call.finish.truncated
        raise ValueError("its answer was cut off" if cut else "it wrote no JSON object of entities")
    return answer


class ExtractionProbe:
    """Tries which models can extract, with a tiny text; what was found holds for `keep_seconds`."""

    def __init__(self, extractor: Extractor, keep_seconds: float = 300.0) -> None:
        self._extractor = extractor
        self._keep_seconds = keep_seconds
        self._probes: list[ModelProbe] = []
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def probe(self) -> list[ModelProbe]:
        """Return the models that an extraction would ask, each tried; none without a provider."""
        async with self._lock:
            if time.monotonic() >= self._until:
                try:
                    models = await self._extractor.models()
                except FailedPrecondition:
                    return []
                self._probes = list(await asyncio.gather(*map(self._try, models)))
                self._until = time.monotonic() + self._keep_seconds
            return self._probes

    async def _try(self, model: str) -> ModelProbe:
        text = probe_text(next(iter(LANGUAGES)))
        started = time.monotonic()
        usage, reason = TokenUsage(), ""
        try:
            extraction = await self._extractor.extract(text, model)
            usage = extraction.usage
            if not extraction.found.mentions:
                reason = "it found nothing in a text that names things"
        except TikuError as error:
            reason = error.message
        return ModelProbe(model, not reason, reason, round(1000 * (time.monotonic() - started)), usage)
