"""HTML: the content of a page without scripts, navigation and other furniture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode, read_bytes
from services.docs.adapters.parsers.formulas import mathml_text
from services.docs.adapters.parsers.html_content import INVISIBLE, Content, find_content, is_hidden
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.values.parsed_document import BlockKind
from services.language.scripts import is_cjk

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "body", "html", "header", "aside", "figure", "blockquote", "form"}
    | {"address", "details", "summary", "fieldset", "dl", "dt", "dd", "hr", "center", "tr", "td", "th", "caption"}
    | {"table", "tbody", "thead", "tfoot"}
)
_FLUSHING = _BLOCKS | _HEADINGS | {"ul", "ol", "li", "figcaption", "pre"}
_LINES_OF_CODE = _FLUSHING - {"td", "th"}
_SPECIAL = frozenset({"sup", "sub", "br", "math", "script"})
_TEX = 'annotation[encoding="application/x-tex"]'
_DRAWN_TEX = ".MathJax, .MathJax_Display, .MathJax_Preview, .MathJax_SVG, .MathJax_CHTML, .MathJax_SVG_Display"
"""What MathJax puts beside the script that holds a formula's source."""
_DISPLAY_STYLE = re.compile(r"\{\\displaystyle\s+(.*)\}", re.DOTALL)
_MOST_COLUMNS = 63
_DEEPEST_FORMULA = 100
_BLOCKS_IN_CELLS = ":is(td, th) :is(table, h1, h2, h3, h4, h5, h6, pre)"
_LISTS_IN_CELLS = ":is(td, th) :is(ul, ol)"
_PERMALINK_SIGNS = frozenset("¶#§🔗⚓")
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_CHARSET_REACH = 4096
_WHITE_SPACE = re.compile(r"[ \t\n\r\f]+")
_FORCED_BREAK = "\v"
_AROUND_BREAK = re.compile(r" *\v *")
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*+)")
_ATTRIBUTE = r"""[\s/]++[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+"""
_CLOSED_BY_OTHERS = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "option", "optgroup", "rp", "rt"}
    | {"html", "head", "body"}
)
"""Elements without an end tag, or whose end tag may be left out: an open one says nothing about depth."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write headings, paragraphs, lists, tables, code and captions in document order; HTML has no pages."""
    data = read_bytes(path, builder)
    charset = _CHARSET.search(data, 0, _CHARSET_REACH)
    write_html(decode(data, charset.group(1).decode("ascii") if charset else ""), builder)


