"""The words by which a document shows its order: headings, captions, page numbers, names of a word processor's styles.

Every field is an expression. Those of all languages hold at once, because study material mixes languages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class OutlineRules:
    """How the parts of a document are called."""

    chapter: str = "(?!)"
    """The beginning of a chapter's heading, and of what is above chapters."""
    section: str = "(?!)"
    """The beginning of a section's heading."""
    subsection: str = "(?!)"
    """The beginning of a heading below that."""
    measured: str = "(?!)"
    """What after a number such as 2.5 makes it a quantity and not the number of a section."""
    alone: str = "(?!)"
    """Words that head a section without a number."""
    caption: str = "(?!)"
    """The beginning of the caption of a figure or table."""
    before_page: str = "(?!)"
    """What stands before a page's number, in any case of letters; so do the three that follow."""
    after_page: str = "(?!)"
    of_pages: str = "(?!)"
    """What stands between a page's number and that of the last page."""
    heading_style: str = "(?!)"
    """Names of styles, in any case of letters; a level follows this one and the contents'."""
    title_style: str = "(?!)"
    caption_style: str = "(?!)"
    list_style: str = "(?!)"
    code_style: str = "(?!)"
    contents_style: str = "(?!)"
    contents: str = "(?!)"
    """The heading of a table of contents, in any case of letters."""
    compound: str = "(?!)"
    """Words in small letters that keep their hyphen though a line ends at it."""
    untitled: str = "(?!)"
    """The title that a program gives a document without one, in any case of letters."""

    @classmethod
    def joined(cls, rules: Iterable[OutlineRules]) -> OutlineRules:
        """Return rules under which each language's documents are read as under its own."""
        rules = list(rules)
        return cls(*("|".join(getattr(rule, field.name) for rule in rules) for field in fields(cls)))


NO_OUTLINE = OutlineRules()
