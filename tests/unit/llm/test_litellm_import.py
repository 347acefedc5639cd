"""What a configuration of the LiteLLM proxy comes to here, and what is said of the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.llm.adapters.litellm.command import app
from services.llm.adapters.litellm.config import LitellmConfigError, read_config
from services.llm.adapters.litellm.translation import Translation, translate
from services.llm.adapters.providers_file import ProvidersFile
from services.llm.values.providers import Providers

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.example.com/
      api_key: os.environ/AZURE_EU
      api_version: "2024-02-01"
      rpm: 6
    model_info: {input_cost_per_token: 0.0000025, output_cost_per_token: 1e-5}
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-plain, tpm: 1000, timeout: 60, stream_timeout: 5, order: 0}
    model_info: {input_cost_per_token: 1.5e-10, output_cost_per_token: 0, cache_read_input_token_cost: 0}
  - model_name: qwen
    litellm_params: {model: dashscope/qwen-max, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6}
  - model_name: here
    litellm_params: {model: ollama_chat/llama3, api_base: "http://127.0.0.1:11434", max_parallel_requests: 2,
                     input_cost_per_token: 0, output_cost_per_token: 0}
  - {model_name: vectors, litellm_params: {model: text-embedding-3-small}}
router_settings:
  num_retries: 2
  fallbacks: [{gpt-4o: [qwen]}]
  model_group_alias: {gpt-4: gpt-4o}
litellm_settings: {max_budget: 5, budget_duration: 30d, drop_params: true}
"""


def read(translation: Translation, path: Path, monkeypatch: pytest.MonkeyPatch) -> Providers:
    for name in translation.keys:
        monkeypatch.setenv(name, f"key of {name}")
    path.write_text(translation.file(), encoding="utf-8")
    return ProvidersFile(path)._reading()


def of(text: str) -> Translation:
    return translate(yaml.safe_load(text))


def entry(model: str = "openai/m", name: str = "m", /, **params: object) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, **params}}


def said(translation: Translation) -> str:
    return "\n".join(map(str, translation.remarks))


def test_a_configuration_means_the_same_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    translation = of(CONFIG)
    file = read(translation, tmp_path / "providers.toml", monkeypatch)

    azure, openai, dashscope, ollama = file.providers
    assert (azure.base_url, azure.requests_per_minute) == ("https://eu.example.com/openai/v1", 6)
    assert azure.api_key.get_secret_value() == "key of AZURE_EU"
    assert azure.models[0].name == "gpt-4o-eu"
    assert azure.models[0].price is not None
    assert azure.models[0].price.cost_nanos(1, 1) == 12_500
    assert (openai.tokens_per_minute, openai.total_timeout_seconds) == (1000, 60)
    assert openai.first_token_timeout_seconds == 5
    assert openai.models[0].price is not None
    assert openai.models[0].price.input_nanos_per_token == 1  # Rounded up.
    assert dashscope.dialect == "dashscope"
    assert (ollama.base_url, ollama.max_in_flight) == ("http://127.0.0.1:11434/v1", 2)
    assert {route.alias: route.targets for route in file.routes} == dict.fromkeys(
        ("gpt-4o", "gpt-4"), ("eu.example.com/gpt-4o-eu", "openai/gpt-4o", "dashscope/qwen-max")
    )
    assert [budget.limit_nanos for budget in file.budgets] == [5_000_000_000]
    assert translation.environment["TIKU_LLM_ATTEMPTS"] == "3"
    assert translation.environment["TIKU_EMBED_MODEL"] == "text-embedding-3-small"


def test_a_key_in_plain_is_not_copied_and_said() -> None:
    translation = of(CONFIG)

    assert "sk-plain" not in translation.file()
    assert "stands there in plain" in said(translation)
    assert "OPENAI_KEY_1" in translation.keys


def test_what_no_rule_reads_is_said_line_by_line() -> None:
    everywhere = {"never_heard_of": 1}
    translation = translate(
        {
            "model_list": [{**entry(**everywhere), "model_info": everywhere, **everywhere}],
            "router_settings": everywhere,
            "litellm_settings": everywhere,
            "general_settings": everywhere,
            **everywhere,
        }
    )

    assert len([remark for remark in translation.remarks if "never_heard_of" in str(remark)]) == 7
    assert not translation.is_whole
    assert all(f"# {remark}" in translation.file() for remark in translation.remarks)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("bedrock/anthropic.claude", "has no API of OpenAI"),
        ("openai/*", "a wildcard"),
        ("who-knows", "no provider is named"),
        ("whisper-1", ""),
    ],
)
def test_a_model_that_cannot_be_served_is_left_out(model: str, why: str) -> None:
    translation = translate({"model_list": [{**entry(model), "model_info": {"mode": "chat" if why else "audio"}}]})

    assert translation.providers == []
    assert why in said(translation)
    assert not translation.is_whole


