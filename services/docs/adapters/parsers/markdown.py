"""Markdown as a reader sees it, with headings, lists, tables and code as blocks."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.markup import table_text
from services.docs.values.parsed_document import BlockKind
from services.language.scripts import join_lines

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_FRONT_MATTER_TITLE = re.compile(r"^title:\s*(['\"]?)(.+?)\1\s*$", re.MULTILINE)
_HTML_TAG = re.compile(r"<!--(?:.*?-->|.*\Z)|<[A-Za-z/!?][^>]*(?:>|\Z)", re.DOTALL)
"""What is not closed goes on to the end, as in a browser; it would take quadratic time to try each `<` in vain."""
_DELIMITER = re.compile(r"[\[\]<*_`!&$~]")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_DISPLAY_OR_INLINE_MATH = re.compile(r"\$\$.+?\$\$|\$(?=\S)[^$\n]+?(?<=\S)\$(?!\d)", re.DOTALL)


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of the CommonMark at `path`, with tables and formulas in dollar signs; it has no pages."""
    write_markdown(read_text(path, builder), builder)


def write_markdown(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a text in Markdown."""
    front_matter = _FRONT_MATTER.match(source)
    if front_matter:
        title = _FRONT_MATTER_TITLE.search(front_matter.group(1))
        builder.title = title.group(2) if title else ""
        source = source[front_matter.end() :]
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    markdown.inline.ruler.before("escape", "math", _math)
    markdown.core.ruler.after("block", "complexity", partial(_check_inline, builder))
    _Writer(builder).write(markdown.parse(source))


def _check_inline(builder: DocumentBuilder, state: StateCore) -> None:
    """Refuse texts whose marks would take the library quadratic time to pair."""
    for token in state.tokens:
        if token.type == "inline":
            count = len(_DELIMITER.findall(token.content))
            builder.check_complexity(count, builder.limits.delimiters, "marks in one paragraph")


class _Writer:
    """Turns tokens into blocks."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._lists: list[int | None] = []
        """The next number of each open list, None for bullets."""
        self._marker = ""
        self._rows: list[list[str]] = []
        """The rows of the open table."""

    def write(self, tokens: list[Token]) -> None:
        for before, token in zip([None, *tokens], tokens, strict=False):
            if token.type == "inline" and before is not None:
                self._write_inline(inline_text(token), before)
            elif token.type in {"fence", "code_block"}:
                self._builder.add(BlockKind.CODE, token.content.expandtabs(4))
            elif token.type == "html_block":
                text = _HTML_TAG.sub("", _LINE_BREAK_TAG.sub("\n", token.content))
                self._builder.add(BlockKind.PARAGRAPH, text)
            else:
                self._write_structure(token)

    def _write_structure(self, token: Token) -> None:
        match token.type:
            case "tr_open":
                self._rows.append([])
            case "table_close":
                self._builder.add(BlockKind.TABLE, table_text(self._rows))
                self._rows.clear()
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                number = self._lists[-1]
                self._marker = "" if number is None else f"{number}. "
                self._lists[-1] = None if number is None else number + 1

    def _write_inline(self, text: str, before: Token) -> None:
        if self._rows:
            self._rows[-1].append(text)
        elif before.type == "heading_open":
            self._builder.add(BlockKind.HEADING, " ".join(text.split()), int(before.tag[1]))
        elif self._lists:
            self._builder.add(BlockKind.LIST_ITEM, self._marker + text, len(self._lists))
            self._marker = ""
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)


def inline_text(token: Token) -> str:
    """Return the visible text of an inline token: link texts, image descriptions and code, without markup."""
    text = ""
    broken = False
    for child in token.children or ():
        match child.type:
            case "text" | "code_inline" | "math":
                piece = child.content
            case "image":
                piece = inline_text(child)
            case "hardbreak":
                piece = "\n"
            case "html_inline":
                piece = "\n" if _LINE_BREAK_TAG.fullmatch(child.content) else ""
            case "softbreak":
                broken = True
                continue
            case _:
                continue
        text = join_lines(text, piece) if broken and piece else text + piece
        broken = broken and not piece
    return text


def _math(state: StateInline, silent: bool) -> bool:
    """Take `$…$` and `$$…$$` unchanged, so that stars, underscores and backslashes in a formula survive."""
    if state.src[state.pos] != "$":
        return False
    formula = _DISPLAY_OR_INLINE_MATH.match(state.src, state.pos, state.posMax)
    if formula is None:
        return False
    if not silent:
        state.push("math", "", 0).content = formula.group()
    state.pos = formula.end()
    return True
