from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from services.kit.errors import ResourceExhausted
from services.language.lexicon import Lexicon, Translations
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.search.bm25 import passage_vector, translated_vector
from services.retrieval.domain.search.fusion import attributed, fuse
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.domain.search.translated import Said, TranslatedRetriever, reread
from services.retrieval.values.chunk import EmbeddedChunk, Hit
from tests.unit.retrieval.fakes import FakeLeg, chunk, hit, query
from tests.waiting import eventually

LEXICON = Lexicon.of(
    """\
光合作用 光合作用 [guang1 he2 zuo4 yong4] /photosynthesis/
葉綠素 叶绿素 [ye4 lu:4 su4] /chlorophyll/
火山 火山 [huo3 shan1] /volcano/
潮汐 潮汐 [chao2 xi1] /tide/
""".splitlines()
)
ENGLISH = ["Photosynthesis makes sugar.", "A volcano erupted in 1902.", "Tides follow the moon."]
CHINESE = ["光合作用制造糖。", "1902年火山爆发。", "潮汐跟随月亮。"]


async def leg(texts: list[str], lexicon: Callable[[], Lexicon] = lambda: LEXICON) -> TranslatedRetriever:
    store = FakeVectorStore()
    chunks = [EmbeddedChunk(chunk(text, i), [1.0], passage_vector(text)) for i, text in enumerate(texts)]
    await store.upsert("model", "alice", chunks)
    return TranslatedRetriever(store, lexicon)


@pytest.mark.parametrize(
    ("question", "texts", "best"),
    [
        ("什么是光合作用？", ENGLISH, 0),
        ("哪座火山爆发了？", ENGLISH, 1),
        ("1902年发生了什么？", ENGLISH, 1),
        ("What are tides?", CHINESE, 2),
        ("Which volcano erupted?", CHINESE, 1),
    ],
)
async def test_a_question_finds_what_says_its_words_in_the_other_language(
    question: str, texts: list[str], best: int
) -> None:
    found = await (await leg(texts)).find(query(question))
    assert [one.chunk.text for one in found] == [texts[best]]


async def test_each_question_that_waited_for_the_lexicon_is_translated_in_a_turn_of_its_own() -> None:
    turn = 0
    translated: list[int] = []

    class Watched(Lexicon):
        def translations(self, text: str, code: str) -> Translations:
            translated.append(turn)
            return LEXICON.translations(text, code)

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    across = await leg(ENGLISH, lambda: Watched(({}, {})))
    counting = asyncio.create_task(count())
    await asyncio.gather(*(across.find(query("光合作用")) for _ in range(20)))
    counting.cancel()
    assert len(set(translated)) == len(translated) == 20


@pytest.mark.parametrize(
    ("question", "texts"), [("彗星是什么？", ENGLISH), ("谁？", ENGLISH), ("What is it?", CHINESE)]
)
async def test_without_a_translation_nothing_is_found(question: str, texts: list[str]) -> None:
    assert await (await leg(texts)).find(query(question)) == []


async def test_the_lexicon_is_read_once_it_is_asked_for_and_off_the_loop() -> None:
    loops: list[bool] = []

    def read() -> Lexicon:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            loops.append(False)
        else:
            loops.append(True)
        return LEXICON

    across = await leg(ENGLISH, read)
    assert loops == []
    found = await asyncio.gather(*(across.find(query("光合作用")) for _ in range(20)))
    assert loops == [False]
    assert all(len(hits) == 1 for hits in found)


class HeldLexicon:
    """A lexicon that is read once it may be; an error comes first, if there is one."""

    def __init__(self, *errors: Exception) -> None:
        self.go_on = threading.Event()
        self.count = 0
        self._errors = list(errors)

    def __call__(self) -> Lexicon:
        self.count += 1
        self.go_on.wait()
        if self._errors:
            raise self._errors.pop()
        return LEXICON


async def test_a_question_that_is_given_up_leaves_the_reading_to_those_that_wait() -> None:
    held = HeldLexicon()
    across = await leg(ENGLISH, held)
    first, second = (asyncio.create_task(across.find(query("光合作用"))) for _ in range(2))
    await eventually(lambda: held.count == 1)
    first.cancel()
    await asyncio.wait([first])
    held.go_on.set()
    assert len(await second) == 1
    assert first.cancelled()
    assert held.count == 1