def test_one_connection_is_one_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [entry("openai/a", "a"), entry("openai/b", "best"), entry("openai/a", "fast"), entry("openai/c", "best")]
    file = read(translate({"model_list": models}), tmp_path / "providers.toml", monkeypatch)

    # Two models of one name cannot be of one provider.
    assert [[model.name for model in one.models] for one in file.providers] == [["a", "b"], ["c"]]
    assert file.providers[0].models[0].aliases == ("fast",)
    assert file.routes == ()


def test_a_name_leads_to_its_own_models_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's name at one provider may be the public name of another one's."""
    models = [entry("openai/gpt-4o", "mine"), entry("groq/llama", "gpt-4o")]
    file = read(translate({"model_list": models}), tmp_path / "providers.toml", monkeypatch)

    assert [(route.alias, route.targets) for route in file.routes] == [("gpt-4o", ("groq/llama",))]


def test_credentials_and_addresses_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "https://far.example/v1")
    monkeypatch.delenv("NOT_SET", raising=False)
    named = {"credential_name": "c", "credential_values": {"api_key": "os.environ/K", "api_base": "os.environ/WHERE"}}
    translation = translate(
        {
            "credential_list": [named],
            "model_list": [entry(litellm_credential_name="c"), entry("openai/m", "n", api_base="os.environ/NOT_SET")],
        }
    )

    assert translation.providers[0]["base_url"] == "https://far.example/v1"
    assert translation.providers[0]["api_key_variable"] == "K"
    assert "NOT_SET, which is not set here" in said(translation)


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=8) | st.just("os.environ/X")
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner))
params = st.fixed_dictionaries(
    {"model": st.sampled_from(["openai/a", "azure/b", "groq/c\x7f", "gpt-4o", "ollama/*"]) | leaves},
    optional=dict.fromkeys(
        ("api_base", "api_key", "rpm", "timeout", "order", "input_cost_per_token", "weight"), leaves
    ),
)
entries = st.fixed_dictionaries(
    {"model_name": st.sampled_from(["a", "b", 'c"\n#']) | leaves, "litellm_params": params},
    optional={"model_info": trees},
)
configs = st.fixed_dictionaries(
    {"model_list": st.lists(entries, max_size=4)},
    optional={
        "router_settings": st.fixed_dictionaries(
            {},
            optional={
                "fallbacks": st.just([{"a": ["b"]}, {"*": ["a"]}]) | trees,
                "model_group_alias": st.just({"z": "a", "a": "b"}) | trees,
                "num_retries": leaves,
            },
        ),
        "litellm_settings": trees,
        "other": trees,
    },
)


@given(configs)
def test_whatever_the_configuration_the_result_is_a_file_that_we_read(config: dict[str, Any]) -> None:
    translation = translate(config)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in translation.keys:
            patch.setenv(name, "key")
        path = Path(folder) / "providers.toml"
        path.write_text(translation.file(), encoding="utf-8")
        ProvidersFile(path)._reading()


def test_the_command_writes_the_file_and_says_the_rest(tmp_path: Path) -> None:
    config, output = tmp_path / "config.yaml", tmp_path / "providers.toml"
    config.write_text(CONFIG, encoding="utf-8")
    run = CliRunner().invoke(app, ["import", str(config), "-o", str(output)])

    assert run.exit_code == 0
    assert "set: TIKU_LLM_ATTEMPTS=3" in run.stderr
    assert output.read_text(encoding="utf-8").startswith("# Translated")
    # Nothing is overwritten.
    assert CliRunner().invoke(app, ["import", str(config), "-o", str(output)]).exit_code == 1


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    for text in ("- a\n- b", "a: [", "\x00"):
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(LitellmConfigError):
            read_config(tmp_path / "config.yaml")


def test_included_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("include: [more.yaml]\nmodel_list: [1]", encoding="utf-8")
    (tmp_path / "more.yaml").write_text("model_list: [2]\nrouter_settings: {}", encoding="utf-8")

    assert read_config(tmp_path / "config.yaml") == {"model_list": [1, 2], "router_settings": {}}
