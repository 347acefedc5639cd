"""Markdown as a reader sees it, with headings, lists, tables, formulas, code and notes as blocks."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.texmath import texmath_plugin

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.html import write_fragment
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.values.parsed_document import BlockKind
from services.language.scripts import join_lines

_FRONT_MATTER = re.compile(r"\A(?:---\n(.*?)\n(?:---|\.\.\.)|\+\+\+\n(.*?)\n\+\+\+)[ \t]*\n", re.DOTALL)
_FRONT_MATTER_TITLE = re.compile(r"^title\s*[:=]\s*(['\"]?)(.+?)\1\s*$", re.MULTILINE)
_TABLE_TAG = re.compile(r"<(/?)table\b", re.IGNORECASE)
_DELIMITER = re.compile(r"[\[\]<*_`!&$~]")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_BUILDER = "builder"
"""Where what the library passes on to rules holds the document in the making."""
_DEEPEST = 100
"""Blocks within each other: the library calls itself for each."""
_HEADING_ATTRIBUTES = re.compile(r"\s*\{:?\s*[#.][^\W\d][\w:.-]*(?:\s+[#.][^\W\d][\w:.-]*|\s+[\w-]+=[^\s{}]+)*\s*\}$")
"""An id or classes behind a heading, as Pandoc, kramdown and others write them."""
_DISPLAY_OR_INLINE_MATH = re.compile(r"\$\$.+?\$\$|\$(?=\S)[^$\n]+?(?<=\S)\$(?!\d)", re.DOTALL)


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of the CommonMark at `path`, with tables and formulas in dollar signs; it has no pages."""
    source = read_text(path, builder).replace("\r\n", "\n")
    front_matter = _FRONT_MATTER.match(source)
    if front_matter:
        title = _FRONT_MATTER_TITLE.search(front_matter[1] or front_matter[2] or "")
        builder.title = title.group(2) if title else ""
        source = source[front_matter.end() :]
    write_markdown(source, builder)


def write_markdown(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a text in Markdown that has no front matter."""
    source = source.replace("\r\n", "\n")
    environment: dict[str, Any] = {_BUILDER: builder}
    tokens = _markdown().parse(source, environment)
    _Writer(builder, source.split("\n"), _notes(tokens, environment)).write(tokens)


@cache
def _markdown() -> MarkdownIt:
    """Return the library's parser with the rules of ours; to make one takes as long as a page."""
    markdown = MarkdownIt("commonmark", {"html": True, "maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    markdown.use(footnote_plugin).use(deflist_plugin)
    markdown.use(dollarmath_plugin).use(texmath_plugin, delimiters="brackets").use(amsmath_plugin)
    # Notes stay where they are written, and formulas in dollars are taken by `_math`.
    markdown.disable(["footnote_tail", "math_inline"])
    markdown.inline.ruler.before("escape", "math", _math)
    markdown.core.ruler.after("block", "complexity", _check_inline)
    markdown.core.ruler.after("block", "depth", _check_depth)
    return markdown


def _notes(tokens: list[Token], environment: dict[str, Any]) -> dict[str, str]:
    """Return the texts of footnotes by their labels, and of those within a text by their numbers."""
    notes: dict[str, list[str]] = {}
    open_notes: list[list[str]] = []
    for token in tokens:
        if token.type == "footnote_reference_open":
            open_notes.append(notes.setdefault(token.meta["label"], []))
        elif token.type == "footnote_reference_close":
            open_notes.pop()
        elif token.type == "inline" and open_notes:
            open_notes[-1].append(inline_text(token))
    inline = environment.get("footnotes", {}).get("list", {})
    return {label: " ".join(texts) for label, texts in notes.items()} | {
        str(number): note["content"] for number, note in inline.items() if "content" in note
    }


def _check_inline(state: StateCore) -> None:
    """Refuse texts whose marks would take the library quadratic time to pair."""
    builder: DocumentBuilder = state.env[_BUILDER]
    for token in state.tokens:
        if token.type == "inline":
            count = len(_DELIMITER.findall(token.content))
            builder.check_complexity(count, builder.limits.delimiters, "marks")


def _check_depth(state: StateCore) -> None:
    """Refuse blocks so deep within each other that the library leaves out what they hold."""
    builder: DocumentBuilder = state.env[_BUILDER]
    deepest = max((token.level for token in state.tokens if token.nesting == 1), default=0)
    builder.check_complexity(deepest + 2, _DEEPEST, "elements")


class _Writer:
    """Turns tokens into blocks."""

    def __init__(self, builder: DocumentBuilder, lines: list[str], notes: dict[str, str]) -> None:
        self._builder = builder
        self._lines = lines
        self._notes = notes
        """Those that no text has referred to yet."""
        self._lists: list[int | None] = []
        """The next number of each open list, None for bullets."""
        self._marker = ""
        self._rows: list[list[str]] = []
        """The rows of the open table."""
        self._written_lines = 0
        """Lines of the source that a table in HTML has taken."""
        self._note_depth = 0

    def write(self, tokens: list[Token]) -> None:
        for before, token in zip([None, *tokens], tokens, strict=False):
            self._note_depth += {"footnote_reference_open": 1, "footnote_reference_close": -1}.get(token.type, 0)
            begun = token.map is not None and token.map[0] < self._written_lines
            if begun or self._note_depth:
                continue
            if token.type == "inline" and before is not None:
                self._write_inline(token, before)
            elif token.type in {"fence", "code_block"}:
                self._builder.add(BlockKind.CODE, token.content.expandtabs(4))
            elif token.type == "html_block":
                self._write_html(token)
            elif token.type in {"math_block", "math_block_eqno", "math_block_label", "amsmath"}:
                self._builder.add(BlockKind.PARAGRAPH, token.content.strip("\n"))
            else:
                self._write_structure(token)
        for text in self._notes.values():
            self._builder.add(BlockKind.NOTE, text)

    def _write_html(self, token: Token) -> None:
        """Write a block in HTML; to Markdown it ends at an empty line, but a table does not."""
        first, end = token.map or [0, 0]
        text = token.content
        open_tables = _open_tables(text)
        while open_tables > 0 and end < len(self._lines):
            text += f"{self._lines[end]}\n"
            open_tables += _open_tables(self._lines[end])
            end += 1
        if open_tables > 0:
            text = token.content
        elif end > first:
            self._written_lines = end
        write_fragment(text, self._builder)

    def _write_structure(self, token: Token) -> None:
        match token.type:
            case "tr_open":
                self._rows.append([])
            case "table_close":
                self._builder.add_table(self._rows)
                self._rows.clear()
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrs.get("start", 1)))
            case "dt_open" | "dd_open":
                # As in HTML, a term and what it means stand one line apart.
                self._lists += [None] * (1 + (token.type == "dd_open"))
            case "dt_close" | "dd_close":
                del self._lists[-1 - (token.type == "dd_close") :]
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                number = self._lists[-1]
                self._marker = "" if number is None else f"{number}. "
                self._lists[-1] = None if number is None else number + 1

    def _write_inline(self, token: Token, before: Token) -> None:
        text = inline_text(token)
        if self._rows:
            self._rows[-1].append(text)
        elif before.type == "heading_open":
            title = _HEADING_ATTRIBUTES.sub("", " ".join(text.split()))
            self._builder.add(BlockKind.HEADING, title, int(before.tag[1]))
        elif self._lists:
            self._builder.add(BlockKind.LIST_ITEM, self._marker + text, len(self._lists))
            self._marker = ""
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)
        for child in token.children or ():
            if child.type == "footnote_ref":
                label = child.meta.get("label")
                note = self._notes.pop(str(child.meta["id"]) if label is None else label, "")
                self._builder.add(BlockKind.NOTE, note)


