"""JSON as models write it: with mistakes, with one backslash before LaTeX, with what no store takes, or without end."""

from __future__ import annotations

import contextlib
import time

import pytest

from services.kit.json_answers import JsonObjectScanner
from services.kit.texts import clean


def value(text: str) -> dict[str, object]:
    scanner = JsonObjectScanner()
    scanner.feed(text)
    return scanner.value()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": [1, 2,],}', {"a": 1, "b": [1, 2]}),
        ('{"a": "What is a "lever" for?", "b": "x"}', {"a": 'What is a "lever" for?', "b": "x"}),
        ('{"a": "He said "no"", "b": "x"}', {"a": 'He said "no"', "b": "x"}),
        ('{"a": "a 5" pipe", "b": "x"}', {"a": 'a 5" pipe', "b": "x"}),
        ('{"a": "x" "b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": "x", "b": ["y", "z"]', {"a": "x", "b": ["y", "z"]}),
        ("{'a': 'x', 'b': True}", {"a": "x", "b": True}),
        ('{a: "x", b: null}', {"a": "x", "b": None}),
        ("{“a”：“x”，“b”：“y”}", {"a": "x", "b": "y"}),
        ('{"a"："x"，"b"：["y"，"z"]}', {"a": "x", "b": ["y", "z"]}),
        ("{“a”：“他说“好”，走了。”，“b”：［“甲：乙”， 2］}", {"a": "他说“好”，走了。", "b": ["甲：乙", 2]}),
        ('{“a”：“a 5" pipe，or so”，“b”：true}', {"a": 'a 5" pipe，or so', "b": True}),
        ("{”a”：”x，y”，”b”：”z”}", {"a": "x，y", "b": "z"}),
        ('{"a": "比例为1：2，即“一半”", "b"： "y"}', {"a": "比例为1：2，即“一半”", "b": "y"}),
        ("{“a”：“x”，“b”：“y”，}", {"a": "x", "b": "y"}),
        ('{"a": "他说"好"，走了。", "b": "y"}', {"a": '他说"好"，走了。', "b": "y"}),
        ('{"a": 1, // a note\n "b": 2}', {"a": 1, "b": 2}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "it\\\'s"}', {"a": "it's"}),
    ],
)
def test_mistakes_are_repaired(text: str, expected: dict[str, object]) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"the rate \nu", r"the rate \nu"),
        (r"2 \times 3 \neq 5", r"2 \times 3 \neq 5"),
        (r"\frac{a}{b} and \beta_1", r"\frac{a}{b} and \beta_1"),
        (r"\theta, \tau, \rho and \nabla f", r"\theta, \tau, \rho and \nabla f"),
        (r"\alpha \le \sigma^2 \(x\) 5\%", r"\alpha \le \sigma^2 \(x\) 5\%"),
        (
            r"\bar x, \boldsymbol{v}, \forall x, \upsilon, \underline{a}",
            r"\bar x, \boldsymbol{v}, \forall x, \upsilon, \underline{a}",
        ),
        (r"\\nu and \\frac12", r"\nu and \frac12"),
        (r"one\ntwo\n\nthree\r\nfour", "one\ntwo\n\nthree\nfour"),
        (r"a\tb, 1.\tWater", "a\tb, 1.\tWater"),
        (r"caf\u00e9 \ud83d\ude00 \/ \"x\"", 'café 😀 / "x"'),
        (r"压强\times面积，\rho为密度", r"压强\times面积，\rho为密度"),
    ],
)
def test_a_backslash_of_latex_is_kept_and_an_escape_is_read(written: str, meant: str) -> None:
    assert value(f'{{"a": "{written}"}}') == {"a": meant}
    assert value(f'{{"a": ["{written}"],}}') == {"a": [meant]}


def test_what_no_store_takes_is_left_out_at_every_depth() -> None:
    dirty = r"x\u0000y\ud83d\u0007"
    assert value(f'{{"{dirty}": ["{dirty}", {{"b": "{dirty}"}}], "c": 1}}') == {"xy": ["xy", {"b": "xy"}], "c": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"a": ' + "[" * 40 + "]" * 40 + "}",
        '{"a": "' + "x" * 70_000 + '"}',
        '{"a": "' + 'x" "y' * 4_000 + '"}',
        '{"a": ["x", "Hydro',
        '{"a": "x", "b',
        "",
        "[]",
    ],
)
def test_what_passes_the_bounds_or_was_cut_is_no_object(text: str) -> None:
    with pytest.raises(ValueError, match="object"):
        value(text)


def test_reading_stops_at_the_bounds() -> None:
    scanner = JsonObjectScanner()
    assert not scanner.feed('{"a": "')
    assert scanner.feed("x" * 70_000)


@pytest.mark.parametrize("piece", ['"x" ', '", "', "[{", ",", "\\", "\\u00", '"b":', "“", "“”", "“”，“", "：“", "”  "])
def test_hostile_objects_are_read_within_a_bound_of_time(piece: str) -> None:
    def spent(text: str) -> float:
        started = time.process_time()
        with contextlib.suppress(ValueError):
            value(text)
        return time.process_time() - started

    spent('{"a": 1,}')
    # Twice the text may take a little more than twice the time, and never its square.
    half, whole = ('{"a": "' + piece * (size // len(piece)) + '"]}' for size in (6_000, 12_000))
    assert min(spent(whole) for _ in range(3)) < 8 * max(min(spent(half) for _ in range(3)), 0.002)


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain", "plain"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("a\ud800b\udfffc", "abc"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a\tb"),
        ("e\u202egnp\ufeff\u200b", "egnp"),
        ("नम\u200dस्ते 叶绿体 😀", "नम\u200dस्ते 叶绿体 😀"),
    ],
)
def test_texts_are_cleaned(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected
    assert clean(clean(dirty)) == clean(dirty)


@pytest.mark.parametrize(
    "before",
    [
        "The set {1, 2, 3} is meant. ",
        "An empty object {} is no answer. ",
        "Braces of prose {as here} and {x | x > 0}. ",
        "{}" * 200,
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_braces_without_a_name_are_no_object(before: str, size: int) -> None:
    text = before + '{"a": {"b": "{}"}} {"c": 1}'
    scanner = JsonObjectScanner()
    for start in range(0, len(text), size):
        if scanner.feed(text[start : start + size]):
            break
    assert scanner.value() == {"a": {"b": "{}"}}


def test_many_empty_objects_end_at_the_bounds() -> None:
    scanner = JsonObjectScanner()
    assert scanner.feed("{}" * 40_000)
    with pytest.raises(ValueError, match="object"):
        scanner.value()
