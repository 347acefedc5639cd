"""The checks find what is planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.checks import Facts, findings


def _well() -> Facts:
    return Facts(
        uploads=["d"],
        documents={"d": "DOCUMENT_STATE_INDEXED"},
        chunks={"d": [0, 1]},
        expected_chunks={"d": 2},
        vectors={"d": 2},
        submissions=["s"],
        stored_submissions=["s"],
        runs={"r": "done"},
        run_events={"r": [(1, "started"), (4, "question"), (5, "Done")]},
        calls=[("POST /answer", 1.0, 20.0)],
    )


def test_nothing_is_found_where_all_is_well() -> None:
    assert findings(_well()) == []


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lambda facts: facts.documents.clear(), "lost"),
        (lambda facts: facts.documents.update(d="DOCUMENT_STATE_PROCESSING"), "stuck"),
        (lambda facts: facts.chunks.update(d=[0]), "lost"),
        (lambda facts: facts.chunks.update(d=[0, 1, 1]), "twice"),
        (lambda facts: facts.vectors.update(d=1), "lost"),
        (lambda facts: facts.vectors.update(d=3), "twice"),
        (lambda facts: facts.stored_submissions.clear(), "lost"),
        (lambda facts: facts.stored_submissions.append("s"), "twice"),
        (lambda facts: facts.runs.update(r="running"), "stuck"),
        (lambda facts: facts.run_events.update(r=[(1, "started")]), "lost"),
        (lambda facts: facts.run_events.clear(), "lost"),
        (lambda facts: facts.run_events.update(r=[(1, "started"), (1, "Done")]), "twice"),
        (lambda facts: facts.run_events.update(r=[(1, "Done"), (2, "Done")]), "twice"),
        (lambda facts: facts.calls.append(("GET /documents", 30.0, 20.0)), "late"),
        (lambda facts: facts.fsck.update(orphans=["x"]), "lost"),
    ],
)
def test_a_planted_defect_is_found(plant: Callable[[Facts], None], kind: str) -> None:
    facts = _well()
    plant(facts)
    assert kind in {finding.kind for finding in findings(facts)}
