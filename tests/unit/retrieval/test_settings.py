from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.retrieval.settings import RetrievalSettings

BAILIAN = {
    "TIKU_BAILIAN_WORKSPACE_ID": "llm-1",
    "TIKU_BAILIAN_INDEXES": '{"Handbook": "7d4mgl6oqc"}',
    "TIKU_BAILIAN_ACCESS_KEY_ID": "LTAI",
    "TIKU_BAILIAN_ACCESS_KEY_SECRET": "kept-to-itself",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in BAILIAN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_whole_configuration_is_taken(environment: pytest.MonkeyPatch) -> None:
    settings = RetrievalSettings()
    assert settings.bailian_indexes == {"Handbook": "7d4mgl6oqc"}
    assert "kept-to-itself" not in repr(settings)


@pytest.mark.parametrize("missing", BAILIAN)
def test_half_a_configuration_is_refused_by_name(environment: pytest.MonkeyPatch, missing: str) -> None:
    environment.setenv(missing, "")
    with pytest.raises(ValidationError, match=missing):
        RetrievalSettings()


@pytest.mark.parametrize("given", ["Handbook", '{"Handbook":', '["Handbook"]'])
def test_what_is_no_object_in_json_is_refused_by_name(environment: pytest.MonkeyPatch, given: str) -> None:
    environment.setenv("TIKU_BAILIAN_INDEXES", given)
    with pytest.raises(ValidationError, match="bailian_indexes"):
        RetrievalSettings()


@pytest.mark.parametrize("address", ["http://bailian.example", "ftp://x", "https://a@b", "http://127.0.0.1.evil"])
def test_the_key_goes_nowhere_in_the_open(environment: pytest.MonkeyPatch, address: str) -> None:
    environment.setenv("TIKU_BAILIAN_ENDPOINT", address)
    with pytest.raises(ValidationError, match="bailian_endpoint"):
        RetrievalSettings()


@pytest.mark.parametrize("address", ["https://bailian.ap-southeast-1.aliyuncs.com", "http://127.0.0.1:8080", ""])
def test_addresses(environment: pytest.MonkeyPatch, address: str) -> None:
    environment.setenv("TIKU_BAILIAN_ENDPOINT", address)
    assert RetrievalSettings().bailian_endpoint == (address or "https://bailian.cn-beijing.aliyuncs.com")
