"""What a teacher would not keep in questions without a model: leaks, cut words, dangling beginnings, odd options."""

from __future__ import annotations

import pytest

from services.common.values import Source
from services.exercises.adapters.clients.fake import FakeChatModel
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.generation.checks import Accepted, holds_answer
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.domain.text.sentences import stands_alone
from services.exercises.values.exercise import Event, QuestionMade, QuestionRefused
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import GAP, Draft, Generator, GeneratorChoice, Passage, Question, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES
from services.language.en import ENGLISH
from services.language.key_terms import Category, index_terms
from services.language.zh import CHINESE
from tests.unit.exercises.fakes import material


def gap(stem: str, answer: str, generator: Generator = Generator.CLOZE) -> Draft:
    quote = stem.replace(GAP, answer)
    return Draft(QuestionKind.FILL_IN_THE_BLANK, stem, quote, "e", generator, blanks=((answer,),))


def statement(text: str, generator: Generator = Generator.CLOZE) -> Draft:
    return Draft(QuestionKind.TRUE_FALSE, text, text, "e", generator, truth=True)


def choice(stem: str, *options: str, generator: Generator = Generator.MODEL) -> Draft:
    return Draft(QuestionKind.SINGLE_CHOICE, stem, stem, "e", generator, options=options, correct=(0,))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (gap("____ was crowned in 1189.", "Richard I"), statement("The crusade of RICHARD I began in 1190.")),
        (gap("____于1887年发现了电磁波。", "赫兹"), statement("赫兹出生于汉堡。")),
        (gap("The capital is ____.", "Bogotá"), choice("Which city is high?", "Quito", "Bogotá", "Lima")),
        (
            gap("The bridge has six ____.", "tower", Generator.MODEL),
            statement("All towers are of steel.", Generator.MODEL),
        ),
        (
            choice("Who wrote it?", "Ada Byron", "Mary Somerville"),
            choice("What did Ada Byron find?", "A law", "A rule"),
        ),
        (gap("It has ____ rooms.", "412"), statement("Of the 412 rooms, all face south.")),
    ],
)
def test_no_question_holds_the_answer_of_another(one: Draft, other: Draft) -> None:
    for first, second in ((one, other), (other, one)):
        accepted = Accepted()
        accepted.add(first, Source(0, 1, first.quote))
        with pytest.raises(RefusedError) as refused:
            accepted.add(second, Source(2, 3, second.quote))
        assert refused.value.reason is Refusal.ANSWER_IN_ANOTHER
        accepted.forget(first, Source(0, 1, first.quote))
        accepted.add(second, Source(2, 3, second.quote))


def test_a_part_of_a_number_or_a_short_word_gives_nothing_away() -> None:
    assert not holds_answer(statement("It was built in 1812."), gap("It has ____ rooms.", "12"))
    assert not holds_answer(statement("The party began."), gap("The ____ of war.", "art"))


@pytest.mark.parametrize(
    "text",
    [
        "Since then, the port has grown into the largest of the whole coast.",
        "By then the empire had lost all of its provinces in the south.",
        "The council decided that this reform would take place in the spring.",
        "Engineers of the company improved these machines in the following decade.",
        "Twelve years later, the ferry was replaced by a bridge of steel and stone.",
        "In 1803 she presented a design for the bridge to the town council.",
        "The painter Anna Brandt was born here in the spring of 1921.",
        "After that, the river was used by ships from the northern towns.",
        "此后，该港口逐渐发展成为全国最大的港口。",
        "工程师在二十世纪改进了这些机器的结构和外形。",
        "画家王明于1921年春季出生于这里的一个村庄。",
        "当时，铁路公司雇用了一万多名来自南方的工人。",
        "议会决定该法案于1832年春季在全国正式生效。",
    ],
)
def test_a_sentence_that_points_at_what_it_does_not_name_is_not_asked_about(text: str) -> None:
    assert not stands_alone(text, LANGUAGES.of(text))


