from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.client.commands import ask, generate, graph, ingest
from tests.unit.client.conftest import Gateway, MakeProblem, event

ID = "0198c0de-0000-7000-8000-000000000001"
QUESTION = {
    "question_id": "q",
    "number": 1,
    "kind": "QUESTION_KIND_SINGLE_CHOICE",
    "stem": "What do leaves absorb?",
    "options": [{"key": "A", "text": "green light"}, {"key": "B", "text": "red light"}],
    "answer_key": {"option_keys": ["B"]},
    "source": {"document_name": "leaf.pdf", "page": 3, "quote": "Chlorophyll absorbs red light."},
    "generator": "GENERATOR_MODEL",
    "model": "qwen",
}

Invoke = Callable[..., Awaitable[Result]]


@pytest.fixture
def invoke(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command against the gateway, in a thread: a command has a loop of its own."""
    monkeypatch.setenv("TIKU_SERVER", gateway.address)
    monkeypatch.setenv("COLUMNS", "100")
    app = typer.Typer()
    for command in (ingest, ask, generate, graph):
        app.command()(command)

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))

    return run


async def test_ingest_follows_a_file_to_the_end_and_prints_its_id(
    invoke: Invoke, gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "leaf.txt"
    await asyncio.to_thread(file.write_text, "Leaves are green.")
    gateway.will_answer({"document": {"document_id": ID}})
    gateway.will_stream(
        event("progress", {"stage": "STAGE_INDEXING", "done": "1", "total": "2"}, 1),
        event("indexed", {"document": {"document_id": ID, "page_count": 2, "chunk_count": 2}}, 2),
    )
    result = await invoke("ingest", str(file))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{ID}  leaf.txt\n"
    assert "2 pages, 2 passages" in result.stderr


async def test_ingest_says_which_file_failed_and_finishes_the_others(
    invoke: Invoke, gateway: Gateway, tmp_path: Path, problem: MakeProblem
) -> None:
    file = tmp_path / "bad.pdf"
    await asyncio.to_thread(file.write_text, "%PDF-")
    gateway.will_answer({"document": {"document_id": ID}})
    gateway.will_stream(event("failed", {"reason": "ENCRYPTED_FILE", "message": "The file is encrypted."}, 1))
    result = await invoke("ingest", str(file))
    assert result.exit_code == 1
    assert "bad.pdf: The file is encrypted. [ENCRYPTED_FILE]" in result.stderr

    gateway.will_answer(problem(detail="Too large.", reason="FILE_TOO_LARGE", errors=[]), 413)
    result = await invoke("ingest", str(file), "--kind", "document")
    assert result.exit_code == 1
    assert "bad.pdf: Too large. [FILE_TOO_LARGE]" in result.stderr
    assert gateway.asked[-1].query["kind"] == "DOCUMENT_KIND_DOCUMENT"


async def test_ask_prints_answer_and_cited_sources(invoke: Invoke, gateway: Gateway) -> None:
    source = {"document_name": "leaf.pdf", "page": 3, "quote": "Leaves reflect\ngreen light."}
    gateway.will_stream(
        event("sources", {"sources": [source]}),
        event("delta", {"text": "They reflect green "}),
        event("delta", {"text": "light [1]."}),
        event("citation", {"number": 1, "source": source}),
        event("done", {"outcome": "ANSWER_OUTCOME_ANSWERED", "text": "They reflect green light [1]."}),
    )
    result = await invoke("ask", "Why are leaves green?", "--document", ID)
    assert result.exit_code == 0, result.output
    assert "They reflect green light [1]." in result.stdout
    assert "[1] leaf.pdf, p. 3  “Leaves reflect green light.”" in result.stdout


async def test_ask_says_so_when_the_material_does_not_hold_the_answer(invoke: Invoke, gateway: Gateway) -> None:
    gateway.will_stream(event("sources", {}), event("done", {"outcome": "ANSWER_OUTCOME_NOT_IN_MATERIAL"}))
    result = await invoke("ask", "Who won?")
    assert result.exit_code == 1
    assert "does not hold the answer" in result.stdout


async def test_generate_prints_each_question_with_key_and_source(invoke: Invoke, gateway: Gateway) -> None:
    gateway.will_stream(
        event("started", {"run_id": "r", "exercise_id": "e"}, 1),
        event("writing", {"draft": 1, "kind": "QUESTION_KIND_SINGLE_CHOICE", "stem": "[not markup] What"}, 2),
        event("question", {"question": QUESTION}, 3),
        event("done", {"state": "RUN_STATE_DONE", "exercise_id": "e", "question_count": 1, "model_count": 1}, 4),
    )
    result = await invoke("generate", "--document", ID, "--kinds", "single-choice,true-false", "--count", "1")
    assert result.exit_code == 0, result.output
    for words in ("What do leaves absorb?", "A. green light", "✓ B", "leaf.pdf, p. 3", "1 · single choice", "qwen"):
        assert words in result.stdout
    assert "1 by the model, 0 cloze" in result.stderr
    assert gateway.asked[0].json["kinds"] == ["QUESTION_KIND_SINGLE_CHOICE", "QUESTION_KIND_TRUE_FALSE"]


async def test_generate_tells_how_the_model_failed(invoke: Invoke, gateway: Gateway) -> None:
    why = {"reason": "PROVIDER_OUT_OF_CREDIT", "message": "The account has no credit left."}
    done = {"state": "RUN_STATE_DONE", "question_count": 1, "cloze_count": 1, "model_reason": why["reason"]}
    gateway.will_stream(
        event("model_given_up", why, 1),
        event("question", {"question": QUESTION}, 2),
        event("done", {**done, "model_message": why["message"]}, 3),
    )
    result = await invoke("generate", "--document", ID)
    assert result.exit_code == 0, result.output
    assert "The account has no credit left. [PROVIDER_OUT_OF_CREDIT]" in result.stderr
    assert "not asked any more: The account has no credit left." in result.stdout


async def test_ask_tells_how_the_model_failed_and_drops_what_it_thought(invoke: Invoke, gateway: Gateway) -> None:
    done = {"outcome": "ANSWER_OUTCOME_ANSWERED", "text": "Light [1]", "model_reason": "MODEL_CUT"}
    gateway.will_stream(
        event("sources", {}),
        event("delta", {"text": "Hm"}),
        event("restarted", {}),
        event("delta", {"text": "Light [1]"}),
        event("done", {**done, "model_message": "It was cut."}),
    )
    result = await invoke("ask", "What?")
    assert result.exit_code == 0, result.output
    assert "It was cut." in result.stdout


async def test_generate_reports_a_failed_run(invoke: Invoke, gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    await asyncio.to_thread(file.write_bytes, "\ufeff水循环".encode())
    done = {"state": "RUN_STATE_FAILED", "reason": "MODEL_UNAVAILABLE", "message": "No model answers."}
    gateway.will_stream(event("done", done, 1))
    result = await invoke("generate", "--text", str(file), "--no-model")
    assert result.exit_code == 1
    assert "No model answers. [MODEL_UNAVAILABLE]" in result.stderr
    assert gateway.asked[0].json["text"] == "水循环"
    assert gateway.asked[0].json["generator"] == "GENERATOR_CHOICE_CLOZE_ONLY"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("generate",), "--document ID or --text"),
        (("generate", "--document", ID, "--kinds", "essay"), "'essay' is none of"),
        (("generate", "--document", ID, "--count", "51"), "equal to 50"),
        (("ask", "  "), "must not be empty"),
        (("ingest", "/nowhere/at/all.pdf"), "does not exist"),
    ],
)
async def test_wrong_usage_is_refused_before_the_server_is_asked(
    invoke: Invoke, gateway: Gateway, arguments: tuple[str, ...], complaint: str
) -> None:
    result = await invoke(*arguments)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.replace("│", " ").split())
    assert gateway.asked == []


async def test_a_text_that_is_not_utf8_is_refused(invoke: Invoke, gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    await asyncio.to_thread(file.write_bytes, b"caf\xe9")
    result = await invoke("generate", "--text", str(file))
    assert result.exit_code == 1
    assert "is not UTF-8 text (byte 3)" in result.stderr
    assert gateway.asked == []


async def test_no_server_is_one_readable_line(invoke: Invoke, unused_tcp_port: int) -> None:
    result = await invoke("ask", "Why?", "--server", f"127.0.0.1:{unused_tcp_port}")
    assert result.exit_code == 1
    assert "nothing answers at http://127.0.0.1" in result.stderr
    assert "Traceback" not in result.stderr


WATER = {
    "entity_id": "e1",
    "name": "水",
    "kind": "term",
    "aliases": ["water"],
    "mention_count": "3",
    "description": "水是液体。",
}


async def test_graph_lists_what_is_mentioned_most(invoke: Invoke, gateway: Gateway) -> None:
    gateway.will_answer({"entities": [WATER]})
    result = await invoke("graph", "--document", ID, "--limit", "5")
    assert result.exit_code == 0
    assert "水" in result.output
    assert "water" in result.output
    assert gateway.asked[0].json == {"name": "", "document_ids": [ID], "limit": 5}


async def test_graph_shows_neighbors_with_sentences_and_why_names_are_one(invoke: Invoke, gateway: Gateway) -> None:
    source = {"quote": "水（water）由 [氢] 组成。", "document_name": "化学.pdf"}
    gateway.will_answer({"entities": [WATER]})
    gateway.will_answer(
        {
            "entities": [WATER, {"entity_id": "e2", "name": "氢"}, {"entity_id": "e3", "name": "氧"}],
            "relations": [
                {"from_entity_id": "e1", "to_entity_id": "e2", "sentence_count": "2", "sources": [source]},
                {"from_entity_id": "e2", "to_entity_id": "e3", "sentence_count": "1", "sources": [source]},
            ],
        }
    )
    links = [
        {"first_name": "水", "second_name": "water", "same": True, "sources": [source]},
        {"first_name": "水", "second_name": "冰", "same": False, "decision_id": "d1"},
    ]
    gateway.will_answer({"entity": WATER, "links": links})
    result = await invoke("graph", "water")
    assert result.exit_code == 0
    assert "水 – 氢 (2)" in result.output
    assert "氧" not in result.output
    assert "水 = water" in result.output
    assert "水（water）由 [氢] 组成。" in result.output
    assert "水 ≠ 冰 decided (d1)" in result.output


async def test_graph_says_that_a_name_is_not_there(invoke: Invoke, gateway: Gateway) -> None:
    gateway.will_answer({"entities": []})
    result = await invoke("graph", "nobody")
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("variables", "languages"),
    [
        ({}, ""),
        ({"LANG": "C.UTF-8"}, ""),
        ({"LANG": "POSIX"}, ""),
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.Big5"}, "zh-TW"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_Hans_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "", "LANG": "de_AT@euro"}, "de-AT"),
        ({"LANG": "fil"}, "fil"),
    ],
)
async def test_what_is_told_is_in_the_language_of_the_terminal(
    variables: dict[str, str], languages: str, monkeypatch: pytest.MonkeyPatch, invoke: Invoke, gateway: Gateway
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    gateway.will_answer({"entities": []})
    await invoke("graph")
    assert gateway.asked[0].languages == languages


async def test_ingest_says_what_should_be_known_of_a_file(invoke: Invoke, gateway: Gateway, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("sound.pdf", "[scanned] half.pdf")]
    for file in files:
        await asyncio.to_thread(file.write_text, "%PDF-")
    warnings = [{"reason": "PAGES_WITHOUT_TEXT", "message": "Page 2 holds only images."}, {"message": "Wrong letters."}]
    same = "The same file is already here as “first.pdf”."
    for document, told in (
        ({"document_id": ID}, {}),
        ({"document_id": ID, "warnings": warnings}, {"duplicate_message": same}),
    ):
        gateway.will_answer({"document": {"document_id": ID}, **told})
        gateway.will_stream(event("indexed", {"document": document}, 1))
        result = await invoke("ingest", str(files.pop(0)))
        assert result.exit_code == 0, result.output
        lines = [line for line in result.stderr.splitlines() if line.startswith("note:")]
        wanted = [same, *(warning["message"] for warning in warnings)] if told else []
        assert lines == [f"note: [scanned] half.pdf: {words}" for words in wanted]
    assert result.stdout == f"{ID}  [scanned] half.pdf\n"
