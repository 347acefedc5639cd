"""Translation between the contract's messages and the domain's values."""

from __future__ import annotations

from services.common.messages import message_of, usage_message
from services.common.values import TokenUsage
from services.exercises.values import exercise as events
from services.exercises.values.exercise import Event, Exercise, Numbered
from services.exercises.values.generation import GenerationRequest
from services.exercises.values.question import AnswerKey, GeneratorChoice, Question, QuestionKind
from services.exercises.values.submission import Answer, Submission
from tiku.exercises.v1 import exercises_pb2

_CHOICES = {
    exercises_pb2.GENERATOR_CHOICE_UNSPECIFIED: GeneratorChoice.MODEL_THEN_CLOZE,
    exercises_pb2.GENERATOR_CHOICE_MODEL_ONLY: GeneratorChoice.MODEL_ONLY,
    exercises_pb2.GENERATOR_CHOICE_CLOZE_ONLY: GeneratorChoice.CLOZE_ONLY,
}


def generation_request(request: exercises_pb2.GenerateExerciseRequest) -> GenerationRequest:
    """Return what a caller asks for."""
    kinds = map(exercises_pb2.QuestionKind.Name, request.kinds)
    return GenerationRequest(
        text=request.text,
        document_ids=tuple(request.documents.document_ids),
        topic=request.documents.topic,
        kinds=tuple(QuestionKind[kind.removeprefix("QUESTION_KIND_")] for kind in kinds),
        count=request.count,
        generator=_CHOICES[request.generator],
        model=request.model,
        title=request.title,
        detached=request.detached,
    )


def _answer_key(key: AnswerKey) -> exercises_pb2.AnswerKey:
    blanks = [exercises_pb2.Blank(accepted=accepted) for accepted in key.blanks]
    return message_of(exercises_pb2.AnswerKey, key, blanks=blanks)


def _question_message(question: Question, *, include_answers: bool) -> exercises_pb2.Question:
    """Return a question; key, explanation and source only where answers are asked for."""
    if include_answers:
        return message_of(exercises_pb2.Question, question, answer_key=_answer_key(question.answer_key))
    return message_of(exercises_pb2.Question, question, answer_key=None, explanation=None, source=None)


def exercise_message(exercise: Exercise, *, include_answers: bool) -> exercises_pb2.Exercise:
    """Return an exercise with the questions that it holds."""
    questions = [_question_message(question, include_answers=include_answers) for question in exercise.questions]
    return message_of(exercises_pb2.Exercise, exercise, questions=questions)


def is_shown(event: Event, *, include_answers: bool) -> bool:
    """Return whether a reader gets an event: what a model writes holds the keys of its questions."""
    return include_answers or not isinstance(event, events.Token)


def event_message(numbered: Numbered, *, include_answers: bool) -> exercises_pb2.RunEvent:
    """Return a run's event with its number."""
    message = exercises_pb2.RunEvent(number=numbered.number)
    match numbered.event:
        case events.Started() as started:
            message.started.CopyFrom(message_of(exercises_pb2.RunStarted, started))
        case events.Progress() as progress:
            message.progress.CopyFrom(message_of(exercises_pb2.RunProgress, progress))
        case events.Token(text):
            message.token.text = text
        case events.QuestionProgress() as writing:
            message.writing.CopyFrom(message_of(exercises_pb2.QuestionProgress, writing))
        case events.QuestionMade(question, draft):
            message.question.question.CopyFrom(_question_message(question, include_answers=include_answers))
            message.question.draft = draft
        case events.QuestionRefused() as refused:
            message.rejected.CopyFrom(message_of(exercises_pb2.QuestionRejected, refused))
        case events.ModelGivenUp() as given_up:
            message.model_given_up.CopyFrom(message_of(exercises_pb2.ModelGivenUp, given_up))
        case events.Usage(prompt_tokens, completion_tokens):
            message.usage.usage.CopyFrom(usage_message(TokenUsage(prompt_tokens, completion_tokens)))
        case events.Done() as done:
            message.done.CopyFrom(message_of(exercises_pb2.RunDone, done))
    return message


def answer_value(answer: exercises_pb2.Answer) -> Answer:
    """Return a learner's answer."""
    return Answer(
        question_id=answer.question_id,
        option_keys=tuple(answer.option_keys),
        truth=answer.truth if answer.HasField("truth") else None,
        blanks=tuple(answer.blanks),
        text=answer.text,
    )


def submission_message(submission: Submission) -> exercises_pb2.Submission:
    """Return graded answers."""
    return message_of(
        exercises_pb2.Submission,
        submission,
        grades=[
            message_of(exercises_pb2.Grade, grade, answer_key=_answer_key(grade.answer_key))
            for grade in submission.grades
        ],
        points=submission.points,
        max_points=submission.max_points,
        needs_review_count=submission.needs_review_count,
    )
