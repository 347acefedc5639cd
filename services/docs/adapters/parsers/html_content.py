"""Where the content of a web page is: what to read of it, and what is only navigation, advertisement and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.docs.adapters.parsers.builder import DocumentBuilder

INVISIBLE = frozenset(
    {"script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "audio", "video", "head"}
    | {"button", "input", "select", "textarea", "dialog", "nav", "rp", "rt", "rtc"}
)
_FURNITURE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar", "complementary", "dialog"}
)
_FURNITURE_WORDS = re.compile(
    r"(?<![a-z])(?<!--)(?:nav|navi|navbar|navigation|subnav|menu|submenu|sidebar|side-bar|colophon|copyright|masthead"
    r"|(?:site|page|global|main|web)?foot(?:er)?(?![-_]?notes?)"
    r"|share|sharing|shares|sharebar|sharedaddy|social|socials|addtoany|comments?|commentlist|respond|disqus|replies"
    r"|related|recommended|recommendations?|teasers?|promo|widgets?|widget-area|cookies?|cookie-?\w*|consent|gdpr|popup"
    r"|modal|overlay|breadcrumbs?|pagination|pager|paging|skip-link|newsletter|subscribe|subscription|signup|login"
    r"|advert|adverts|advertisement|ads|sponsored|banner|toolbar|topbar|linenos?|line-numbers|gutter|print-only"
    r"|post-?meta\w*|entry-meta|article-meta|backlink|license-area|(?:post|page|prev|next)-?nav\w*|author-(?:box|bio|info)"
    r"|relatednews|related-?\w+|newsletter-?\w+|sidebar-?\w+|teaser-?\w+|comments?-?\w+)(?![a-z])"
)
_NOT_SHOWN = re.compile(r"(?<![\w-])display\s*:\s*none", re.IGNORECASE)
_INVISIBLE_STYLE = re.compile(r"(?<![\w-])visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_SLUG_WORD = re.compile(r"[^\W_]+")
_LEAST_HYPHENS = 2
"""Lists of comments and of related pages have headings of two words."""
_NEVER_FURNITURE = frozenset({"html", "body", "main", "article", "p", "h1", "h2", "h3", "h4", "h5", "h6"})
_NOTE_TYPES = frozenset({"footnote", "endnote", "rearnote", "doc-footnote", "doc-endnote"})
_NOTE_MARKS = "a[role=doc-noteref], a[epub\\:type~=noteref], a[role=doc-backlink]"
"""Numbers in a text that lead to notes, and back (EPUB 3, DPUB-ARIA)."""
_NOTES = (
    "[epub\\:type~=footnote], [epub\\:type~=endnote], [epub\\:type~=rearnote], [role=doc-footnote], [role=doc-endnote]"
    ", [role=doc-endnotes] li, [epub\\:type~=footnotes] li, [epub\\:type~=endnotes] li, [epub\\:type~=rearnotes] li"
    ", .footnotes li"
)
"""Notes, and the items of lists of notes."""
_KEPT_FOOTERS = "blockquote footer, figure footer"
"""A quote's foot says whose words they are."""
_SHORT_MARK = re.compile(
    r"[\[(（〔【]?(?:注释?|note)?\s*(?:\d{1,4}|[a-z]|[ivxl]{1,5}|[*†‡§¶①-⑳]{0,3})[\])）〕】]?", re.IGNORECASE
)
"""What is drawn for a note in a text."""
_AROUND_LINK = 6
_LINK_GROUPS = frozenset({"ul", "ol", "menu", "div", "section", "table", "p", "aside", "dl", "header"})
_SUSPECT_SHARE = 0.4
"""What holds as much of a page's text outside links is content whatever its class says."""
_LINKS_OF_A_GROUP = 3
_MOST_BESIDE_LINKS = 300
"""What holds more characters outside its links is no list of links."""
_TRUSTED_SHARES = {"main": 0.3, "article": 0.7}
"""Of a page's text outside links, what a part has to hold to be its content: a teaser is an article, too."""
_FORMULA_SOURCE = "script[type^='math/tex']"
_DRAWN_FORMULA = re.compile(r"(?<![a-z])mathjax(?:_preview|_display|_svg\w*|_chtml)?(?![a-z_])")
"""What MathJax puts beside the script that holds a formula's source."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of a page."""

    marks: dict[int, LexborNode] = field(default_factory=dict)
    """Notes by the identities of the first link to each in the text."""
    others: set[int] = field(default_factory=set)
    """The identities of notes to which no link leads; they stay where they are."""


