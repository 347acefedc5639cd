"""The only generator: protos/**/*.proto → protos/gen.

``python protos/generate.py`` writes the tree; ``--check`` writes it elsewhere and demands an empty difference.
Vendored ``google/`` is not generated: ``googleapis-common-protos`` carries those modules.
"""

from __future__ import annotations

import filecmp
import importlib.resources
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
GENERATED = ROOT / "gen"


def generate(target: Path) -> None:
    """Write messages, stubs and their types for every own proto into `target`."""
    sources = sorted(str(path.relative_to(ROOT)) for tree in ("tiku", "buf") for path in (ROOT / tree).rglob("*.proto"))
    services = [source for source in sources if "\nservice " in (ROOT / source).read_text(encoding="utf-8")]
    includes = [f"-I{ROOT}", f"-I{importlib.resources.files('grpc_tools') / '_proto'}"]
    _protoc(*includes, f"--python_out={target}", f"--mypy_out=quiet:{target}", *sources)
    _protoc(*includes, f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet,only_async:{target}", *services)
    # With comments, for the gateway's OpenAPI page: generated modules do not carry them.
    _protoc(
        *includes,
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={target}/tiku/descriptors.binpb",
        *sources,
    )
    for folder in sorted({path.parent for path in target.rglob("*.py")}):
        while folder != target:
            (folder / "__init__.py").touch()
            folder = folder.parent


def _protoc(*arguments: str) -> None:
    plugins = Path(sys.executable).parent
    flags = [
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
    ]
    if protoc.main(["protoc", *flags, *arguments]) != 0:
        raise SystemExit("protoc failed")


def differences(left: Path, right: Path) -> list[str]:
    """Paths, relative to the trees, at which they differ."""

    def files(tree: Path) -> set[str]:
        return {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file() and "__pycache__" not in p.parts}

    names = files(left) | files(right)
    _, mismatch, missing = filecmp.cmpfiles(left, right, sorted(names), shallow=False)
    return sorted([*mismatch, *missing])


def main() -> None:
    """Parse the command line and run."""
    if sys.argv[1:] == ["--check"]:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder))
            if stale := differences(GENERATED, Path(folder)):
                raise SystemExit("protos/gen is out of date, run `make protos`: " + ", ".join(stale))
        return
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    generate(GENERATED)


if __name__ == "__main__":
    main()
