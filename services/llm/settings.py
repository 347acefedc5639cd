"""Configuration of the llm service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import ServiceSettings


def _address(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an address such as https://api.openai.com/v1")
    return value


BaseUrl = Annotated[str, AfterValidator(_address)]


def name_of(base_url: str) -> str:
    """Return a name for a provider that has none: `local` on this machine, its host otherwise."""
    host = urlsplit(base_url).hostname or ""
    return "local" if host in ("localhost", "127.0.0.1", "::1") else host


class ProviderSettings(BaseModel):
    """One chat provider of TIKU_LLM_PROVIDERS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="What errors, logs and ListModels call it.")
    base_url: BaseUrl = Field(min_length=1, description="Its address, such as https://api.openai.com/v1.")
    api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    models: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="The models that it serves, by the names that it gives them."
    )
    max_concurrent: int | None = Field(None, ge=1, description="TIKU_LLM_MAX_CONCURRENT where not set.")


class LlmSettings(ServiceSettings):
    """Settings of the llm service; the variable of a field is `TIKU_` and its name in capitals."""

    # Compose files pass variables that nobody set as empty texts, which are neither lists nor folders.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    llm_base_url: BaseUrl = Field("", description="Address of the default chat provider; empty for none.")
    llm_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    llm_model: str = Field("", description="Its model, the default of every chat.")
    llm_providers: tuple[ProviderSettings, ...] = Field((), description="More chat providers, as a JSON list.")
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
    embed_threads: int = Field(min(4, os.cpu_count() or 1), ge=1, description="CPU threads of a local model.")

    rerank_base_url: BaseUrl = Field("", description="Address of a rerank server; empty for none.")
    rerank_api_key: SecretStr = Field(SecretStr(""), description="Its key; empty for a server that asks for none.")
    rerank_model: str = Field("", description="The model to ask it for.")

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
        url, models = self.llm_base_url, [self.llm_model]
        first = ProviderSettings(name=name_of(url), base_url=url, api_key=self.llm_api_key, models=models)
        return [first, *self.llm_providers]
