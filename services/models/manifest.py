"""The manifest: every local model by name, with license, hashes and sources."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, get_args

from services.models.errors import UnknownModelError
from services.models.values import File, HubSource, Model, PackagesSource, Part, Purpose, Source

MANIFEST: Final = Path(__file__).with_name("manifest.toml")


class MalformedManifestError(ValueError):
    """The manifest breaks its own rules; the message names the model and the rule."""


class ModelManifest(dict[str, Model]):
    """The models by name, in the manifest's order. An unknown name raises `UnknownModelError`."""

    def __missing__(self, name: str) -> Model:
        raise UnknownModelError(name, tuple(self))


def load_manifest(path: Path = MANIFEST) -> ModelManifest:
    """Read the manifest; this reads a small file, so call it in a thread.

    Raises:
        MalformedManifestError: it breaks its own rules.
    """
    models = [_model(table) for table in tomllib.loads(path.read_text(encoding="utf-8")).get("models", [])]
    manifest = ModelManifest((model.name, model) for model in models)
    if len(manifest) != len(models):
        raise MalformedManifestError("two models have the same name")
    return manifest


def _model(table: Mapping[str, Any]) -> Model:
    name = table.get("name", "(nameless)")
    try:
        weights = _file(table["weights"])
        model = Model(
            name=table["name"],
            purpose=table["purpose"],
            license=table["license"],
            summary=table["summary"],
            weights=weights,
            files=tuple(_file(entry) for entry in table.get("files", [])) or (weights,),
            convert=table.get("convert"),
            sources=tuple(_source(entry) for entry in table["sources"]),
        )
    except KeyError as error:
        raise MalformedManifestError(f"model {name}: {error.args[0]} is required") from error
    _check(model)
    return model


def _file(table: Mapping[str, Any]) -> File:
    path = PurePosixPath(table["path"])
    if path.is_absolute() or ".." in path.parts:
        raise MalformedManifestError(f"path {table['path']!r} leads out of the model's folder")
    return File(str(path), table["size"], table["sha256"])


def _source(table: Mapping[str, Any]) -> Source:
    match table["kind"]:
        case "packages":
            return PackagesSource(tuple(Part(**part) for part in table["parts"]), table.get("platform"))
        case "hub":
            return HubSource(table["repository"], table["revision"], table["file"])
        case kind:
            raise MalformedManifestError(f"a source's kind must be packages or hub, not {kind!r}")


def _check(model: Model) -> None:
    if model.purpose not in get_args(Purpose):
        raise MalformedManifestError(f"model {model.name}: purpose must be one of {', '.join(get_args(Purpose))}")
    for source in model.sources:
        if isinstance(source, PackagesSource) and sum(p.size for p in source.parts) != model.weights.size:
            raise MalformedManifestError(f"model {model.name}: the parts' sizes do not add up to the weights' size")
