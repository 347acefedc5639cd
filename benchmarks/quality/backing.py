"""How near a sentence lies to its translation, and how far from the others: what backs an answer across languages."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import xquad
from benchmarks.quality.embedding import MODEL, Model
from services.language.sentences import split_sentences
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.values.calibration import Calibration, Calibrations

EVERY = 3  # paragraph is taken: about 190 sentences a language
PASSAGES = 5

Where = Literal["own", "near", "far"]


def nearest(
    model: Model, known: Calibration, stating: xquad.Corpus, material: xquad.Corpus
) -> Mapping[Where, NDArray[np.float64]]:
    """Return the cosine of each sentence of ``stating`` with its nearest one of ``material``, by where that stands.

    "own" is the translation of its paragraph, "near" the rest of the article, "far" five paragraphs of other articles.
    """
    taken = range(0, len(stating.paragraphs), EVERY)
    stated, from_where = _sentences(model, known, stating, taken)
    sources, where = _sentences(model, known, material, taken)
    articles = np.array(stating.articles)
    draw = random.Random(0)
    found: dict[Where, list[float]] = {"own": [], "near": [], "far": []}
    for cosines, place in zip(stated @ sources.T, from_where, strict=True):
        strangers = draw.sample([i for i in taken if articles[i] != articles[place]], PASSAGES)
        there: dict[Where, NDArray[np.bool_]] = {
            "own": where == place,
            "near": (articles[where] == articles[place]) & (where != place),
            "far": np.isin(where, strangers),
        }
        for kind, these in there.items():
            if these.any():
                found[kind].append(float(cosines[these].max()))
    return {kind: np.array(values) for kind, values in found.items()}


def _sentences(
    model: Model, known: Calibration, corpus: xquad.Corpus, taken: range
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    texts, places = [], []
    for place in taken:
        paragraph = corpus.paragraphs[place]
        for span in split_sentences(paragraph):
            texts.append(paragraph[span.start : span.end])
            places.append(place)
    centering = Centering(Calibrations({MODEL: known}))
    vectors = model.embed("passage: ", texts)
    centered = [centering.passage(MODEL, text, vector.tolist()) for text, vector in zip(texts, vectors, strict=True)]
    return np.array(centered), np.array(places)
