"""What the repository holds: its paths, what its code defines, and every word that its code uses."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

_SKIPPED = re.compile(r"\.(git|venv.*|tiku|hypothesis|coverage.*|[a-z_]+_cache)|__pycache__|build|dist|.*\.egg-info")
_OTHER_SOURCES = {".proto", ".sql", ".toml", ".yaml", ".yml", ".js", ".html", ".css", ".lock", ""}
_HERE = "tests/unit/house/"
"""The tests of documents, which name what is not there."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROTO_NAME = re.compile(r"\b(?:message|service|rpc|enum)\s+(\w+)")


class Tree:
    """The files below a root, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def paths(self) -> list[str]:
        """Every file and folder, relative to the root, without a slash at the end."""
        return [path.relative_to(self.root).as_posix() for path in self._walk(self.root)]

    @cached_property
    def _suffixes(self) -> set[str]:
        return {"/".join(parts[start:]) for parts in map(_parts, self.paths) for start in range(len(parts))}

    @cached_property
    def members(self) -> dict[str, dict[str, set[str]]]:
        """What each Python file defines: by class, and under an empty name at any depth of the file."""
        return {name: _definitions(nodes) for name, nodes in self._modules.items()}

    @cached_property
    def classes(self) -> dict[str, set[str]]:
        """The members of each class, by its name; classes of one name count as one, and bases lend theirs."""
        found: dict[str, set[str]] = defaultdict(set)
        bases: dict[str, set[str]] = defaultdict(set)
        for name, nodes in self._modules.items():
            for node in nodes:
                if isinstance(node, ast.ClassDef):
                    found[node.name] |= self.members[name][node.name]
                    bases[node.name] |= {ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in node.bases}
        for _ in range(3):
            for name, parents in bases.items():
                found[name] |= {member for parent in parents for member in found.get(parent, ())}
        return found

    @cached_property
    def names(self) -> set[str]:
        """What code defines, imports or takes from a module, at any depth, and what the contract names."""
        names = {name for members in self.members.values() for name in members[""]}
        for nodes in self._modules.values():
            names |= {alias.asname or alias.name for alias in _imports(nodes)}
            names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        for path in self.root.glob("protos/tiku/**/*.proto"):
            names.update(_PROTO_NAME.findall(path.read_text(encoding="utf-8")))
        return names

    @cached_property
    def failpoints(self) -> list[str]:
        """The names in every `Points(…)` of the services and the gateway, as often as they stand there."""
        return [
            argument.value
            for name, nodes in self._modules.items()
            if name.startswith(("services/", "gateway/"))
            for node in nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Points"
            for argument in (*node.args, *(keyword.value for keyword in node.keywords))
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]

    @cached_property
    def words(self) -> set[str]:
        """Every identifier of the code, every word of its strings, and every word of the other sources."""
        words: set[str] = set()
        for nodes in self._modules.values():
            for node in nodes:
                words.update(_words(node))
        for path in map(self.root.joinpath, self.paths):
            if path.suffix in _OTHER_SOURCES and path.is_file():
                words.update(_WORD.findall(path.read_text(encoding="utf-8", errors="ignore")))
        return words

    def having(self, path: str) -> list[str]:
        """Return the paths that `path`, possibly a pattern, names: whole, or as their last parts."""
        path = path.removesuffix("/")
        if "*" in path:
            return [name for name in self.paths if fnmatch.fnmatch(f"/{name}", f"*/{path}")]
        if path not in self._suffixes:
            return []
        return [name for name in self.paths if name == path or name.endswith(f"/{path}")]

    @cached_property
    def _modules(self) -> dict[str, list[ast.AST]]:
        """The nodes of each Python file."""
        return {
            name: list(ast.walk(ast.parse((self.root / name).read_text(encoding="utf-8"))))
            for name in self.paths
            if name.endswith(".py") and not name.startswith(("protos/gen/", _HERE))
        }

    def _walk(self, folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if not _SKIPPED.fullmatch(path.name):
                yield path
                if path.is_dir() and not path.is_symlink():
                    yield from self._walk(path)


def _parts(path: str) -> list[str]:
    return path.split("/")


def _imports(nodes: list[ast.AST]) -> Iterator[ast.alias]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from node.names


def _definitions(nodes: list[ast.AST]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    found[""] |= {name for node in nodes for name in _defined(node)}
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            found[node.name] |= {name for inner in ast.walk(node) if inner is not node for name in _defined(inner)}
    return found


def _defined(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            yield name


def _words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name):
            yield from name.split(".")
        case ast.keyword(arg=str(name)):
            yield name
        case ast.Constant(value=str(text)):
            yield from _WORD.findall(text)
