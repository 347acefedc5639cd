"""What a teacher would not keep in questions without a model: leaks, cut words, dangling beginnings, odd options."""

from __future__ import annotations

from math import inf

import pytest

from services.common.values import Source
from services.exercises.adapters.clients.fake import FakeChatModel
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.cloze.material import ClozeMaterial
from services.exercises.domain.cloze.questions import asked_for, short_answers
from services.exercises.domain.generation.checks import Accepted, holds_answer
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.domain.text.sentences import sentences_of, stands_alone
from services.exercises.values.exercise import Event, QuestionMade, QuestionRefused
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import GAP, Draft, Generator, GeneratorChoice, Passage, Question, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES
from services.language.en import ENGLISH
from services.language.key_terms import Category, index_terms
from services.language.language import NO_SUBJECT, Subject
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
        "In one study, most of the workers wrote down what they had eaten that day.",
        "As you recall, the pressure of the air falls with the height above the sea.",
        "Do not read the words aloud, but say the color that each word is printed in.",
        "Shiffrin, R. M. (1968). The memory of sailors and its control processes.",
        "The memory of sailors, in A. Brandt (Eds.), Handbook of the sea and its ships.",
        "本次事件导致机上两名乘客死亡，其中一人是73岁的J.",
        ".1998年8月27日，王明当选为红十字会的主席。",
        "此后，该港口逐渐发展成为全国最大的港口。",
        "工程师在二十世纪改进了这些机器的结构和外形。",
        "画家王明于1921年春季出生于这里的一个村庄。",
        "当时，铁路公司雇用了一万多名来自南方的工人。",
        "议会决定该法案于1832年春季在全国正式生效。",
        "Practically, it says that some network with two layers computes any function.",
        "Let c be the true concept and call a term bad if it does not appear in c.",
        "Assume the data is linearly separable with a margin greater than zero.",
        "设函数f(x)在区间上连续，且其导数存在。",
        "假设数据是线性可分的，且间隔大于零。",
        "已知三角形的两边长分别为3和4，且夹角为直角。",
        "让我们来看看光合作用的过程和条件。",
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
        "Let alone, the fire burns for three days and destroys the forest.",
        "已知最古老的化石出现在三十五亿年前的岩石中。",
        "假设检验是统计学中判断样本差异的一种方法。",
        "设在北京的研究所培养了第一批地质学家。",
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
        (("geology", Category.CONCEPT), ("ecology", Category.CONCEPT), True),
        (("motor neurons", Category.PLURAL), ("sensory neurons", Category.PLURAL), True),
        (("Lake Ontario", Category.NAME), ("Sweet River", Category.NAME), True),
        (("Lake Ontario", Category.NAME), ("Kansas City", Category.NAME), False),
    ],
)
def test_wrong_options_are_of_the_right_ones_sort(
    one: tuple[str, Category], other: tuple[str, Category], alike: bool
) -> None:
    assert (ENGLISH.cloze.sort(*one) == ENGLISH.cloze.sort(*other)) is alike


@pytest.mark.parametrize("term", ["migration", "pollination", "equation", "metabolism", "analysis"])
def test_what_only_ends_alike_is_of_no_sort(term: str) -> None:
    assert ENGLISH.cloze.sort(term, Category.CONCEPT) == ""


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


def test_who_is_cited_is_not_asked_for() -> None:
    text = (
        "Sleep strengthens the memory of sailors in the northern ports (Rogers, Kuiper, & Kirker, 1977). "
        "The sailors of Ribe slept on deck in 1850 and in the following years (Brandt & Olsen, 2011; Holm, 2012)."
    )
    assert keys(text).isdisjoint({"Rogers", "Kuiper", "Kirker", "Brandt", "Olsen", "Holm", "1977", "2011", "2012"})
    assert "1850" in keys(text)