@pytest.mark.parametrize(
    "text",
    [
        "When a machine has two wheels, this machine is called a bicycle in most countries.",
        "Metals such as copper and silver conduct electricity well at low temperatures.",
        "The rights of those who rent a house are protected by the law of the state.",
        "如果一台机器有两个轮子，这台机器在大多数国家被称为自行车。",
        "人们应该在春季给果树修剪枝条，并清除杂草。",
    ],
)
def test_a_sentence_that_names_what_it_points_at_stands_alone(text: str) -> None:
    assert stands_alone(text, LANGUAGES.of(text))


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("The hall was designed by José Álvarez and opened by the mayor.", "José Álvarez"),
        ("The proof was found by Gödel in the city of Vienna.", "Gödel"),
        ("The novel was written by Čapek before the war.", "Čapek"),
        ("The theorem was shown by Erdős in a short paper.", "Erdős"),
        ("The book was printed by Σωκράτης in the old town.", "Σωκράτης"),
    ],
)
def test_letters_with_accents_cut_no_word(sentence: str, name: str) -> None:
    ((*found,),) = index_terms([sentence], ENGLISH.key_terms).occurrences
    assert name in [sentence[occurrence.start : occurrence.end] for occurrence in found]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("London University", Category.NAME), ("Harvard College", Category.NAME), True),
        (("London University", Category.NAME), ("Battle of Hastings", Category.NAME), False),
        (("migration", Category.CONCEPT), ("pollination", Category.CONCEPT), True),
        (("migration", Category.CONCEPT), ("kindness", Category.CONCEPT), False),
    ],
)
def test_wrong_options_are_of_the_right_ones_sort(
    one: tuple[str, Category], other: tuple[str, Category], alike: bool
) -> None:
    assert (ENGLISH.cloze.sort(*one) == ENGLISH.cloze.sort(*other)) is alike


def test_a_verb_with_its_object_is_no_option() -> None:
    assert CHINESE.cloze.sort("吃苹果", Category.CONCEPT) == ""
    assert CHINESE.cloze.sort("长江", Category.PLACE) == CHINESE.cloze.sort("黄河", Category.PLACE)


async def run(
    text: str, kinds: tuple[QuestionKind, ...], count: int, seed: int = 3
) -> tuple[list[Question], list[str]]:
    made: list[Question] = []
    told: list[str] = []

    async def publish(event: Event) -> None:
        match event:
            case QuestionMade(question):
                made.append(question)
            case QuestionRefused(_, reason):
                told.append(reason)

    plan = GenerationPlan((Passage(text),), kinds, count, GeneratorChoice.CLOZE_ONLY, "", seed)
    await QuestionGenerator(FakeChatModel(lambda _: ""), FakeMaterialWorker(), GenerationLimits()).generate(
        plan, publish
    )
    return made, told


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seed", range(4))
async def test_true_and_false_are_in_balance(language: str, seed: int) -> None:
    made, _ = await run(material(language), (QuestionKind.TRUE_FALSE,), 6, seed)
    assert len(made) >= 4
    assert abs(2 * sum(bool(question.answer_key.truth) for question in made) - len(made)) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "東京は日本の首都であり、世界で最も人口の多い都市の一つです。江戸時代には幕府が置かれていました。",
        "Москва является столицей России. Город был основан в 1147 году князем Юрием Долгоруким.",
        "서울은 대한민국의 수도이며 가장 큰 도시이다. 한강이 도시를 가로질러 흐른다.",
        "Die Hauptstadt von Bayern ist München. Der Fluss Isar fließt durch die Stadt und mündet später in die Donau.",
    ],
)
async def test_material_in_another_language_gets_no_question_and_the_run_says_so(text: str) -> None:
    assert await run(text, tuple(QuestionKind), 3) == ([], [Refusal.LANGUAGE_NOT_SERVED.value])


@pytest.mark.parametrize(
    "text",
    [
        "Scott walked to the pole in 1912. The ship of Amundsen left Norway in 1910 with ninety dogs on board.",
        "哥伦布于1492年到达美洲。麦哲伦的船队于1519年从西班牙出发，船上有二百多名水手。",
    ],
)
async def test_a_kind_that_the_material_does_not_give_is_not_offered(text: str) -> None:
    made, told = await run(text, (QuestionKind.SHORT_ANSWER,), 2)
    assert made == []
    assert told == [Refusal.KIND_NOT_OFFERED.value]
