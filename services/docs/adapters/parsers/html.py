"""HTML: the content of a page without scripts, navigation and other furniture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from xml.etree import ElementTree

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.docs.adapters.parsers.blanks import LINE, is_gap
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode, read_bytes
from services.docs.adapters.parsers.formulas import mathml_text
from services.docs.adapters.parsers.html_content import INVISIBLE, Content, content_of, find_content, is_displayed
from services.docs.adapters.parsers.markup import joined_items, subscript, superscript
from services.docs.values.parsed_document import BlockKind
from services.language.numerals import write_number
from services.language.scripts import is_cjk

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "body", "html", "header", "aside", "figure", "blockquote", "form"}
    | {"address", "details", "summary", "fieldset", "dl", "dt", "dd", "hr", "center", "tr", "td", "th", "caption"}
    | {"table", "tbody", "thead", "tfoot", "footer"}
)
_LISTS = frozenset({"ul", "ol", "menu"})
_WHOLE = _HEADINGS | {"figcaption", "caption", "table", "sup", "sub"}
"""Elements whose text is taken at once."""
_FLUSHING = _BLOCKS | _HEADINGS | _LISTS | {"li", "figcaption", "pre"}
_LINES_OF_CODE = _FLUSHING - {"td", "th"}
_SPECIAL = frozenset({"sup", "sub", "br", "math", "script", "img", "input", "select"})
_SHOWN_THOUGH_INVISIBLE = frozenset({"script", "input", "select"})
"""A script for MathJax holds a formula, and a field within a sentence is a gap."""
_AROUND_FIELD = frozenset({"p", "li", "td", "dd", "dt", "div", "span"})
_TYPED = frozenset({"", "text", "number"})
_TEX_ENCODING = re.compile(r"(?:application/x-|text/)?(?:la)?tex", re.IGNORECASE)
_TEX_IMAGE = re.compile(r"(?<![a-z])(?:latex|tex|eeimg|math|equation|formula)(?![a-z])", re.IGNORECASE)
_TEX_ADDRESS = re.compile(r"[?&](?:tex|latex|chl)=|latex\.(?:codecogs|php)|/latex/|mathtex|mimetex", re.IGNORECASE)
"""What class or address of a picture of a formula holds; its text is the formula's source."""
_NO_DESCRIPTION = re.compile(
    r"[\w.-]*\.(?:png|jpe?g|gif|svg|webp|bmp)|(?:image|img|photo|picture|figure|图片|图像)[\s_-]*\d*"
    r"|(?:\S+[ -]){0,3}(?:logo|icon|avatar|spinner|thumbnail|banner|button|arrow|image|line|spacer|cover|图标|封面)",
    re.IGNORECASE,
)
"""Names of files and of ornaments."""
_PICTURE_ADDRESS = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp)\b", re.IGNORECASE)
_AROUND_PICTURE = 3
_FEW = 8
_MOST_PIECES = 64
"""A gap is made of few elements and texts; to look at more in each that stands in others takes quadratic time."""
_ICON_PIXELS = 32
"""A picture that is lower or narrower is an ornament."""
_LIST_FORMS = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
    "lower-alpha": "lowerLetter", "lower-latin": "lowerLetter", "upper-alpha": "upperLetter",
    "upper-latin": "upperLetter", "lower-roman": "lowerRoman", "upper-roman": "upperRoman",
    "cjk-ideographic": "chineseCounting", "cjk-decimal": "chineseCounting", "simp-chinese-informal": "chineseCounting",
    "trad-chinese-informal": "taiwaneseCounting", "cjk-heavenly-stem": "ideographTraditional",
    "cjk-earthly-branch": "ideographZodiac", "decimal-leading-zero": "decimalZero", "none": "none",
    "lower-greek": "lowerGreek", "katakana": "aiueoFullWidth", "katakana-iroha": "irohaFullWidth",
    "thai": "thaiNumbers", "devanagari": "hindiNumbers", "simp-chinese-formal": "chineseLegalSimplified",
    "trad-chinese-formal": "ideographLegalTraditional",
    "disc": "none", "circle": "none", "square": "none",
}  # fmt: skip
_LIST_STYLE = re.compile(r"(?<![\w-])list-style(?:-type)?\s*:([^;]*)", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"\s*([+-]?\d+)")
_LARGEST = 2**31 - 1
_LETTERS = {"lowerLetter": ascii_lowercase, "upperLetter": ascii_uppercase, "lowerGreek": "αβγδεζηθικλμνξοπρστυφχψω"}
_ROMAN = frozenset({"lowerRoman", "upperRoman"})
_LAST_ROMAN = 3999
_WITHIN_LINES = frozenset({"span", "font", "b", "i", "u", "em", "strong", "o:p"})
"""Elements that set a text within a line and may be underlined."""
_LINE_BELOW = re.compile(
    r"(?<![\w-])(?:text-decoration(?:-line)?\s*:[^;]*\bunderline\b|border-bottom(?:-style)?\s*:(?!\s*(?:none|0)\b))",
    re.IGNORECASE,
)
_DRAWN_WIDTH = re.compile(r"(?<![\w-])(?:min-)?width\s*:\s*[1-9]", re.IGNORECASE)
_WRAPPED = re.compile(r"[ \t\r\f]*\n[ \t\r\n\f]*")
_DRAWN_TEX = ".MathJax, .MathJax_Display, .MathJax_Preview, .MathJax_SVG, .MathJax_CHTML, .MathJax_SVG_Display"
"""What MathJax puts beside the script that holds a formula's source."""
_DISPLAY_STYLE = re.compile(r"\{\\displaystyle\s+(.*)\}", re.DOTALL)
_MOST_COLUMNS = 63
_DEEPEST_FORMULA = 100
_BLOCKS_IN_CELLS = ":is(td, th) :is(table, h1, h2, h3, h4, h5, h6, pre)"
_LISTS_IN_CELLS = ":is(td, th) :is(ul, ol)"
_LONGEST_CELL = 600
"""A cell of more is a part of a page rather than data."""
_ITEM = "\x1e"
"""Stands before each item of a list within a cell."""
_NUMBERED = re.compile(r"\w+(?:\. |、)")
_NOTE_NUMBER = re.compile(r"\A(?:[\[(（〔【]\d{1,3}[\])）〕】]|\d{1,3}[.、:：)）]|[*†‡])\s*(?=\S)")
_PERMALINK_SIGNS = frozenset("¶#§🔗⚓")
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)")
_CHARSET_REACH = 4096
_WHITE_SPACE = re.compile(r"[ \t\n\r\f]+")
_FORCED_BREAK = "\v"
_AROUND_BREAK = re.compile(r" *\v *")
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*+)")
_NO_MARKUP = re.compile(
    r"<!--(?:.*?--!?>|.*\Z)|<(script|style|textarea|title)\b[^>]{0,10000}+>(?:.*?</\1(?=[\s/>])|.*\Z)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = r"""[\s/]++[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+"""
_CLOSED_BY_OTHERS = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param"}
    | {"p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup", "option", "optgroup", "rp", "rt"}
    | {"html", "head", "body", "a", "nobr"}
)
"""Elements without an end tag, or whose end tag may be left out: an open one says nothing about depth."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write headings, paragraphs, lists, tables, code and captions in document order; HTML has no pages."""
    data = read_bytes(path, builder)
    write_html(decode(data, declared_charset(data)), builder)


def declared_charset(data: bytes) -> str:
    """Return the encoding that a page or its XML declaration names, empty where it names none."""
    found = _XML_ENCODING.match(data) or _CHARSET.search(data, 0, _CHARSET_REACH)
    return found[1].decode("ascii") if found else ""


def write_html(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a page, whose title becomes that of the document."""
    _check_markup(source, builder)
    tree = LexborHTMLParser(_with_end_tags(source))
    # A drawing within the page has a title, too.
    title = tree.css_first("head title")
    builder.title = title.text(deep=True) if title is not None else ""
    content = find_content(tree, builder)
    if content is not None:
        _Writer(builder, content).write()


_XHTML = re.compile(
    r"\s*(?:<\?xml\b|<!DOCTYPE html PUBLIC [^>]*XHTML)[^<]*(?:<!DOCTYPE[^>]*>\s*)?(?:<html\b)?", re.IGNORECASE
)
_SELF_CLOSED = re.compile(r"<(script|style|title|iframe|textarea|a|div|span|p|td|em|i|b|strong|sup|sub)\b([^<>]*)/>")


def _with_end_tags(source: str) -> str:
    """Return XHTML whose elements without content have an end tag; to HTML, `<script/>` goes on to the end."""
    return _SELF_CLOSED.sub(r"<\1\2></\1>", source) if _XHTML.match(source) else source


def write_fragment(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a piece of HTML within another text."""
    _check_markup(source, builder)
    body = LexborHTMLParser(source).body
    if body is not None:
        _Writer(builder, content_of(body)).write()


def _check_markup(source: str, builder: DocumentBuilder) -> None:
    """Refuse what the HTML library takes quadratic time for: deep nesting, and elements of many attributes."""
    limits = builder.limits
    crowded = re.search(rf"<[A-Za-z][^\s/>]*+(?:{_ATTRIBUTE}){{{limits.attributes + 1}}}", source)
    builder.check_complexity(limits.attributes + 1 if crowded else 0, limits.attributes, "attributes")
    if _depth(source, limits.depth) > limits.depth:
        # Programs, styles and comments hold tags as well, which are none.
        source = _NO_MARKUP.sub("", source)
        builder.check_complexity(_depth(source, limits.depth), limits.depth, "elements")


def _depth(source: str, limit: int) -> int:
    """Return how many elements stand within each other at most, or one more than the limit as soon as it is passed."""
    depth = deepest = 0
    opened: Counter[str] = Counter()
    for match in _TAG.finditer(source):
        closing, name = match[1], match[2].lower()
        if name in _CLOSED_BY_OTHERS or (closing and not opened[name]):
            continue
        step = -1 if closing else 1
        opened[name] += step
        depth += step
        if depth > deepest:
            deepest = depth
            if deepest > limit:
                break
    return deepest


class _Writer:
    """Walks the tree without recursion, so that deep nesting costs no stack, and collects inline text."""

    def __init__(self, builder: DocumentBuilder, content: Content) -> None:
        self._builder = builder
        self._content = content
        self._notes = content.notes
        self._gone = content.passed_over
        self._inline: list[str] = []
        self._lists = 0
        """How many lists are open."""
        self._markers: dict[int, str] = {}
        """The numbers of items of open lists by their identities."""
        self._items: list[str] = []
        """The marker of each open item, empty once it is written."""
        self._referred: list[LexborNode] = []
        """Notes to which the text refers that is not written yet."""

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
        if self._notes.marks:
            self._refer(node, tag)
        if tag.startswith("-") or self._is_passed_over(node, "" if tag in _SHOWN_THOUGH_INVISIBLE else tag):
            return False
        if tag in _SPECIAL:
            self._add_special(node, tag)
        elif tag in _WITHIN_LINES and _is_drawn_gap(node, tag):
            self._inline.append(LINE)
        else:
            return self._enter_element(node, tag)
        return False

    def _refer(self, node: LexborNode, tag: str) -> None:
        """Note to which notes an element refers that is a mark, or whose parts are not entered one by one."""
        whole = tag in _WHOLE and not (tag == "table" and _is_layout(node))
        for mark in node.css("a") if whole else [node]:
            note = self._notes.marks.pop(mark.mem_id, None)
            if note is not None:
                self._referred.append(note)

    def _enter_element(self, node: LexborNode, tag: str) -> bool:
        if tag in _FLUSHING:
            self._flush()
        if node.mem_id in self._notes.others:
            self._builder.add(BlockKind.NOTE, _note_text(node, self._gone))
        elif tag in _HEADINGS:
            self._builder.add(
                BlockKind.HEADING, _inline_text(node, self._gone).replace(_FORCED_BREAK, " "), int(tag[1])
            )
        elif tag in {"figcaption", "caption"}:
            self._builder.add(BlockKind.CAPTION, _inline_text(node, self._gone))
        elif tag == "pre":
            self._builder.add(BlockKind.CODE, _code(node).expandtabs(4))
        elif tag == "table" and not _is_layout(node):
            self._write_table(node)
        else:
            self._open(node, tag)
            return True
        self._write_notes()
        return False

    def _add_special(self, node: LexborNode, tag: str) -> None:
        text = _special(node, tag, self._gone)
        if text.startswith("$$"):
            self._flush()
            self._inline.append(text)
            self._flush()
        else:
            self._inline.append(text)

    def _open(self, node: LexborNode, tag: str) -> None:
        if tag in _LISTS:
            self._lists += 1
            self._markers |= _markers(node)
        elif tag == "li":
            self._items.append(self._markers.pop(node.mem_id, ""))
        elif tag in {"dt", "dd"}:
            # A term and what it means stand one line apart.
            self._lists += 1 + (tag == "dd")
            self._items.append("")

    def _leave(self, node: LexborNode) -> None:
        if node.tag in _FLUSHING:
            self._flush()
        if node.tag in _LISTS:
            self._lists -= 1
        elif node.tag in {"li", "dt", "dd"}:
            self._items.pop()
            if node.tag != "li":
                self._lists -= 1 + (node.tag == "dd")

    def _is_passed_over(self, node: LexborNode, tag: str) -> bool:
        return tag in INVISIBLE or node.mem_id in self._gone

    def _flush(self) -> None:
        text = _tidy("".join(self._inline))
        self._inline.clear()
        if not text:
            return
        if self._items:
            self._builder.add(BlockKind.LIST_ITEM, self._items[-1] + text, max(1, self._lists))
            self._items[-1] = ""
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)
        self._write_notes()

    def _write_notes(self) -> None:
        """Write the notes to which the text refers that was written."""
        while self._referred:
            note = self._referred.pop(0)
            self._builder.add(BlockKind.NOTE, _note_text(note, self._gone))

    def _write_table(self, table: LexborNode) -> None:
        caption = table.css_first("caption")
        if caption is not None:
            self._builder.add(BlockKind.CAPTION, _inline_text(caption, self._gone))
        rows = table.css("tr")
        self._builder.add_table(_grid(rows, self._gone), _header_rows(rows))


def _is_layout(table: LexborNode) -> bool:
    """Return whether a table places parts of a page, rather than data."""
    if table.css_first(_BLOCKS_IN_CELLS) is not None:
        return True
    return table.css_first(_LISTS_IN_CELLS) is not None and not _is_data(table)


def _is_data(table: LexborNode) -> bool:
    """Return whether a table with lists in its cells says that it is data, or has rows of several short cells."""
    if table.css_first("th, caption") is not None:
        return True
    rows = [[len(cell.text(deep=True).strip()) for cell in row.css("td")] for row in table.css("tr")]
    wide = sum(sum(length > 0 for length in row) > 1 for row in rows)
    return 1 < wide > len(rows) / 2 and max(max(row, default=0) for row in rows) <= _LONGEST_CELL


def _markers(listed: LexborNode) -> dict[int, str]:
    """Return what stands before each item of a list by its identity: numbers as the page says, nothing for bullets."""
    if listed.tag != "ol":
        return {}
    items = [item for item in _items_of(listed) if is_displayed(item.attributes)]
    backwards = "reversed" in listed.attributes
    number = _whole(listed.attributes.get("start"), len(items) if backwards else 1)
    form = _list_form(listed, "decimal")
    markers: dict[int, str] = {}
    for item in items:
        number = _whole(item.attributes.get("value"), number)
        own = _list_form(item, form)
        text = _number_text(number, own)
        markers[item.mem_id] = text + ("" if own == "none" else "、" if is_cjk(text[-1]) else ". ")
        number += -1 if backwards else 1
    return markers


def _items_of(listed: LexborNode) -> Iterator[LexborNode]:
    """Yield a list's own items, some of which stand in other elements."""
    stack = list(listed.iter())[::-1]
    while stack:
        child = stack.pop()
        if child.tag == "li":
            yield child
        elif child.tag not in _LISTS:
            stack.extend(list(child.iter())[::-1])


def _number_text(number: int, form: str) -> str:
    """Return a number as a browser writes it: in digits where the form has no such number, and z is followed by aa."""
    if form == "none" or number <= 0 or (form in _ROMAN and number > _LAST_ROMAN):
        return write_number(number, "none" if form == "none" else "decimal")
    if form not in _LETTERS:
        return write_number(number, form)
    letters = ""
    while number:
        number, letter = divmod(number - 1, len(_LETTERS[form]))
        letters = _LETTERS[form][letter] + letters
    return letters


def _whole(value: str | None, default: int) -> int:
    found = _WHOLE_NUMBER.match(value or "")
    # So long a number is none to a browser, and Python refuses to read some.
    number = int(found[1]) if found and len(found[1]) < len(str(_LARGEST)) + 2 else default
    return number if abs(number) <= _LARGEST else default


def _list_form(node: LexborNode, default: str) -> str:
    """Return the form of the numbers by style or type; what is not known is as it was."""
    attributes = node.attributes
    styled = _LIST_STYLE.search(attributes.get("style") or "")
    named = styled[1].lower().split() if styled else [(attributes.get("type") or "").strip()]
    return next((_LIST_FORMS[name] for name in named if name in _LIST_FORMS), default)


def _is_permalink(node: LexborNode, tag: str) -> bool:
    """Return whether an element is the sign by which a heading is linked to."""
    if tag != "a" or not (node.attributes.get("href") or "").startswith("#"):
        return False
    above = node.parent
    # Many stand within an element of the heading, and a sign in a sentence is a part of it.
    while above is not None and above.tag not in _HEADINGS | _BLOCKS | {"td", "th"}:
        above = above.parent
    return above is not None and above.tag in _HEADINGS and node.text(deep=True).strip() in _PERMALINK_SIGNS


def _grid(rows: list[LexborNode], gone: Set[int]) -> Iterator[list[str]]:
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
            cells += [_cell_text(cell, gone), *[""] * (len(columns) - 1)]
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


def _note_text(note: LexborNode, gone: Set[int]) -> str:
    """Return a note without the number that it begins with, as its mark in the text is not shown."""
    return _NOTE_NUMBER.sub("", _inline_text(note, gone))


def _inline_text(node: LexborNode, gone: Set[int]) -> str:
    return _tidy("".join(_inline_pieces(node, gone))).replace(_ITEM, "")


def _cell_text(cell: LexborNode, gone: Set[int]) -> str:
    """Return a cell's text on one line, with its lists' numbers or else semicolons between their items."""
    text = _tidy("".join(_inline_pieces(cell, gone)))
    if _ITEM not in text:
        return text
    before, *items = (" ".join(piece.split()) for piece in text.split(_ITEM))
    texts = [piece for piece in (before, *items) if piece]
    bulleted = [not _NUMBERED.match(piece) for piece in texts]
    return joined_items(texts, [False, *bulleted[1:]] if before else bulleted)


def _inline_pieces(node: LexborNode, gone: Set[int]) -> Iterator[str]:
    stack = list(reversed(list(node.iter(include_text=True))))
    markers: dict[int, str] = {}
    while stack:
        child = stack.pop()
        tag = child.tag or ""
        if tag == "-text":
            yield child.text(deep=False)
        elif child.mem_id in gone:
            continue
        elif tag in _SPECIAL:
            yield _special(child, tag, gone)
        elif tag in _WITHIN_LINES and _is_drawn_gap(child, tag):
            yield LINE
        elif not (tag.startswith("-") or tag in INVISIBLE or _is_permalink(child, tag)):
            if tag == "ol":
                markers |= _markers(child)
            elif tag == "li":
                yield f"{_FORCED_BREAK}{_ITEM}{markers.pop(child.mem_id, '')}"
            elif tag in _BLOCKS:
                yield _FORCED_BREAK
            stack.extend(reversed(list(child.iter(include_text=True))))


def _special(node: LexborNode, tag: str, gone: Set[int]) -> str:
    """Return the text of an element whose look carries meaning: an exponent, index, line break or formula."""
    if tag == "br":
        return _FORCED_BREAK
    if tag == "script":
        return _script(node)
    if tag in {"input", "select"}:
        return _field(node, tag)
    if tag == "math":
        return _formula(node)
    if tag == "img":
        return "" if _leads_elsewhere(node.parent) or _is_captioned(node) else _description(node.attributes)
    text = _inline_text(node, gone)
    if tag == "sub":
        return subscript(text)
    # `[1]` as a superscript is a reference mark, not part of the sentence.
    return "" if text.startswith("[") else superscript(text)


def _field(node: LexborNode, tag: str) -> str:
    """Return the gap that a field within a sentence is, with what may be chosen; nothing for a field of a form."""
    attributes, above = node.attributes, node.parent
    if above is None or above.tag not in _AROUND_FIELD or attributes.get("placeholder"):
        return ""
    beside = "".join(
        child.text(deep=False) for child in islice(above.iter(include_text=True), _MOST_PIECES) if child.tag == "-text"
    )
    if not beside.strip() or (tag == "input" and (attributes.get("type") or "").lower() not in _TYPED):
        return ""
    options = [" ".join(option.text(deep=True).split()) for option in node.css("option")[:_FEW]]
    chosen = " / ".join(option for option in options if any(map(str.isalnum, option)))
    return f" {LINE} ({chosen})" if chosen else f" {LINE}"


def _is_drawn_gap(node: LexborNode, tag: str) -> bool:
    """Return whether an element of a line is an underlined gap to be filled in."""
    if tag == "u":
        return is_gap(_space_within(node))
    style = node.attributes.get("style") or ""
    if not _LINE_BELOW.search(style):
        return False
    space = _space_within(node)
    return is_gap(space) or (not space.strip() and _DRAWN_WIDTH.search(style) is not None)


def _space_within(node: LexborNode) -> str:
    """Return the white space of which an element is made, or what shows that it holds something else."""
    pieces: list[str] = []
    stack = list(islice(node.iter(include_text=True), _MOST_PIECES))
    while stack:
        child = stack.pop()
        if len(pieces) + len(stack) >= _MOST_PIECES - 1:
            return LINE
        text = child.text(deep=False) if child.tag == "-text" else ""
        if text.strip() or not (child.tag == "-text" or child.tag in _WITHIN_LINES):
            return text.strip() or LINE
        pieces.append(text)
        if child.tag != "-text":
            stack.extend(islice(child.iter(include_text=True), _MOST_PIECES))
    # A page's source is broken into lines where it stands in one.
    return _WRAPPED.sub(" ", "".join(pieces))


def _leads_elsewhere(node: LexborNode | None) -> bool:
    """Return whether a picture is a link to anything but itself, as those of menus are."""
    for _ in range(_AROUND_PICTURE):
        if node is None:
            break
        if node.tag == "a":
            return not _PICTURE_ADDRESS.search(node.attributes.get("href") or "")
        node = node.parent
    return False


def _is_captioned(node: LexborNode) -> bool:
    """Return whether a figure's caption says what the description of its picture says."""
    above = node.parent
    for _ in range(_AROUND_PICTURE):
        # Of many pictures, none is asked for its caption, which would take quadratic time.
        if above is None or len(list(islice(above.iter(), _FEW))) == _FEW:
            return False
        if above.tag == "figure":
            caption = next((child for child in above.iter() if child.tag == "figcaption"), None)
            text = " ".join((node.attributes.get("alt") or "").split())
            return caption is not None and bool(text) and text in " ".join(caption.text(deep=True).split())
        above = above.parent
    return False


def _description(attributes: Mapping[str, str | None]) -> str:
    """Return what a page says that a picture shows; that of a formula's picture is the formula."""
    text = " ".join((attributes.get("alt") or "").split())
    if not text or attributes.get("role") in {"presentation", "none"}:
        return ""
    named = f"{attributes.get('class') or ''} {'eeimg' if 'eeimg' in attributes else ''}"
    if _TEX_IMAGE.search(named) or _TEX_ADDRESS.search(attributes.get("src") or ""):
        return _tex(text.strip("$"), display=False)
    sizes = (_whole(attributes.get(name), _ICON_PIXELS + 1) for name in ("width", "height"))
    return "" if min(sizes) <= _ICON_PIXELS or _NO_DESCRIPTION.fullmatch(text) else f" {text} "


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
    sources = node.css("annotation[encoding]")
    source = next((found for found in sources if _TEX_ENCODING.fullmatch(found.attributes.get("encoding") or "")), None)
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
