"""Analysis of a material: key points with their quotes, level, language, and what can be asked."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from services.exercises.domain.completion import WrittenObject, complete
from services.exercises.domain.prompts.tasks import KEY_POINTS, KEY_POINTS_OF_FILE, QuotedPoint
from services.exercises.ports import ChatModel, FileReadingModel, MaterialWorker
from services.exercises.values.analysis import Analysis, KeyPoint, MaterialExtract, Suggestion
from services.exercises.values.question import Generator, Passage
from services.exercises.values.refusal import RefusedError
from services.kit.errors import TikuError
from services.language.detection import LANGUAGES, fits
from services.language.folding import bigrams, fold, similarity
from services.language.language import Language
from services.language.quotes import locate

logger = logging.getLogger(__name__)

_MOST_KEY_POINTS = 6
_LEAST_KEY_POINTS = 3
"""Checked key points below which a model's analysis is not used."""
_ALIKE = 0.7
"""Jaccard similarity of folded character pairs from which two key points count as one."""


class Analyst:
    """Analyzes material: by its own sentences, put into a model's words where one is there and its quotes hold."""

    def __init__(
        self, worker: MaterialWorker, model: ChatModel, files: FileReadingModel, *, model_seconds: float
    ) -> None:
        self._worker = worker
        self._model = model
        self._files = files
        self._model_seconds = model_seconds

    async def analyze(self, passages: Sequence[Passage], model: str, document_id: str = "") -> Analysis:
        """Return the analysis of a material; the model's failures cost its words, never the analysis.

        Of a document, whose passages these are, the model's provider reads the file where it can.
        """
        extract = await self._worker.extract(passages, _MOST_KEY_POINTS)
        least = max(1, min(_LEAST_KEY_POINTS, len(extract.key_sentences)))
        points: tuple[KeyPoint, ...] = ()
        if extract.key_sentences and document_id:
            points = await self._points_of_file(passages, extract, model, document_id)
        by_provider = len(points) >= least
        if extract.key_sentences and not by_provider:
            points = await self._model_points(passages, extract, model)
        by_model = len(points) >= least
        return Analysis(
            key_points=points if by_model else extract.key_sentences,
            level=extract.level,
            language=extract.language,
            suggestions=_suggestions(extract),
            generator=Generator.MODEL if by_model else Generator.CLOZE,
            analyzed_length=sum(len(passage.text) for passage in passages),
            read_by_provider=by_provider,
        )

    async def _points_of_file(
        self, passages: Sequence[Passage], extract: MaterialExtract, model: str, document_id: str
    ) -> tuple[KeyPoint, ...]:
        """Return the key points that a model finds in a file which its provider reads; none where that fails."""
        language, limits = LANGUAGES.by_code(extract.language), {"key_points": {"minItems": 1}}
        try:
            if not await self._files.reads_files(model):
                return ()
            request = KEY_POINTS_OF_FILE.request(
                language, count=str(_MOST_KEY_POINTS), limits=limits, temperature=0.2, model=model, seed=0
            )
            written = WrittenObject()
            written.feed(await self._files.ask(document_id, request, self._model_seconds))
            value = written.value()
        except (TikuError, RefusedError) as error:
            logger.info("the file is read here", extra={"error": f"{type(error).__name__}: {error}"})
            return ()
        return _checked_points(passages, value, language)

    async def _model_points(
        self, passages: Sequence[Passage], extract: MaterialExtract, model: str
    ) -> tuple[KeyPoint, ...]:
        """Return the model's key points whose quotes stand in the material; none when it does not serve."""
        language = LANGUAGES.by_code(extract.language)
        sentences = [sentence.text for sentence in extract.key_sentences]
        try:
            request = KEY_POINTS.request(
                language,
                sentences=json.dumps(sentences, ensure_ascii=False),
                limits={"key_points": {"minItems": 1, "maxItems": len(sentences)}},
                temperature=0.2,
                model=model,
                seed=0,
            )
            written, _ = await complete(self._model, request, self._model_seconds)
            value = written.value()
        except (TikuError, RefusedError) as error:
            logger.info("analysis without a model", extra={"error": f"{type(error).__name__}: {error}"})
            return ()
        return _checked_points(passages, value, language)


def _checked_points(passages: Sequence[Passage], value: dict[str, Any], language: Language) -> tuple[KeyPoint, ...]:
    """Return the key points of a model's JSON that quote the material, are in its language and repeat no other."""
    points: list[KeyPoint] = []
    shapes: list[frozenset[str]] = []
    for written in _readable_points(value):
        shape = bigrams(fold(written.text))
        if any(similarity(shape, other) >= _ALIKE for other in shapes) or not fits(written.text, language):
            continue
        places = ((passage, locate(written.quote, passage.text)) for passage in passages)
        source = next((passage.source(*place) for passage, place in places if place is not None), None)
        if source is not None:
            points.append(KeyPoint(written.text.strip(), source))
            shapes.append(shape)
    return tuple(points[:_MOST_KEY_POINTS])


def _readable_points(value: dict[str, Any]) -> Iterator[QuotedPoint]:
    """Yield the points that say something; one that is not as it was asked for costs no other."""
    found = value.get("key_points")
    for item in found if isinstance(found, list) else ():
        with contextlib.suppress(RefusedError):
            point = QuotedPoint.decode(item)
            if fold(point.text):
                yield point


def _suggestions(extract: MaterialExtract) -> tuple[Suggestion, ...]:
    reasons = LANGUAGES.by_code(extract.language).cloze.wording.reasons
    return tuple(
        Suggestion(kind, count, reasons.get(kind, ""))
        for kind, count in sorted(extract.carries.items(), key=lambda item: -item[1])
        if count
    )
