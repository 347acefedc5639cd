from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.client.commands import server_address


@pytest.fixture(autouse=True)
def empty_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIKU_SERVER", raising=False)
    monkeypatch.setenv("TIKU_DATA_DIR", str(tmp_path))
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "stack.json"


def test_without_anything_it_is_the_default_port() -> None:
    assert server_address() == "http://127.0.0.1:8080"


def test_the_running_stack_says_where_it_is(empty_data: Path) -> None:
    empty_data.write_text(json.dumps({"gateway": "http://127.0.0.1:9999/"}))
    assert server_address() == "http://127.0.0.1:9999"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"gateway": 5}', "{"])
def test_a_damaged_state_file_is_ignored(empty_data: Path, content: str) -> None:
    empty_data.write_text(content)
    assert server_address() == "http://127.0.0.1:8080"


def test_the_option_beats_the_variable_and_the_variable_beats_the_file(
    empty_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_data.write_text(json.dumps({"gateway": "http://127.0.0.1:9999"}))
    monkeypatch.setenv("TIKU_SERVER", "https://tiku.example/")
    assert server_address() == "https://tiku.example"
    assert server_address("localhost:7000") == "http://localhost:7000"
