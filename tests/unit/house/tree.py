"""What the repository holds: its paths, what its code defines, and every word that its code uses."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

_SKIPPED = re.compile(r"\.(git|venv.*|tiku|hypothesis|coverage.*|[a-z_]+_cache)|__pycache__|build|dist|.*\.egg-info")
_OTHER_SOURCES = {".proto", ".sql", ".toml", ".yaml", ".yml", ".js", ".html", ".css", ".lock", ""}
_HERE = "tests/unit/house/"
"""The tests of documents, which name what is not there."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROTO_NAME = re.compile(r"\b(?:message|service|rpc|enum)\s+(\w+)")


class Module:
    """What one Python file says; of its tree nothing is kept, which for all files takes hundreds of megabytes."""

    def __init__(self, text: str) -> None:
        nodes = _nodes(ast.parse(text))
        self.members: dict[str, set[str]] = defaultdict(set)
        """What it defines: by class, and under an empty name at any depth of the file."""
        self.members[""] |= set(_defined(nodes))
        for node in nodes[ast.ClassDef]:
            self.members[node.name] |= set(_defined(_nodes(*ast.iter_child_nodes(node))))
        self.bases = [(node.name, {_name_of(base) for base in node.bases}) for node in nodes[ast.ClassDef]]
        self.imports = [*_imported(nodes)]
        """What it imports by an absolute name: modules, and what stands in them."""
        self.taken = {alias.asname or alias.name for alias in nodes[ast.alias]}
        self.taken |= {node.attr for node in nodes[ast.Attribute]}
        """What it imports or takes from something, by the name that it has here."""
        self.identifiers = {node.id for node in nodes[ast.Name]} | {node.attr for node in nodes[ast.Attribute]}
        self.identifiers |= {alias.name for alias in nodes[ast.alias]}
        self.texts = {node.value for node in nodes[ast.Constant] if isinstance(node.value, str)}
        self.words = set(_words(nodes))
        """Every identifier, and every word of its texts."""
        self.failpoints = [*_failpoints(nodes)]
        """The names in every `Points(…)`."""


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
    def modules(self) -> dict[str, Module]:
        """Every Python file, by its path."""
        return {
            name: Module((self.root / name).read_text(encoding="utf-8")) for name in self.paths if name.endswith(".py")
        }

    @cached_property
    def _named(self) -> dict[str, Module]:
        """The files whose names a document may use."""
        return {name: module for name, module in self.modules.items() if not name.startswith(("protos/gen/", _HERE))}

    @cached_property
    def members(self) -> dict[str, dict[str, set[str]]]:
        """What each Python file defines: by class, and under an empty name at any depth of the file."""
        return {name: module.members for name, module in self._named.items()}

    @cached_property
    def classes(self) -> dict[str, set[str]]:
        """The members of each class, by its name; classes of one name count as one, and bases lend theirs."""
        found: dict[str, set[str]] = defaultdict(set)
        bases: dict[str, set[str]] = defaultdict(set)
        for module in self._named.values():
            for name, parents in module.bases:
                found[name] |= module.members[name]
                bases[name] |= parents
        for _ in range(3):
            for name, parents in bases.items():
                found[name] |= {member for parent in parents for member in found.get(parent, ())}
        return found

    @cached_property
    def names(self) -> set[str]:
        """What code defines, imports or takes from a module, at any depth, and what the contract names."""
        names = {name for module in self._named.values() for name in (*module.members[""], *module.taken)}
        for path in self.root.glob("protos/tiku/**/*.proto"):
            names.update(_PROTO_NAME.findall(path.read_text(encoding="utf-8")))
        return names

    @cached_property
    def failpoints(self) -> list[str]:
        """The failpoints of the services and the gateway, as often as they stand there."""
        return [point for module in self.below("services", "gateway").values() for point in module.failpoints]

    @cached_property
    def words(self) -> set[str]:
        """Every identifier of the code, every word of its strings, and every word of the other sources."""
        words = {word for module in self._named.values() for word in module.words}
        for path in map(self.root.joinpath, self.paths):
            if path.suffix in _OTHER_SOURCES and path.is_file():
                words.update(_WORD.findall(path.read_text(encoding="utf-8", errors="ignore")))
        return words

    def below(self, *folders: str) -> dict[str, Module]:
        """Return the Python files of folders."""
        begins = tuple(f"{folder}/" for folder in folders)
        return {name: module for name, module in self.modules.items() if name.startswith(begins)}

    def having(self, path: str) -> list[str]:
        """Return the paths that `path`, possibly a pattern, names: whole, or as their last parts."""
        path = path.removesuffix("/")
        if "*" in path:
            return [name for name in self.paths if fnmatch.fnmatch(f"/{name}", f"*/{path}")]
        if path not in self._suffixes:
            return []
        return [name for name in self.paths if name == path or name.endswith(f"/{path}")]

    def _walk(self, folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if not _SKIPPED.fullmatch(path.name):
                yield path
                if path.is_dir() and not path.is_symlink():
                    yield from self._walk(path)


def _parts(path: str) -> list[str]:
    return path.split("/")


class _Nodes(dict[type[ast.AST], list[Any]]):
    """Nodes of a tree by their types."""

    def __missing__(self, kind: type[ast.AST]) -> list[Any]:
        found: list[Any] = []
        self[kind] = found
        return found


def _nodes(*roots: ast.AST) -> _Nodes:
    """Return the roots and all below them, in half of the time that `ast.walk` takes."""
    found = _Nodes()
    waiting: list[ast.AST] = [*roots]
    for node in waiting:
        found[type(node)].append(node)
        for value in vars(node).values():
            if isinstance(value, list):
                waiting += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return found


def _definitions(nodes: _Nodes) -> Iterator[str]:
    for kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        yield from (node.name for node in nodes[kind])


def _defined(nodes: _Nodes) -> Iterator[str]:
    yield from _definitions(nodes)
    yield from (node.id for node in nodes[ast.Name] if isinstance(node.ctx, ast.Store))
    for node in nodes[ast.Attribute]:
        if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self":
            yield node.attr


def _name_of(base: ast.expr) -> str:
    return ast.unparse(base).rpartition(".")[2].partition("[")[0]


def _imported(nodes: _Nodes) -> Iterator[str]:
    yield from (alias.name for node in nodes[ast.Import] for alias in node.names)
    for node in nodes[ast.ImportFrom]:
        if node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _failpoints(nodes: _Nodes) -> Iterator[str]:
    for node in nodes[ast.Call]:
        if isinstance(node.func, ast.Name) and node.func.id == "Points":
            arguments = (*node.args, *(keyword.value for keyword in node.keywords))
            yield from (one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _words(nodes: _Nodes) -> Iterator[str]:
    yield from _definitions(nodes)
    yield from (node.id for node in nodes[ast.Name])
    yield from (node.attr for node in nodes[ast.Attribute])
    yield from (node.arg for kind in (ast.arg, ast.keyword) for node in nodes[kind] if node.arg)
    for node in nodes[ast.alias]:
        yield from node.name.split(".")
    for node in nodes[ast.Constant]:
        if isinstance(node.value, str):
            yield from _WORD.findall(node.value)
