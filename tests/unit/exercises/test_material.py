"""Which sentences of a material are worth asking about."""

from __future__ import annotations

import pytest

from services.exercises.adapters.clients.fake import FakePassageSource
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.generation.material import MaterialReader, askable
from services.exercises.values.question import Passage
from services.kit.errors import InvalidArgument


def texts(text: str, *heading_path: str) -> tuple[list[str], list[str]]:
    alone, rest = askable(Passage(text, document_id="d", heading_path=heading_path))
    return [s.text for s in alone], [s.text for s in rest]


def test_sentences_that_stand_alone_come_before_the_rest() -> None:
    alone, rest = texts("Chlorophyll absorbs mainly blue-violet and red light. It reflects green light almost whole.")
    assert alone == ["Chlorophyll absorbs mainly blue-violet and red light."]
    assert rest == ["It reflects green light almost whole."]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Figure 5. Rate of photosynthesis under three sets of conditions. The rate levels off in bright light.", 1),
        ("Some text.\nTable 2.1: Photosynthesis and cellular respiration. Both take place in plant cells.", 1),
        ("图3．全球水量平衡与各项收支的估计值。海洋的蒸发量大于海洋的降水量。", 1),
        ("Light falls on all of the leaf. Each of both can limit the rate of growth.", 2),
    ],
)
def test_the_title_of_a_figure_is_no_statement(text: str, asked: int) -> None:
    alone, rest = texts(text)
    assert len([*alone, *rest]) == asked
    assert not any("conditions" in said or "respiration" in said or "估计" in said for said in [*alone, *rest])


@pytest.mark.parametrize(
    "heading",
    [
        "Check your understanding",
        "5.3 Review questions",
        "Exercises",
        "Learning objectives",
        "After this chapter you can",
        "思考题",
        "三、课后练习",
        "复习题",
        "学习目标",
        "参考答案",
    ],
)
def test_sections_that_ask_or_promise_are_no_material(heading: str) -> None:
    told = "The splitting of water in the thylakoids is called photolysis."
    asked = "Chlorophyll absorbs mainly blue-violet and red light."
    assert texts(f"{told}\n\n{heading}\n\n{asked}") == ([told], [])
    assert texts(asked, "Photosynthesis", heading) == ([], [])
    assert texts(asked, heading, "The leaf") == ([asked], [])


@pytest.mark.parametrize(
    "text",
    [
        "思考1：为什么说水资源是可再生的，却又必须节约用水？",
        "讨论：我们的城市里，哪些地面不透水，下大雨时会出现什么现象。",
        "思考3参考答案：主要影响地表径流，改变了长江径流的季节分配。",
        "图1的数据来自联合国教科文组织的估计，冰川和永久积雪占淡水的68.7%。",
        "Why does the Calvin cycle stop soon after it becomes dark?",
        "Put a shoot of the plant upside down into a beaker of water.",
        "Figure 2 shows a chloroplast with its thylakoids and the stroma.",
        "水循环的三种类型",
        "Photosynthesis and respiration",
    ],
)
def test_questions_tasks_captions_and_headings_are_not_asked_about(text: str) -> None:
    assert texts(text) == ([], [])


@pytest.mark.parametrize("heading", ["The answer of the sea", "练习曲的历史", "Problem solving in nature", "小结"])
def test_other_headings_are_material(heading: str) -> None:
    told = "The splitting of water in the thylakoids is called photolysis."
    assert texts(told, heading) == ([told], [])


@pytest.mark.parametrize("topic", ["?", " …! "])
async def test_a_topic_of_punctuation_is_refused(topic: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await MaterialReader(FakePassageSource({}), FakeMaterialWorker()).passages(["d"], topic, 3)
    assert raised.value.violations[0].field == "documents.topic"
