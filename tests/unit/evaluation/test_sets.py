from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.evaluation.sets import Half, NotASetError, read_set


def squad(path: Path, *articles: list[str], language: str = "en") -> Path:
    """Write a set with two questions a passage, whose ids are the same in every language."""
    data: list[Any] = []
    for article, passages in enumerate(articles):
        paragraphs = [
            {
                "context": passage,
                "qas": [{"id": f"{article}-{i}-{n}", "question": f"{language} {passage}? {n}"} for n in (1, 2)],
            }
            for i, passage in enumerate(passages)
        ]
        data.append({"paragraphs": paragraphs})
    path.write_text(json.dumps({"data": data}), encoding="utf-8")
    return path


def test_squad_halves_share_no_article(tmp_path: Path) -> None:
    path = squad(tmp_path / "set.json", ["a", "b"], ["c"], ["d"])
    assert list(read_set(path).passages) == ["a", "b", "c", "d"]
    assert list(read_set(path, Half.CHOSEN).passages) == ["a", "b", "d"]
    held = read_set(path, Half.HELD)
    assert (list(held.passages), list(held.articles)) == (["c"], [1])
    assert [(question.text, question.relevant) for question in held.questions] == [
        ("en c? 1", {0: 1.0}),
        ("en c? 2", {0: 1.0}),
    ]


def test_questions_of_another_language_are_matched_by_id(tmp_path: Path) -> None:
    path = squad(tmp_path / "en.json", ["a"], ["b"])
    other = squad(tmp_path / "zh.json", ["甲"], language="zh")
    found = read_set(path, questions=other)
    assert list(found.passages) == ["a", "b"]
    assert [question.text for question in found.questions] == ["zh 甲? 1", "zh 甲? 2"]


def test_strangers_are_passages_of_other_sets(tmp_path: Path) -> None:
    path, other = squad(tmp_path / "set.json", ["a", "b"]), squad(tmp_path / "other.json", ["b", "c"], ["d"])
    found = read_set(path, Half.CHOSEN, strangers=[other, path])
    assert (list(found.passages), list(found.strangers)) == (["a", "b"], ["c", "d"])


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir()
    corpus = [{"_id": "p1", "title": "T", "text": "one"}, {"_id": "p2", "title": "", "text": "two"}]
    queries = [{"_id": "q1", "text": "first?"}, {"_id": "q2", "text": "second?"}, {"_id": "q3", "text": "none?"}]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore", "q1\tp1\t2", "q1\tp2\t1", "q2\tp2\t1", "q3\tp1\t0", "q3\tp9\t1"]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_beir_folder_has_graded_passages(tmp_path: Path) -> None:
    found = read_set(beir(tmp_path))
    assert list(found.passages) == ["T\none", "two"]
    assert [(question.text, question.relevant) for question in found.questions] == [
        ("first?", {0: 2.0, 1: 1.0}),
        ("second?", {1: 1.0}),
    ]
    held = read_set(tmp_path, Half.HELD)
    assert ([question.text for question in held.questions], len(held.passages)) == (["second?"], 2)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"data": []}', '{"data": [{"paragraphs": [{"qas": []}]}]}', "\ufffe"]
)
def test_what_is_no_set_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "set.json"
    path.write_text(text, encoding="utf-16" if text == "\ufffe" else "utf-8")
    with pytest.raises(NotASetError, match=r"set\.json"):
        read_set(path)
    with pytest.raises(NotASetError):
        read_set(tmp_path)
