"""Translation between the contract's messages and the domain's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from services.common.messages import message_of, source_message, usage_message
from services.common.values import TokenUsage
from services.exercises.values import exercise as events
from services.exercises.values.analysis import Analysis, Level
from services.exercises.values.exercise import Exercise, Numbered, RunState
from services.exercises.values.generation import GenerationRequest
from services.exercises.values.profile import Profile
from services.exercises.values.question import AnswerKey, Generator, GeneratorChoice, Question, QuestionKind
from services.exercises.values.submission import Answer, Grade, Submission, Verdict
from services.kit.time import to_timestamp
from tiku.exercises.v1 import exercises_pb2, profile_pb2

E = TypeVar("E", bound=StrEnum)
V = TypeVar("V")


def _numbers(values: type[E], number_of: Callable[[str], V], prefix: str) -> Mapping[E, V]:
    """Map each value to the number of the contract's enum value of the same name."""
    return MappingProxyType({value: number_of(f"{prefix}_{value.name}") for value in values})


_KINDS = _numbers(QuestionKind, exercises_pb2.QuestionKind.Value, "QUESTION_KIND")
_KINDS_BY_NUMBER = MappingProxyType({number: kind for kind, number in _KINDS.items()})
_CHOICES = MappingProxyType(
    {
        exercises_pb2.GENERATOR_CHOICE_UNSPECIFIED: GeneratorChoice.MODEL_THEN_CLOZE,
        exercises_pb2.GENERATOR_CHOICE_MODEL_ONLY: GeneratorChoice.MODEL_ONLY,
        exercises_pb2.GENERATOR_CHOICE_CLOZE_ONLY: GeneratorChoice.CLOZE_ONLY,
    }
)
STATES = _numbers(RunState, exercises_pb2.RunState.Value, "RUN_STATE")
_GENERATORS = _numbers(Generator, exercises_pb2.Generator.Value, "GENERATOR")
_VERDICTS = _numbers(Verdict, exercises_pb2.Verdict.Value, "VERDICT")
_PHASES = _numbers(events.RunPhase, exercises_pb2.RunPhase.Value, "RUN_PHASE")
_LEVELS = _numbers(Level, exercises_pb2.Level.Value, "LEVEL")


def generation_request(request: exercises_pb2.GenerateExerciseRequest) -> GenerationRequest:
    """Return what a caller asks for."""
    return GenerationRequest(
        text=request.text,
        document_ids=tuple(document_id.lower() for document_id in request.documents.document_ids),
        topic=request.documents.topic,
        kinds=tuple(_KINDS_BY_NUMBER[kind] for kind in request.kinds),
        count=request.count,
        generator=_CHOICES[request.generator],
        model=request.model,
        title=request.title,
        detached=request.detached,
    )


def _answer_key(key: AnswerKey) -> exercises_pb2.AnswerKey:
    return exercises_pb2.AnswerKey(
        option_keys=key.option_keys,
        truth=key.truth,
        blanks=[exercises_pb2.Blank(accepted=accepted) for accepted in key.blanks],
        reference=key.reference,
        rubric=[message_of(exercises_pb2.RubricPoint, point) for point in key.rubric],
    )


def _question_message(question: Question, *, include_answers: bool) -> exercises_pb2.Question:
    """Return a question; key, explanation and source only where answers are asked for."""
    message = exercises_pb2.Question(
        question_id=question.question_id,
        number=question.number,
        kind=_KINDS[question.kind],
        stem=question.stem,
        options=[message_of(exercises_pb2.Option, option) for option in question.options],
        generator=_GENERATORS[question.generator],
        model=question.model,
        points=question.points,
    )
    if include_answers:
        message.answer_key.CopyFrom(_answer_key(question.answer_key))
        message.explanation = question.explanation
        message.source.CopyFrom(source_message(question.source))
    return message


def exercise_message(exercise: Exercise, *, include_answers: bool) -> exercises_pb2.Exercise:
    """Return an exercise with the questions that it holds."""
    return exercises_pb2.Exercise(
        exercise_id=exercise.exercise_id,
        run_id=exercise.run_id,
        title=exercise.title,
        language=exercise.language,
        document_ids=exercise.document_ids,
        questions=[_question_message(question, include_answers=include_answers) for question in exercise.questions],
        question_count=exercise.question_count,
        points=exercise.points,
        create_time=to_timestamp(exercise.create_time),
        run_state=STATES[exercise.run_state],
    )


