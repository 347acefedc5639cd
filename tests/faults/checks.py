"""What must hold after a fault: nothing lost, nothing twice, nothing stuck, nothing past its deadline.

The checks look at facts that were collected beforehand, so that defects can be planted in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

Kind = Literal["lost", "twice", "stuck", "late"]
StreamKind = Literal["answer", "run", "document"]

_TOLERANCE_SECONDS = 1.0
ENDS: Mapping[StreamKind, frozenset[str]] = {
    "answer": frozenset({"done"}),
    "run": frozenset({"done"}),
    "document": frozenset({"indexed", "failed"}),
}
"""The events that end each kind of stream."""
_FAILED = "error"
"""The event with which a stream says that it cannot go on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    what: str


@dataclass(slots=True)
class Part:
    """What one connection of a stream brought."""

    events: list[tuple[int, str]] = field(default_factory=list)
    """Number and name of each event; the number is 0 where the kind has none."""
    closed: bool = False
    """Whether the stream ended as HTTP ends one, rather than broke off."""


@dataclass(slots=True)
class Stream:
    """What a client saw of one stream, over all its connections."""

    kind: StreamKind
    subject: str = ""
    """The id of the run or document, by which it is read further; empty while not known."""
    parts: list[Part] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[int, str]]:
        """The events of all its connections."""
        return [event for part in self.parts for event in part.events]

    @property
    def last(self) -> int:
        """The number of the last event seen, after which it is read further."""
        return max((number for number, _ in self.events), default=0)

    @property
    def ended(self) -> bool:
        """Whether its last event was seen."""
        return any(name in ENDS[self.kind] for _, name in self.events)


@dataclass(slots=True)
class Facts:
    """What clients were promised, and what the stores hold once all is quiet."""

    uploads: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of the bytes of each document that was confirmed to a client and not deleted since, by id."""
    deleted: list[str] = field(default_factory=list)
    """The ids of documents whose deletion was confirmed to a client."""
    documents: dict[str, str] = field(default_factory=dict)
    """The state of each listed document, by id."""
    unparsed: set[str] = field(default_factory=set)
    """The ids of listed documents that nobody asked to parse."""
    files: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of each document's file as it is downloaded."""
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What was written into a document, and the text that is read of it, by id."""
    chunks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """The ordinals of each document's stored chunks."""
    expected_chunks: Mapping[str, int] = field(default_factory=dict)
    """How many chunks each document says that it has."""
    vectors: Mapping[str, int] = field(default_factory=dict)
    """How many points each document has in the vector store."""
    submissions: list[str] = field(default_factory=list)
    """The ids of submissions that were confirmed to a client."""
    stored_submissions: Sequence[str] = field(default_factory=list)
    runs: Mapping[str, str] = field(default_factory=dict)
    """The state of each run, by id."""
    run_events: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    """The numbers and names of each run's stored events, in order."""
    streams: list[Stream] = field(default_factory=list)
    """The streams that clients read, over reconnects."""
    calls: list[tuple[str, float, float]] = field(default_factory=list)
    """Each call with the seconds that it took and those that it was allowed."""
    restarted: list[str] = field(default_factory=list)
    """Processes that were started again though the fault killed none."""
    fsck: Mapping[str, Any] = field(default_factory=dict)
    slowness: float = 1.0
    """How many times as long as on a quiet machine things take here, at least 1."""


def findings(facts: Facts) -> list[Finding]:
    """Return all that is wrong, nothing when all is well."""
    checks = (_documents, _contents, _deletions, _submissions, _runs, _streams, _calls, _restarts, _fsck)
    return [finding for check in checks for finding in check(facts)]


def _documents(facts: Facts) -> Iterator[Finding]:
    yield from (Finding("lost", f"document {one} was confirmed") for one in facts.uploads if one not in facts.documents)
    for document, state in facts.documents.items():
        if state != ("DOCUMENT_STATE_UPLOADED" if document in facts.unparsed else "DOCUMENT_STATE_INDEXED"):
            yield Finding("stuck", f"document {document} is {state}")
            continue
        ordinals, expected = Counter(facts.chunks.get(document, ())), facts.expected_chunks.get(document, 0)
        points = facts.vectors.get(document, 0)
        yield from (Finding("twice", f"chunk {n} of {document}") for n, times in ordinals.items() if times > 1)
        yield from (Finding("lost", f"chunk {n} of {document}") for n in range(expected) if n not in ordinals)
        if points != expected:
            kind: Kind = "lost" if points < expected else "twice"
            yield Finding(kind, f"{document} has {points} vectors for {expected} chunks")


