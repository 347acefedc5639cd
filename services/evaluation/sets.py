"""Question sets: SQuAD-shaped JSON files and BEIR folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Half(StrEnum):
    """A part of a set: what chose figures must not be measured on what they were chosen by."""

    ALL = "all"
    CHOSEN = "chosen"
    """The articles at even positions."""
    HELD = "held"
    """The articles at odd positions."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and how relevant which passages are to it, by their positions."""

    text: str
    relevant: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Passages, the questions that they answer, and passages of other sets that make a library larger."""

    passages: Sequence[str]
    questions: Sequence[Question]
    articles: Sequence[int]
    """The position of the article that each passage is of, in the whole set; a BEIR passage is an article."""
    strangers: Sequence[str] = ()


class NotASetError(ValueError):
    """The path holds no question set; the message says what was expected."""


def read_set(
    path: Path, half: Half = Half.ALL, questions: Path | None = None, strangers: Sequence[Path] = ()
) -> QuestionSet:
    """Read a SQuAD-shaped file or a BEIR folder; this blocks.

    `questions` is another SQuAD-shaped file whose questions are asked in place of the set's, matched by their ids, such
    as XQuAD in another language. Half of a set are half of its articles, with all of the passages that they hold; a
    BEIR folder has no articles, so half of its questions are taken and all passages stay. `strangers` are sets of which
    the passages alone are read.

    Raises:
        NotASetError: one of them is neither, or the first holds no question.
    """
    found = _read(path, half, questions)
    if not found.questions:
        raise NotASetError(f"{path} holds no question")
    own = set(found.passages)
    others = (passage for other in strangers for passage in _read(other, Half.ALL, None).passages)
    return replace(found, strangers=[text for text in dict.fromkeys(others) if text not in own])


def _read(path: Path, half: Half, questions: Path | None) -> QuestionSet:
    try:
        return _beir(path, half) if path.is_dir() else _squad(path, half, questions)
    except (OSError, KeyError, TypeError, IndexError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotASetError(f"{path} is neither SQuAD-shaped JSON nor a BEIR folder: {error!r}") from error


def _taken(position: int, half: Half) -> bool:
    return half is Half.ALL or position % 2 == (half is Half.HELD)


def _squad(path: Path, half: Half, questions: Path | None) -> QuestionSet:
    other = {qa["id"]: qa["question"] for _, paragraph in _paragraphs(questions) for qa in paragraph["qas"]}
    passages: list[str] = []
    articles: list[int] = []
    asked: list[Question] = []
    for article, paragraph in _paragraphs(path):
        if not _taken(article, half):
            continue
        relevant = {len(passages): 1.0}
        passages.append(paragraph["context"])
        articles.append(article)
        for qa in paragraph["qas"]:
            text = other.get(qa["id"]) if questions else qa["question"]
            if text and not qa.get("is_impossible"):
                asked.append(Question(text, relevant))
    return QuestionSet(passages, asked, articles)


def _paragraphs(path: Path | None) -> list[tuple[int, Mapping[str, Any]]]:
    if path is None:
        return []
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [(article, paragraph) for article, entry in enumerate(data) for paragraph in entry["paragraphs"]]


def _beir(folder: Path, half: Half) -> QuestionSet:
    passages: list[str] = []
    positions: dict[str, int] = {}
    for row in _lines(folder / "corpus.jsonl"):
        positions[row["_id"]] = len(passages)
        passages.append("\n".join(part for part in (row.get("title"), row["text"]) if part))
    texts = {row["_id"]: row["text"] for row in _lines(folder / "queries.jsonl")}
    relevant: dict[str, dict[int, float]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for query, passage, score in list(csv.reader(file, delimiter="\t"))[1:]:
            if float(score) > 0 and passage in positions:
                relevant.setdefault(query, {})[positions[passage]] = float(score)
    asked = [Question(texts[query], found) for query, found in relevant.items() if query in texts]
    taken = [question for i, question in enumerate(asked) if _taken(i, half)]
    return QuestionSet(passages, taken, range(len(passages)))


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
