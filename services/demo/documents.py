"""The two documents of the demo, and a question that each of them answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("documents")


@dataclass(frozen=True, slots=True)
class DemoDocument:
    """A document, and what the demo asks about it."""

    file: Path
    question: str


DOCUMENTS: Final = (
    DemoDocument(FOLDER / "photosynthesis.pdf", "Which enzyme fixes carbon dioxide in the Calvin cycle?"),
    DemoDocument(FOLDER / "water-cycle.pptx", "水循环的根本能量来自哪里？"),
)
