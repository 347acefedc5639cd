"""HTML: the content of a page without scripts, navigation and other furniture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode, read_bytes
from services.docs.adapters.parsers.markup import subscript, superscript, table_text
from services.docs.values.parsed_document import BlockKind
from services.language.scripts import is_cjk

_INVISIBLE = frozenset(
    {"script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "audio", "video", "head"}
    | {"button", "input", "select", "textarea", "dialog", "nav", "footer", "menu", "rp", "rt"}
)
_FURNITURE_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "toolbar"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "body", "html", "header", "aside", "figure", "blockquote", "form"}
    | {"address", "details", "summary", "fieldset", "dl", "dt", "dd", "hr", "center", "tr", "td", "th", "caption"}
    | {"table", "tbody", "thead", "tfoot"}
)
_FLUSHING = _BLOCKS | _HEADINGS | {"ul", "ol", "li", "figcaption", "pre"}
_BLOCKS_IN_CELLS = ":is(td, th) :is(table, ul, ol, h1, h2, h3, h4, h5, h6, pre)"
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
    root = _content_root(tree)
    if root is not None:
        _Writer(builder, whole_page=root.tag == "body").write(root)


def write_fragment(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a piece of HTML within another text."""
    _check_markup(source, builder)
    body = LexborHTMLParser(source).body
    if body is not None:
        _Writer(builder, whole_page=False).write(body)


def _check_markup(source: str, builder: DocumentBuilder) -> None:
    """Refuse what the HTML library takes quadratic time for: deep nesting, and elements of many attributes."""
    limits = builder.limits
    crowded = re.search(rf"<[A-Za-z][^\s/>]*+(?:{_ATTRIBUTE}){{{limits.attributes + 1}}}", source)
    builder.check_complexity(limits.attributes + 1 if crowded else 0, limits.attributes, "attributes in one element")
    depth = 0
    opened: Counter[str] = Counter()
    for match in _TAG.finditer(source):
        closing, name = match[1], match[2].lower()
        if name in _CLOSED_BY_OTHERS or (closing and not opened[name]):
            continue
        step = -1 if closing else 1
        opened[name] += step
        depth += step
        builder.check_complexity(depth, limits.depth, "elements within each other")


def _content_root(tree: LexborHTMLParser) -> LexborNode | None:
    """Return the page's main part when it names exactly one, else its body."""
    for selector in ("main, [role=main]", "article"):
        found = tree.css(selector)
        if len(found) == 1:
            return found[0]
    return tree.body


class _Writer:
    """Walks the tree without recursion, so that deep nesting costs no stack, and collects inline text."""

    def __init__(self, builder: DocumentBuilder, whole_page: bool) -> None:
        self._builder = builder
        self._whole_page = whole_page
        self._inline: list[str] = []
        self._lists: list[int | None] = []
        """The next number of each open list, None for bullets."""
        self._items: list[str] = []
        """The marker of each open item, empty once it is written."""

    def write(self, root: LexborNode) -> None:
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
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
            self._inline.append(_collapse(node.text(deep=False)))
            return False
        if tag.startswith("-") or self._is_furniture(node, tag):
            return False
        if tag in _FLUSHING:
            self._flush()
        if tag in _HEADINGS:
            self._builder.add(BlockKind.HEADING, _inline_text(node).replace(_FORCED_BREAK, " "), int(tag[1]))
        elif tag in {"figcaption", "caption"}:
            self._builder.add(BlockKind.CAPTION, _inline_text(node))
        elif tag == "pre":
            self._builder.add(BlockKind.CODE, node.text(deep=True).expandtabs(4))
        elif tag == "table" and node.css_first(_BLOCKS_IN_CELLS) is None:
            self._write_table(node)
        elif tag in {"sup", "sub", "br", "math"}:
            self._inline.append(_special(node, tag))
        else:
            self._open(node, tag)
            return True
        return False

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

    def _leave(self, node: LexborNode) -> None:
        if node.tag in _FLUSHING:
            self._flush()
        if node.tag in {"ul", "ol"}:
            self._lists.pop()
        elif node.tag == "li":
            self._items.pop()

    def _is_furniture(self, node: LexborNode, tag: str) -> bool:
        attributes = node.attributes
        if tag in _INVISIBLE or "hidden" in attributes or attributes.get("aria-hidden") == "true":
            return True
        header = tag == "header" and node.css_first("h1, h2, h3") is None
        return attributes.get("role") in _FURNITURE_ROLES or (self._whole_page and (header or tag == "aside"))

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
        rows = [[_inline_text(cell) for cell in row.css("th, td")] for row in table.css("tr")]
        self._builder.add(BlockKind.TABLE, table_text(rows))


def _inline_text(node: LexborNode) -> str:
    return _tidy("".join(_inline_pieces(node)))


def _inline_pieces(node: LexborNode) -> Iterator[str]:
    stack = list(reversed(list(node.iter(include_text=True))))
    while stack:
        child = stack.pop()
        tag = child.tag or ""
        if tag == "-text":
            yield _collapse(child.text(deep=False))
        elif tag in {"sup", "sub", "br", "math"}:
            yield _special(child, tag)
        elif not tag.startswith("-") and tag not in _INVISIBLE:
            if tag in _BLOCKS:
                yield _FORCED_BREAK
            stack.extend(reversed(list(child.iter(include_text=True))))


def _special(node: LexborNode, tag: str) -> str:
    """Return the text of an element whose look carries meaning: an exponent, index, line break or formula."""
    if tag == "br":
        return _FORCED_BREAK
    text = node.text(deep=True).strip()
    if tag == "math":
        return node.attributes.get("alttext") or " ".join(text.split())
    if tag == "sub":
        return subscript(text)
    # `[1]` as a superscript is a reference mark, not part of the sentence.
    return "" if text.startswith("[") else superscript(text)


def _collapse(text: str) -> str:
    """Collapse white space as a browser does, but drop a line break between CJK characters."""

    def gap(match: re.Match[str]) -> str:
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        broken = "\n" in match.group() and before and after
        return "" if broken and is_cjk(before) and is_cjk(after) else " "

    return _WHITE_SPACE.sub(gap, text)


def _tidy(text: str) -> str:
    return _AROUND_BREAK.sub(_FORCED_BREAK, re.sub(" {2,}", " ", text)).strip(f" {_FORCED_BREAK}")
