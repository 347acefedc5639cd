"""Questions without a model are right by construction: on real material, in both languages, for many seeds."""

from __future__ import annotations

import json
import re

import pytest

from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.domain.text.enumerations import enumeration
from services.exercises.domain.text.sentences import stands_alone
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES
from services.language.en import ENGLISH
from services.language.folding import fold, normalize
from services.language.zh import CHINESE
from tests.shared import XQUAD
from tests.unit.exercises.fakes import material


def drafts_of(passages: tuple[Passage, ...], count: int, seed: int) -> dict[QuestionKind, list[Draft]]:
    return Cloze(passages, seed).drafts(dict.fromkeys(QuestionKind, count))


def assert_right(draft: Draft, passages: tuple[Passage, ...]) -> None:
    """What the key says is what the material says."""
    passage = passages[draft.passage]
    whole = fold("\n".join(p.text for p in passages))
    assert draft.quote in passage.text
    assert draft.generator is Generator.CLOZE
    quote = fold(draft.quote)
    match draft.kind:
        case QuestionKind.FILL_IN_THE_BLANK:
            assert fold(draft.statement.replace(GAP, draft.blanks[0][0])) == quote
        case QuestionKind.SINGLE_CHOICE:
            (right,) = draft.correct
            for position, option in enumerate(draft.options):
                if GAP in draft.stem:
                    asked = re.sub("^(?:About |关于)“[^”]*”[:：] ?", "", draft.stem.split("\n", 1)[1])
                    statement = fold(asked.replace(GAP, option))
                    assert (statement in whole) == (position == right)
                elif position != right:
                    assert fold(option) not in quote
        case QuestionKind.TRUE_FALSE:
            assert (fold(draft.statement) in whole) == draft.truth
        case QuestionKind.MULTIPLE_CHOICE:
            for position, option in enumerate(draft.options):
                assert (fold(option) in quote) == (position in draft.correct)
        case QuestionKind.SHORT_ANSWER:
            assert fold(draft.reference) == quote
            for point in draft.rubric:
                term = re.search("“(.+)”", point.text)
                assert term is not None
                assert fold(term.group(1)) in quote


def passes_or_repeats(draft: Draft, passages: tuple[Passage, ...], accepted: Accepted) -> bool:
    """Whether a question passes every check; else it repeats another, or one gives the other's answer away."""
    try:
        check(draft, passages[draft.passage], accepted)
    except RefusedError as refused:
        if refused.reason not in {Refusal.DUPLICATE_STEM, Refusal.DUPLICATE_KEY, Refusal.ANSWER_IN_ANOTHER}:
            raise
        return False
    return True


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_is_made_from_two_pages_and_passes_every_check(language: str, seed: int) -> None:
    passages = passages_of_text(material(language))
    for kind, drafts in drafts_of(passages, 12, seed).items():
        accepted = Accepted()
        passed = 0
        for draft in drafts:
            assert_right(draft, passages)
            passed += passes_or_repeats(draft, passages, accepted)
        assert passed >= (1 if kind in {QuestionKind.MULTIPLE_CHOICE, QuestionKind.SHORT_ANSWER} else 3), kind


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.skipif(not XQUAD.is_dir(), reason=f"no XQuAD: set XQUAD to its folder (not {XQUAD})")
def test_encyclopedia_articles_give_right_questions(language: str) -> None:
    articles = json.loads((XQUAD / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    made = repeated = 0
    for article in articles[::4]:
        passages = tuple(Passage(normalize(paragraph["context"])) for paragraph in article["paragraphs"])
        for drafts in drafts_of(passages, 3, seed=5).values():
            accepted = Accepted()
            for draft in drafts:
                made += 1
                assert_right(draft, passages)
                repeated += not passes_or_repeats(draft, passages, accepted)
    assert made > 80
    assert repeated < made * 0.2


def test_the_same_seed_gives_the_same_questions_and_another_seed_others() -> None:
    passages = passages_of_text(material("zh"))
    assert drafts_of(passages, 3, 1) == drafts_of(passages, 3, 1)
    assert drafts_of(passages, 3, 1) != drafts_of(passages, 3, 2)


def test_material_without_sentences_gives_nothing() -> None:
    assert not any(drafts_of(passages_of_text("3.14 1000 -- !"), 3, 0).values())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("它在叶绿体基质中进行，并产生三碳化合物。", "zh"),
        ("如图所示，叶绿体由外膜和内膜组成。", "zh"),
        ("叶绿体由哪几个部分组成？", "zh"),
        ("It takes place in the stroma of the chloroplast.", "en"),
        ("Figure 3 shows the structure of a chloroplast in detail.", "en"),
        ("This process takes place in the stroma of the chloroplast.", "en"),
        ("Chloroplast (the organelle of photosynthesis is found in plants.", "en"),
    ],
)
def test_a_sentence_that_needs_its_neighbours_is_not_asked_about(text: str, language: str) -> None:
    assert not stands_alone(text, LANGUAGES.by_code(language))


def test_definitions_are_found_and_reasons_are_not() -> None:
    found = CHINESE.reading.definition("无氧呼吸是指细胞在缺氧条件下分解葡萄糖的过程。")
    assert found is not None
    assert (found.term, found.meaning) == ("无氧呼吸", "细胞在缺氧条件下分解葡萄糖的过程")
    english = ENGLISH.reading.definition("Glycolysis is the breakdown of glucose into pyruvate.")
    assert english is not None
    assert english.term == "Glycolysis"
    assert CHINESE.reading.definition("叶片是绿的，因为叶绿素反射绿光。") is None
    assert CHINESE.reading.definition("这是植物体内最重要的一种反应的结果。") is None


def test_only_closed_lists_are_enumerations() -> None:
    found = enumeration("根尖分为根冠、分生区、伸长区和成熟区四个部分。", CHINESE)
    assert found is not None
    assert found[2] == ("根冠", "分生区", "伸长区", "成熟区")
    assert enumeration("细胞器有叶绿体、线粒体、核糖体等。", CHINESE) is None
    english = enumeration("The tissues of a leaf are the epidermis, the mesophyll and the veins.", ENGLISH)
    assert english is not None
    assert english[2] == ("epidermis", "mesophyll", "veins")
    assert enumeration("Plants such as ferns, mosses and pines need light.", ENGLISH) is None
