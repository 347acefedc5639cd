"""What is known of a language stands in the language's file, and no other module names a language."""

from __future__ import annotations

import pytest

from tests.unit.house.tree import Module, Tree

CODES = {"zh", "en"}
CONSTANTS = {"CHINESE", "ENGLISH"}
HOME = "services/language/"
DATA = {"services/docs/adapters/parsers/fake.py"}
"""A document that is made up."""


def named(module: Module) -> set[str]:
    """The languages that a module names: by their codes, as texts of their own, or by the constants."""
    return module.texts & CODES | module.identifiers & CONSTANTS


def test_no_module_outside_names_a_language(tree: Tree) -> None:
    outside = {name: file for name, file in tree.below("services", "gateway").items() if not name.startswith(HOME)}
    assert {name for name, file in outside.items() if named(file)} == DATA


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('if language == "zh":\n    pass', {"zh"}),
        ("from services.language.detection import CHINESE\n_ASK = {CHINESE: 1}", {"CHINESE"}),
        ("from services.language import en\nx = en.ENGLISH", {"ENGLISH"}),
        ('"""A text in zh or en."""\nprint("an en dash")', set()),
    ],
)
def test_naming_one_is_seen(text: str, found: set[str]) -> None:
    assert named(Module(text)) == found