def _open_tables(text: str) -> int:
    """Return how many more tables begin in a text than end."""
    return sum(-1 if closing else 1 for closing in _TABLE_TAG.findall(text))


_OPTION = re.compile(r"[(（]?([A-H])[.．、)）:：]\s?(?=\S)")
_CALLOUT = re.compile(r"\[![A-Za-z]+\][+-]?\s*|:{3,}\s*\{?[\w-]*\}?\s*|!{3}\+?\s+[\w-]+\s*(?=[\"“]|$)")
_EXTENSIONS = (
    (re.compile(r"!\[\[[^\[\]]*\]\]"), ""),
    (re.compile(r"(?<![\w\])])\[\[(?:[^\[\]|,]{0,200}\|)?(?=[\d ]*[^\W\d])([^\[\]|,]{1,200})\]\]"), r"\1"),
    (re.compile(r"(?<![A-Za-z0-9_=)\]])==(?=\S)([^=]+?)(?<=\S)==(?![A-Za-z0-9_=(])"), r"\1"),
    (re.compile(r"(?<=[A-Za-z)])~(\d{1,3}[+-]?)~"), lambda found: subscript(found[1])),
    (re.compile(r"(?<=[\w)])\^([\w+-]{1,8})\^(?![\w(])"), lambda found: superscript(found[1])),
)
"""What Obsidian, Pandoc and Typora write beside CommonMark: links, marked text, indices and exponents.

Neither x[[1]] nor x==1, y==2 nor 5~10~15 nor 2^3^2 is any of these.
"""


def _shown(text: str, *, first: bool) -> str:
    """Return a text without marks that CommonMark does not know; `first` is where a note says its kind."""
    if first or text.startswith(":::"):
        text = _CALLOUT.sub("", text, count=1) if _CALLOUT.match(text) else text
    for pattern, shown in _EXTENSIONS:
        text = pattern.sub(shown, text)
    return text


def inline_text(token: Token) -> str:
    """Return the visible text of an inline token: link texts, image descriptions and code, without markup."""
    text = ""
    broken = False
    expected = "A"
    for child in token.children or ():
        match child.type:
            case "text":
                piece = _shown(child.content, first=not text)
            case "code_inline" | "math":
                piece = child.content
            case "math_inline" | "math_single" | "math_inline_double":
                piece = f"${child.content.strip()}$"
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
        option = _OPTION.match(piece) if broken else None
        if option is not None and option[1] == expected:
            # Options of a question stand on lines of their own.
            expected = chr(ord(expected) + 1)
            text, broken = f"{text}\n{piece}", False
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
