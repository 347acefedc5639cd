"""Configuration of the llm service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import ServiceSettings
from services.llm.values.local import Backend
from services.llm.values.prices import FREE
from services.llm.values.providers import BaseUrl, Model, Provider
from services.llm.values.relevance import RerankDialect

LOCAL: Final = "local"
"""Name of what runs on this machine."""


def name_of(base_url: str) -> str:
    """Return a name for a provider that has none: `local` on this machine, its host otherwise."""
    host = urlsplit(base_url).hostname or ""
    return LOCAL if host in ("localhost", "127.0.0.1", "::1") else host


class LlmSettings(ServiceSettings):
    """Settings of the llm service; the variable of a field is `TIKU_` and its name in capitals."""

    # Compose files pass variables that nobody set as empty texts, which are neither lists nor folders.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    llm_base_url: BaseUrl = Field("", description="Address of the default chat provider; empty for none.")
    llm_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    llm_model: str = Field("", description="Its model, the default of every chat.")
    llm_providers_file: Path | None = Field(
        None,
        description="TOML file of more chat providers and how they are routed to; docs/providers.md has its fields.",
    )
    llm_providers_poll_seconds: float = Field(2.0, gt=0, description="Time between looks at whether it changed.")
    llm_providers: str = Field("", description="Must not be set: TIKU_LLM_PROVIDERS_FILE took its place.")
    llm_adapter: Literal["http", "sdk"] = Field("http", description="Tiku's own adapter, or the openai SDK.")
    llm_max_concurrent: int = Field(512, ge=1, description="Calls that a provider gets at once; 4 suits a local one.")
    llm_max_waiting: int = Field(512, ge=0, description="Calls that may wait for a slot; one more is refused.")
    llm_max_wait_seconds: float = Field(60.0, gt=0, description="Longest that a call waits for a slot.")
    llm_timeout_seconds: float = Field(120.0, gt=0, description="Time of a call whose caller names no deadline.")
    llm_connect_timeout_seconds: float = Field(5.0, gt=0, description="Longest that reaching a provider may take.")
    llm_attempts: int = Field(3, ge=1, le=10, description="Tries of a call whose fault may pass.")

    embed_base_url: BaseUrl = Field("", description="Address of an embedding server; empty for a local model.")
    embed_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    embed_model: str = Field("", description="Remote: the model to ask for. Local: its name, else the folder's.")
    embed_model_path: Path | None = Field(None, description="Folder of a local sentence-transformers model.")
    embed_cache_bytes: int = Field(
        16 << 20, ge=0, description="Vectors that are kept for texts that come again: 10,000 of 384 numbers in 16 MiB."
    )
    embed_backend: Backend | None = Field(
        None,
        description="What runs a local model: `onnx`, or `torch` (sentence-transformers, `tiku[torch]`); unset, ONNX"
        " Runtime where the folder has an ONNX file that it can run.",
    )
    embed_price_nanos_per_token: int | None = Field(
        None, ge=0, description="Remote: what a token costs, in billionths; budgets of the providers file need it."
    )
    embed_threads: int = Field(min(4, os.cpu_count() or 1), ge=1, description="CPU threads of a local model.")

    rerank_base_url: BaseUrl = Field("", description="Address of a rerank server; empty for none.")
    rerank_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    rerank_model: str = Field("", description="The model to ask it for.")
    rerank_model_path: Path | None = Field(None, description="Folder of a local cross-encoder.")
    rerank_adapter: Literal["http", "yes_no"] = Field(
        "http",
        description="What reranks: a server of `/rerank`, or a chat model by how likely it says yes, the default one"
        " where TIKU_RERANK_BASE_URL names none.",
    )
    rerank_dialect: RerankDialect | None = Field(
        None, description="What its server of `/rerank` speaks; unset, its address tells, and else it is Jina's."
    )
    rerank_price_nanos_per_token: int | None = Field(
        None, ge=0, description="What a token costs, in billionths; budgets of the providers file need it."
    )

    postgres_dsn: SecretStr | None = Field(
        None, description="The PostgreSQL database of usage and budgets; unset, usage is counted in memory."
    )
    migrate: bool = Field(True, description="Whether to bring the schema up to date before serving.")
    llm_postgres_connections: int = Field(4, ge=1, description="Most connections to the database.")
    llm_statement_timeout_seconds: float = Field(5.0, gt=0, description="Longest that a statement may run.")

    @field_validator("llm_providers")
    @classmethod
    def _the_list_is_a_file_now(cls, value: str) -> str:
        if value:
            raise ValueError(
                "is not read any more; describe providers in a TOML file and name it in TIKU_LLM_PROVIDERS_FILE "
                "(docs/providers.md)"
            )
        return value

    @model_validator(mode="after")
    def _models_are_named(self) -> Self:
        for kind in ("llm", "embed", "rerank"):
            if getattr(self, f"{kind}_base_url") and not getattr(self, f"{kind}_model"):
                raise ValueError(f"TIKU_{kind.upper()}_BASE_URL needs TIKU_{kind.upper()}_MODEL beside it")
        return self

    @property
    def chat_providers(self) -> tuple[Provider, ...]:
        """The chat provider that the environment describes, if it does; it comes before those of the file."""
        if not self.llm_base_url:
            return ()
        return (
            Provider(
                name=name_of(self.llm_base_url),
                base_url=self.llm_base_url,
                api_key=self.llm_api_key,
                models=(Model(name=self.llm_model, price=FREE if name_of(self.llm_base_url) == LOCAL else None),),
                connect_timeout_seconds=self.llm_connect_timeout_seconds,
            ),
        )
