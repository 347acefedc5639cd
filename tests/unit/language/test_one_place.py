"""What is known of a language stands in the language's file, and no other module names a language."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODES = {"zh", "en"}
CONSTANTS = {"CHINESE", "ENGLISH"}
HOME = ROOT / "services" / "language"
DATA = {"services/docs/adapters/parsers/fake.py"}
"""A document that is made up."""


def modules() -> Iterator[Path]:
    for folder in ("services", "gateway"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if HOME not in path.parents:
                yield path


def named(path: Path) -> set[str]:
    """The languages that a module names: by their codes, as texts of their own, or by the constants."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Constant(value=str(text)) if text in CODES:
                found.add(text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in CONSTANTS:
                found.add(name)
    return found


def test_no_module_outside_names_a_language() -> None:
    assert {str(path.relative_to(ROOT)) for path in modules() if named(path)} == DATA


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('if language == "zh":\n    pass', {"zh"}),
        ("from services.language.detection import CHINESE\n_ASK = {CHINESE: 1}", {"CHINESE"}),
        ("from services.language import en\nx = en.ENGLISH", {"ENGLISH"}),
        ('"""A text in zh or en."""\nprint("an en dash")', set()),
    ],
)
def test_naming_one_is_seen(tmp_path: Path, text: str, found: set[str]) -> None:
    (tmp_path / "module.py").write_text(text, encoding="utf-8")
    assert named(tmp_path / "module.py") == found


@pytest.mark.parametrize("service", ["docs", "exercises", "retrieval"])
def test_a_service_loads_no_dictionary_and_no_pattern_that_it_does_not_read(service: str) -> None:
    code = (
        f"import services.{service}.app, sys, gc\n"
        "from services.language.patterns import Pattern\n"
        "from services.language.zh import dictionary\n"
        "assert 'jieba' not in sys.modules\n"
        "assert dictionary.cache_info().currsize == 0\n"
        "print(sum('compiled' in vars(pattern) for pattern in gc.get_objects() if isinstance(pattern, Pattern)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == 0
