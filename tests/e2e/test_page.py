"""The page in a real browser: the whole job, from a file to a grade, in both languages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway.app import running
from gateway.settings import GatewaySettings
from services.kit.context import DEVELOPMENT_USER
from services.kit.errors import Unavailable
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.values.chunk import Chunk
from tests.e2e.browser import CHROMIUM, Browser, Page, chromium
from tests.engines import BoltServer
from tests.fakes.grpc_services import FakeServices, chunk_id_of, fake_services

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="NO CHROMIUM: the page is not tested; install the package `chromium` to test it"
    ),
    pytest.mark.asyncio(loop_scope="module"),
]

ENGLISH = (
    "Photosynthesis turns light into chemical energy. Plants take in carbon dioxide through stomata. "
    "Roots take up water from the soil. Chlorophyll absorbs mostly red and blue light. "
    "The light reactions release oxygen. The Calvin cycle fixes carbon dioxide into sugars."
)
GRAPHIC = (
    f"{ENGLISH} The chloroplast holds chlorophyll. Photosynthesis happens in the chloroplast. "
    "Melvin Calvin studied photosynthesis at the University of California."
)
# Middle of a line in the window, and what it ties.
LONGEST_LINE = """(() => {
  const { cy } = document.querySelector("#graph-picture")._cyreg;
  const box = cy.container().getBoundingClientRect();
  const between = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
  const line = cy.edges().max((edge) => between(edge.source().position(), edge.target().position())).ele;
  const { x, y } = line.renderedMidpoint();
  return { x: box.x + x, y: box.y + y, name: `${line.source().data("name")} – ${line.target().data("name")}` };
})()"""
CHINESE = (
    "𠮷光合作用把光能变成化学能。叶绿体是进行光合作用的场所。光反应在类囊体薄膜上进行。"
    "暗反应在叶绿体基质中进行。二氧化碳被固定并还原成糖类。"
)


@pytest.fixture(scope="module")
def dictionaries() -> None:
    """Words of both languages, which are read before a loop runs: meanwhile a service would answer nobody."""
    find_mentions([Chunk("c", "d", "n", 0, ENGLISH + CHINESE, 0, 0, len(ENGLISH + CHINESE))])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One browser for all tests: each start takes a second and a half of a core."""
    async with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def services(dictionaries: None) -> AsyncIterator[FakeServices]:
    """The services behind the gateway."""
    async with fake_services() as services:
        services.script.pause = 0.01
        yield services


@pytest_asyncio.fixture(loop_scope="module")
async def url(services: FakeServices) -> AsyncIterator[str]:
    """The gateway's address."""
    targets = {f"{domain}_target": target for domain, target in services.targets.items()}
    settings = GatewaySettings(listen="127.0.0.1:0", drain_seconds=1, **targets)  # type: ignore[arg-type]
    async with running(settings) as gateway:
        yield gateway.url


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """A tab, closed before the gateway at `url` ends; whatever went wrong in it fails the test."""
    async with browser.tab() as page:
        yield page
        assert page.errors == []


async def upload(page: Page, path: Path, text: str, wait_for: str) -> None:
    """Uploads a text through the page and waits until it says what came of it."""
    await asyncio.to_thread(path.write_text, text, encoding="utf-8")
    await page.choose_files("#files", path)
    await page.until(f"document.body.innerText.includes({path.name!r})")
    await page.until(f"document.querySelector('.documents .state').textContent.includes({wait_for!r})")


