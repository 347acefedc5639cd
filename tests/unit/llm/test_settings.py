"""What the environment may say, and what it is told when it says it wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.llm.settings import LlmSettings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "LLM_BASE_URL",
        "LLM_API_KEY",
        "LLM_MODEL",
        "LLM_PROVIDERS",
        "LLM_PROVIDERS_FILE",
        "EMBED_BASE_URL",
        "RERANK_BASE_URL",
    ):
        monkeypatch.delenv(f"TIKU_{name}", raising=False)


def test_nothing_set_is_a_service_without_providers() -> None:
    assert LlmSettings().chat_providers == ()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "LLM_BASE_URL",
        "LLM_MODEL",
        "LLM_PROVIDERS",
        "LLM_PROVIDERS_FILE",
        "LLM_MAX_CONCURRENT",
        "EMBED_MODEL_PATH",
    ):
        monkeypatch.setenv(f"TIKU_{name}", "")
    settings = LlmSettings()
    assert settings.chat_providers == ()
    assert settings.embed_model_path is None


def test_three_variables_make_one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_LLM_BASE_URL", "https://api.example.com/v1")
    monkeypatch.setenv("TIKU_LLM_API_KEY", "sk-secret")
    monkeypatch.setenv("TIKU_LLM_MODEL", "small")
    settings = LlmSettings()
    (provider,) = settings.chat_providers
    assert (provider.name, [model.name for model in provider.models]) == ("api.example.com", ["small"])
    assert provider.api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(settings) + str(provider)


def test_the_old_list_is_refused_and_says_what_took_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_LLM_PROVIDERS", "[]")
    with pytest.raises(ValidationError, match="TIKU_LLM_PROVIDERS_FILE"):
        LlmSettings()


@pytest.mark.parametrize("kind", ["LLM", "EMBED", "RERANK"])
def test_an_address_needs_a_model(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(f"TIKU_{kind}_BASE_URL", "http://localhost:1/v1")
    monkeypatch.delenv(f"TIKU_{kind}_MODEL", raising=False)
    with pytest.raises(ValidationError, match=f"TIKU_{kind}_BASE_URL needs TIKU_{kind}_MODEL"):
        LlmSettings()


@pytest.mark.parametrize("value", ["localhost:9000", "ftp://host/v1", "https://", "/v1"])
def test_an_address_is_checked(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TIKU_LLM_BASE_URL", value)
    monkeypatch.setenv("TIKU_LLM_MODEL", "m")
    with pytest.raises(ValidationError, match="must be an address such as"):
        LlmSettings()
