"""The files of providers that documents and deployments show can be read, and say what is there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from services.llm.adapters.providers_file import ProvidersFile
from services.llm.values.providers import Model, Provider, Route, Strategy
from tests.unit.deploy.deployments import MANIFESTS, ROOT, manifests

GUIDE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
SHIPPED = (ROOT / "deploy" / "providers" / "providers.toml").read_text(encoding="utf-8")
MANIFEST = next(one for one in manifests("ConfigMap") if one["metadata"]["name"] == "tiku-providers")
EXAMPLES = {
    "docs/providers.md": re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0],
    "deploy/providers": SHIPPED,
    MANIFESTS.name: MANIFEST["data"]["providers.toml"],
}


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
async def test_an_example_can_be_read_with_and_without_its_comment_signs(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_API_KEY", "sk-1")
    path = tmp_path / "providers.toml"
    for shown in (text, re.sub(r"(?m)^# (?=\[|\w+ = )", "", text)):
        for name in re.findall(r'api_key_file = "(.*)"', shown):
            await asyncio.to_thread((tmp_path / Path(name).name).write_text, "sk-2")
        await asyncio.to_thread(path.write_text, shown.replace("/etc/tiku-keys/", ""))
        read = await ProvidersFile(path).read()
    assert read.providers[0].name == "far"


@pytest.mark.parametrize("table", [Provider, Model, Route])
def test_every_field_is_described(table: type[Provider | Model | Route]) -> None:
    for field in table.model_fields:
        assert f"`{field}`" in GUIDE or field == "api_key", field


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_is_described(strategy: Strategy) -> None:
    assert f"- **{strategy}**: " in GUIDE