async def test_the_whole_job(page: Page, url: str, services: FakeServices, tmp_path: Path) -> None:
    await page.show(url)
    assert "Nothing here yet" in await page.text(".material")
    await upload(page, tmp_path / "chapter 4.txt", ENGLISH, "Ready")

    await page.type("#question", "What do plants take in?")
    await page.click("#ask-button")
    await page.until("document.querySelector('.answer:not(.writing) .cite')")
    assert "Plants take in carbon dioxide" in await page.text(".answer .text")
    await page.run("document.querySelectorAll('.cite')[1].click()")
    await page.until("document.querySelector('.source .context').textContent.includes('Calvin')")
    assert await page.text(".source mark") == "Plants take in carbon dioxide through stomata."
    assert await page.run("document.activeElement.id") == "source-close"
    await page.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
    assert await page.run("document.activeElement.className") == "cite"

    await page.click("#tab-practice")
    await page.click("#generate-button")
    await page.until("document.querySelectorAll('.question').length === 5")
    await page.until("!document.querySelector('.run .primary').hidden")
    assert "5 questions: 4 by the model, 1 by cloze; 1 refused" in await page.text(".run .stage")
    await page.run("document.querySelectorAll('.question')[0].querySelectorAll('input')[1].click()")
    await page.run("document.querySelectorAll('.question')[2].querySelectorAll('input')[1].click()")
    assert "2 of 5 answered" in await page.text(".run")
    await page.click(".run .primary")
    await page.until("document.querySelectorAll('.grade').length === 5")
    verdicts = await page.run("[...document.querySelectorAll('.verdict')].map((node) => node.textContent)")
    assert verdicts == ["Correct", "Not answered", "Not correct", "Not answered", "Not answered"]
    assert await page.text(".score strong") == "1 of 6"
    await page.click(".grade blockquote button")
    await page.until("document.querySelector('.source mark')")
    submitted = services.script.requests[-1].answers
    assert [list(answer.option_keys) or answer.truth for answer in submitted] == [["B"], False]

    await page.click("#earlier .open")
    await page.until("document.querySelectorAll('.question').length === 5 && !document.querySelector('.grade')")
    await page.click(".documents .remove")
    await page.until("!document.querySelector('.documents li')")
    assert services.docs.stored == {}


async def test_stop_ends_a_run_and_keeps_its_questions(page: Page, url: str, services: FakeServices) -> None:
    services.script.pause = 0.2
    await page.show(url)
    await page.click("#tab-practice")
    await page.click("input[value=text]")
    await page.type("[name=text]", ENGLISH)
    await page.type("[name=count]", "30")
    await page.click("#generate-button")
    await page.until(
        "document.querySelectorAll('.question').length === 2 && document.querySelector('.draft .stem')?.textContent"
    )
    assert "the model is writing" in await page.text(".draft .made")
    await page.click(".run .plain")
    await page.until("document.querySelector('.run .stage').textContent.startsWith('Stopped')")
    assert not await page.run("document.querySelector('.draft')")
    await services.script.was_cancelled.wait()
    assert services.script.cancelled == ["GenerateExercise"]
    assert any(type(request).__name__ == "CancelRunRequest" for request in services.script.requests)


async def test_chinese_follows_the_browser_and_code_points_are_counted(page: Page, url: str, tmp_path: Path) -> None:
    await page.show(url, language="zh-CN", width=390, height=844, dark=True)
    assert await page.run("document.documentElement.lang") == "zh-CN"
    await upload(page, tmp_path / "第三章.txt", CHINESE, "可以使用")
    await page.type("#question", "光反应在哪里进行？")
    await page.click("#ask-button")
    await page.until("document.querySelector('.answer:not(.writing) .cite')")
    # The first character lies outside the basic plane: two units in JavaScript, one in our offsets.
    await page.run("document.querySelectorAll('.cite')[1].click()")
    await page.until("document.querySelector('.source .context').textContent.includes('𠮷')")
    assert await page.text(".source mark") == "叶绿体是进行光合作用的场所。"
    assert await page.run("document.documentElement.scrollWidth <= innerWidth")
    await page.click("#source-close")
    await page.click("#language")
    assert await page.text("#tab-ask") == "Ask"
    assert "Ready" in await page.text(".documents .state")


