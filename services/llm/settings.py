"""Configuration of the llm service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import ServiceSettings

Adapter = Literal["http", "sdk"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _address(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an address such as https://api.openai.com/v1")
    return value


BaseUrl = Annotated[str, AfterValidator(_address)]


def name_of(base_url: str) -> str:
    """Return a name for a provider that has none: `local` on this machine, its host otherwise."""
    host = urlsplit(base_url).hostname or ""
    return "local" if host in _LOOPBACK else host


class ProviderSettings(BaseModel):
    """One chat provider of TIKU_LLM_PROVIDERS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    base_url: Annotated[str, Field(min_length=1), AfterValidator(_address)]
    api_key: SecretStr = SecretStr("")
    models: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    max_concurrent: int | None = Field(None, ge=1, description="TIKU_LLM_MAX_CONCURRENT where not set.")


class LlmSettings(ServiceSettings):
    """Chat: the three variables name one provider; TIKU_LLM_PROVIDERS names more, as a JSON list, after it.

    Embeddings: a remote server where TIKU_EMBED_BASE_URL is set, a local model folder otherwise.
    """

    # Compose files pass variables that nobody set as empty texts, which are neither lists nor folders.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    llm_base_url: BaseUrl = ""
    llm_api_key: SecretStr = SecretStr("")
    llm_model: str = ""
    llm_providers: tuple[ProviderSettings, ...] = ()
    llm_adapter: Adapter = Field("http", description="Tiku's own HTTP adapter, or the openai SDK, its reference.")
    llm_max_concurrent: int = Field(512, ge=1, description="Calls that a provider gets at once; 4 suits a local one.")
    llm_max_waiting: int = Field(512, ge=0, description="Calls that may wait for a slot; one more is refused.")
    llm_max_wait_seconds: float = Field(60.0, gt=0, description="Longest that a call waits for a slot.")
    llm_timeout_seconds: float = Field(120.0, gt=0, description="Time of a call whose caller names no deadline.")
    llm_connect_timeout_seconds: float = Field(5.0, gt=0, description="Longest that reaching a provider may take.")
    llm_attempts: int = Field(3, ge=1, le=10, description="Tries of a call whose fault may pass.")

    embed_base_url: BaseUrl = ""
    embed_api_key: SecretStr = SecretStr("")
    embed_model: str = Field("", description="Remote: the model to ask for. Local: its name, else the folder's.")
    embed_model_path: Path | None = Field(
        None, description="Folder of a local model, as sentence-transformers saves it."
    )
    embed_threads: int = Field(min(4, os.cpu_count() or 1), ge=1, description="CPU threads of a local model.")

    rerank_base_url: BaseUrl = ""
    rerank_api_key: SecretStr = SecretStr("")
    rerank_model: str = ""

    @model_validator(mode="after")
    def _models_are_named(self) -> Self:
        for kind in ("llm", "embed", "rerank"):
            if getattr(self, f"{kind}_base_url") and not getattr(self, f"{kind}_model"):
                raise ValueError(f"TIKU_{kind.upper()}_BASE_URL needs TIKU_{kind.upper()}_MODEL beside it")
        return self

    @property
    def chat_providers(self) -> list[ProviderSettings]:
        """Every chat provider, the default first."""
        if not self.llm_base_url:
            return list(self.llm_providers)
        first = ProviderSettings(
            name=name_of(self.llm_base_url),
            base_url=self.llm_base_url,
            api_key=self.llm_api_key,
            models=[self.llm_model],
        )
        return [first, *self.llm_providers]