async def test_a_question_waits_a_while_for_the_lexicon_and_the_next_one_finds_it() -> None:
    held = HeldLexicon()
    across = TranslatedRetriever((await leg(ENGLISH))._store, held, patience_seconds=0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(20):
        with pytest.raises(ResourceExhausted) as refused:
            await across.find(query("光合作用"))
        assert refused.value.reason == "LEG_BUSY"
    # All of them together wait for as long as the first.
    assert 0.04 < loop.time() - began < 20 * 0.05
    held.go_on.set()
    assert across._reading is not None
    await asyncio.wait([across._reading])
    assert len(await across.find(query("光合作用"))) == 1
    assert held.count == 1


async def test_a_lexicon_that_could_not_be_read_is_read_again() -> None:
    held = HeldLexicon(OSError("no room"))
    held.go_on.set()
    across = await leg(ENGLISH, held)
    with pytest.raises(OSError, match="no room"):
        await across.find(query("光合作用"))
    assert len(await across.find(query("光合作用"))) == 1
    assert held.count == 2


async def test_a_long_question_is_translated_as_a_short_one_is() -> None:
    across = await leg(ENGLISH)
    long = f"光合作用{'，谁' * 400}"
    assert [one.chunk for one in await across.find(query(long))] == [
        one.chunk for one in await across.find(query("光合作用"))
    ]


def test_a_translation_of_two_words_and_one_of_many_weigh_less() -> None:
    alone = translated_vector([[("a",)]])
    of_two = translated_vector([[("a", "b")]])
    of_many = translated_vector([[("a",), ("c",), ("d",), ("e",)]])
    assert alone.values == (1.0,)
    assert of_two.values == (0.5, 0.5)
    assert of_many.values == (0.5, 0.5, 0.5, 0.5)


def test_a_term_that_is_said_in_many_ways_counts_once() -> None:
    translations = {"写": (("write",), ("compose",), ("draw",)), "火山": (("volcano",),)}
    texts = ["They write, compose and draw.", "To write of a volcano.", "They write.", "They draw."]
    hits = [Hit(chunk(text, i), 9.0 - i) for i, text in enumerate(texts)]
    found = reread(hits, [Said(translations).by(text) for text in texts])
    assert found[0].chunk.text == texts[1]
    assert all(0 < one.score <= 1 for one in found)
    assert reread([], []) == []


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The cells of a membrane.", {"细胞膜", "膜"}),
        ("A membrane.", {"膜"}),
        ("Cells.", set()),
        ("", set()),
    ],
)
def test_a_translation_is_said_where_all_of_it_is(text: str, terms: set[str]) -> None:
    assert Said({"细胞膜": (("cell", "membran"),), "膜": (("film",), ("membran",))}).by(text) == terms


@pytest.mark.parametrize(
    ("question", "found", "asked"),
    [("什么是光合作用？", ENGLISH, True), ("什么是光合作用？", CHINESE, False), ("What are tides?", ENGLISH, False)],
)
async def test_it_is_asked_where_passages_in_another_language_were_found(
    question: str, found: list[str], asked: bool
) -> None:
    across = FakeLeg("translated", [hit("Chlorophyll takes part in photosynthesis.", 9)])
    vector = FakeLeg("vector", [hit(text, i) for i, text in enumerate(found)])
    retriever = HybridRetriever([vector, FakeLeg("words")], FakeVectorStore(), across=across)
    retrieval = await retriever.retrieve(query(question))
    assert bool(across.queries) is asked
    assert [report.leg for report in retrieval.legs] == ["vector", "words", *(["translated"] if asked else [])]


async def test_a_broken_one_costs_its_passages_only() -> None:
    vector = FakeLeg("vector", [hit(text, i) for i, text in enumerate(ENGLISH)])
    retriever = HybridRetriever(
        [vector], FakeVectorStore(), across=FakeLeg("translated", error=ValueError("no dictionary"))
    )
    retrieval = await retriever.retrieve(query("什么是光合作用？"))
    assert [one.chunk.text for one in retrieval.hits] == ENGLISH
    assert [report.reason for report in retrieval.legs] == ["", "LEG_FAILED"]


def test_it_decides_among_near_passages_of_the_other_language_and_never_between_languages() -> None:
    near, nearer, own = hit("Photosynthesis needs light.", 0, 0.50), hit("Water.", 1, 0.55), hit("光", 2, 0.9)
    translated = [hit("Photosynthesis needs light.", 0, 7.0), hit("光", 2, 6.0)]
    words = [Hit(one.chunk, one.score) for one in translated]
    rankings = {"vector": attributed("vector", [own, nearer, near]), "translated": attributed("translated", words)}
    assert [one.chunk.text for one in fuse("什么是光合作用？", rankings)] == ["光", near.chunk.text, nearer.chunk.text]
