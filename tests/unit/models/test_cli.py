from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.models.cli import app
from tests.fakes import tiny_embedder


@pytest.fixture(autouse=True)
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "80")


def test_list_shows_name_purpose_license_size_and_whether_it_is_here() -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if line.startswith("multilingual-e5-small"))
    assert row.split() == ["multilingual-e5-small", "embedding", "MIT", "609.8", "MB", "no"]


def test_path_of_a_model_that_is_not_here_exits_with_a_hint() -> None:
    result = CliRunner().invoke(app, ["path", "multilingual-e5-small"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "tiku models pull multilingual-e5-small" in result.stderr


def test_pull_from_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pull", "smollm2-135m-instruct-q4_1", "--from", str(tmp_path)])
    assert result.exit_code == 1
    assert "SmolLM2-135M-Instruct.Q4_1.gguf" in result.stderr.replace("\n", "")


def test_quantize_prints_the_file_or_says_what_is_wrong(tmp_path: Path) -> None:
    tiny_embedder.build(tmp_path / "tiny")
    result = CliRunner().invoke(app, ["quantize", str(tmp_path / "tiny")])
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "tiny" / "onnx" / "model_int8.onnx"))
    result = CliRunner().invoke(app, ["quantize", str(tmp_path)])
    assert result.exit_code == 1
    assert "config.json" in result.stderr.replace("\n", "")


@pytest.mark.parametrize("command", ["pull", "path"])
def test_an_unknown_model_is_an_error(command: str) -> None:
    result = CliRunner().invoke(app, [command, "gpt-9"])
    assert result.exit_code == 1
    assert "gpt-9" in result.stderr