def keys(text: str) -> set[str]:
    """Return the terms of a material that may be taken out of its sentences."""
    cloze = ClozeMaterial([Passage(text)], 1, LANGUAGES)
    return {line.said(target) for line in cloze.lines for target in cloze.targets(line)}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("这座城市的基本单位叫做区，在法国服役的士兵大多住在城南的兵营里。", "法国服役"),
        ("图书馆收藏了《论语言与思维的关系》这部著作的全部手稿和信件。", "思维"),
        ("实验表明hox基因控制了果蝇胚胎的体节数目和排列顺序。", "基因"),
        ("该国的第12号公路从首都出发，经过山区到达海边的港口城市。", "12"),
        ("主要铁路采用 1435毫米（4英尺8.5英寸）的轨距，并连接各大城市。", "1435"),
        ("大学的新图书馆由市政府出资建成，旧图书馆则改成了一座博物馆。", "新图书馆"),
        ("早期的雕像由大理石和青铜制成，后来的雕像多用石膏和木材制成。", "大理石"),
        ("市长在城市里叫做市长，在乡村里叫做村长（波兰语：sołtys），任期四年。", "sołtys"),
        ("会议通过了一项有争议的法案，农民因此涌入首都抗议了三天。", "争议"),
        ("非共和党成员不得投票，委员会因此在首都召开了特别会议。", "共和党成员"),
        ("橙色的重铬酸钾溶液在酸性条件下与酒精反应，变成灰绿色。", "铬酸钾溶液"),
        ("这种红霉素由链霉菌产生，能抑制许多革兰氏阳性菌的生长。", "霉素"),
        ("青苗法规定，官府在春季向农民贷款，秋收之后由农民归还。", "青苗法规定"),
        ("质量守恒定律指出，反应前后各物质的质量总和相等。", "质量守恒定律指出"),
        ("法律另有规定的，法院依照其规定作出判决。", "法律另"),
        ("牡蒿为菊科蒿属的植物，分布在中国各地的山坡和路边。", "菊科蒿"),
        ("著名的维摩诘居士出自妙喜世界，曾与文殊菩萨论道。", "维摩"),
        ("哈希表查找的平均时间与元素的数目没有关系。", "哈希"),
        ("1348年，1361年，1369年和1375年瘟疫肆虐佛罗伦萨，人口减少了一半。", "1348"),
    ],
)
def test_what_is_a_part_of_something_is_not_asked_for(text: str, cut: str) -> None:
    assert cut not in keys(text)


def test_spaces_between_ideographs_are_typesetting() -> None:
    cloze = ClozeMaterial([Passage("叶绿体 是 光合作用 的场所， 其中含有 叶绿素 和 DNA 分子。")], 1, LANGUAGES)
    assert [line.text for line in cloze.lines] == ["叶绿体是光合作用的场所，其中含有叶绿素和 DNA 分子。"]


@pytest.mark.parametrize(
    "text",
    [
        "九年后，教堂在原来的地基上重新建造了一座石塔。",
        "3月，国王签署了关于贸易与航海的新条约。",
        "另一项研究表明，森林的面积在二十年里减少了一半。",
        "旧的港口与几家航运公司共同使用同一条铁路。",
        "接下来的测试由工程师在沙漠里的基地进行。",
        "截至2014年[更新]，博物馆共收藏了三万件陶器。",
        "In the Treatise on the Freedom of the Press, he rejected the idea of a royal censor.",
        "The signal is called an action potential by those who study nerves.",
        "Two additional laws are those of continuity and of closure.",
        "八月，太妃被尊为皇太后，并留下六岁的女儿亲自抚养。",
        "本身是为了方便车辆进入村内，一直都是村内的主要道路。",
        "几星期之后于曼彻斯特举行的锦标赛中，李明赢得接力赛冠军。",
        "当初，皇帝将要迎娶皇后，向公卿大臣询问。",
        "最与众不同的是一首向三十年代致敬的歌曲。",
        "李明（英文名：，），新加坡人，新加坡及台湾歌手。",
        "国徽（）由一个盾、一枚勋章和一颗绿色的星组成。",
    ],
)
def test_a_sentence_that_leans_on_what_stood_before_is_not_asked_about(text: str) -> None:
    assert not stands_alone(text, LANGUAGES.of(text))


def test_a_name_of_the_dictionary_that_has_no_names_form_is_none() -> None:
    ((*found,),) = index_terms(["公正的法官在城镇引用了雪莱和王小波的诗。"], CHINESE.key_terms).occurrences
    persons = {occurrence.term.text for occurrence in found if occurrence.term.category is Category.PERSON}
    assert persons == {"雪莱", "王小波"}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("波兰人队", "工人党", False),
        ("自由党", "工人党", True),
        ("詹姆斯河", "马纳金镇", False),
        ("詹姆斯河", "密歇根湖", True),
        ("安第斯山脉", "密歇根湖", False),
    ],
)
def test_a_team_is_no_party_and_a_river_no_town(one: str, other: str, alike: bool) -> None:
    sorts = [CHINESE.cloze.sort(name, Category.NAME) for name in (one, other)]
    assert (sorts[0] == sorts[1]) is alike


