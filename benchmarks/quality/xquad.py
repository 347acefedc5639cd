"""XQuAD: 240 paragraphs and 1,190 questions, aligned in English and Chinese (CC BY-SA 4.0).

Source: Artetxe, Ruder and Yogatama, "On the Cross-lingual Transferability of Monolingual Representations", ACL 2020.
A development set: one half of its articles chooses thresholds, the other tests them, and neither says anything about
unseen kinds of material: all of it is Wikipedia.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

FOLDER = Path(os.environ.get("XQUAD") or Path(__file__).parents[3] / "shared" / "data" / "xquad")
LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the paragraph that answers it, and the answer as it stands there."""

    text: str
    paragraph: int
    answer: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """One language: paragraphs, the article of each, and the questions; positions are equal across languages."""

    paragraphs: list[str]
    articles: list[int]
    questions: list[Question]


def halve(corpus: Corpus) -> tuple[Corpus, Corpus]:
    """Return the articles at even and at odd positions as two corpora that share no article."""
    return _half(corpus, 0), _half(corpus, 1)


def _half(corpus: Corpus, parity: int) -> Corpus:
    kept = [position for position, article in enumerate(corpus.articles) if article % 2 == parity]
    moved = {position: new for new, position in enumerate(kept)}
    return Corpus(
        [corpus.paragraphs[position] for position in kept],
        [corpus.articles[position] for position in kept],
        [
            replace(question, paragraph=moved[question.paragraph])
            for question in corpus.questions
            if question.paragraph in moved
        ],
    )


def load(language: str, folder: Path = FOLDER) -> Corpus:
    """Read one language. Raises FileNotFoundError when the data is not there."""
    data = json.loads((folder / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    corpus = Corpus([], [], [])
    for article, entry in enumerate(data):
        for paragraph in entry["paragraphs"]:
            position = len(corpus.paragraphs)
            corpus.paragraphs.append(paragraph["context"])
            corpus.articles.append(article)
            corpus.questions.extend(
                Question(qa["question"], position, qa["answers"][0]["text"]) for qa in paragraph["qas"]
            )
    return corpus
