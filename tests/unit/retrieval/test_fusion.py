from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from services.retrieval.domain.search.fusion import attributed, fuse
from services.retrieval.values.chunk import Hit, LegHit
from tests.unit.retrieval.fakes import hit


def by_words(text: str, ordinal: int, score: float) -> Hit:
    return Hit(hit(text, ordinal).chunk, score)


def order(question: str, **rankings: list[Hit]) -> list[str]:
    return [found.chunk.text for found in fuse(question, rankings)[:10]]


def test_a_leg_alone_says_its_rank_and_score() -> None:
    found = attributed("words", [hit("a", 0, 7.5), hit("b", 1, 2.5)])
    assert [h.legs for h in found] == [(LegHit("words", 1, 7.5),), (LegHit("words", 2, 2.5),)]


def test_words_decide_between_passages_that_lie_alike() -> None:
    vector = [hit("a", 0, 0.50), hit("b", 1, 0.48), hit("c", 2, 0.10)]
    words = [by_words("b", 1, 9.0), by_words("c", 2, 6.0), by_words("d", 3, 3.0)]
    assert order("q", vector=vector, words=words) == ["b", "a", "c", "d"]
    assert order("q", vector=vector) == ["a", "b", "c"]


def test_a_hit_says_which_legs_found_it() -> None:
    vector = [hit("a", 0, 0.5), hit("c", 2, 0.1)]
    (found, *_) = fuse("q", {"vector": vector, "words": [by_words("x", 1, 9), by_words("a", 0, 8)]})
    assert found.chunk.text == "a"
    assert found.legs == (LegHit("vector", 1, 0.5), LegHit("words", 2, 8))
    assert found.similarity == 0.5


def test_the_words_of_a_language_do_not_put_it_before_another() -> None:
    vector = [hit("水在一百摄氏度沸腾。", 0, 0.40), hit("Water is wet.", 1, 0.20), hit("Water is cold.", 2, 0.15)]
    words = [by_words("Water is cold.", 2, 9.0), by_words("Water is wet.", 1, 1.0)]
    found = fuse("At what temperature does water boil?", {"vector": vector, "words": words})
    assert [h.chunk.text for h in found] == ["水在一百摄氏度沸腾。", "Water is cold.", "Water is wet."]
    assert [h.score for h in found] == [0.40, 0.20, 0.15]


def test_words_that_stand_in_many_passages_decide_nothing() -> None:
    vector = [hit("a", 0, 0.50), hit("b", 1, 0.40)]
    alone = [by_words("b", 1, 9.0), *(by_words(f"c{i}", i, 1.0) for i in range(2, 30))]
    common = [by_words("b", 1, 9.0), *(by_words(f"c{i}", i, 8.0) for i in range(2, 30))]
    assert order("q", vector=vector, words=alone)[0] == "b"
    assert order("q", vector=vector, words=common)[0] == "a"


def test_across_languages_words_count_for_little_and_other_legs_as_ever() -> None:
    vector = [hit("光合作用。", 0, 0.40), hit("DNA的结构。", 1, 0.34), hit("水。", 2, 0.30)]
    found = [by_words("DNA的结构。", 1, 5.0)]
    assert order("What is DNA?", vector=vector, words=found)[0] == "光合作用。"
    assert order("What is DNA?", vector=vector, outside=found)[0] == "DNA的结构。"


def test_without_vectors_the_other_legs_decide() -> None:
    words = [by_words("a", 0, 9.0), by_words("水", 1, 2.0)]
    assert order("q", words=words) == ["a", "水"]
    assert order("q", words=words, graph=[by_words("水", 1, 0.7)]) == ["a", "水"]


@pytest.mark.parametrize("score", [0.0, -3.0])
def test_a_leg_whose_best_score_is_nothing_adds_nothing(score: float) -> None:
    assert order("q", vector=[hit("a", 0, 0.5)], graph=[by_words("b", 1, score)]) == ["a", "b"]


def test_order_of_legs_and_ties_do_not_change_the_result() -> None:
    lists = {
        "x": [by_words("a", 0, 1), by_words("b", 1, 1)],
        "y": [by_words("b", 1, 1), by_words("a", 0, 1)],
        "vector": [hit("c", 2, 0.5), replace(hit("d", 3), similarity=0.5)],
    }
    results = [[h.chunk.chunk_id for h in fuse("q", dict(mixed))] for mixed in itertools.permutations(lists.items())]
    assert all(result == results[0] for result in results)


def test_hits_are_had_one_by_one_or_as_a_part() -> None:
    fused = fuse("q", {"x": [hit(str(i), i, 0.9 - i / 10) for i in range(9)]})
    assert len(fused) == 9
    assert fused[1:3] == [fused[1], fused[2]] == list(fused)[1:3]
    assert [one.chunk.text for one in fused[:2]] == ["0", "1"]
    assert list(fuse("q", {"x": []})) == []


def test_an_outside_score_stands_for_words_beside_its_cosine() -> None:
    near, far = hit("b", 1, 0.6), hit("c", 2, 0.1)
    outside = [replace(near, score=0.9), replace(far, score=0.3)]
    assert order("q", vector=[hit("a", 0, 0.5)], **{"outside:x": outside}) == ["b", "a", "c"]
    strangers = [replace(far, score=0.9)]
    words = [by_words("a", 0, 9.0)]
    assert order("q", vector=[hit("a", 0, 0.5)], words=words, **{"outside:x": strangers}) == ["a", "c"]


def test_outside_passages_without_a_cosine_are_ranked_by_their_own_score() -> None:
    outside = [by_words("b", 1, 0.8), by_words("c", 2, 0.2)]
    assert order("q", words=[by_words("a", 0, 3.0), by_words("d", 3, 1.0)], **{"outside:x": outside}) == list("abdc")
