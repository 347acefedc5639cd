"""The texts of this service, in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.docs.values.document import Document, Failure
from services.docs.values.parsed_document import ReadingWarning
from services.kit.context import current
from services.language.wording import Wording

_MOST_RANGES = 12
"""Runs of pages that a text names; the list beside it has all."""
_WORDING = Wording.load(__name__.rpartition(".")[0])


def told(reason: str, details: Mapping[str, str], otherwise: str = "") -> str:
    """Return what the caller is told of a refusal, a warning or a failure, in the language that the request accepts.

    `details` fill in the text; `what` among them chooses one that says more. For a reason of which no text speaks,
    `otherwise` is told.
    """
    keys = [f"{reason}.{details['what']}", reason] if "what" in details else [reason]
    return _WORDING.text(current().accept_language, keys, details, otherwise)


def failure_text(failure: Failure) -> str:
    """Return why a job failed and what to do; a failure of which no text speaks keeps its message."""
    return told(failure.reason, {"message": failure.message, **failure.details}, failure.message)


def warning_text(warning: ReadingWarning) -> str:
    """Return what is said of a file that was read, with its pages."""
    if not warning.pages:
        return told(warning.reason, {})
    ranges = page_ranges(warning.pages)
    runs = [str(first) if first == last else f"{first}{told('to', {})}{last}" for first, last in ranges[:_MOST_RANGES]]
    several = len(warning.pages) > 1
    numbers = told("comma", {}).join([*runs, *(["…"] if len(ranges) > _MOST_RANGES else [])])
    pages = told("pages" if several else "page", {"numbers": numbers})
    return told(warning.reason, {"what": "some" if several else "one", "pages": pages})


def same_file_text(document: Document) -> str:
    """Return what is said of a file that is stored once more: the name under which it is here already."""
    return told("SAME_FILE", {"name": document.name})


def page_ranges(pages: Sequence[int]) -> list[tuple[int, int]]:
    """Return runs of pages that follow each other as first and last, both included."""
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and runs[-1][1] == page - 1:
            runs[-1] = runs[-1][0], page
        else:
            runs.append((page, page))
    return runs