@pytest.mark.parametrize(
    ("before", "is_example"),
    [
        ("In most countries (such as the ", True),
        ("In some lands, for instance ", True),
        ("Many metals, e.g. ", True),
        ("The state was as such the ", False),
        ("在大多数国家（如", True),
        ("许多金属，例如", True),
        ("情况正如", False),
    ],
)
def test_one_example_of_several_is_not_asked_for(before: str, is_example: bool) -> None:
    language = LANGUAGES.of(before)
    assert (language.cloze.listed.search(before) is not None) is is_example


@pytest.mark.parametrize("text", ["一些学者", "其他城市", "许多工人"])
def test_a_member_that_names_nothing_is_no_option(text: str) -> None:
    assert not CHINESE.reading.lists.is_member(text)
    assert ENGLISH.reading.lists.is_member("copper")
    assert not ENGLISH.reading.lists.is_member("other metals")


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("马可·波罗是威尼斯的商人。", True),
        ("这个词字面意思是“石头”，指坚固的城墙。", False),
        ("他年轻时经常是船上的厨师。", False),
        ("他曾是船上的厨师。", False),
        ("这种城墙在北方很常见，特别是在山区。", False),
        ("这种城墙在北方很常见，尤其是在山区。", False),
        ("这三座桥分别是木桥、石桥和铁桥。", False),
    ],
)
def test_only_what_ends_a_sentence_is_denied(text: str, denied: bool) -> None:
    assert bool([*CHINESE.statements.deniable.finditer(text)]) is denied


@pytest.mark.parametrize(
    "text",
    [
        "学者们对这一看法提出了批评，认为粮价并不取决于收成。",
        "两者都出现在十九世纪末的几份地方报纸上。",
        "在1998年的电影《远山》和2001年的续集中，他都扮演了一位医生。",
        "在改建为医院之后，被列入了国家文物名录。",
    ],
)
def test_who_or_what_is_meant_stands_in_the_sentence(text: str) -> None:
    assert not stands_alone(text, LANGUAGES.of(text))


@pytest.mark.parametrize(
    ("after", "most"), [("月6日，战争爆发。", 12), ("日，会议开幕。", 31), ("％的居民务农。", 100), ("座桥。", inf)]
)
def test_no_month_is_the_fourteenth(after: str, most: float) -> None:
    assert CHINESE.cloze.most_between("", after) == most


def test_a_number_near_the_years_of_a_material_is_one_of_them() -> None:
    text = (
        "The port was opened in 1871 by the king. The first ferry crossed the strait in 1873 with forty people.\n"
        "The line had lost two ships before the winter season, 1884 being the worst of all years."
    )
    cloze = ClozeMaterial([Passage(text)], 1, LANGUAGES)
    found = cloze.distractors.numbers("1884", Category.NUMBER, 3, cloze.rng)
    assert found
    assert all(1860 < int(number) < 1900 for number in found)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("In 1951, the board named Harold T. Brook as the first director of the new office.", "Brook"),
        ("In the spring, the company played Three Sisters in the old theater of Lyon.", "Sisters"),
        ("The walls grew so hot that the boiler burst and the deck was covered with steam.", "boiler burst"),
    ],
)
def test_a_part_of_a_name_or_a_verb_is_not_asked_for(text: str, cut: str) -> None:
    assert cut not in keys(text)


def test_a_side_remark_is_not_denied() -> None:
    text = "For two seasons, while the director was ill, the choir sang without a leader."
    assert ENGLISH.statements.subordinate.search(text[: text.index("was")])
    assert not ENGLISH.statements.subordinate.search("In the spring the director ")


def test_what_tells_how_a_thing_came_about_defines_nothing() -> None:
    assert CHINESE.reading.definition("峡谷是河流长期侵蚀所造成的，两岸高达三百米。") is None
    assert CHINESE.reading.definition("峡湾是冰川侵蚀形成的狭长海湾。") is not None


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("The town was burned by pirates in 1588.", True),
        ("In 1871, the company moved to a larger hall.", True),
        ("The band's drummer left in the spring of 1994.", True),
        ("The town of Ribe was burned by pirates in 1588.", False),
        ("The company that built the pier of Ribe moved to a hall in Lund in 1871.", False),
        ("The Ribe town council met in 1588.", False),
        ("The nucleus holds most of the DNA of a cell.", False),
        ("学校于1952年迁至城南的新址。", True),
        ("1871年，公司迁入了更大的厂房。", True),
        ("位于河口的东岸，距离县城约三十公里。", True),
        ("1588年被海盗烧毁，后来由商人重建。", True),
        ("里伯学校于1952年迁至城南的新址。", False),
        ("细胞核含有细胞的大部分遗传物质。", False),
        ("1588年，海盗烧毁了里伯的教堂。", False),
    ],
)
def test_a_sentence_leans_where_its_subject_stands_for_what_another_names(text: str, leans: bool) -> None:
    assert (LANGUAGES.of(text).cloze.leans(text, NO_SUBJECT) >= 1) is leans


