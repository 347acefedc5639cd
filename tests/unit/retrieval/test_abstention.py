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


NOTHING_SAID_OF_WHAT_WAS_GIVEN = [
    "The uploaded chapters don't get into his reasons for resigning.",
    "I was unable to locate anything in your notes regarding the second experiment.",
    "Your study material doesn't touch on quantum tunnelling.",
    "Sadly, nothing in the excerpts you shared explains why the bridge collapsed.",
    "None of the sources provided speaks to that.",
    "The passages only cover the first voyage; the second one is not discussed.",
    "I'm afraid the answer isn't in the material.",
    "The information needed to answer this is absent from the passages.",
    "Details about her childhood are missing from the text.",
    "The text gives no indication of the year.",
    "The passages offer no explanation for the decline.",
    "This information is unavailable in the provided context.",
    "It's impossible to say from what is given here.",
    "The material does not go into the cost of the canal.",
    "Insufficient information is provided to determine the boiling point.",
    "The documents you provided do not appear to answer this.",
    "Without further information, I can't determine who won.",
    "The passages talk about photosynthesis but not about respiration in fungi.",
    "Not enough context to answer.",
    "There isn't anything in the text about the third treaty.",
    "That question falls outside the provided material.",
    "The question goes beyond what the passages cover.",
    "No answer can be found in the given passages.",
    "No relevant passage was found.",
    "The excerpts leave this open.",
    "The height of the tower is nowhere stated in the passages.",
    "The passage doesn't specify.",
    "Nothing relevant was found in your documents.",
    "Unfortunately I don't have access to that information in the given sources.",
    "The retrieved passages are about something else and do not answer the question.",
    "从给出的段落看不出他为什么辞职。",
    "上传的讲义没有涉及这一部分。",
    "您的笔记里没有第二个实验的内容。",
    "给出的几段文字都没谈到这座桥为什么倒塌。",
    "材料只讲了第一次航行，没有讲第二次。",
    "答案不在所给资料中。",
    "回答这个问题所需的信息在文中缺失。",
    "文中没有关于她童年的描述。",
    "这已超出所给材料的范围。",
    "该问题超出了资料的范围。",
    "凭现有材料无法判断谁赢了。",
    "目前的资料还不足以说明原因。",
    "课本上没写。",
    "书中没有交代。",
    "您提供的文件似乎没有回答这个问题。",
    "检索到的段落与问题无关。",
    "没有检索到相关段落。",
    "段落里没有一处提到塔的高度。",
    "我没能在资料里找到相关说明。",
    "很抱歉，我在您上传的文档中没有看到这方面的介绍。",
    "資料中沒有提到這個問題。",
    "文中並未說明他的出生地。",
    "抱歉，根據提供的內容，無法回答這個問題。",
    "所給的段落裡找不到答案。",
    "這份講義沒有涉及這個主題。",
    "上傳的筆記裡沒有相關內容。",
    "材料不足，無法確定年份。",
    "這個問題超出了資料的範圍。",
    "從這幾段文字看不出來。",
    "很遺憾，原文對此隻字未提。",
    "The given passages discuss only the war in Europe, and say nothing of Africa.",
    "I looked through the excerpts, but the year isn't there.",
    "The notes you uploaded never bring up this theorem.",
    "Your slides do not explain this step.",
    "The cause of the fire isn't described in the passages.",
    "I have no information about that.",
    "No passage mentions the inventor's wife.",
    "The answer to this question is not in the text.",
    "This cannot be answered with the passages at hand.",
    "The provided excerpts do not include the name of the general [1].",
    "Sorry, but I can't find the melting point in the material.",
    "The material doesn't discuss that topic [1][2].",
    "There is insufficient information in the passages.",
    "The text is silent about the treaty's cost.",
    "Nothing here says when it opened.",
    "It isn't mentioned.",
    "The passages do not state this directly.",
    "These paragraphs contain nothing about tides.",
    "资料中没有关于这一点的说明[1]。",
    "所提供的段落没有说明他的母亲是谁[1]。",
    "段落未提供相关数据。",
    "这个问题的答案没有出现在资料中。",
    "我无法根据这些段落回答。",
    "您上传的课件没有讲到这一定理。",
    "从材料中无法得出结论。",
    "文中没有具体说明时间。",
    "没有相关资料。",
    "暂无相关信息。",
    "给定的上下文与该问题没有关系。",
    "这几段只介绍了欧洲的战争，没有涉及非洲。",
    "資料未提及此事。",
    "上傳的文件沒有說明原因。",
    "我無法根據這些內容回答您的問題。",
    "從所給的資料中看不出答案。",
    "沒有找到相關資訊。",
    "I searched the notes you shared, but no date is given.",
    "The context provided is not sufficient to answer.",
    "The passages do not say, so I can't answer.",
    "None of this is in the material.",
    "The supplied texts have no details on the budget.",
    "My sources say nothing on this.",
    "It's not covered.",
    "The lecture doesn't mention it.",
    "Neither source mentions the budget.",
    "两段资料都没有说明。",
    "这些段落主要讲欧洲，并没有谈到非洲。",
    "恕我无法回答，因为资料中没有相关内容。",
    "教材里没有提及。",
    "参考资料中缺少这方面的信息。",
    "这在资料中没有说明。",
    "不好意思，资料里没有讲到。",
    "文本中並無此資訊。",
    "我在您的筆記中沒有找到答案。",
    "來源未提供相關細節。",
]
"""More wordings, of material that somebody gave, of none in particular, and in traditional characters."""