def write_html(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a page, whose title becomes that of the document."""
    _check_markup(source, builder)
    tree = LexborHTMLParser(source)
    title = tree.css_first("title")
    builder.title = title.text(deep=True) if title is not None else ""
    content = find_content(tree, builder)
    if content is not None:
        _Writer(builder, content).write()


def write_fragment(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a piece of HTML within another text."""
    _check_markup(source, builder)
    body = LexborHTMLParser(source).body
    if body is not None:
        _Writer(builder, Content(body)).write()


def _check_markup(source: str, builder: DocumentBuilder) -> None:
    """Refuse what the HTML library takes quadratic time for: deep nesting, and elements of many attributes."""
    limits = builder.limits
    crowded = re.search(rf"<[A-Za-z][^\s/>]*+(?:{_ATTRIBUTE}){{{limits.attributes + 1}}}", source)
    builder.check_complexity(limits.attributes + 1 if crowded else 0, limits.attributes, "attributes")
    depth = 0
    opened: Counter[str] = Counter()
    for match in _TAG.finditer(source):
        closing, name = match[1], match[2].lower()
        if name in _CLOSED_BY_OTHERS or (closing and not opened[name]):
            continue
        step = -1 if closing else 1
        opened[name] += step
        depth += step
        builder.check_complexity(depth, limits.depth, "elements")


class _Writer:
    """Walks the tree without recursion, so that deep nesting costs no stack, and collects inline text."""

    def __init__(self, builder: DocumentBuilder, content: Content) -> None:
        self._builder = builder
        self._content = content
        self._inline: list[str] = []
        self._lists: list[int | None] = []
        """The next number of each open list, None for bullets."""
        self._items: list[str] = []
        """The marker of each open item, empty once it is written."""

    def write(self) -> None:
        for heading in self._content.headings:
            self._enter(heading)
        stack: list[tuple[LexborNode, bool]] = [(self._content.root, False)]
        while stack:
            self._builder.check_deadline()
            node, leaving = stack.pop()
            if leaving:
                self._leave(node)
            elif self._enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Take in the start of `node`; return whether its children follow one by one."""
        tag = node.tag or ""
        if tag == "-text":
            self._inline.append(node.text(deep=False))
            return False
        if tag in _SPECIAL:
            self._add_special(node, tag)
            return False
        if tag.startswith("-") or self._is_passed_over(node, tag):
            return False
        if tag in _FLUSHING:
            self._flush()
        if tag in _HEADINGS:
            self._builder.add(BlockKind.HEADING, _inline_text(node).replace(_FORCED_BREAK, " "), int(tag[1]))
        elif tag in {"figcaption", "caption"}:
            self._builder.add(BlockKind.CAPTION, _inline_text(node))
        elif tag == "pre":
            self._builder.add(BlockKind.CODE, _code(node).expandtabs(4))
        elif tag == "table" and not _is_layout(node):
            self._write_table(node)
        else:
            self._open(node, tag)
            return True
        return False

    def _add_special(self, node: LexborNode, tag: str) -> None:
        text = _special(node, tag)
        if text.startswith("$$"):
            self._flush()
            self._inline.append(text)
            self._flush()
        else:
            self._inline.append(text)

    def _open(self, node: LexborNode, tag: str) -> None:
        if tag in {"ul", "ol"}:
            start = node.attributes.get("start") or ""
            first = int(start) if start.isdecimal() else 1
            self._lists.append(first if tag == "ol" else None)
        elif tag == "li":
            number = self._lists[-1] if self._lists else None
            if number is not None:
                self._lists[-1] = number + 1
            self._items.append("" if number is None else f"{number}. ")
        elif tag in {"dt", "dd"}:
            # A term and what it means stand one line apart.
            self._lists += [None] * (1 + (tag == "dd"))
            self._items.append("")

    def _leave(self, node: LexborNode) -> None:
        if node.tag in _FLUSHING:
            self._flush()
        if node.tag in {"ul", "ol"}:
            self._lists.pop()
        elif node.tag in {"li", "dt", "dd"}:
            self._items.pop()
            if node.tag != "li":
                del self._lists[-1 - (node.tag == "dd") :]

    def _is_passed_over(self, node: LexborNode, tag: str) -> bool:
        return tag in INVISIBLE or node.mem_id in self._content.passed_over or is_hidden(node.attributes)

    def _flush(self) -> None:
        text = _tidy("".join(self._inline))
        self._inline.clear()
        if not text:
            return
        if self._items:
            self._builder.add(BlockKind.LIST_ITEM, self._items[-1] + text, max(1, len(self._lists)))
            self._items[-1] = ""
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)

    def _write_table(self, table: LexborNode) -> None:
        caption = table.css_first("caption")
        if caption is not None:
            self._builder.add(BlockKind.CAPTION, _inline_text(caption))
        rows = table.css("tr")
        self._builder.add_table(_grid(rows), _header_rows(rows))


def _is_layout(table: LexborNode) -> bool:
    """Return whether a table places parts of a page, rather than data."""
    if table.css_first(_BLOCKS_IN_CELLS) is not None:
        return True
    return table.css_first(_LISTS_IN_CELLS) is not None and table.css_first("th, caption") is None


def _is_permalink(node: LexborNode, tag: str) -> bool:
    """Return whether an element is the sign by which a heading is linked to."""
    if tag != "a" or not (node.attributes.get("href") or "").startswith("#"):
        return False
    above = node.parent
    # Many stand within an element of the heading, and a sign in a sentence is a part of it.
    while above is not None and above.tag not in _HEADINGS | _BLOCKS | {"td", "th"}:
        above = above.parent
    return above is not None and above.tag in _HEADINGS and node.text(deep=True).strip() in _PERMALINK_SIGNS


def _grid(rows: list[LexborNode]) -> Iterator[list[str]]:
    """Return a text for each column of each row: a cell over several has its text in the first of them."""
    reaching: dict[int, int] = {}  # by column: how many more rows a cell above it reaches
    for number, row in enumerate(rows):
        cells: list[str] = []
        for cell in row.css("th, td"):
            while reaching.get(len(cells), 0) > 0:
                cells.append("")
            width, height = _span(cell, "colspan"), _span(cell, "rowspan", len(rows) - number)
            # One row is counted off below.
            columns = range(len(cells), min(len(cells) + width, _MOST_COLUMNS))
            reaching |= dict.fromkeys(columns, height)
            cells += [_inline_text(cell), *[""] * (len(columns) - 1)]
        reaching = {column: rest - 1 for column, rest in reaching.items() if rest > 1}
        yield cells


def _span(cell: LexborNode, name: str, rest: int = 1) -> int:
    """Return over how many columns or rows a cell stands; 0 is all that follow."""
    value = (cell.attributes.get(name) or "").strip()
    return (int(value[:6]) or rest) if value.isdecimal() else 1


def _header_rows(rows: list[LexborNode]) -> int:
    count = 0
    for row in rows:
        if row.parent is None or (row.parent.tag != "thead" and row.css_first("td") is not None):
            break
        count += 1
    return max(1, count)


def _code(node: LexborNode) -> str:
    """Return preformatted text: a break is a new line, and so is an element that stands on lines of its own."""
    pieces: list[str] = []
    stack = list(reversed(list(node.iter(include_text=True))))
    while stack:
        child = stack.pop()
        tag = child.tag or ""
        if tag == "-text":
            pieces.append(child.text(deep=False))
        elif tag == "br":
            pieces.append("\n")
        elif not tag.startswith("-") and tag not in INVISIBLE:
            if tag in _LINES_OF_CODE and pieces and not pieces[-1].endswith("\n"):
                pieces.append("\n")
            stack.extend(reversed(list(child.iter(include_text=True))))
    return "".join(pieces)


def _inline_text(node: LexborNode) -> str:
    return _tidy("".join(_inline_pieces(node)))


def _inline_pieces(node: LexborNode) -> Iterator[str]:
    stack = list(reversed(list(node.iter(include_text=True))))
    while stack:
        child = stack.pop()
        tag = child.tag or ""
        if tag == "-text":
            yield child.text(deep=False)
        elif tag in _SPECIAL:
            yield _special(child, tag)
        elif not (tag.startswith("-") or tag in INVISIBLE or _is_permalink(child, tag)):
            if tag in _BLOCKS or tag == "li":
                yield _FORCED_BREAK
            stack.extend(reversed(list(child.iter(include_text=True))))


def _special(node: LexborNode, tag: str) -> str:
    """Return the text of an element whose look carries meaning: an exponent, index, line break or formula."""
    if tag == "br":
        return _FORCED_BREAK
    if tag == "script":
        return _script(node)
    if tag == "math":
        return _formula(node)
    text = _inline_text(node)
    if tag == "sub":
        return subscript(text)
    # `[1]` as a superscript is a reference mark, not part of the sentence.
    return "" if text.startswith("[") else superscript(text)


def _script(node: LexborNode) -> str:
    """Return the formula that a script for MathJax holds; a program is no text."""
    kind, _, mode = (node.attributes.get("type") or "").partition(";")
    if kind.strip() == "math/tex":
        return _tex(node.text(deep=True), "display" in mode)
    return f"`{node.text(deep=True).strip()}`" if kind.strip() == "math/asciimath" else ""


def _tex(source: str, display: bool) -> str:
    source = source.strip()
    styled = _DISPLAY_STYLE.fullmatch(source)
    source = " ".join((styled[1] if styled else source).split())
    return "" if not source else f"$${source}$$" if display else f"${source}$"


def _formula(node: LexborNode) -> str:
    source = node.css_first(_TEX)
    if source is not None:
        return _tex(source.text(deep=True), node.attributes.get("display") == "block")
    return node.attributes.get("alttext") or mathml_text(_element(node, _DEEPEST_FORMULA))


def _element(node: LexborNode, depth: int) -> ElementTree.Element:
    """Return MathML as the tree that formulas are written from; what is nested too deeply is one text."""
    element = ElementTree.Element((depth and node.tag) or "mtext")
    children = list(node.iter(include_text=False)) if depth else []
    element.text = "" if children else node.text(deep=True)
    element.extend(_element(child, depth - 1) for child in children)
    return element


def _collapse(text: str) -> str:
    """Collapse white space as a browser does, but drop a line break between CJK characters."""

    def gap(match: re.Match[str]) -> str:
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        broken = "\n" in match.group() and before and after
        return "" if broken and is_cjk(before) and is_cjk(after) else " "

    return _WHITE_SPACE.sub(gap, text)


def _tidy(text: str) -> str:
    return _AROUND_BREAK.sub(_FORCED_BREAK, _collapse(text)).strip(f" {_FORCED_BREAK}")
