"""The relevance gate: whether the passages can hold the answer at all.

Small models answer every question, so whether to ask one is decided here, from two measures of the passages:
the best cosine, and the best share of the question's terms that one passage holds. The cosines of e5 models are
compressed (unrelated text scores 0.75), and differ by language and across languages, so thresholds are measured,
not chosen: ``benchmarks/quality/retrieval.py`` prints how they trade wrong refusals against inventions on XQuAD.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.retrieval.passage import Hit
from services.retrieval.terms import Script, coverage, script_of, terms


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one embedding model's cosines mean.

    Relevance is ``cosine + weight * coverage`` where question and passage share a script; across scripts terms
    do not match, so it is the cosine alone. ``thresholds`` maps (question's script, passage's script) to the
    least relevance that passes.
    """

    weight: float
    thresholds: Mapping[tuple[Script, Script], float]


# Measured on XQuAD (1,190 questions a language) so that 2 % of the answerable questions are refused.
E5_SMALL = Calibration(
    weight=0.15,
    thresholds={
        ("latin", "latin"): 0.880,
        ("zh", "zh"): 0.921,
        ("zh", "latin"): 0.751,
        ("latin", "zh"): 0.730,
    },
)
# Without a calibration only words can speak: at 0.33, 2 % of the answerable questions of XQuAD are refused.
_LEAST_COVERAGE = 0.33


class RelevanceGate:
    """Decides whether passages may answer a question.

    ``calibrations`` are looked up by the embedding model's name; ``threshold``, when given, replaces every
    calibrated one.
    """

    def __init__(self, calibrations: Mapping[str, Calibration], threshold: float | None = None) -> None:
        self._calibrations = calibrations
        self._threshold = threshold

    def passes(self, question: str, hits: Sequence[Hit]) -> bool:
        """Return whether any measure speaks for the passages; False when there are none."""
        return self.margin(question, hits) >= 0

    def margin(self, question: str, hits: Sequence[Hit]) -> float:
        """Return by how much the best relevance exceeds its threshold; minus infinity without passages.

        The best cosine and the best coverage may come from different passages: an answer may draw on several.
        """
        asked = terms(question)
        script = script_of(question)
        scripts = [script_of(hit.chunk.text) for hit in hits]
        covered = max(
            (
                coverage(asked, terms(hit.chunk.text))
                for hit, of_hit in zip(hits, scripts, strict=True)
                if of_hit == script
            ),
            default=None,
        )
        model = next((hit.embedding_model for hit in hits if hit.embedding_model), "")
        calibration = self._calibration(model)
        if calibration is None:
            if not hits:
                return -math.inf
            # Across scripts nothing speaks against the passages, and the model is left to judge them.
            return math.inf if covered is None else covered - _LEAST_COVERAGE
        margins = [-math.inf]
        for hit, of_hit in zip(hits, scripts, strict=True):
            score = hit.similarity if hit.similarity is not None else 0.0
            if of_hit == script and covered is not None:
                score += calibration.weight * covered
            margins.append(score - calibration.thresholds[script, of_hit])
        return max(margins)

    def _calibration(self, model: str) -> Calibration | None:
        name = model.lower()
        known = next((c for key, c in self._calibrations.items() if key in name), None)
        if self._threshold is None:
            return known
        pairs: list[tuple[Script, Script]] = [("latin", "latin"), ("zh", "zh"), ("zh", "latin"), ("latin", "zh")]
        return Calibration(known.weight if known else 0.0, dict.fromkeys(pairs, self._threshold))