@dataclass(slots=True)
class Content:
    """What of a page is read: the headings that stand before its main part, that part, and what to pass over there."""

    root: LexborNode
    headings: list[LexborNode] = field(default_factory=list)
    passed_over: set[int] = field(default_factory=set)
    """The identities of elements that are no content."""
    notes: Notes = field(default_factory=Notes)


@dataclass(slots=True)
class _Element:
    node: LexborNode
    tag: str
    parent: int
    in_link: bool
    suspect: bool
    chars: int = 0
    """Of visible text."""
    linked: int = 0
    """Of `chars`, those of links."""
    links: int = 0
    chars_gone: int = 0
    linked_gone: int = 0


def find_content(tree: LexborHTMLParser, builder: DocumentBuilder) -> Content | None:
    """Return what of a page is read, or None where it has no body."""
    body = tree.body
    if body is None:
        return None
    content = content_of(body)
    elements = _survey(body, content, builder)
    _pass_over_furniture(elements, content)
    if not elements[0].chars:
        return content_of(body)
    _choose_root(elements, content)
    return content


def content_of(body: LexborNode) -> Content:
    """Return all that a page shows, without the places of notes and the marks of them."""
    content = Content(body, passed_over=hidden_elements(body))
    notes = {note.mem_id: note for note in body.css(_NOTES)}
    if notes:
        _find_notes(body, notes, content)
    return content


def _find_notes(body: LexborNode, notes: dict[int, LexborNode], content: Content) -> None:
    """Tell the notes to which the text has links from others, and pass over the marks of both."""
    by_name = {name: note for note in notes.values() for name in _names(note)}
    found: dict[int, LexborNode] = {}
    for link in body.css("a[href*='#']"):
        around = _note_around(link, notes)
        name = (link.attributes.get("href") or "").partition("#")[2]
        note = by_name.get(name)
        if around is not None:
            # Back to the text; a link of words belongs to the note.
            if not any(map(str.isalpha, link.text(deep=True))):
                content.passed_over.add(link.mem_id)
        elif note is not None and _SHORT_MARK.fullmatch(link.text(deep=True).strip()):
            content.passed_over.add(link.mem_id)
            if note.mem_id not in found:
                found[note.mem_id] = note
                content.notes.marks[link.mem_id] = note
    content.passed_over |= found.keys()
    content.notes.others.update(notes.keys() - found.keys())


def _names(note: LexborNode) -> set[str]:
    """Return what links to a note are made to: its id, or that of an element within it."""
    found = [note, *note.css("[id]")]
    return {name for node in found if (name := node.attributes.get("id"))}


def _note_around(link: LexborNode, notes: dict[int, LexborNode]) -> LexborNode | None:
    above = link.parent
    for _ in range(_AROUND_LINK):
        if above is None or above.mem_id in notes:
            return above
        above = above.parent
    return None


def _is_note(attributes: Mapping[str, str | None]) -> bool:
    """Return whether an element says that it is a note to the text, as a book's (EPUB 3, DPUB-ARIA)."""
    types = f"{attributes.get('epub:type') or ''} {attributes.get('role') or ''}".lower().split()
    return not _NOTE_TYPES.isdisjoint(types)


def _survey(body: LexborNode, content: Content, builder: DocumentBuilder) -> list[_Element]:
    """Return every visible element, parents first, with the lengths of its text and of that in links."""
    drawn = body.css_first(_FORMULA_SOURCE) is not None
    elements: list[_Element] = []
    stack: list[tuple[LexborNode, int]] = [(body, -1)]
    while stack:
        node, parent = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            chars = len(node.text(deep=False).strip())
            above = elements[parent]
            above.chars += chars
            above.linked += chars * above.in_link
            continue
        if tag.startswith("-") or tag in INVISIBLE:
            continue
        if node.mem_id in content.passed_over:
            continue
        builder.check_deadline()
        attributes = node.attributes
        words = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower()
        if drawn and _DRAWN_FORMULA.search(words):
            content.passed_over.add(node.mem_id)
            continue
        in_link = tag == "a" or (parent >= 0 and elements[parent].in_link)
        suspect = attributes.get("role") in _FURNITURE_ROLES or (
            _FURNITURE_WORDS.search(words) is not None and not _is_anchored_section(node, attributes)
        )
        suspect = (
            suspect
            or (tag == "aside" and not _is_note(attributes))
            or (tag == "header" and node.css_first("h1, h2, h3") is None)
        )
        elements.append(_Element(node, tag, parent, in_link, suspect and tag not in _NEVER_FURNITURE))
        elements[-1].links = tag == "a"
        position = len(elements) - 1
        stack.extend((child, position) for child in reversed(list(node.iter(include_text=True))))
    for element in reversed(elements[1:]):
        above = elements[element.parent]
        above.chars += element.chars
        above.linked += element.linked
        above.links += element.links
    return elements


