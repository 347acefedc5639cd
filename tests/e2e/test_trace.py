"""One trace over every process: what a client's upload and question caused, as a collector sees it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import models
from tests.e2e.conftest import environment
from tests.e2e.stack import EMBEDDING_MODEL, running
from tests.fakes.otlp import Collector, SeenSpan
from tests.fakes.tutor import Tutor
from tests.waiting import eventually

TEXT = "# The sky\n\nThe sky is blue because air scatters blue light more than red light.\n"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
CLIENT, SERVER = 3, 2


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short-named folder: the path of PostgreSQL's socket lies below it and is limited."""
    made = Path(tempfile.mkdtemp(prefix="tiku-trace-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.engine
async def test_an_upload_and_a_question_are_one_trace_whose_spans_nest(folder: Path) -> None:
    if await models.path(EMBEDDING_MODEL) is None:
        pytest.skip(f"NO EMBEDDING MODEL: tiku models pull {EMBEDDING_MODEL}")
    async with Tutor() as tutor, Collector() as collector:
        variables = {
            **environment(tutor),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        async with running(folder / "data", **variables) as up:
            params = {"name": "sky.md", "kind": "DOCUMENT_KIND_MATERIAL", "parse": "true"}
            kind = {"Content-Type": "application/octet-stream", **HEADERS}
            body = TEXT.encode()
            stored = await up.rest.call("POST", "/documents", data=body, params=params, headers=kind)
            await up.rest.watch(stored["document"]["document_id"])
            async with up.rest.stream(
                "POST", "/answer", {"question": "Why is the sky blue?"}, headers=HEADERS
            ) as events:
                assert [event async for event in events]
            # The end of a process sends what is left.
            await up.stop()
        await eventually(lambda: any(span.name == "POST /api/v1/answer" for span in collector.of(TRACE)))
        _check(collector.of(TRACE))
        assert [request.headers.get("traceparent", "")[3:35] for request in tutor.requests] == [TRACE]


def _check(spans: list[SeenSpan]) -> None:
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if span.parent_id not in by_id]
    # What the client's own span caused; everything else is below one of ours.
    assert {(span.service, span.parent_id) for span in roots} == {("tiku-gateway", "00f067aa0ba902b7")}
    for span in spans:
        parent = by_id.get(span.parent_id)
        if parent is not None and parent.service == span.service and "job" not in span.name:
            assert parent.start <= span.start
        if span.kind == SERVER and parent is not None:
            assert (parent.kind, parent.name) == (CLIENT, span.name)
    names = {(span.service, span.name.partition(" ")[0]) for span in spans}
    assert names >= {
        ("tiku-gateway", "tiku.docs.v1.DocsService/UploadDocument"),
        ("tiku-docs", "tiku.docs.v1.DocsService/UploadDocument"),
        ("tiku-docs", "postgresql"),
        ("tiku-docs", "objects"),
        ("tiku-docs", "parse"),
        ("tiku-docs", "index"),
        ("tiku-llm", "embeddings"),
        ("tiku-llm", "chat"),
        ("tiku-retrieval", "qdrant"),
        ("tiku-retrieval", "tiku.retrieval.v1.RetrievalService/Answer"),
    }
    (chat,) = [span for span in spans if span.name.startswith("chat ")]
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.request.model"] == "tutor"
    assert int(chat.attributes["gen_ai.usage.output_tokens"]) > 0
    assert _path(chat, by_id) == [
        "tiku.llm.v1.LlmService/StreamChat",
        "tiku.llm.v1.LlmService/StreamChat",
        "tiku.retrieval.v1.RetrievalService/Answer",
        "tiku.retrieval.v1.RetrievalService/Answer",
        "POST /api/v1/answer",
    ]


def _path(span: SeenSpan, by_id: dict[str, SeenSpan]) -> list[str]:
    names = []
    while (found := by_id.get(span.parent_id)) is not None:
        names.append(found.name)
        span = found
    return names
