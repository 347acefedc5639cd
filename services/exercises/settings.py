"""Configuration of the exercises service."""

from __future__ import annotations

from pydantic import Field

from services.kit.settings import DatabaseSettings


class ExercisesSettings(DatabaseSettings):
    """Settings of the exercises service; the variable of a field is `TIKU_` and its name in capitals."""

    listen: str = Field("127.0.0.1:50054", description="Address to serve on, host:port.")
    llm_target: str = Field("127.0.0.1:50051", description="Address of the llm service.")
    retrieval_target: str = Field("127.0.0.1:50052", description="Address of the retrieval service.")
    exercises_postgres_connections: int = Field(8, ge=1, description="Most connections to PostgreSQL.")
    exercises_statement_seconds: float = Field(10.0, gt=0, description="Most that one SQL statement may take.")
    exercises_questions_in_flight: int = Field(2, ge=1, le=16, description="Questions of one run made at once.")
    exercises_model_retries: int = Field(2, ge=0, le=5, description="Further tries after a refused question.")
    exercises_verify_keys: bool = Field(
        True, description="Whether the model answers each question that it wrote once more, to confirm the key."
    )
    exercises_confirmation_seconds: float = Field(
        60.0, gt=0, description="Most that the model gets to confirm one key."
    )
    exercises_question_seconds: float = Field(180.0, gt=0, description="Most that the model gets for one question.")
    exercises_grading_seconds: float = Field(120.0, gt=0, description="Most that the model gets for one short answer.")
    exercises_analysis_seconds: float = Field(60.0, gt=0, description="Most that the model gets for an analysis.")
    exercises_retrieval_seconds: float = Field(15.0, gt=0, description="Most that reading documents may take.")
    exercises_worker_seconds: float = Field(30.0, gt=0, description="Most that work without a model may take.")
    exercises_max_runs: int = Field(64, ge=1, description="Runs of this process at once; one more is refused.")
    exercises_run_seconds: float = Field(3600.0, gt=0, description="Most that a run may take.")
    exercises_lease_seconds: float = Field(
        15.0, ge=3, description="Time after which the runs of a process that died are ended."
    )
