"""Markdown: what a reader sees of it, with headings, lists, tables and code as blocks."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.markup import table_text
from services.docs.values.parsed_document import BlockKind
from services.language.scripts import join_lines

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_FRONT_MATTER_TITLE = re.compile(r"^title:\s*(['\"]?)(.+?)\1\s*$", re.MULTILINE)
_HTML_TAG = re.compile(r"<[^>]*>|<!--.*?-->", re.DOTALL)
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_DISPLAY_OR_INLINE_MATH = re.compile(r"\$\$.+?\$\$|\$(?=\S)[^$\n]+?(?<=\S)\$(?!\d)", re.DOTALL)


class MarkdownParser:
    """CommonMark with tables and strikethrough. Markup is dropped, formulas in dollar signs stay whole."""

    def __init__(self) -> None:
        self._markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        self._markdown.inline.ruler.before("escape", "math", _math)

    def parse(self, path: Path, builder: DocumentBuilder) -> None:
        """Write the blocks of the file at `path`; its pages are none."""
        source = read_text(path, builder)
        front_matter = _FRONT_MATTER.match(source)
        if front_matter:
            title = _FRONT_MATTER_TITLE.search(front_matter.group(1))
            builder.title = title.group(2) if title else ""
            source = source[front_matter.end() :]
        self._write(self._markdown.parse(source), builder)

    def _write(self, tokens: list[Token], builder: DocumentBuilder) -> None:
        lists: list[int | None] = []  # the next number of each open list, None for bullets
        marker = ""
        position = 0
        while position < len(tokens):
            token = tokens[position]
            match token.type:
                case "bullet_list_open":
                    lists.append(None)
                case "ordered_list_open":
                    lists.append(int(token.attrs.get("start", 1)))
                case "bullet_list_close" | "ordered_list_close":
                    lists.pop()
                case "list_item_open":
                    number = lists[-1]
                    marker = "" if number is None else f"{number}. "
                    lists[-1] = None if number is None else number + 1
                case "inline":
                    text = inline_text(token)
                    if tokens[position - 1].type == "heading_open":
                        builder.add(BlockKind.HEADING, " ".join(text.split()), int(tokens[position - 1].tag[1]))
                    elif lists:
                        builder.add(BlockKind.LIST_ITEM, marker + text, len(lists))
                        marker = ""
                    else:
                        builder.add(BlockKind.PARAGRAPH, text)
                case "fence" | "code_block":
                    builder.add(BlockKind.CODE, token.content.expandtabs(4))
                case "html_block":
                    builder.add(BlockKind.PARAGRAPH, _without_tags(token.content))
                case "table_open":
                    closing = _closing(tokens, position)
                    builder.add(BlockKind.TABLE, _table_text(tokens[position:closing]))
                    position = closing
            position += 1


def inline_text(token: Token) -> str:
    """The visible text of an inline token: link texts, image descriptions and code stay, markup goes."""
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
    """Take `$…$` and `$$…$$` as they stand, so that `*`, `_` and `\\` in a formula survive."""
    if state.src[state.pos] != "$":
        return False
    formula = _DISPLAY_OR_INLINE_MATH.match(state.src, state.pos, state.posMax)
    if formula is None:
        return False
    if not silent:
        state.push("math", "", 0).content = formula.group()
    state.pos = formula.end()
    return True


def _without_tags(html: str) -> str:
    return _HTML_TAG.sub("", _LINE_BREAK_TAG.sub("\n", html))


def _closing(tokens: list[Token], position: int) -> int:
    level = tokens[position].level
    while tokens[position].type != "table_close" or tokens[position].level != level:
        position += 1
    return position


def _table_text(tokens: list[Token]) -> str:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(inline_text(token))
    return table_text(rows)