def test_numbers_and_names_are_asked_for_before_words_that_others_can_stand_for() -> None:
    text = (
        "The harbor of Ribe gave shelter to herring boats in winter.\n"
        "In 1588, the pirate Kylling burned every warehouse with a cargo of grain.\n"
        "A mild erosion of trust followed among merchants after the disaster."
    )
    cloze = ClozeMaterial([Passage(text)], 1, LANGUAGES)
    order = [cloze.is_certain(target) for _, target in asked_for(cloze)]
    assert order == sorted(order, reverse=True)
    assert {*order} == {True, False}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("The Order of Malta bought the island of Gozo from Sicily in 1530.", "Malta"),
        ("Series creator Ann Lee pointed out the duel as the best scene of 1998.", "creator Ann Lee"),
        ("In the spring of 1998, the crew of Vostok 7 landed near Perm.", "7"),
        ("The gate of the Royal and Western Infirmaries was built in Ribe.", "Royal"),
        ("In Ribe, the play was seen by Ann Lee, Karl Munk, Jens Dahl and others in 1998.", "Ann Lee"),
        ("Acylamine transfer has been shown by Karl Munk in Ribe.", "Acylamine"),
        ("On July 20, the Vikings of Ribe met at Lund.", "20"),
        ("自古以来，宗氏的对马藩与朝鲜半岛进行贸易。", "马藩"),
        ("1589年，毛利辉元修筑广岛城，开启了广岛的发展。", "毛利辉"),
        ("由于不宜居的气候，忽必烈的远征在安南受阻。", "宜居"),
    ],
)
def test_what_belongs_to_the_words_beside_it_is_not_asked_for(text: str, cut: str) -> None:
    assert cut not in keys(text)


def test_a_wrong_year_keeps_the_order_of_the_years_beside_it() -> None:
    text = "The tower was built from 1847 to 1853 by monks.\nThe bells came in 1860 and the roof in 1871."
    cloze = ClozeMaterial([Passage(text)], 3, LANGUAGES)
    line = next(line for line in cloze.lines if "1847" in line.text)
    for target in line.occurrences:
        for year in cloze.distractors.texts(line.text, target, 3, cloze.rng):
            assert (int(year) < 1853) if line.said(target) == "1847" else (int(year) > 1847)


def test_no_day_of_a_month_is_the_32nd() -> None:
    assert ENGLISH.cloze.most_between("On May ", ", 1998") == 31
    assert ENGLISH.cloze.most_between("In all, ", " boats") == inf


def test_a_name_has_a_story_and_no_meaning() -> None:
    text = "Karl Munk is a Danish painter who lives in the town of Ribe.\nIn 1998, Karl Munk sold a house in Ribe."
    assert not list(short_answers(ClozeMaterial([Passage(text)], 1, LANGUAGES)))


STORY = (
    "Karl Munk was a Danish baker who opened a shop in Ribe in 1902.\n"
    "The shop sold 300 loaves a day in the spring of 1911.\n"
    "Jens Dahl bought the oven from a monastery in Lund in 1899."
)


def lines(text: str, title: str = "") -> dict[str, str]:
    """Return what stands before each sentence of a material in questions, by the sentence's first two words."""
    passage = Passage(text, document_id="d", heading_path=(title,) if title else ())
    cloze = ClozeMaterial([passage], 1, LANGUAGES)
    return {" ".join(line.text.split()[:2]): cloze.lead(line) for line in cloze.lines}


