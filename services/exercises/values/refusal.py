"""Why a question, or what a model wrote for one, is refused."""

from __future__ import annotations

from enum import StrEnum

from services.common.model_failures import NONE, ModelFailure


class Refusal(StrEnum):
    """Why a question was refused; stable, part of the contract."""

    INVALID_JSON = "INVALID_JSON"
    QUOTE_NOT_IN_MATERIAL = "QUOTE_NOT_IN_MATERIAL"
    DUPLICATE_STEM = "DUPLICATE_STEM"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    ANSWER_IN_ANOTHER = "ANSWER_IN_ANOTHER"
    """Another question of the exercise holds its answer, or it holds another's."""
    KIND_NOT_OFFERED = "KIND_NOT_OFFERED"
    """Without a model, the material gives no further question of a kind."""
    LANGUAGE_NOT_SERVED = "LANGUAGE_NOT_SERVED"
    """Without a model, no question is made in the material's language."""
    WRONG_LANGUAGE = "WRONG_LANGUAGE"
    EMPTY_STEM = "EMPTY_STEM"
    ECHOES_INSTRUCTIONS = "ECHOES_INSTRUCTIONS"
    STEM_REFERS_TO_PASSAGE = "STEM_REFERS_TO_PASSAGE"
    STEM_HAS_MARKUP = "STEM_HAS_MARKUP"
    STEM_IS_FRAGMENT = "STEM_IS_FRAGMENT"
    STEM_IS_NO_STATEMENT = "STEM_IS_NO_STATEMENT"
    STEM_COPIES_MATERIAL = "STEM_COPIES_MATERIAL"
    STEM_TOO_VAGUE = "STEM_TOO_VAGUE"
    STEM_LEAKS_ANSWER = "STEM_LEAKS_ANSWER"
    QUOTE_DOES_NOT_ANSWER = "QUOTE_DOES_NOT_ANSWER"
    OPTION_COUNT = "OPTION_COUNT"
    EMPTY_OPTION = "EMPTY_OPTION"
    EQUAL_OPTIONS = "EQUAL_OPTIONS"
    OPTION_REFERS_TO_OPTIONS = "OPTION_REFERS_TO_OPTIONS"
    NO_SINGLE_KEY = "NO_SINGLE_KEY"
    NO_MULTIPLE_KEY = "NO_MULTIPLE_KEY"
    NO_TRUTH = "NO_TRUTH"
    KEY_CONTRADICTS_SOURCE = "KEY_CONTRADICTS_SOURCE"
    GAP_COUNT = "GAP_COUNT"
    ANSWER_NOT_IN_QUOTE = "ANSWER_NOT_IN_QUOTE"
    ANSWER_IS_QUOTE = "ANSWER_IS_QUOTE"
    ANSWERS_NOT_LISTED = "ANSWERS_NOT_LISTED"
    NO_REFERENCE = "NO_REFERENCE"
    NO_RUBRIC = "NO_RUBRIC"
    NO_EXPLANATION = "NO_EXPLANATION"
    EXPLANATION_REFERS_TO_PASSAGE = "EXPLANATION_REFERS_TO_PASSAGE"
    KEY_NOT_CONFIRMED = "KEY_NOT_CONFIRMED"
    MODEL_FAILED = "MODEL_FAILED"
    MODEL_CUT = "MODEL_CUT"
    MODEL_REFUSED = "MODEL_REFUSED"
    MODEL_ONLY_THOUGHT = "MODEL_ONLY_THOUGHT"
    MODEL_WROTE_NOTHING = "MODEL_WROTE_NOTHING"


CLOZE_NOTICES = frozenset((Refusal.KIND_NOT_OFFERED, Refusal.LANGUAGE_NOT_SERVED))
"""What a run is told of questions without a model; no question was refused for it."""


class RefusedError(Exception):
    """A question, or what a model wrote, does not pass; `reason` says why.

    `failure` is the error because of which the model wrote nothing, if there was one.
    """

    def __init__(self, reason: Refusal, failure: ModelFailure = NONE) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.failure = failure