async def test_what_should_be_known_of_a_file_is_said_beside_it(page: Page, url: str, tmp_path: Path) -> None:
    await page.show(url)
    await upload(page, tmp_path / "scan.txt", f"SCANNED {ENGLISH}", "Ready")
    await page.until("document.querySelector('.documents .warning')?.textContent.includes('only images (en)')")
    await asyncio.to_thread((tmp_path / "copy.txt").write_text, f"SCANNED {ENGLISH}", encoding="utf-8")
    await page.choose_files("#files", tmp_path / "copy.txt")
    same = "The same file is already here as “scan.txt”."
    await page.until(f"document.querySelector('.documents .notes').textContent.includes('{same}')")
    await page.click("#language")
    await page.until("document.querySelectorAll('.documents .warning')[1]?.textContent.includes('only images (zh-CN)')")
    assert "同样的文件已经在这里，名为“scan.txt”" in await page.text(".documents .notes")


async def test_a_file_is_analyzed_and_who_read_it_is_said(
    page: Page, url: str, services: FakeServices, tmp_path: Path
) -> None:
    await page.show(url)
    await page.click("#tab-analyze")
    path = tmp_path / "chapter 4.txt"
    await asyncio.to_thread(path.write_text, f"{ENGLISH} Read by the provider.", encoding="utf-8")
    await page.choose_files("#analyze-file", path)
    await page.until("document.querySelector('.analysis .points')")
    assert "Point: Photosynthesis turns light" in await page.text(".analysis .points")
    assert "provider read the file itself" in await page.text(".analysis .reader")
    assert "intermediate" in await page.text(".analysis .facts")
    assert "× 4" in await page.text(".analysis ul.points")
    await page.click(".analysis .cite")
    await page.until("document.querySelector('.source mark')")
    await page.click("#source-close")
    # The same file again: nothing new is stored.
    await page.choose_files("#analyze-file", path)
    await page.until("document.querySelector('.analysis .points')")
    assert len(services.docs.stored) == 1
    # The browser notes every refused request.
    assert [error for error in page.errors if "409" not in error] == []
    page.errors.clear()
    await upload(page, tmp_path / "other.txt", ENGLISH, "Ready")
    await page.click(".documents li:first-child .tools button")
    await page.until("document.querySelector('.analysis .title')?.textContent.includes('other.txt')")
    assert "own parser read the file" in await page.text(".analysis .reader")
    await asyncio.to_thread((tmp_path / "secret.txt").write_text, "ENCRYPTED", encoding="utf-8")
    await page.choose_files("#analyze-file", tmp_path / "secret.txt")
    await page.until("document.querySelector('#analysis .absent')?.textContent.includes('protected by a password')")


async def test_what_fails_is_said(page: Page, url: str, tmp_path: Path) -> None:
    await page.show(url)
    await upload(page, tmp_path / "secret.txt", "ENCRYPTED", "protected by a password")
    await page.click("#tab-practice")
    await page.click("#generate-button")
    await page.until("document.querySelector('#messages').textContent.includes('no indexed material')")


async def test_material_cannot_become_markup(page: Page, url: str, tmp_path: Path) -> None:
    hostile = (
        "<img src=x onerror=alert(1)> is what this sentence says. <script>document.title='owned'</script> says that."
    )
    await page.show(url)
    await upload(page, tmp_path / "<b>bold<b>.txt", hostile, "Ready")
    await page.type("#question", "<i>what</i>")
    await page.click("#ask-button")
    await page.until("document.querySelector('.answer:not(.writing) .cite')")
    assert await page.run("document.querySelectorAll('main img, main script, main b, main i').length") == 0
    assert await page.run("document.title") == "Tiku 题库"


async def add_to_graph(services: FakeServices, url: str) -> str:
    """Adds the newest document to the graph; returns its id."""
    stored = list(services.docs.stored.values())[-1]
    id_ = stored.document.document_id
    chunk = {"chunk_id": chunk_id_of(id_), "document_id": id_, "document_name": stored.document.name, "page": 2}
    body = {"chunks": [{**chunk, "text": stored.text, "end": len(stored.text)}]}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/v1/graph:addChunks", json=body) as answer:
        assert answer.status == 200, await answer.text()
    return id_