def event_message(numbered: Numbered, *, include_answers: bool) -> exercises_pb2.RunEvent:
    """Return a run's event with its number."""
    message = exercises_pb2.RunEvent(number=numbered.number)
    match numbered.event:
        case events.Started(run_id, exercise_id):
            message.started.run_id = run_id
            message.started.exercise_id = exercise_id
        case events.Progress(phase, done, total):
            message.progress.CopyFrom(exercises_pb2.RunProgress(phase=_PHASES[phase], done=done, total=total))
        case events.Token(text):
            message.token.text = text
        case events.QuestionMade(question):
            message.question.question.CopyFrom(_question_message(question, include_answers=include_answers))
        case events.QuestionRefused(kind, reason):
            message.rejected.CopyFrom(exercises_pb2.QuestionRejected(kind=_KINDS[kind], reason=reason))
        case events.Usage(prompt_tokens, completion_tokens):
            message.usage.usage.CopyFrom(usage_message(TokenUsage(prompt_tokens, completion_tokens)))
        case events.Done() as done:
            message.done.CopyFrom(
                exercises_pb2.RunDone(
                    state=STATES[done.state],
                    exercise_id=done.exercise_id,
                    question_count=done.question_count,
                    model_count=done.model_count,
                    cloze_count=done.cloze_count,
                    rejected_count=done.rejected_count,
                    reason=done.reason,
                    message=done.message,
                )
            )
    return message


def answer_value(answer: exercises_pb2.Answer) -> Answer:
    """Return a learner's answer."""
    return Answer(
        question_id=answer.question_id.lower(),
        option_keys=tuple(answer.option_keys),
        truth=answer.truth if answer.HasField("truth") else None,
        blanks=tuple(answer.blanks),
        text=answer.text,
    )


def _grade_message(grade: Grade) -> exercises_pb2.Grade:
    return exercises_pb2.Grade(
        question_id=grade.question_id,
        verdict=_VERDICTS[grade.verdict],
        points=grade.points,
        max_points=grade.max_points,
        answer_key=_answer_key(grade.answer_key),
        explanation=grade.explanation,
        source=source_message(grade.source),
        feedback=grade.feedback,
        rubric_results=[message_of(exercises_pb2.RubricResult, result) for result in grade.rubric_results],
    )


def submission_message(submission: Submission) -> exercises_pb2.Submission:
    """Return graded answers."""
    return exercises_pb2.Submission(
        submission_id=submission.submission_id,
        exercise_id=submission.exercise_id,
        grades=[_grade_message(grade) for grade in submission.grades],
        points=submission.points,
        max_points=submission.max_points,
        needs_review_count=submission.needs_review_count,
        create_time=to_timestamp(submission.create_time),
    )


def analysis_message(analysis: Analysis) -> exercises_pb2.MaterialAnalysis:
    """Return what a material teaches."""
    return exercises_pb2.MaterialAnalysis(
        key_points=[
            exercises_pb2.KeyPoint(text=point.text, source=source_message(point.source))
            for point in analysis.key_points
        ],
        level=_LEVELS[analysis.level],
        language=analysis.language,
        suggestions=[
            exercises_pb2.Suggestion(kind=_KINDS[suggestion.kind], count=suggestion.count, reason=suggestion.reason)
            for suggestion in analysis.suggestions
        ],
        generator=_GENERATORS[analysis.generator],
        analyzed_length=analysis.analyzed_length,
    )


def profile_message(profile: Profile) -> profile_pb2.Profile:
    """Return a learner's profile."""
    return profile_pb2.Profile(
        user_id=profile.user_id,
        display_name=profile.display_name,
        language=profile.language,
        goal=profile.goal,
        daily_question_goal=profile.daily_question_goal,
        create_time=to_timestamp(profile.create_time),
        update_time=to_timestamp(profile.update_time),
    )
