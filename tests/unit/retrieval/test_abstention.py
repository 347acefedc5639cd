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
        "No mention of it is made, and no mention is made in the passages of a dam.",
        "No mention is made of the harbor.",
        "Nowhere in the documents is the height told.",
        "There's nothing here about her brothers.",
        "从这些段落里看不出来。",
        "资料中查不到桥的高度。",
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
        "Nothing was found in the grave except two clay lamps [1].",
        "Nothing is said in the treaty about the river [1].",
        "No mention is made in his diary of the voyage [2].",
        "从地面上看不到这颗星[1]。",
    ],
)
def test_an_answer_is_no_refusal(answer: str) -> None:
    assert not is_abstention(answer)


NOTHING_SAID = [
    "There is no information about this in the text.",
    "There is no mention of the price in the passages.",
    "The text says nothing about this.",
    "Nothing is said about this in the material.",
    "Nothing in the passages mentions the year.",
    "This is not mentioned.",
    "It is not stated in the passage when he died.",
    "The answer is not given in the provided sources.",
    "I could not find an answer to this question.",
    "I don't see any information about that.",
    "Unfortunately, the passages do not say who founded the town.",
    "None of the passages mentions Napoleon.",
    "The provided context doesn't include details about the battle.",
    "Based on the given passages, it is not possible to determine the date.",
    "The material is silent on this point.",
    "The passages lack information about the population.",
    "The sources fail to mention his mother.",
    "The author's birthplace is not specified in the text.",
    "There's nothing about elephants in these passages.",
    "No information about the cost is provided.",
    "No passage answers this question.",
    "The question cannot be answered from the given material.",
    "I'm sorry, but the document does not provide that information.",
    "According to the passages, there is no information on this topic.",
    "The passages make no mention of a treaty.",
    "That isn't covered in the material.",
    "We cannot tell from the text.",
    "Not mentioned in the passages.",
    "The given excerpts don't discuss it.",
    "It is unclear from the passages whether it rained.",
    "The question asks for the capital of Peru. There is no information about this in the passages.",
    "However, the text never mentions the name of the ship.",
    "I do not have enough information to answer.",
    "The exact number is not given in the passage.",
    "Neither of the passages gives the date.",
    "资料中没有相关信息。",
    "文中没有提到他的出生地。",
    "材料没有说明原因。",
    "资料里并未提及价格。",
    "这一点没有提到。",
    "关于这个问题，资料中没有说明。",
    "没有找到相关内容。",
    "找不到与此有关的信息。",
    "无法从资料中得知答案。",
    "根据所给资料，无法确定具体年份。",
    "文章对此只字未提。",
    "资料不足，无法回答。",
    "对此，文中没有任何记载。",
    "所提供的段落中不包含该信息。",
    "抱歉，材料里没有这方面的内容。",
    "该问题在资料中没有答案。",
    "提供的资料没有涉及这个话题。",
    "没有足够的信息回答这个问题。",
    "原文未给出具体数字。",
    "上下文中未找到答案。",
    "不能从这些段落中得出答案。",
    "关于他的母亲，资料没有记载。",
    "这些资料中没有讲到水的价格。",
    "很遗憾，资料中未说明这一点。",
    "我在资料中没有找到答案。",
]
"""Wordings in which models say that the material says nothing."""


@pytest.mark.parametrize("answer", NOTHING_SAID)
def test_that_nothing_is_said_is_understood_in_any_wording(answer: str) -> None:
    assert is_abstention(answer)


SAID = [
    "The treaty does not mention Canada [1].",
    "There is no evidence of life on Mars [1].",
    "There is no oxygen in the atmosphere [1].",
    "The constitution contains no right to privacy [2].",
    "Nothing can travel faster than light [1].",
    "Nothing is known about his youth [1].",
    "He did not say who had paid for the voyage [1].",
    "The author of the letter is not known [1].",
    "Plants do not contain chitin [1].",
    "The law does not provide for a second vote [1].",
    "No information was stored on the first tape [1].",
    "It is not a planet [1].",
    "The source of the Nile was not found until 1862 [1].",
    "The text of the treaty says that Canada has to pay [1].",
    "The passage between the islands is not navigable in winter [1].",
    "It does not contain nitrogen [1].",
    "This was never proved [1].",
    "They could not find the ship [1].",
    "The material does not conduct electricity [1].",
    "Water has no color [1]. The text does not say why.",
    "The king could not answer the question [1].",
    "条约没有提到加拿大[1]。",
    "火星上没有氧气[1]。",
    "宪法没有规定第二次投票[1]。",
    "他没有说明原因就离开了[1]。",
    "这种材料不含铁[1]。",
    "当时没有找到凶手[1]。",
    "这座城市没有内陆港口[1]。",
    "科学家无法确定它的年龄[1]。",
    "人体不能合成这种物质[1]。",
    "该岛没有居民[1]。",
    "它不包含氮元素[1]。",
    "没有光，植物不能进行光合作用[1]。",
    "法律没有涉及外国人[1]。",
    "这个问题由高斯解决[1]。",
    "信息中没有错误[1]。",
]
"""True answers that hold such words: of their subject, and not of the material."""


@pytest.mark.parametrize("answer", SAID)
def test_a_true_answer_that_holds_such_words_is_none(answer: str) -> None:
    assert not is_abstention(answer)
