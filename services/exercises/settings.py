"""Configuration of the exercises service."""

from __future__ import annotations

from pydantic import Field

from services.kit.settings import DatabaseSettings


class ExercisesSettings(DatabaseSettings):
    """Settings of the exercises service; the variable of a field is `TIKU_` and its name in capitals."""

    listen: str = Field("127.0.0.1:50054", description="Address to serve on, host:port.")
    llm_target: str = Field("127.0.0.1:50051", description="Address of the llm service.")
    docs_target: str = Field("127.0.0.1:50053", description="Address of the docs service, for files that models read.")
    retrieval_target: str = Field("127.0.0.1:50052", description="Address of the retrieval service.")
    exercises_postgres_connections: int = Field(8, ge=1, description="Most connections to PostgreSQL.")
    exercises_statement_timeout_seconds: float = Field(10.0, gt=0, description="Time limit of an SQL statement.")
    exercises_questions_in_flight: int = Field(2, ge=1, le=16, description="Questions of one run made at once.")
    exercises_model_attempts: int = Field(
        3, ge=1, le=6, description="Times that the model is asked for one question, until one passes the checks."
    )
    exercises_verify_keys: bool = Field(
        True, description="Whether the model answers each question that it wrote once more, to verify the key."
    )
    exercises_model_explains: bool = Field(
        True, description="Whether the model explains the key of each choice and gap; otherwise the source explains it."
    )
    exercises_verification_timeout_seconds: float = Field(
        60.0, gt=0, description="Time limit of the model for verifying one key."
    )
    exercises_question_timeout_seconds: float = Field(
        180.0, gt=0, description="Time limit of the model for one question."
    )
    exercises_cloze_after_seconds: float = Field(
        5.0, ge=0, description="Time without a question after which cloze makes one, while the model writes others."
    )
    exercises_grading_timeout_seconds: float = Field(
        120.0, gt=0, description="Time limit of the model for one short answer."
    )
    exercises_analysis_timeout_seconds: float = Field(
        60.0, gt=0, description="Time limit of the model for an analysis; its key sentences serve after that."
    )
    exercises_retrieval_timeout_seconds: float = Field(15.0, gt=0, description="Time limit of reading documents.")
    exercises_worker_timeout_seconds: float = Field(
        30.0, gt=0, description="Time limit of reading a material without a model, in the worker process."
    )
    exercises_max_runs: int = Field(64, ge=1, description="Runs of this process at once; one more is refused.")
    exercises_run_timeout_seconds: float = Field(3600.0, gt=0, description="Time limit of a run.")
    exercises_lease_seconds: float = Field(
        15.0, ge=3, description="Time after which the runs of a process that died are ended."
    )