def _contents(facts: Facts) -> Iterator[Finding]:
    for document, digest in facts.uploads.items():
        if document in facts.documents and facts.files.get(document) != digest:
            yield Finding("lost", f"the file of {document} is another one")
    for document, (written, read) in facts.texts.items():
        if facts.documents.get(document) == "DOCUMENT_STATE_INDEXED" and written != read:
            yield Finding("lost", f"the text of {document} is another one: {read[:80]!r}")


def _deletions(facts: Facts) -> Iterator[Finding]:
    for document in facts.deleted:
        left = {
            "row": document in facts.documents,
            "chunks": bool(facts.chunks.get(document)),
            "vectors": bool(facts.vectors.get(document)),
        }
        if any(left.values()):
            yield Finding("lost", f"the deletion of {document}: {left}")


def _submissions(facts: Facts) -> Iterator[Finding]:
    stored = Counter(facts.stored_submissions)
    yield from (Finding("lost", f"submission {one}") for one in facts.submissions if one not in stored)
    yield from (Finding("twice", f"submission {one}") for one, times in stored.items() if times > 1)


def _runs(facts: Facts) -> Iterator[Finding]:
    for run, state in facts.runs.items():
        if state == "running":
            yield Finding("stuck", f"run {run} is running")
        events = facts.run_events.get(run, ())
        yield from _disorder(f"stored events of run {run}", [number for number, _ in events])
        ends = [number for number, name in events if name == "Done"]
        if state != "running" and (not ends or ends != [events[-1][0]]):
            yield Finding("twice" if len(ends) > 1 else "lost", f"end of run {run}: {events}")


def _streams(facts: Facts) -> Iterator[Finding]:
    for stream in facts.streams:
        what = f"{stream.kind} {stream.subject}"
        for part in stream.parts:
            if part.closed and (not part.events or part.events[-1][1] not in ENDS[stream.kind] | {_FAILED}):
                yield Finding("lost", f"end of the stream of {what}: {part.events[-3:]}")
        ends = sum(name in ENDS[stream.kind] for _, name in stream.events)
        if ends > 1:
            yield Finding("twice", f"end of the stream of {what}")
        if stream.subject and not ends:
            yield Finding("stuck", f"the stream of {what} has no end: {stream.events[-3:]}")
        numbers = [number for number, _ in stream.events if number]
        yield from _disorder(f"events of {what}", numbers)
        if stream.kind == "document":
            yield from _gaps(what, numbers)
        elif stream.kind == "run":
            seen = set(numbers)
            stored = [number for number, _ in facts.run_events.get(stream.subject, ()) if number <= stream.last]
            yield from (Finding("lost", f"event {number} of {what}") for number in stored if number not in seen)


def _disorder(what: str, numbers: Sequence[int]) -> Iterator[Finding]:
    if len(set(numbers)) != len(numbers):
        yield Finding("twice", f"{what}: {numbers}")
    elif any(one > next_one for one, next_one in pairwise(numbers)):
        yield Finding("lost", f"order of the {what}: {numbers}")


def _gaps(what: str, numbers: Sequence[int]) -> Iterator[Finding]:
    """Find numbers that are missing where they count from 1 without gaps."""
    missing = set(range(1, max(numbers, default=0))) - set(numbers)
    yield from (Finding("lost", f"event {number} of {what}") for number in sorted(missing))


def _calls(facts: Facts) -> Iterator[Finding]:
    for name, took, allowed in facts.calls:
        if took > allowed + _TOLERANCE_SECONDS * facts.slowness:
            yield Finding("late", f"{name} took {took:.1f} s of {allowed:.1f} s")


def _restarts(facts: Facts) -> Iterator[Finding]:
    yield from (Finding("stuck", f"{process} was started again") for process in facts.restarted)


def _fsck(facts: Facts) -> Iterator[Finding]:
    yield from (Finding("lost", f"tiku fsck finds {kind}: {what}") for kind, what in facts.fsck.items())
