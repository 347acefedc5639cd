"""Between the contract's messages and the domain's values."""

from __future__ import annotations

from types import MappingProxyType

from services.exercises.values import events
from services.exercises.values.analysis import Analysis, Level
from services.exercises.values.events import Numbered
from services.exercises.values.exercise import Exercise
from services.exercises.values.profile import Profile
from services.exercises.values.question import AnswerKey, Generator, GeneratorChoice, Question, QuestionKind, Source
from services.exercises.values.run import RunState
from services.exercises.values.submission import Answer, Grade, Submission, Verdict
from services.kit.time import to_timestamp
from tiku.common.v1 import source_pb2
from tiku.exercises.v1 import exercises_pb2, profile_pb2

KINDS = MappingProxyType(
    {
        QuestionKind.SINGLE_CHOICE: exercises_pb2.QUESTION_KIND_SINGLE_CHOICE,
        QuestionKind.MULTIPLE_CHOICE: exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE,
        QuestionKind.TRUE_FALSE: exercises_pb2.QUESTION_KIND_TRUE_FALSE,
        QuestionKind.FILL_IN_THE_BLANK: exercises_pb2.QUESTION_KIND_FILL_IN_THE_BLANK,
        QuestionKind.SHORT_ANSWER: exercises_pb2.QUESTION_KIND_SHORT_ANSWER,
    }
)
KINDS_BY_NUMBER = MappingProxyType({number: kind for kind, number in KINDS.items()})
CHOICES = MappingProxyType(
    {
        exercises_pb2.GENERATOR_CHOICE_UNSPECIFIED: GeneratorChoice.MODEL_THEN_CLOZE,
        exercises_pb2.GENERATOR_CHOICE_MODEL_ONLY: GeneratorChoice.MODEL_ONLY,
        exercises_pb2.GENERATOR_CHOICE_CLOZE_ONLY: GeneratorChoice.CLOZE_ONLY,
    }
)
STATES = MappingProxyType(
    {
        RunState.RUNNING: exercises_pb2.RUN_STATE_RUNNING,
        RunState.DONE: exercises_pb2.RUN_STATE_DONE,
        RunState.CANCELLED: exercises_pb2.RUN_STATE_CANCELLED,
        RunState.FAILED: exercises_pb2.RUN_STATE_FAILED,
    }
)
_GENERATORS = MappingProxyType(
    {Generator.MODEL: exercises_pb2.GENERATOR_MODEL, Generator.CLOZE: exercises_pb2.GENERATOR_CLOZE}
)
_VERDICTS = MappingProxyType(
    {
        Verdict.CORRECT: exercises_pb2.VERDICT_CORRECT,
        Verdict.PARTIAL: exercises_pb2.VERDICT_PARTIAL,
        Verdict.INCORRECT: exercises_pb2.VERDICT_INCORRECT,
        Verdict.UNANSWERED: exercises_pb2.VERDICT_UNANSWERED,
        Verdict.NEEDS_REVIEW: exercises_pb2.VERDICT_NEEDS_REVIEW,
    }
)
_PHASES = MappingProxyType(
    {
        events.RunPhase.READING: exercises_pb2.RUN_PHASE_READING,
        events.RunPhase.GENERATING: exercises_pb2.RUN_PHASE_GENERATING,
    }
)
_LEVELS = MappingProxyType(
    {
        Level.BEGINNER: exercises_pb2.LEVEL_BEGINNER,
        Level.INTERMEDIATE: exercises_pb2.LEVEL_INTERMEDIATE,
        Level.ADVANCED: exercises_pb2.LEVEL_ADVANCED,
    }
)


def source_message(source: Source) -> source_pb2.Source:
    """A source as the contract says it."""
    return source_pb2.Source(
        document_id=source.document_id,
        document_name=source.document_name,
        chunk_id=source.chunk_id,
        page=source.page,
        start=source.start,
        end=source.end,
        quote=source.quote,
    )


def _answer_key(key: AnswerKey) -> exercises_pb2.AnswerKey:
    return exercises_pb2.AnswerKey(
        option_keys=key.option_keys,
        truth=key.truth,
        blanks=[exercises_pb2.Blank(accepted=accepted) for accepted in key.blanks],
        reference=key.reference,
        rubric=[exercises_pb2.RubricPoint(text=point.text, points=point.points) for point in key.rubric],
    )


def question_message(question: Question, *, include_answers: bool) -> exercises_pb2.Question:
    """A question; key, explanation and source only where answers are asked for."""
    message = exercises_pb2.Question(
        question_id=question.question_id,
        number=question.number,
        kind=KINDS[question.kind],
        stem=question.stem,
        options=[exercises_pb2.Option(key=option.key, text=option.text) for option in question.options],
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
    """An exercise with the questions that it holds."""
    return exercises_pb2.Exercise(
        exercise_id=exercise.exercise_id,
        run_id=exercise.run_id,
        title=exercise.title,
        language=exercise.language,
        document_ids=exercise.document_ids,
        questions=[question_message(question, include_answers=include_answers) for question in exercise.questions],
        question_count=exercise.question_count,
        points=exercise.points,
        create_time=to_timestamp(exercise.create_time),
        run_state=STATES[exercise.run_state],
    )


def event_message(numbered: Numbered, *, include_answers: bool) -> exercises_pb2.RunEvent:
    """A run's event with its number."""
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
            message.question.question.CopyFrom(question_message(question, include_answers=include_answers))
        case events.QuestionRefused(kind, reason):
            message.rejected.CopyFrom(exercises_pb2.QuestionRejected(kind=KINDS[kind], reason=reason))
        case events.Usage(prompt_tokens, completion_tokens):
            message.usage.usage.CopyFrom(
                source_pb2.TokenUsage(
                    prompt_tokens=prompt_tokens,
                    completion_tokens=completion_tokens,
                    total_tokens=prompt_tokens + completion_tokens,
                )
            )
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
    """A learner's answer."""
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
        rubric_results=[
            exercises_pb2.RubricResult(
                text=result.text, points=result.points, max_points=result.max_points, evidence=result.evidence
            )
            for result in grade.rubric_results
        ],
    )


def submission_message(submission: Submission) -> exercises_pb2.Submission:
    """Graded answers."""
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
    """What a material teaches."""
    return exercises_pb2.MaterialAnalysis(
        key_points=[
            exercises_pb2.KeyPoint(text=point.text, source=source_message(point.source))
            for point in analysis.key_points
        ],
        level=_LEVELS[analysis.level],
        language=analysis.language,
        suggestions=[
            exercises_pb2.Suggestion(kind=KINDS[suggestion.kind], count=suggestion.count, reason=suggestion.reason)
            for suggestion in analysis.suggestions
        ],
        generator=_GENERATORS[analysis.generator],
        analyzed_length=analysis.analyzed_length,
    )


def profile_message(profile: Profile) -> profile_pb2.Profile:
    """A learner's profile."""
    return profile_pb2.Profile(
        user_id=profile.user_id,
        display_name=profile.display_name,
        language=profile.language,
        goal=profile.goal,
        daily_question_goal=profile.daily_question_goal,
        create_time=to_timestamp(profile.create_time),
        update_time=to_timestamp(profile.update_time),
    )
