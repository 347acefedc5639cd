"""What must hold after a fault: nothing lost, nothing twice, nothing stuck, nothing past its deadline.

The checks look at facts that were collected beforehand, so that defects can be planted in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["lost", "twice", "stuck", "late"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    what: str


@dataclass(slots=True)
class Facts:
    """What clients were promised, and what the stores hold once all is quiet."""

    uploads: list[str] = field(default_factory=list)
    """The ids of documents that were confirmed to a client."""
    documents: dict[str, str] = field(default_factory=dict)
    """The state of each listed document, by id."""
    chunks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """The ordinals of each document's stored chunks."""
    expected_chunks: Mapping[str, int] = field(default_factory=dict)
    """How many chunks each indexed document says that it has."""
    vectors: Mapping[str, int] = field(default_factory=dict)
    """How many points each document has in the vector store."""
    submissions: list[str] = field(default_factory=list)
    """The ids of submissions that were confirmed to a client."""
    stored_submissions: Sequence[str] = field(default_factory=list)
    runs: Mapping[str, str] = field(default_factory=dict)
    """The state of each run, by id."""
    run_events: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    """The numbers and names of each run's stored events, in order."""
    calls: list[tuple[str, float, float]] = field(default_factory=list)
    """Each call with the seconds that it took and those that it was allowed."""
    fsck: Mapping[str, Any] = field(default_factory=dict)


_TOLERANCE_SECONDS = 1.0


def findings(facts: Facts) -> list[Finding]:
    """All that is wrong, empty when all is well."""
    return [*_documents(facts), *_submissions(facts), *_runs(facts), *_calls(facts), *_fsck(facts)]


def _documents(facts: Facts) -> list[Finding]:
    found = [Finding("lost", f"document {one} was confirmed") for one in facts.uploads if one not in facts.documents]
    for document, state in facts.documents.items():
        if state != "DOCUMENT_STATE_INDEXED":
            found.append(Finding("stuck", f"document {document} is {state}"))
            continue
        ordinals, expected = Counter(facts.chunks.get(document, ())), facts.expected_chunks[document]
        points = facts.vectors.get(document, 0)
        found += [Finding("twice", f"chunk {n} of {document}") for n, times in ordinals.items() if times > 1]
        found += [Finding("lost", f"chunk {n} of {document}") for n in range(expected) if n not in ordinals]
        if points != expected:
            kind: Kind = "lost" if points < expected else "twice"
            found.append(Finding(kind, f"{document} has {points} vectors for {expected} chunks"))
    return found


def _submissions(facts: Facts) -> list[Finding]:
    stored = Counter(facts.stored_submissions)
    lost = [Finding("lost", f"submission {one}") for one in facts.submissions if one not in stored]
    return lost + [Finding("twice", f"submission {one}") for one, times in stored.items() if times > 1]


def _runs(facts: Facts) -> list[Finding]:
    found = [Finding("stuck", f"run {run} is running") for run, state in facts.runs.items() if state == "running"]
    for run, state in facts.runs.items():
        events = facts.run_events.get(run, ())
        numbers = [number for number, _ in events]
        if len(set(numbers)) != len(numbers):
            found.append(Finding("twice", f"events of run {run}: {numbers}"))
        elif numbers != sorted(numbers):
            found.append(Finding("lost", f"order of the events of run {run}: {numbers}"))
        ends = [number for number, name in events if name == "Done"]
        if state != "running" and (not ends or ends != numbers[-1:]):
            found.append(Finding("twice" if len(ends) > 1 else "lost", f"end of run {run}: {events}"))
    return found


def _calls(facts: Facts) -> list[Finding]:
    return [
        Finding("late", f"{name} took {took:.1f} s of {allowed:.1f} s")
        for name, took, allowed in facts.calls
        if took > allowed + _TOLERANCE_SECONDS
    ]


def _fsck(facts: Facts) -> list[Finding]:
    return [Finding("lost", f"tiku fsck finds {kind}: {what}") for kind, what in facts.fsck.items()]
