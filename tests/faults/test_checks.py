"""The checks find what is planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.checks import Facts, Part, Stream, findings

_TEXT = "A camel drinks."


def _well() -> Facts:
    return Facts(
        uploads={"d": "sha", "raw": "sha2"},
        deleted=["gone"],
        documents={"d": "DOCUMENT_STATE_INDEXED", "raw": "DOCUMENT_STATE_UPLOADED"},
        unparsed={"raw"},
        files={"d": "sha", "raw": "sha2"},
        texts={"d": (_TEXT, _TEXT)},
        chunks={"d": [0, 1]},
        expected_chunks={"d": 2, "raw": 0},
        vectors={"d": 2},
        submissions=["s"],
        stored_submissions=["s"],
        runs={"r": "done"},
        run_events={"r": [(1, "started"), (4, "question"), (6, "Done")]},
        streams=[
            Stream("answer", parts=[Part([(0, "sources"), (0, "done")], closed=True)]),
            Stream(
                "run",
                "r",
                [
                    Part([(1, "started"), (2, "token"), (3, "token"), (4, "question")]),
                    Part([], closed=False),
                    Part([(6, "done")], closed=True),
                ],
            ),
            Stream("document", "d", [Part([(1, "progress"), (2, "progress")]), Part([(3, "indexed")], closed=True)]),
        ],
        calls=[("POST /answer", 1.0, 20.0)],
    )


def test_nothing_is_found_where_all_is_well() -> None:
    assert findings(_well()) == []


def test_on_a_slow_machine_a_call_may_be_late_in_proportion() -> None:
    facts = _well()
    facts.calls.append(("GET /documents", 22.5, 20.0))
    assert [finding.kind for finding in findings(facts)] == ["late"]
    facts.slowness = 3.0
    assert findings(facts) == []


@pytest.mark.parametrize(
    ("plant", "kind", "what"),
    [
        (lambda facts: facts.documents.clear(), "lost", "document d was confirmed"),
        (lambda facts: facts.documents.update(d="DOCUMENT_STATE_PROCESSING"), "stuck", "PROCESSING"),
        (lambda facts: facts.unparsed.clear(), "stuck", "UPLOADED"),
        (lambda facts: facts.files.update(d="another"), "lost", "the file of d"),
        (lambda facts: facts.files.pop("raw"), "lost", "the file of raw"),
        (lambda facts: facts.texts.update(d=(_TEXT, _TEXT[1:])), "lost", "the text of d"),
        (lambda facts: facts.documents.update(gone="DOCUMENT_STATE_INDEXED"), "lost", "the deletion of gone"),
        (lambda facts: facts.chunks.update(gone=[0]), "lost", "the deletion of gone"),
        (lambda facts: facts.vectors.update(gone=1), "lost", "the deletion of gone"),
        (lambda facts: facts.chunks.update(d=[0]), "lost", "chunk 1"),
        (lambda facts: facts.chunks.update(d=[0, 1, 1]), "twice", "chunk 1"),
        (lambda facts: facts.vectors.update(d=1), "lost", "1 vectors"),
        (lambda facts: facts.vectors.update(d=3), "twice", "3 vectors"),
        (lambda facts: facts.stored_submissions.clear(), "lost", "submission s"),
        (lambda facts: facts.stored_submissions.append("s"), "twice", "submission s"),
        (lambda facts: facts.runs.update(r="running"), "stuck", "run r"),
        (lambda facts: facts.run_events.update(r=[(1, "started")]), "lost", "end of run r"),
        (lambda facts: facts.run_events.clear(), "lost", "end of run r"),
        (lambda facts: facts.run_events.update(r=[(1, "started"), (1, "Done")]), "twice", "stored events of run r"),
        (lambda facts: facts.run_events.update(r=[(4, "question"), (1, "Done")]), "lost", "order of the stored"),
        (lambda facts: facts.run_events.update(r=[(1, "Done"), (2, "Done")]), "twice", "end of run r"),
        # What clients saw of streams, over a reconnect.
        (lambda facts: facts.streams[0].parts[0].events.pop(), "lost", "end of the stream of answer"),
        (lambda facts: facts.streams[0].parts[0].events.clear(), "lost", "end of the stream of answer"),
        (lambda facts: facts.streams[1].parts.pop(), "stuck", "the stream of run r has no end"),
        (lambda facts: facts.streams[1].parts[1].events.append((4, "question")), "twice", "events of run r"),
        (lambda facts: facts.streams[1].parts[1].events.append((3, "question")), "twice", "events of run r"),
        (lambda facts: facts.streams[1].parts[0].events.pop(), "lost", "event 4 of run r"),
        (
            lambda facts: facts.streams[1].parts[0].events.insert(1, (7, "token")),
            "lost",
            "order of the events of run r",
        ),
        (lambda facts: facts.streams[1].parts[2].events.append((7, "done")), "twice", "end of the stream of run r"),
        (lambda facts: facts.streams[2].parts[0].events.pop(), "lost", "event 2 of document d"),
        (lambda facts: facts.streams[2].parts[1].events.insert(0, (2, "progress")), "twice", "events of document d"),
        (lambda facts: facts.streams[2].parts.pop(), "stuck", "the stream of document d has no end"),
        (lambda facts: facts.calls.append(("GET /documents", 30.0, 20.0)), "late", "GET /documents"),
        (lambda facts: facts.restarted.append("docs"), "stuck", "docs was started again"),
        (lambda facts: facts.fsck.update(orphans=["x"]), "lost", "orphans"),
    ],
)
def test_a_planted_defect_is_found(plant: Callable[[Facts], None], kind: str, what: str) -> None:
    facts = _well()
    plant(facts)
    assert any(finding.kind == kind and what in finding.what for finding in findings(facts))