def _is_anchored_section(node: LexborNode, attributes: Mapping[str, str | None]) -> bool:
    """Return whether an element is a section of a text whose id was made of its heading, which may hold any word."""
    classes, name = (attributes.get("class") or "").lower(), (attributes.get("id") or "").lower()
    if not name or _FURNITURE_WORDS.search(classes):
        return False
    if "section" in classes.split():
        return True
    heading = node.css_first("h1, h2, h3, h4, h5, h6")
    slug = "-".join(_SLUG_WORD.findall(heading.text(deep=True).lower())) if heading is not None else ""
    return slug.count("-") >= _LEAST_HYPHENS and slug.startswith(name.replace("_", "-"))


def hidden_elements(body: LexborNode) -> set[int]:
    """Return the identities of elements that are not shown; a page that a program shows may hide its body."""
    found = body.css("[hidden], [aria-hidden=true], [style*=none i], [style*=visibility i]")
    hidden = {node.mem_id for node in found if node.mem_id != body.mem_id and _is_hidden(node.attributes)}
    footers = {node.mem_id for node in body.css("footer")}
    if footers:
        footers -= {node.mem_id for node in body.css(_KEPT_FOOTERS)}
    return hidden | footers | {node.mem_id for node in body.css(_NOTE_MARKS)}


def is_displayed(attributes: Mapping[str, str | None]) -> bool:
    """Return whether an element takes a place on the page, though it may be empty to those who listen to it."""
    return "hidden" not in attributes and _NOT_SHOWN.search(attributes.get("style") or "") is None


def _is_hidden(attributes: Mapping[str, str | None]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    # A formula's source is hidden where a picture of it is shown.
    style = attributes.get("style") or ""
    not_shown = _NOT_SHOWN.search(style) is not None or _INVISIBLE_STYLE.search(style) is not None
    return not_shown and "math" not in (attributes.get("class") or "")


def _pass_over_furniture(elements: list[_Element], content: Content) -> None:
    """Note what a role, a class or its links say is no content, and count its text out of what holds it."""
    whole = elements[0].chars - elements[0].linked
    gone = bytearray(len(elements))
    for position, element in enumerate(elements[1:], start=1):
        if gone[element.parent]:
            gone[position] = True
        elif _is_furniture(element, whole):
            gone[position] = True
            content.passed_over.add(element.node.mem_id)
    for position in range(len(elements) - 1, 0, -1):
        element = elements[position]
        if gone[position]:
            element.chars_gone, element.linked_gone = element.chars, element.linked
        above = elements[element.parent]
        above.chars_gone += element.chars_gone
        above.linked_gone += element.linked_gone
    for element in elements:
        element.chars -= element.chars_gone
        element.linked -= element.linked_gone


def _is_furniture(element: _Element, whole: int) -> bool:
    unlinked = element.chars - element.linked
    if element.suspect:
        return unlinked < _SUSPECT_SHARE * whole and element.node.css_first("h1") is None
    if element.tag in _LINK_GROUPS and element.links >= _LINKS_OF_A_GROUP:
        of_links = element.linked > 0.75 * element.chars and element.chars < 80 * element.links
        return of_links and unlinked < _MOST_BESIDE_LINKS and unlinked < 0.2 * whole
    return False


def _choose_root(elements: list[_Element], content: Content) -> None:
    """Take the innermost of the parts that pages name as their content, where it holds most of the text.

    A page's heading often stands before that part.
    """
    whole = elements[0].chars - elements[0].linked
    root = elements[0]
    headings: list[LexborNode] = []
    for element in elements:
        name = "main" if element.node.attributes.get("role") == "main" else element.tag
        share = _TRUSTED_SHARES.get(name)
        if share and element.chars and element.chars - element.linked >= share * whole:
            root = element
            content.headings = list(headings)
        elif element.tag == "h1" and element.chars:
            headings.append(element.node)
    content.root = root.node
    if root.node.css_first("h1") is not None:
        content.headings.clear()
