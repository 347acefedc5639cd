"""Reads what a document says about the repository, and finds what is not so.

Checked are links, and in code spans and code blocks: paths, symbols, `TIKU_…` variables, targets of make, commands of
`tiku`, and modules that Python is told to run. A path may leave out its first folders.
"""

from __future__ import annotations

import builtins
import importlib
import mimetypes
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path

import typer
from pydantic_settings import BaseSettings

from services.cli import app
from tests.unit.house.tree import Tree

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_VARIABLE = re.compile(r"\bTIKU_[A-Z0-9_]+\b")
_SYMBOL = re.compile(r"(_*[A-Za-z]\w*(?:\.\w+)*)(?:\([^)]*\))?")
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")
_SUFFIX = re.compile(r"\.(py|md|proto|sql|toml|ya?ml|json|lock|js|html|png|txt)$")
_NO_PATH = re.compile(r"[/~$]|\.\.|\.(tiku|venv|env)\b|[a-z]+:")
_FOREIGN = ("PIP_", "UV_", "OTEL_")
"""Prefixes of the variables of tools."""
_STORED = {"uploads/"}
"""Names of what Tiku stores, which look like paths of the repository."""


class Documents:
    """The checker of documents of one tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        installed = {*packages_distributions(), *sys.stdlib_module_names, *vars(builtins)}
        self._external = installed - {"services", "gateway", "tests", "benchmarks"}

    def faults(self, text: str, folder: Path) -> list[str]:
        """Return what the document in a folder names and the tree does not have, each as `line: what`."""
        return [f"{text.count(chr(10), 0, at) + 1}: {fault}" for at, fault in sorted(self._faults(text, folder))]

    def _faults(self, text: str, folder: Path) -> Iterator[tuple[int, str]]:
        for match in _LINK.finditer(text):
            target = match[1].partition("#")[0]
            if target and ":" not in target and not (folder / target).exists():
                yield match.start(), f"the link leads nowhere: {target}"
        for match in _FENCE.finditer(text):
            for line in re.finditer(r".+", match[0]):
                yield from ((match.start() + line.start(), fault) for fault in self._of_line(line[0]))
        prose = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        before: re.Match[str] | None = None
        for match in _SPAN.finditer(prose):
            faults = list(self._of_span(match[1]))
            if not faults and before and not prose[before.end() : match.start()].strip():
                faults = list(self._of_pair(before[1], match[1]))
            yield from ((match.start(), fault) for fault in faults)
            before = match

    def _of_line(self, line: str) -> Iterator[str]:
        """Yield the faults of one line of a code block: commands, variables, and paths from a folder of the root."""
        code = line.partition(" #")[0]
        yield from self._of_words(code)
        for word in re.split(r"[\s\"'=]+", code):
            folder, slash, _ = word.partition("/")
            if folder and slash and not word.startswith(".") and (self._tree.root / folder).is_dir():
                yield from self._of_path(word)

    def _of_span(self, span: str) -> Iterator[str]:
        """Yield the faults of one code span."""
        yield from self._of_words(span)
        if _VARIABLE.match(span):
            return
        words = [word for word in re.split(r"[\s\"'=]+", span) if word]
        for word in words:
            if self._is_path(word):
                yield from self._of_path(word)
        if not self._is_path(span) and (len(words) == 1 or span.endswith(")")):
            yield from self._of_symbol(span)

    def _of_words(self, text: str) -> Iterator[str]:
        for variable in _VARIABLE.findall(text):
            if variable not in self._variables:
                yield f"no setting and nothing in the code reads {variable}"
        for target in re.findall(r"\bmake(?: -\S+)* ([a-z][\w-]*)", text) if text.strip().startswith("make") else ():
            if target not in self._targets:
                yield f"the Makefile has no target {target}"
        for command in re.findall(r"(?:^|/)tiku ([a-z][\w-]*)", text.strip()):
            if command not in self._commands:
                yield f"tiku has no command {command}"
        for module in re.findall(r"python3? -m ([\w.]+)", text):
            if not (module.split(".")[0] in self._external or self._tree.having(module.replace(".", "/") + "*")):
                yield f"no module {module}"

    def _is_path(self, word: str) -> bool:
        if _NO_PATH.match(word) or word in _STORED or word in mimetypes.types_map.values() or re.search("[{…(]", word):
            return False
        if "<" in word:
            return (self._tree.root / word.partition("/")[0]).is_dir()
        return "/" in word or bool(_SUFFIX.search(word))

    def _of_path(self, word: str) -> Iterator[str]:
        path, _, test = word.rstrip(".,;)").partition("::")
        found = self._tree.having(re.sub(r"<[^>]+>", "*", path))
        if not found:
            yield f"no such path: {word}"
        elif test and not any(test in self._tree.members[name][""] for name in found):
            yield f"no test {test} in {path}"

    def _of_symbol(self, span: str) -> Iterator[str]:
        match = _SYMBOL.fullmatch(span)
        if match is None or match[1].partition(".")[0] in self._external or match[1].startswith(_FOREIGN):
            return
        symbol = match[1]
        owner, dot, name = symbol.rpartition(".")
        if dot:
            known = self._has_member(owner.rpartition(".")[2], name) or symbol in self._tree.failpoints
        elif _CLASS.fullmatch(symbol):
            known = symbol in self._tree.names
        else:
            known = symbol in self._tree.words
        if not known:
            yield f"no such symbol: {symbol}"

    def _has_member(self, owner: str, name: str) -> bool:
        if owner in self._tree.classes:
            return name in self._tree.classes[owner]
        modules = [*self._tree.having(f"{owner}.py"), *self._tree.having(f"{owner}/__init__.py")]
        return any(name in self._tree.members[module][""] for module in modules) or bool(
            self._tree.having(f"{owner}/{name}") or self._tree.having(f"{owner}/{name}.py")
        )

    def _of_pair(self, path: str, span: str) -> Iterator[str]:
        """Yield the fault of a symbol that stands right behind a file that does not define it."""
        match = _SYMBOL.fullmatch(span)
        files = [name for name in self._tree.having(path) if name in self._tree.members]
        if match is None or not files or self._is_path(span):
            return
        owner, _, name = match[1].rpartition(".")
        if not any(name in self._tree.members[file].get(owner, ()) for file in files):
            yield f"{path} does not define {match[1]}"

    @cached_property
    def _variables(self) -> set[str]:
        """The variables of all settings, and those that code or a deployment names in its text."""
        found = set()
        for path in self._tree.having("settings.py"):
            module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, BaseSettings):
                    prefix = str(value.model_config.get("env_prefix", ""))
                    for name, field in value.model_fields.items():
                        found.add(str(field.validation_alias or f"{prefix}{name.upper()}"))
        return found | {word for word in self._tree.words if _VARIABLE.fullmatch(word)}

    @cached_property
    def _targets(self) -> set[str]:
        makefile = (self._tree.root / "Makefile").read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))

    @cached_property
    def _commands(self) -> set[str]:
        command = typer.main.get_group(app)
        return set(command.list_commands(typer.Context(command)))
