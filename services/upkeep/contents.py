"""What a backup says about itself: `about.json` comes first, `manifest.json` and `SHA256SUMS` come last."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

FORMAT: Final = 2
"""The version of the format; a reader refuses a later one. The second has `graph/decisions.gz`."""
ABOUT: Final = "about.json"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
DECISIONS: Final = "graph/decisions.gz"

_MEMBER = re.compile(
    r"rows/[a-z_]+\.[a-z_0-9]+\.gz|objects/[0-9a-f]{64}|texts/[0-9a-f-]{36}\.gz|vectors/[A-Za-z0-9_-]{1,200}\.gz"
    rf"|{re.escape(DECISIONS)}|{re.escape(ABOUT)}|{re.escape(MANIFEST)}|{re.escape(SUMS)}"
)


class TableRows(msgspec.Struct, frozen=True):
    """A table whose rows are in the backup, after the tables that it refers to."""

    schema: str
    name: str
    columns: list[str]

    @property
    def member(self) -> str:
        """The member that holds the rows, as PostgreSQL's COPY writes them in text format."""
        return f"rows/{self.schema}.{self.name}.gz"


class Version(msgspec.Struct, frozen=True):
    """What every format says in `about.json`: its version, and that of the Tiku that wrote it."""

    format: int
    tiku: str


class About(msgspec.Struct, frozen=True):
    """What a reader must know before it reads on.

    `migrations` are the applied ones of each schema, by name with their SHA-256; `sequences` the last value of each
    sequence that was used, by its full name.
    """

    format: int
    tiku: str
    created: str
    tables: list[TableRows]
    migrations: dict[str, dict[str, str]]
    sequences: dict[str, int]


class Manifest(msgspec.Struct, frozen=True):
    """What is in the backup, and what is not.

    `rows` counts by table. `missing` are the documents whose file or text was gone or damaged. `index_again` are those
    that have fewer points in the backup than chunks in the index. `decisions` are those about names of the graph.
    """

    rows: dict[str, int]
    objects: int
    object_bytes: int
    texts: int
    points: int
    missing: list[str]
    index_again: list[str]
    decisions: int = 0


class Decision(msgspec.Struct, frozen=True):
    """What somebody decided about two entities of the graph: a line of `graph/decisions.gz`."""

    owner: str
    first_id: str
    second_id: str
    first_key: str
    second_key: str
    same: bool
    decided: datetime


def is_member(name: str) -> bool:
    """Return whether a backup can have a member of this name."""
    return _MEMBER.fullmatch(name) is not None
