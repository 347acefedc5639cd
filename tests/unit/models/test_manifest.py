from __future__ import annotations

from pathlib import Path

import pytest

from services.models.errors import UnknownModelError
from services.models.manifest import MalformedManifestError, load_manifest
from services.models.values import PackagesSource

ENTRY = """
[[models]]
name = "toy"
purpose = "{purpose}"
license = "MIT"
summary = "a toy"
weights = {{ path = "{path}", size = 5, sha256 = "aa" }}
[[models.sources]]
kind = "{kind}"
parts = [ {{ requirement = "a==1", member = "a/x", size = {size}, sha256 = "bb" }} ]
"""
GOOD = {"purpose": "chat", "path": "toy.bin", "kind": "packages", "size": 5}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "manifest.toml"
    path.write_text(ENTRY.format(**{**GOOD, **changes}), encoding="utf-8")
    return path


def test_the_shipped_manifest_names_the_four_models_with_pinned_hashes() -> None:
    manifest = load_manifest()
    assert set(manifest) == {
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        "qwen2.5-coder-0.5b-instruct-q4_k_m",
        "smollm2-135m-instruct-q4_1",
        "multilingual-e5-small",
    }
    for model in manifest.values():
        assert model.license in {"Apache-2.0", "MIT"}
        assert model.sources
        for file in (model.weights, *model.files):
            assert len(bytes.fromhex(file.sha256)) == 32
        for source in model.sources:
            if isinstance(source, PackagesSource):
                assert all(part.requirement.count("==") == 1 for part in source.parts)


def test_parts_come_in_numeric_order() -> None:
    source = load_manifest()["qwen2.5-coder-1.5b-instruct-q4_k_m"].sources[0]
    assert isinstance(source, PackagesSource)
    assert [part.member[-10:] for part in source.parts] == [f"part{n:02}.bin" for n in range(1, 23)]


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(UnknownModelError, match=r"'gpt-9'.*smollm2"):
        load_manifest()["gpt-9"]


def test_a_model_of_one_file_installs_its_weights(tmp_path: Path) -> None:
    model = load_manifest(write(tmp_path))["toy"]
    assert model.files == (model.weights,)
    assert model.size == 5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"purpose": "poetry"}, "purpose must be one of chat, embedding"),
        ({"path": "../../etc/passwd"}, "leads out of the model's folder"),
        ({"path": "/etc/passwd"}, "leads out of the model's folder"),
        ({"kind": "torrent"}, "kind must be packages or hub"),
        ({"size": 4}, "do not add up"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(MalformedManifestError, match=complaint):
        load_manifest(write(tmp_path, **changes))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('license = "MIT"', ""), encoding="utf-8")
    with pytest.raises(MalformedManifestError, match="toy: license is required"):
        load_manifest(path)
