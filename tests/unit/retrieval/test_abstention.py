from __future__ import annotations

import pytest

from services.retrieval.domain.answering.draft import AbstentionFilter, is_abstention


def run(*pieces: str) -> tuple[str, bool]:
    held = AbstentionFilter()
    passed = "".join(held.feed(piece) for piece in pieces)
    return passed + held.close(), held.abstained


@pytest.mark.parametrize("size", range(1, 16))
def test_the_marker_is_seen_however_it_is_cut(size: int) -> None:
    text = "NOT_IN_MATERIAL."
    assert run(*(text[i : i + size] for i in range(0, len(text), size))) == ("", True)


def test_text_before_the_marker_passes_and_after_it_nothing() -> None:
    assert run("I know. NOT IN", " MATERIAL", " more") == ("I know. ", True)


@pytest.mark.parametrize(
    "text", ["NOT_IN_MATE", "NOTHING", "KNOT_IN", "not in material science", "N", "NOT_IN_MATERIAN"]
)
def test_what_only_begins_like_it_is_text(text: str) -> None:
    assert run(*text) == (text, False)


def test_plain_text_is_not_held() -> None:
    held = AbstentionFilter()
    assert held.feed("Water is") == "Water is"
    assert held.feed(" not") == " not"
    assert held.feed(" N") == " "
    assert held.feed("o") == "No"


@pytest.mark.parametrize(
    "answer",
    [
        "The passages do not contain information about Napoleon.",
        "The provided passage does not mention the capital of France [1].",
        "Sorry, the text doesn't say.",
        "I cannot answer this question based on the passages.",
        "资料中没有提到这个问题的答案。",
        "抱歉，根据提供的资料，没有相关信息。",
        "文中未提及拿破仑。",
        "无法回答这个问题。",
    ],
)
def test_a_refusal_in_other_words(answer: str) -> None:
    assert is_abstention(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Water boils at 100 degrees [1].",
        "The passage says that plants do not move.",
        "Not all plants are green [2].",
        "没有光，植物不能进行光合作用[1]。",
        "植物细胞中有叶绿体。",
        "The texts are old." * 40,
    ],
)
def test_an_answer_is_no_refusal(answer: str) -> None:
    assert not is_abstention(answer)