def test_a_documents_title_says_what_a_sentence_speaks_of_that_does_not_name_it() -> None:
    leads = lines(STORY, "Karl Munk")
    assert leads["Karl Munk"] == ""
    assert leads["Jens Dahl"] == "About “Karl Munk”: "
    assert lines(STORY)["Jens Dahl"] == ""


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("3.2 The bakers of Ribe", "The bakers of Ribe"),
        ("Chapter 4: Bread", "Bread"),
        ("Introduction", ""),
        ("Review questions", ""),
        ("里伯的面包师", ""),
    ],
)
def test_a_heading_that_names_nothing_is_no_title(title: str, shown: str) -> None:
    assert lines(STORY, title)["Jens Dahl"] == (f"About “{shown}”: " if shown else "")


def test_the_first_line_of_a_text_is_its_title_if_no_mark_closes_it() -> None:
    for opening, lead in (("Old Bakeries", "About “Old Bakeries”: "), ("Bread is old in Denmark.", "")):
        cloze = ClozeMaterial([Passage(f"{opening}\n\n{STORY}")], 1, LANGUAGES)
        (line,) = (line for line in cloze.lines if line.text.startswith("Jens"))
        assert cloze.lead(line) == lead


def test_a_title_settles_what_its_noun_stands_for() -> None:
    sentence = "The battleship was sold to Chile in 1912."
    subject = Subject("Japanese battleship Kasuga", frozenset({"japanese", "battleship", "kasuga"}))
    assert ENGLISH.cloze.leans(sentence, NO_SUBJECT) >= 1
    assert ENGLISH.cloze.leans(sentence, subject) < 0.5
    assert ENGLISH.cloze.leans("The band was sold to Chile in 1912.", subject) >= 1
    defined = ENGLISH.cloze.kinds("Kasuga", ["Kasuga was an armored cruiser of the Japanese navy."])
    assert ENGLISH.cloze.leans("The cruiser was sold to Chile in 1912.", Subject("Kasuga", defined)) < 0.5


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("3月6日，渔民从里伯港出发，前往北海捕鱼。", True),
        ("里伯港的渔民次年在北海捕到了更多的鲱鱼。", True),
        ("我们在里伯港看到了许多捕鲱鱼的渔船。", True),
        ("“卡基达”是它的启动口令，渔民用它捕鱼。", True),
        ("里伯港的渔民在1588年捕到了大量鲱鱼。", False),
        ("鲱鱼生活在北大西洋的浅水区域。", False),
    ],
)
def test_a_chinese_sentence_leans_on_a_time_that_it_does_not_name(text: str, leans: bool) -> None:
    assert (CHINESE.cloze.leans(text, NO_SUBJECT) >= 0.4) is leans


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("The ferry left Ribe on 14 March 1902 with a cargo of barley.", "14"),
        ("The ferry left Ribe on 14 March 1902 with a cargo of barley.", "March"),
        ("The novel titled A Winter in Lund, written by Karl Munk, sold well in 1902.", "Lund"),
        ("In 1902, Karl Munk wrote Bread in Denmark for a baker of Lund.", "Bread"),
        ("At 17:30, Karl Munk left Lund for Ribe in 1902.", "30"),
        ("US 40 passes through Ribe and Lund in Delaware.", "40"),
        ("Motor stimuli in Ribe were measured by stimulation of nerves in 1902.", "stimulation"),
        ("费城76人在1983年获得了冠军。", "76"),
        ("嘉靖二十年，朝廷在宣府修建了一座城堡。", "嘉靖"),
        ("保禄二世在1978年当选为教皇。", "保禄"),
    ],
)
def test_days_and_what_numbers_a_name_are_not_asked_for(text: str, cut: str) -> None:
    assert cut not in keys(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hansen, K. and Dahl, J., Munk, P., and Berg, A. 1998.",
        "Copenhagen, DK: Royal Library Press, Department of Maps, and Museum of Ribe.",
    ],
)
def test_a_list_of_names_tells_nothing(text: str) -> None:
    assert ENGLISH.cloze.leans(text, NO_SUBJECT) >= 1


@pytest.mark.parametrize(
    "text",
    ["卡尔·蒙克是个丹麦的面包师。", "里伯是丹麦西部的中心，曾经被称为海港。", "水运是有限，只有小船的航线。"],
)
def test_who_somebody_is_or_where_a_town_lies_defines_nothing(text: str) -> None:
    assert CHINESE.reading.definition(text) is None