async def test_the_graph_of_a_document_on_its_engine(
    page: Page, url: str, services: FakeServices, tmp_path: Path, arcadedb_server: BoltServer
) -> None:
    async with Neo4jGraphStore.open(
        arcadedb_server.url, arcadedb_server.user, arcadedb_server.password, timeout=60
    ) as services.graph.store:
        await page.show(url)
        await upload(page, tmp_path / "leaf <b>.txt", GRAPHIC, "Ready")
        document_id = await add_to_graph(services, url)
        await page.click(".documents .to-graph")
        await page.until("!document.querySelector('#graph-body').hidden")
        await page.until("document.querySelector('#graph-note').textContent.includes('connections')")
        assert await page.text("#graph-title") == "Graph of leaf <b>.txt"
        assert "chloroplast" in await page.text("#graph-entities")

        # A click on a line opens its sentences, and these the source.
        await page.run("document.querySelector('#graph-picture').scrollIntoView({ block: 'center' })")
        line = await page.run(LONGEST_LINE)
        await page.press(line["x"], line["y"])
        await page.until("document.querySelector('#graph-detail blockquote')")
        assert await page.text("#graph-detail h4") == line["name"]
        quote = (await page.text("#graph-detail blockquote")).split("\n")[0]
        assert quote in GRAPHIC
        assert "leaf <b>.txt · page 2" in await page.text("#graph-detail .where")
        await page.click("#graph-detail .where")
        await page.until("document.querySelector('.source .context').textContent.includes('Calvin')")
        assert await page.text(".source mark") == quote
        await page.click("#source-close")

        # The lists do the same from the keyboard, and lead back.
        await page.run("document.querySelector('#graph-entities .open').click()")
        assert await page.run("document.activeElement.id") == "graph-chosen"
        assert "mentioned" in await page.text("#graph-detail")
        await page.run(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))"
        )
        assert await page.run("document.activeElement.className") == "open"
        await services.graph.store.delete_document(DEVELOPMENT_USER, document_id)


async def test_the_graph_of_an_answer_has_what_its_passages_mention(
    page: Page, url: str, services: FakeServices, tmp_path: Path
) -> None:
    await page.show(url, language="zh-CN", width=390, height=844, dark=True)
    await upload(page, tmp_path / "第三章.txt", CHINESE, "可以使用")
    await add_to_graph(services, url)
    await page.type("#question", "光反应在哪里进行？")
    await page.click("#ask-button")
    await page.click(".answer .to-graph")
    await page.until("!document.querySelector('#graph-body').hidden")
    assert await page.text("#graph-title") == "图谱：“光反应在哪里进行？”的回答"
    assert "叶绿体" in await page.text("#graph-entities")
    assert "术语" in await page.text("#graph-legend")
    assert await page.run("document.documentElement.scrollWidth <= innerWidth")
    await page.click("#graph-pairs .open")
    quote, where = (await page.text("#graph-detail blockquote")).split("\n")
    assert (quote in CHINESE, where) == (True, "第三章.txt · 第 2 页")


async def test_where_there_is_no_graph_the_page_says_why(
    page: Page, url: str, services: FakeServices, tmp_path: Path
) -> None:
    async def says(text: str) -> None:
        await page.click(".documents .to-graph")
        await page.until(f"document.querySelector('#graph-note').textContent.includes({text!r})")
        assert await page.run("document.querySelector('#graph-body').hidden")

    await page.show(url)
    await upload(page, tmp_path / "a.txt", "And so it was, as it had been.", "Ready")
    await says("not in the graph yet")
    await add_to_graph(services, url)
    await says("found no names")
    services.graph.fault = Unavailable("The graph does not answer.", reason="GRAPH_UNAVAILABLE")
    await says("does not answer at the moment")
    services.graph.fault, services.graph.store = None, None
    await says("No graph is kept here")
    # The browser notes each refusal by itself.
    page.errors[:] = [error for error in page.errors if "the server responded with a status of" not in error]


async def test_the_reference_is_a_plain_page(page: Page, url: str) -> None:
    await page.show(f"{url}/docs")
    assert "/api/v1/documents/{document_id}:parse" in await page.text("main")
