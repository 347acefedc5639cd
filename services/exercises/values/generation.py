"""What a caller asks for, and what a run makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from services.exercises.values.question import GeneratorChoice, Passage, QuestionKind


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a caller asks for. Either `text` or `document_ids` is set."""

    text: str = ""
    document_ids: tuple[str, ...] = ()
    topic: str = ""
    kinds: tuple[QuestionKind, ...] = ()
    """Empty for all."""
    count: int = 0
    """0 for the default."""
    generator: GeneratorChoice = GeneratorChoice.MODEL_THEN_CLOZE
    model: str = ""
    """Empty for the default model."""
    title: str = ""
    """Empty for one taken from the material."""
    detached: bool = False
    """Whether the run goes on when its caller leaves."""


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """The material that was read and the questions that a run is to make from it."""

    passages: tuple[Passage, ...]
    kinds: tuple[QuestionKind, ...]
    count: int
    generator: GeneratorChoice
    model: str = ""
    seed: int = 0

    def kind_of(self, slot: int) -> QuestionKind:
        """Return the kind of question `slot`, counted from 0: the kinds in turn."""
        return self.kinds[slot % len(self.kinds)]


@dataclass(frozen=True, slots=True)
class GenerationLimits:
    """Bounds of a run."""

    in_flight: int = 2
    """Questions that are being made at once."""
    attempts: int = 3
    """Times that the model is asked for one question."""
    question_seconds: float = 180.0
    """Time that the model gets for one question."""
    verify_keys: bool = True
    """Whether the model answers its own questions, to verify their keys."""
    model_explains: bool = True
    """Whether the model explains the keys of its choices and gaps; otherwise their quotes do."""
    verification_seconds: float = 60.0
    """Time that the model gets for one of those answers."""
    cloze_after_seconds: float = 5.0
    """Time without a question after which cloze makes one, where both may serve."""