def test_an_option_that_opens_a_sentence_does_not_tell_by_its_capital() -> None:
    text = (
        "In cells, sugar is broken down by cell respiration in every tissue.\n"
        "Skin respiration supplies frogs with oxygen through a moist skin.\n"
        "Many insects depend on tracheal respiration for oxygen in their bodies."
    )
    cloze = ClozeMaterial([Passage(text)], 3, LANGUAGES)
    options = [
        option
        for line in cloze.lines
        for target in line.occurrences
        if line.said(target).endswith(" respiration") and target.start
        for _, option in cloze.distractors.terms(line.text, target, 3, cloze.rng)
    ]
    assert options
    assert all(option.islower() for option in options)


@pytest.mark.parametrize(
    ("text", "number", "lower", "upper"),
    [
        ("Herring swim at depths from 20 to 90 metres in the waters of Ribe.", "90", 20, inf),
        ("Herring swim at depths from 20 to 90 metres in the waters of Ribe.", "20", 0, 90),
        ("鲱鱼在里伯附近20至90米深的水域里过冬。", "90", 20, inf),
        ("健康成年人每次献血200～300毫升不会影响身体健康。", "300", 200, inf),
        ("正常人空腹时血糖的浓度为3.9～6.1 mmol/L。", "3.9", 0, 6.1),
    ],
)
def test_a_wrong_end_of_a_range_stays_on_its_side(text: str, number: str, lower: float, upper: float) -> None:
    cloze = ClozeMaterial([Passage(text)], 3, LANGUAGES)
    (line,) = cloze.lines
    (target,) = (found for found in line.occurrences if line.said(found) == number)
    found = [float(one) for one in cloze.distractors.texts(line.text, target, 20, cloze.rng)]
    assert found
    assert all(lower < one < upper for one in found)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (
            "Separate chaining keeps a list in each bucket, while open addressing probes other slots.",
            "addressing probes",
        ),
        ("The city council plans the streets of all new quarters in Ribe.", "council plans"),
        ("In such a cell the outer membrane walls its contents off from the sea.", "membrane walls"),
    ],
)
def test_a_verb_before_its_object_is_no_noun_in_the_plural(text: str, cut: str) -> None:
    assert cut not in keys(text)


@pytest.mark.parametrize(
    "text",
    [
        "床前明月光，疑是地上霜。",
        "两个黄鹂鸣翠柳，一行白鹭上青天。",
        "国破山河在，城春草木深。",
        "小明说，“天上有三颗明亮的星。”",
    ],
)
def test_verse_and_talk_is_not_asked_about(text: str) -> None:
    assert not stands_alone(text, LANGUAGES.of(text))


@pytest.mark.parametrize(
    "text",
    ["孔子说：“三人行，必有我师焉。”", "叶绿体是光合作用的场所，线粒体进行呼吸作用。"],
)
def test_what_a_person_of_history_said_may_be_asked_about(text: str) -> None:
    assert stands_alone(text, LANGUAGES.of(text))


@pytest.mark.parametrize(
    "text",
    [
        "第十七条　十八周岁以上的自然人为成年人。",
        "第一百八十八条 诉讼时效期间为三年，法律另有规定的除外。",
        "第17条之一 学校应当为学生提供安全的活动场地。",
    ],
)
def test_the_number_of_an_article_is_no_part_of_its_sentence(text: str) -> None:
    (passage,) = passages_of_text(text)
    (sentence,) = sentences_of(passage)
    assert sentence.text == text.replace("　", " ").partition(" ")[2]


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("进程是操作系统中资源分配的基本单位，线程是处理器调度的基本单位。", "线程"),
        (
            "An offer is a promise to be bound on certain terms, and acceptance is an unqualified agreement.",
            "acceptance",
        ),
    ],
)
def test_the_rubric_of_a_definition_leaves_out_the_next_one(text: str, absent: str) -> None:
    for draft in Cloze([Passage(text)], 1).drafts({QuestionKind.SHORT_ANSWER: 3})[QuestionKind.SHORT_ANSWER]:
        assert not any(absent in point.text for point in draft.rubric)


def test_what_stands_behind_an_auxiliary_is_no_part_of_a_term() -> None:
    ((*found,),) = index_terms(["这家店铺也会销售茶叶蛋，年轻人可以投资股票市场。"], CHINESE.key_terms).occurrences
    terms = {occurrence.term.text for occurrence in found}
    assert not {term for term in terms if "销售" in term or "投资" in term}
    assert any("茶叶蛋" in term for term in terms)


def test_a_sentence_that_says_who_somebody_is_defines_nothing() -> None:
    assert CHINESE.reading.definition("伯父是当时当政的将军张学良。") is None
    assert CHINESE.reading.definition("光合作用是植物利用光能制造有机物的过程。") is not None
