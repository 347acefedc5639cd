from __future__ import annotations

import pytest

from services.retrieval.domain.search.bm25 import passage_vector, question_vector


def weights(text: str) -> dict[int, float]:
    vector = passage_vector(text)
    return dict(zip(vector.indices, vector.values, strict=True))


def test_ids_of_terms_are_the_same_in_every_process() -> None:
    """They are stored: another hash would find nothing of what is there."""
    assert question_vector("water 水") == question_vector("水 water")
    assert set(question_vector("water").indices) == {4214428890}


def test_a_question_asks_for_each_term_once() -> None:
    vector = question_vector("water water 水水")
    assert len(vector.indices) == 3
    assert set(vector.values) == {1.0}


def test_repetition_counts_less_and_less() -> None:
    (key,) = question_vector("water").indices
    once, twice, often = (weights("water " * count + "salt " * (100 - count))[key] for count in (1, 2, 50))
    assert once < twice < 2 * once
    assert often < 1.9


def test_the_same_word_counts_more_in_a_short_passage() -> None:
    (key,) = question_vector("water").indices
    assert weights("water is wet")[key] > weights("water is wet " + "and so on " * 100)[key]


def test_a_single_character_weighs_less_than_a_pair() -> None:
    found = weights("细胞")
    (single, *_), (pair,) = question_vector("细").indices, set(found) - {*question_vector("细 胞").indices}
    assert found[single] == pytest.approx(0.3 * found[pair])


@pytest.mark.parametrize("text", ["", "…"])
def test_nothing_has_no_vector(text: str) -> None:
    assert not passage_vector(text).indices
    assert not question_vector(text).indices
