"""The faults: what is broken, how, and on which kind of stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.faults.links import LINKS, OBJECTS_LINK, PROVIDER_LINK

StackKind = Literal["plain", "objects", "embedder", "disk"]
"""Plain; files in an S3 server; vectors from a local model; a data folder on a small volume of its own."""
DISK = "disk"
_WORKER = "-worker"


@dataclass(frozen=True, slots=True)
class Case:
    """A fault.

    `target` is a failpoint, a process, a link or the disk. A failpoint is armed with `action`, in which `process` is
    hit. A process gets a signal: at a random moment, or when the failpoint `at` is reached. What is called
    `docs-worker` are the processes below docs that work for it.
    """

    target: str
    action: str
    process: str = ""
    at: str = ""
    stack: StackKind = "plain"

    @property
    def name(self) -> str:
        """The name by which the command line and the table call it."""
        return f"{self.target}={self.action}"

    @property
    def point(self) -> str:
        """The failpoint that is armed; empty for none."""
        return self.target if self.target.count(".") > 1 else ""

    @property
    def is_link(self) -> bool:
        """Whether a link is broken."""
        return self.target in {*LINKS, PROVIDER_LINK, OBJECTS_LINK}

    @property
    def victim(self) -> str:
        """The process that is hit; empty where none is."""
        return "" if self.is_link or self.target == DISK else self.process or self.target.removesuffix(_WORKER)

    @property
    def is_worker(self) -> bool:
        """Whether the workers of the victim are hit instead of itself."""
        return self.target.endswith(_WORKER)

    @property
    def is_crash(self) -> bool:
        """Whether the victim has to be started again by `tiku up`."""
        return self.action == "kill" and not self.is_worker


def _points(process: str, *points: tuple[str, str]) -> tuple[Case, ...]:
    return tuple(Case(point, action, process) for point, action in points)


CASES = (
    *_points(
        "gateway",
        ("gateway.upload.body_received", "kill"),
        ("gateway.upload.answered", "kill"),
        ("gateway.answer.begun", "kill"),
        ("gateway.answer.event_sent", "error(Unavailable)"),
        ("gateway.generate.begun", "sleep(2)"),
        ("gateway.generate.event_sent", "kill"),
    ),
    *_points(
        "docs",
        ("docs.upload.row_written", "kill"),
        ("docs.upload.object_stored", "kill"),
        ("docs.upload.object_stored", "hang"),
        ("docs.upload.confirmed", "kill"),
        ("docs.index.job_taken", "stop"),
        ("docs.index.parsed", "sleep(2)"),
        ("docs.index.parsed", "kill"),
        ("docs.index.chunks_stored", "kill"),
        ("docs.index.embedded", "error(Unavailable)"),
        ("docs.index.vectors_stored", "kill"),
        ("docs.index.progress_stored", "error(Unavailable)"),
        ("docs.index.finished", "kill"),
        ("docs.delete.marked", "kill"),
        ("docs.delete.vectors_deleted", "kill"),
        ("docs.delete.object_deleted", "kill"),
        ("docs.delete.row_removed", "error(Unavailable)"),
    ),
    *_points(
        "retrieval",
        ("retrieval.answer.question_embedded", "kill"),
        ("retrieval.answer.passages_found", "kill"),
        ("retrieval.answer.first_text", "hang"),
        ("retrieval.answer.model_done", "error(Unavailable)"),
        ("retrieval.answer.cited", "kill"),
        ("retrieval.answer.cited", "hang"),
    ),
    *_points(
        "llm",
        ("llm.chat.asked", "hang"),
        ("llm.chat.first_token", "kill"),
        ("llm.chat.last_token", "kill"),
        ("llm.chat.last_token", "error(Unavailable)"),
    ),
    *_points(
        "exercises",
        ("exercises.run.material_read", "kill"),
        ("exercises.run.created", "kill"),
        ("exercises.run.events_stored", "kill"),
        ("exercises.run.question_accepted", "kill"),
        ("exercises.run.question_accepted", "error(Unavailable)"),
        ("exercises.run.question_stored", "stop"),
        ("exercises.submission.stored", "kill"),
    ),
    *(
        Case(process, action)
        for process in ("gateway", "docs", "retrieval", "llm", "exercises", "qdrant", "postgres")
        for action in ("kill", "stop", "slow")
    ),
    *(Case("docs-worker", action, at="docs.index.job_taken") for action in ("kill", "stop")),
    *(Case("exercises-worker", action) for action in ("kill", "stop")),
    *(Case("llm-worker", action, stack="embedder") for action in ("kill", "stop")),
    *(Case(link, action) for link in (*LINKS, PROVIDER_LINK) for action in ("cut", "silence", "slow")),
    *(Case(OBJECTS_LINK, action, stack="objects") for action in ("cut", "silence", "slow")),
    Case(DISK, "full", stack="disk"),
)
