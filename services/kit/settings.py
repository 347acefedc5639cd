"""Configuration that services share; each adds its own in its `settings.py`.

Every value comes from an environment variable, whose name is `TIKU_` and the field's name in capitals.
"""

from __future__ import annotations

from typing import Literal

from pydantic import DirectoryPath, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings that every gRPC service has."""

    model_config = SettingsConfigDict(env_prefix="TIKU_", extra="ignore", frozen=True)

    listen: str = Field("127.0.0.1:0", description="Address to serve on, host:port; port 0 takes a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    access_log: Literal["all", "problems"] = Field(
        "problems", description="Whether every call is logged, or only failed and slow ones."
    )
    metrics_listen: str = Field("", description="Address of the Prometheus page, host:port; empty for none.")
    max_in_flight: int = Field(1000, ge=1, description="Calls served at once; one more is refused, to be tried again.")
    max_message_bytes: int = Field(16 * 1024 * 1024, ge=64 * 1024, description="Largest gRPC message taken in.")
    drain_seconds: float = Field(10.0, ge=0, description="Time that calls in flight get after a stop was asked for.")
    blockbuster: bool = Field(False, description="Raise on every blocking call in the event loop.")
    failpoints: DirectoryPath | None = Field(
        None, description="Folder in which tests arm failpoints (docs/reliability.md); unset for none."
    )


class DatabaseSettings(ServiceSettings):
    """Settings of a service that stores rows in PostgreSQL."""

    postgres_dsn: SecretStr = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/postgres"), description="The PostgreSQL database."
    )
    migrate: bool = Field(True, description="Whether to bring the schema up to date before serving.")