@pytest.mark.parametrize("answer", NOTHING_SAID_OF_WHAT_WAS_GIVEN)
def test_that_what_was_given_says_nothing_is_understood(answer: str) -> None:
    assert is_abstention(answer)


CITED = [
    "The treaty's text does not mention slavery, because the southern states objected [1].",
    "Unknown to the crew, the ship was leaking [1].",
    "He could not find any evidence against the accused [1].",
    "There is no information in the genome about a cell's position [1].",
    "No answer came from Berlin before the ultimatum ran out [2].",
    "The question was not answered until Wiles proved it in 1994 [1].",
    "Nothing was found in the chamber apart from a stone box [1].",
    "I cannot tell a lie, said Washington in the story [1].",
    "It is not possible to square the circle with ruler and compass [1].",
    "It is not possible to determine both position and momentum exactly [1].",
    "Insufficient data caused the model to overfit [1].",
    "No information can travel faster than light [2].",
    "The sources of the river lie outside the national park [1].",
    "The material is missing a stable isotope, so it decays [1].",
    "The documents were not available to historians before 1991 [2].",
    "This is not found in animals, only in plants [1].",
    "It was not mentioned in public until 1975 [1].",
    "The book does not contain any letter e [1].",
    "Not enough oxygen reaches the muscles, so lactic acid forms [1].",
    "The passage of the bill failed because nobody gave it support [1].",
    "There was no mention of God in the first draft of the oath [1].",
    "这本书没有提到作者的姓名，因为它是匿名出版的[1]。",
    "这种资料在战前没有公开[1]。",
    "该国没有足够的信息基础设施[1]。",
    "缺乏维生素C会引起坏血病[1]。",
    "无法确定电子的位置和动量，这就是测不准原理[1]。",
    "没有找到新大陆的人是迪亚士[1]。",
    "这一点没有得到实验的证实[1]。",
    "法院没有采信该文件，因为它缺少签名[1]。",
    "不能回答考官提问的学生要补考[1]。",
    "这些内容不受版权保护[1]。",
    "原文没有标点，后人才加上[1]。",
    "这个问题没有解析解[1]。",
    "答案不是唯一的，而是有两个[1]。",
    "該條約沒有提到臺灣的歸屬[1]。",
    "他在信中沒有說明離開的原因[1]。",
    "這種材料不含金屬[1]。",
    "書中沒有女性角色，因為作者只寫修道院[1]。",
    "無法找到配偶的個體會無性繁殖[1]。",
    "The documents of the trial were never published, and the court did not say why [1].",
    "The material of the wing must not contain copper [1].",
    "Without a catalyst, it cannot be determined by titration [1].",
    "It is not known who built the tomb [1].",
    "It is impossible to tell the twins apart [1].",
    "The reading of the meter is not given in volts [1].",
    "The sources of the Rhine are not in Germany [1].",
    "No details were given to the press before 1945 [1].",
    "Insufficient evidence to convict led to his release [1].",
    "That is not found outside Africa [1].",
    "We cannot see ultraviolet light [1].",
    "The files do not contain a header, only raw samples [1].",
    "Copper is absent from the first layer [1].",
    "The planet lies beyond the orbit of Neptune [1].",
    "There was no mention of it in the press [1].",
    "Nothing was said to the crew [1].",
    "The section of the code that does not contain comments was deleted [1].",
    "Notes are not mentioned in the contract [1].",
    "没有人知道作者的真名[1]。",
    "缺乏相关知识的工人不能上岗[1]。",
    "这部法律没有规定刑期[1]。",
    "他在书中没有提到战争[1]。",
    "无法找到食物时，熊会冬眠[1]。",
    "不能确定亲子关系时可用基因检测[1]。",
    "此点没有争议[1]。",
    "该文件没有加密[1]。",
    "不清楚病因的病人应当隔离[1]。",
    "材料没有塑性时会突然断裂[1]。",
    "内容不包括附录[1]。",
    "信息量不足会使模型过拟合[1]。",
    "該島沒有河流[1]。",
    "無法判斷方向的鳥會迷路[1]。",
    "沒有發現抗生素之前，肺炎很致命[1]。",
    "這個問題沒有得到解決[1]。",
    "對此，國王沒有說明理由[1]。",
    "The two samples do not contain any lead [1].",
    "It was impossible to tell friend from foe in the fog [1].",
    "The lecture was not given until 1921 [1].",
    "This does not say anything about causation, Hume argued [1].",
    "The notes do not follow the key of the piece [1].",
    "We do not know when life began [1].",
    "Nothing here grows above the tree line [1].",
    "There is no information loss in this coding [1].",
    "The sources of error are not independent [1].",
    "The contents of the jar contain no alcohol [1].",
    "这两份合同没有写明日期[1]。",
    "这段历史没有文字记载[1]。",
    "课本没有统一，各省各编一套[1]。",
    "该药没有说明书[1]。",
    "这里没有四季[1]。",
    "难以确定凶手是谁[1]。",
    "没有资料的病人不能入院[1]。",
    "這封信沒有寫地址[1]。",
    "該書並未提及孔子[1]。",
    "目前沒有疫苗[1]。",
]
"""True answers that begin as an abstention does which names no material, and cite what they rest on."""


@pytest.mark.parametrize("answer", CITED)
def test_an_answer_that_cites_and_names_no_material_is_none(answer: str) -> None:
    assert not is_abstention(answer)


@pytest.mark.parametrize(
    "answer", ["I cannot answer this [1].", "The passages do not say so [1].", "无法回答这个问题[1]。"]
)
def test_a_refusal_that_cites_is_one(answer: str) -> None:
    assert is_abstention(answer)
