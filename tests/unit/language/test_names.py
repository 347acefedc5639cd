"""Names: which are spelled alike, where they stand and of what they are, and which a text says are of one thing."""

from __future__ import annotations

import pytest

from services.language.names import Naming, is_acronym, long_form, name_key

NAMING = Naming()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Calvin cycle", "Calvin cycle"),
        ("Ｃａｌｖｉｎ cycle", "Calvin Cycle"),
        ("leaves", "leaf"),
        ("hypotheses", "hypothesis"),
        ("theories", "theory"),
        ("stomata", "stoma"),
        ("organisation of labour", "organization of labor"),
        ("U.S.", "US"),
        ("CNNs", "CNN"),
        ("World War Ⅱ", "World War 2"),
        ("Prof. Albert Einstein", "Albert Einstein"),
        ("Bayes' theorem", "Bayes’s theorem"),
        ("Kurt Gödel", "Kurt Godel"),
        ("H₂O", "H2O"),
        ("1,000", "1000"),
        ("《红楼梦》", "红楼梦"),
        ("第二次世界大战", "第2次世界大战"),
        ("二十一世纪", "21世纪"),
        ("列夫·托尔斯泰", "列夫・托尔斯泰"),
        ("屠呦呦教授", "屠呦呦"),
        ("公元前221年", "前221年"),
        ("维生素 C", "维生素C"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Python 2", "Python 3"),
        ("World War I", "World War II"),
        ("version 1.2", "version 12"),
        ("1914-1918", "19141918"),
        ("-5 °C", "5 °C"),
        ("C", "C++"),
        ("C#", "C"),
        ("HTTP", "HTTPS"),
        ("WHO", "who"),
        ("Wales", "wale"),
        ("Jones", "Jone"),
        ("species", "specie"),
        ("news", "new"),
        ("H2O", "H2O2"),
        ("第一次世界大战", "第二次世界大战"),
        ("Ⅰ型糖尿病", "Ⅱ型糖尿病"),
        ("20世纪", "21世纪"),
        ("数学教授", "数学"),
    ],
)
def test_names_of_two_things_have_two_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_a_common_noun_is_looked_up_without_the_capital_of_its_sentence() -> None:
    assert name_key("Chloroplasts", common=True) == name_key("chloroplast")
    assert name_key("Chloroplasts") != name_key("chloroplast")


@pytest.mark.parametrize("text", ["", "。", "the", "“”"])
def test_what_is_no_name_has_hardly_a_key(text: str) -> None:
    assert name_key(text) in {"", "the"}


@pytest.mark.parametrize(
    ("name", "short"), [("WHO", True), ("CO2", True), ("U.S.", True), ("Who", False), ("A", False)]
)
def test_acronyms(name: str, short: bool) -> None:
    assert is_acronym(name) is short


@pytest.mark.parametrize(
    ("text", "acronym", "words"),
    [
        ("Founded as the World Health Organization", "WHO", "World Health Organization"),
        ("the polymerase chain reaction ", "PCR", "polymerase chain reaction"),
        ("plants take in carbon dioxide", "CO2", "carbon dioxide"),
        ("several convolutional neural networks", "CNNs", "convolutional neural networks"),
        ("the museum of applied art", "WHO", None),
        ("WHO", "WHO", None),
    ],
)
def test_the_words_behind_an_acronym(text: str, acronym: str, words: str | None) -> None:
    start = long_form(text, acronym)
    assert (None if start is None else text[start:].strip()) == words


def found(*sentences: str) -> dict[str, str]:
    spans = NAMING.spans(sentences)
    return {text[span.start : span.end]: span.kind for text, row in zip(sentences, spans, strict=True) for span in row}


def test_english_names_are_whole_and_of_the_kind_that_they_show() -> None:
    names = found(
        "In 1961 the chemist Melvin Calvin of the University of California received the Nobel Prize.",
        "The New England Patriots met the Battle of Hastings Club beside the Mississippi River.",
        "Vitamin C and vitamin D act at 25 °C, says Newton's law.",
    )
    assert names["Melvin Calvin"] == "person"
    assert names["University of California"] == "organization"
    assert names["1961"] == "date"
    assert names["Mississippi River"] == "place"
    assert names["25 °C"] == "quantity"
    assert "New England Patriots" in names
    assert {"The New England Patriots", "In", "The"}.isdisjoint(names)


def test_chinese_names_are_whole_and_of_the_kind_that_they_show() -> None:
    names = found(
        "1945年，阿尔伯特·爱因斯坦在普林斯顿大学反对战争。",
        "曹雪芹写了《红楼梦》，书中没有光合作用。",
        "牛顿第二定律说明加速度，最适温度是25摄氏度。",
    )
    assert names["阿尔伯特·爱因斯坦"] == "person"
    assert names["1945年"] == "date"
    assert names["红楼梦"] == "work"
    assert names["光合作用"] == "process"
    assert names["25摄氏度"] == "quantity"


def stated(text: str) -> set[tuple[str, str]]:
    (spans,) = NAMING.spans([text])
    return {(text[slice(*one.name)], text[slice(*one.other)]) for one in NAMING.stated(text, spans)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("光合作用（photosynthesis）需要光。", {("光合作用", "photosynthesis")}),
        ("世界卫生组织（简称世卫组织）成立于1948年。", {("世界卫生组织", "世卫组织")}),
        ("北京大学（以下简称“北大”）在北京。", {("北京大学", "北大")}),
        ("番茄又称西红柿，原产于南美洲。", {("番茄", "西红柿")}),
        ("食盐，即氯化钠，是调味品。", {("食盐", "氯化钠")}),
        ("海陆间循环又称大循环，使水得到补充。", {("海陆间循环", "大循环")}),
        ("国内生产总值（英文缩写为GDP）增长了。", {("国内生产总值", "GDP")}),
        ("公司（英文：Company）和叶绿体（chloroplast）", {("公司", "Company"), ("叶绿体", "chloroplast")}),
        (
            "世界卫生组织（World Health Organization，WHO）在日内瓦。",
            {("世界卫生组织", "World Health Organization"), ("世界卫生组织", "WHO")},
        ),
        ("The World Health Organization (WHO) met.", {("World Health Organization", "WHO")}),
        ("NASA (National Aeronautics and Space Administration) launched it.",
         {("NASA", "National Aeronautics and Space Administration")}),
        ("Vitamin C, also called ascorbic acid, prevents scurvy.", {("Vitamin C", "ascorbic acid")}),
        ("Gross domestic product, abbreviated as GDP, fell.", {("Gross domestic product", "GDP")}),
        ("Taoism (道教) is a religion.", {("Taoism", "道教")}),
    ],
)  # fmt: skip
def test_a_text_says_that_two_names_are_of_one_thing(text: str, names: set[tuple[str, str]]) -> None:
    assert stated(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "实验使用水生植物（如Elodea）。",
        "降水量（mm）逐年减少。",
        "爱因斯坦（1879—1955）生于德国。",
        "光合作用（地球上最重要的化学反应）在叶绿体中进行。",
        "光反应（Figure 3）在类囊体上进行。",
        "动词（例如run）表示动作。",
        "Photosynthesis (in plants) needs light.",
        "Abraham Lincoln (1809) was born in Kentucky.",
        "The museum (WHO) has no such name.",
        "The rate (e.g. WHO) is known.",
    ],
)
def test_brackets_that_give_no_other_name(text: str) -> None:
    assert stated(text) == set()
