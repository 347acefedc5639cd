"""PDF: reads the lines of every page with their place and size; `pdf_layout` makes a document of them."""

from __future__ import annotations

import ctypes
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from itertools import accumulate, count, groupby, islice, pairwise, repeat
from mmap import ACCESS_READ, mmap
from operator import add, itemgetter, sub
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.adapters.parsers.outline import RULES
from services.docs.adapters.parsers.pdf_chars import BOTTOM, LEFT, RIGHT, TOP, PageChars
from services.docs.adapters.parsers.pdf_fonts import use_own_fonts
from services.docs.adapters.parsers.pdf_layout import CELL_GAP_EMS, Cell, PrintedLine, PrintedPage, write_layout
from services.docs.adapters.parsers.pdf_work import check_work
from services.docs.values.parsed_document import ParseError, ParseReason
from services.language.folding import normalize
from services.language.legibility import has_wrong_letters

use_own_fonts()

_END_MARK = b"%%EOF"
_OBJECT = re.compile(rb"\b\d{1,10}\s+\d{1,5}\s+obj\b")
_LINE = re.compile("[^\r\n\ufffe]+\ufffe?")
"""Pdfium ends a line with CR and LF; for a hyphen at a line's end it writes U+FFFE without them."""
_BOLD = re.compile(r"bold|black|heavy|semibold|simhei|heiti|黑体", re.IGNORECASE)
_MONOSPACED = re.compile(r"courier|mono|consol|menlo|cmtt|typewriter|inconsolata|fixed", re.IGNORECASE)
_SCRIPT = re.compile(
    r"(?= ?[0-9+\-−])(?:"
    r"(?<=[A-Za-zα-ωΑ-Ω)\]]) ?(?P<number>[0-9]*[+\-−]|[+\-−]?[0-9]{1,3})(?![0-9])"
    r"|(?<=[0-9])(?: (?P<apart>[+\-−]?[0-9]{1,3})|(?P<signed>[+\-−][0-9]{1,3}))(?![0-9/⁄])"
    r"|(?<![0-9])(?P<digits>[0-9]{2,6})(?![0-9/⁄])"
    r")"
)
"""What may be an exponent, a charge or an index: after a letter, after a number, or the end of a row of digits.

All of them begin alike, so that most places of a text are left after one look.
"""
_MAYBE_SCRIPT = re.compile(r"[0-9+\-−]")
_SPACE_AT_CJK_PUNCTUATION = re.compile("(?<=[，。；：！？、（《〈「『【]) +| +(?=[，。；：！？、）》〉」』】])")
"""Full-width punctuation holds its own space; where fonts change beside it, pdfium adds another one."""
_SPACES = re.compile(" +")
_SCRIPT_SIZE = 0.85
_JUMP_EMS = 8.0
"""How far back, in ems, the next word begins where it is on another line."""
_LETTERS_OF_LINE, _LOWER_EMS = 3, 0.3
"""The fewest letters of a line that does not stand lower, and how much lower, in ems, one of fewer letters stands."""
_SAME_ROW_EMS = 0.1
"""How much parts of one row, such as a formula and its number, differ in height at most."""
_LEFTWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
"""Hebrew and Arabic letters."""
_FIELD_SIZE = 12.0
"""The size, in points, in which the text of a form's field is taken to be set where its box is high enough."""
_FILLED = re.compile("(?<=[\U00010000-\U0010ffff])\0")
"""What stands at the second index of a character that has two."""
_MOST_FURNITURE_CHARS = 500
"""A page of more characters holds text besides running heads and stamps."""
_MOST_IMAGES, _IMAGE_DEPTH = 500, 4
"""Images of a page that are looked at, a scan may be cut into strips, and how deep in forms."""
_MOST_FIELDS = 2000
"""Fields of a page that are read."""
_PASSWORD_FIELD = 1 << 13
_JUNK_TITLE = re.compile(rf"{RULES.untitled}|.*\.(?:docx?|pptx?|pdf|tex|indd|qxd|dvi)", re.IGNORECASE)
_PROGRAM_PREFIX = re.compile(r"^Microsoft (?:Word|PowerPoint) - ")


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the text as it is laid out on the pages, without running headers, footers and page numbers."""
    builder.format, builder.letters_are_judged = "pdf", True
    _check_end(path)
    check_work(path, builder)
    with closing(_open(path)) as document:
        _init_forms(document)
        builder.check_pages(len(document))
        title = _PROGRAM_PREFIX.sub("", normalize(document.get_metadata_value("Title")))
        builder.title = "" if _JUNK_TITLE.fullmatch(title) else title
        pages: list[PrintedPage] = []
        chars = 0
        for number in range(len(document)):
            builder.check_deadline()
            pages.append(_read_page(document, number))
            chars += sum(len(line.text) for line in pages[-1].all_lines)
            builder.check_chars(chars)
    write_layout(pages, builder)


def _check_end(path: Path) -> None:
    """Refuse a file that was cut off: pdfium would repair it and show only some of its pages.

    Bytes behind the end, as mail programs and disks append them, do no harm. Objects behind the last end belong to an
    edition of the file (or, in one made for the web, to the pages after the first) whose own end is missing.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        end = data.rfind(_END_MARK)
        if end < 0 or _OBJECT.search(data, end):
            raise ParseError(ParseReason.TRUNCATED_FILE)


def _open(path: Path) -> Any:
    # Pdfium says nothing of some damaged files, and what it said last may be of another one; of no bytes it says that
    # they are damaged.
    pdfium.FPDF_LoadMemDocument(b"", 0, None)
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise ParseError(ParseReason.ENCRYPTED_FILE) from error
        raise ParseError(ParseReason.CORRUPT_FILE) from error


def _init_forms(document: Any) -> None:
    """Make the values of a form's fields readable; a form too damaged for that is read without them."""
    with suppress(pypdfium2.PdfiumError):
        document.init_forms()


def _read_page(document: Any, number: int) -> PrintedPage:
    try:
        with _opened(document, number) as (page, text_page):
            width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
            rotation = pdfium.FPDFPage_GetRotation(page)
            extent = (height, width) if rotation % 2 else (width, height)
            chars = PageChars(text_page)
            (turn, lines), *others = _parts(chars, extent, -rotation % 4)
            if document.formenv and turn == 0:
                lines = _with_fields(lines, _fields(page, document.formenv))
            width, height = extent if turn % 2 == 0 else extent[::-1]
            asides = tuple(part for _, part in others)
            text = _FILLED.sub("", chars.text) if "\0" in chars.text else chars.text
            images, wrong = _image_share(page, lines, extent), has_wrong_letters(text)
            return PrintedPage(number + 1, height, lines, width, asides, images, wrong)
    except pypdfium2.PdfiumError as error:
        raise ParseError(ParseReason.CORRUPT_FILE, {"page": str(number + 1)}, what="page") from error


@contextmanager
def _opened(document: Any, number: int) -> Iterator[tuple[Any, Any]]:
    """Give a page and its text; pypdfium2's own objects for them take a hundredth of a file's time."""
    page = pdfium.FPDF_LoadPage(document.raw, number)
    if not page:
        raise pypdfium2.PdfiumError("a page was not loaded")
    form = document.formenv
    if form:
        pdfium.FORM_OnAfterLoadPage(page, form)
    text_page = pdfium.FPDFText_LoadPage(page)
    try:
        if not text_page:
            raise pypdfium2.PdfiumError("the text of a page was not loaded")
        yield page, text_page
    finally:
        pdfium.FPDFText_ClosePage(text_page)
        if form:
            pdfium.FORM_OnBeforeClosePage(page, form)
        pdfium.FPDF_ClosePage(page)


def _image_share(page: Any, lines: list[PrintedLine], extent: tuple[float, float]) -> float:
    """Return how much of a page without much text is covered by images, from 0 to 1."""
    if sum(len(line.text) for line in lines) > _MOST_FURNITURE_CHARS:
        return 0.0
    page_functions = pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject
    covered = sum(map(_area, islice(_images(page, *page_functions, _IMAGE_DEPTH), _MOST_IMAGES)))
    return min(1.0, covered / (extent[0] * extent[1] or 1.0))


def _images(parent: Any, count: Callable[[Any], int], get: Callable[[Any, int], Any], depth: int) -> Iterator[Any]:
    """Yield the images of a page or form and of the forms in it, beside any number of other objects."""
    kind_of = pdfium.FPDFPageObj_GetType
    for index in range(count(parent)):
        child = get(parent, index)
        kind = kind_of(child)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            yield child
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth > 1:
            yield from _images(child, pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject, depth - 1)


def _area(image: Any) -> float:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    pdfium.FPDFPageObj_GetBounds(image, left, bottom, right, top)
    return (right.value - left.value) * (top.value - bottom.value)


def _parts(chars: PageChars, extent: tuple[float, float], shown: int) -> list[tuple[int, list[PrintedLine]]]:
    """Return the page's lines by the quarter turns of their text, each laid out upright; those of turn `shown` first.

    The first part may be empty, when the page is.
    """
    turned: defaultdict[int, list[int]] = defaultdict(list)
    parts = {0: _lines(chars, turned)}
    parts |= {turn: _turned_lines(chars, indices, turn, extent) for turn, indices in turned.items()}
    return sorted(parts.items(), key=lambda part: (not part[1], part[0] != shown, part[0]))


class _Run(NamedTuple):
    """What may be a line: its characters, and what is left of them without the spaces and the hyphen at their end."""

    raw: str
    text: str
    offset: int
    begin: int
    """The index of the first character that shows something."""
    end: int
    """The index of the last character of the text."""


def _run(raw: str, offset: int) -> _Run | None:
    """Return the characters from an index on as a run; None when none of them shows anything."""
    text = raw.rstrip("\ufffe ")
    shown = text.lstrip()
    return _Run(raw, text, offset, offset + len(text) - len(shown), offset + len(text) - 1) if shown else None


def _lines(chars: PageChars, turned: defaultdict[int, list[int]]) -> list[PrintedLine]:
    """Return the upright lines in the order of the content, with the parts of one row of a table joined.

    The characters of other lines are put into `turned`.
    """
    lines: list[PrintedLine] = []
    for line in _printed(chars, _upright(chars, turned)):
        if lines and lines[-1].is_left_of(line):
            lines[-1] = lines[-1].beside(line)
        else:
            lines.append(line)
    return lines


def _upright(chars: PageChars, turned: defaultdict[int, list[int]]) -> list[_Run]:
    """Return the upright runs; pdfium puts text of all directions into one line."""
    found = [run for match in _LINE.finditer(chars.text) if (run := _run(match.group(), match.start()))]
    turns = chars.turns([index for run in found for index in (run.begin, run.end)])
    upright: list[_Run] = []
    for run, first, last in zip(found, turns[::2], turns[1::2], strict=True):
        if first == 0 == last:
            upright.append(run)
        else:
            upright += _upright_parts(chars, run, turned)
    return upright


def _upright_parts(chars: PageChars, run: _Run, turned: defaultdict[int, list[int]]) -> Iterator[_Run]:
    """Yield the upright parts of a run, and put the characters of its other parts into `turned`."""
    told = [at for at, char in enumerate(run.raw) if not (char.isspace() or char == "\ufffe")]
    known = dict(zip(told, chars.turns([run.offset + at for at in told]), strict=True))
    turn: int | None = 0
    turns = [(turn := known.get(at, turn), at) for at in range(len(run.raw))]
    for direction, group in groupby(turns, key=itemgetter(0)):
        places = [at for _, at in group]
        if direction == 0:
            part = _run(run.raw[places[0] : places[-1] + 1], run.offset + places[0])
            if part is not None:
                yield part
        elif direction is not None:
            turned[direction] += (run.offset + at for at in places)


class _Glyph(NamedTuple):
    """A character of turned text where it would stand upright."""

    char: str
    left: float
    right: float
    baseline: float
    size: float
    offset: int


def _turned_lines(chars: PageChars, indices: list[int], turn: int, extent: tuple[float, float]) -> list[PrintedLine]:
    """Return the lines of turned characters from top to bottom, as they would be on the turned page."""
    glyphs = _glyphs(chars, [index for index in indices if not chars.text[index].isspace()], turn, extent)
    rows: list[list[_Glyph]] = []
    for glyph in sorted(glyphs, key=lambda glyph: -glyph.baseline):
        if not rows or rows[-1][0].baseline - glyph.baseline > 0.5 * glyph.size:
            rows.append([])
        rows[-1].append(glyph)
    rows = [sorted(row, key=lambda glyph: glyph.left) for row in rows]
    fonts = chars.fonts([row[len(row) // 2].offset for row in rows])
    return [line for line in map(_turned_line, rows, fonts) if line.text]


def _glyphs(chars: PageChars, indices: list[int], turn: int, extent: tuple[float, float]) -> Iterator[_Glyph]:
    width, height = extent
    answers = zip(indices, chars.tight_boxes(indices), chars.origins(indices), chars.sizes(indices), strict=True)
    for index, (left, right, bottom, top), (x, y), size in answers:
        if turn == 3:
            begin, end, baseline = bottom, top, width - x
        elif turn == 1:
            begin, end, baseline = height - top, height - bottom, x
        else:
            begin, end, baseline = width - right, width - left, height - y
        char = "-" if chars.text[index] in "\ufffe\x02" else chars.text[index]
        yield _Glyph(char, begin, end, baseline, size, index)


def _turned_line(glyphs: list[_Glyph], font: tuple[str, bool]) -> PrintedLine:
    """Return one line of characters that stand in a row."""
    size = max(glyph.size for glyph in glyphs)
    cells: list[list[_Glyph]] = [glyphs[:1]]
    for before, glyph in pairwise(glyphs):
        if glyph.left - before.right > size * CELL_GAP_EMS:
            cells.append([])
        cells[-1].append(glyph)
    laid_out = (Cell(_spaced(cell, size), cell[0].left, cell[-1].right) for cell in cells)
    shown = tuple(cell for cell in laid_out if cell.text)
    bold, monospaced = _manner(*font)
    baseline = glyphs[0].baseline
    return PrintedLine(
        text=" ".join(cell.text for cell in shown),
        left=glyphs[0].left,
        right=glyphs[-1].right,
        bottom=baseline - 0.2 * size,
        top=baseline + 0.8 * size,
        size=size,
        bold=bold,
        monospaced=monospaced,
    ).with_cells(shown)


@lru_cache(maxsize=1024)
def _manner(font: str, forced_bold: bool) -> tuple[bool, bool]:
    """Return whether a font is bold, which its name may say too, and whether its name says that it is monospaced."""
    return forced_bold or _BOLD.search(font) is not None, _MONOSPACED.search(font) is not None


def _spaced(glyphs: list[_Glyph], size: float) -> str:
    """Return the text of characters in a row, with spaces where they are apart."""
    spaces = (" " if after.left - glyph.right > 0.2 * size else "" for glyph, after in pairwise(glyphs))
    text = "".join(glyph.char + space for glyph, space in zip(glyphs, (*spaces, ""), strict=True))
    return _SPACE_AT_CJK_PUNCTUATION.sub("", normalize(text))


def _printed(chars: PageChars, runs: Sequence[_Run]) -> Iterator[PrintedLine]:
    """Yield the lines of the runs that show something; what is asked of their characters is asked at once."""
    samples = _samples(chars, runs)
    spaces = _Spaces.of(chars, runs)
    parted = _without_jumps(chars, runs, spaces, [size * _JUMP_EMS for size, _ in samples])
    if len(parted) > len(runs):
        yield from _printed(chars, parted)
        return
    numbers = _small_numbers(chars, runs, samples)
    sampled = [sample for _, sample in samples]
    (lefts,), (rights,) = chars.edges([run.begin for run in runs], LEFT), chars.edges([run.end for run in runs], RIGHT)
    tops, bottoms = chars.edges(sampled, TOP, BOTTOM)
    fonts = chars.fonts(sampled)
    gaps = _wide_gaps(runs, spaces, [size * CELL_GAP_EMS for size, _ in samples])
    for at, (run, (size, _)) in enumerate(zip(runs, samples, strict=True)):
        scripts = [script for number in numbers.get(at, ()) if (script := _script(chars, run, number, size))]
        text = _shown(run.text, 0, len(run.text), scripts) + ("-" if run.raw[-1] == "\ufffe" else "")
        if not text:
            continue
        bold, monospaced = _manner(*fonts[at])
        line = PrintedLine(text, lefts[at], rights[at], bottoms[at], tops[at], size, bold, monospaced)
        wide = gaps.get(at) if " " in text else None
        yield line.with_cells(_cells(run.text, line, wide, scripts)) if wide else line


class _Gap(NamedTuple):
    """White space within a run's text, and where it begins and ends."""

    start: int
    end: int
    left: float
    right: float


class _Spaces(NamedTuple):
    """The white space between the words of runs: the characters before and after each, and their edges."""

    befores: Sequence[int]
    afters: Sequence[int]
    lefts: Sequence[float]
    rights: Sequence[float]
    spans: Sequence[float]
    ends: Sequence[int]
    """The place behind the last of each run."""

    @classmethod
    def of(cls, chars: PageChars, runs: Sequence[_Run]) -> _Spaces:
        """Ask for all of them at once."""
        befores: list[int] = []
        afters: list[int] = []
        ends = []
        for run in runs:
            _add_around_spaces(run, befores, afters)
            ends.append(len(afters))
        (lefts,), (rights,) = chars.edges(befores, RIGHT), chars.edges(afters, LEFT)
        return cls(befores, afters, lefts, rights, list(map(sub, rights, lefts)), ends)


def _wide_gaps(runs: Sequence[_Run], spaces: _Spaces, widths: Sequence[float]) -> Mapping[int, list[_Gap]]:
    """Return the gaps between words that are wider than the width given for their run, by the run's place."""
    befores, afters, lefts, rights, spans, ends = spaces
    found = {}
    for at, (begin, end, width) in enumerate(zip([0, *ends], ends, widths, strict=False)):
        if begin < end and max(spans[begin:end]) > width:
            offset = runs[at].offset
            found[at] = [
                _Gap(befores[gap] + 1 - offset, afters[gap] - offset, lefts[gap], rights[gap])
                for gap in range(begin, end)
                if spans[gap] > width
            ]
    return found


def _without_jumps(chars: PageChars, runs: Sequence[_Run], spaces: _Spaces, widths: Sequence[float]) -> list[_Run]:
    """Return the runs, parted where the next word stands farther back than the width given for the run.

    Pdfium takes the next line for the same one where both stand almost as high. What is written from right to left goes
    back with each word.
    """
    parted: list[_Run] = []
    for run, begin, end, width in zip(runs, [0, *spaces.ends], spaces.ends, widths, strict=False):
        if begin == end or not min(spaces.spans[begin:end]) < -width < 0.0:
            parted.append(run)
            continue
        parts: list[_Run] = []
        first, is_row = run.offset, True
        for before, after, span in zip(*(row[begin:end] for row in (spaces[0], spaces[1], spaces[4])), strict=True):
            if span >= -width or _LEFTWARDS.search(chars.text[before] + chars.text[after]):
                continue
            (_, above), (_, below) = chars.origins((before, after))
            lower = (above - below) / width * _JUMP_EMS
            letters = sum(map(str.isalnum, run.text[after - run.offset :]))
            # An accent or a mark may be drawn behind the words that it belongs to.
            if letters >= _LETTERS_OF_LINE or (letters and lower > _LOWER_EMS):
                parts += filter(None, (_run(run.raw[first - run.offset : before + 1 - run.offset], first),))
                first, is_row = after, is_row and abs(lower) < _SAME_ROW_EMS
        parts += filter(None, (_run(run.raw[first - run.offset :], first),))
        parted += _as_row(chars, parts) if is_row else parts
    return parted


def _as_row(chars: PageChars, parts: list[_Run]) -> list[_Run]:
    """Return the parts of a row from left to right, however they were drawn; those that overlap as they are."""
    (lefts,), (rights,) = (
        chars.edges([part.begin for part in parts], LEFT),
        chars.edges([part.end for part in parts], RIGHT),
    )
    placed = sorted(zip(lefts, rights, parts, strict=True))
    apart = all(before[1] <= after[0] for before, after in pairwise(placed))
    return [part for _, _, part in placed] if apart else parts


def _add_around_spaces(run: _Run, befores: list[int], afters: list[int]) -> None:
    """Add the indices of the characters before and after each white space within a run."""
    text, offset = run.text, run.offset
    if "  " in text or text[0] == " ":
        spans = [gap.span() for gap in _SPACES.finditer(text) if gap.start()]
        befores += (offset + begin - 1 for begin, _ in spans)
        afters += (offset + end for _, end in spans)
        return
    words = text.split(" ")
    words.pop()
    behind = list(map(add, accumulate(map(len, words)), count(offset + 1)))
    befores += map(sub, behind, repeat(2))
    afters += behind


def _samples(chars: PageChars, runs: Sequence[_Run]) -> list[tuple[float, int]]:
    """Return the size of each run, and a character of that size.

    They are the largest of three within it: its first characters may be a list's mark or a drop cap of another size,
    and indices and exponents are smaller.
    """
    spans = [(run.begin, run.end - run.begin) for run in runs]
    places = [begin + length * quarter // 4 for quarter in (1, 2, 3) for begin, length in spans]
    sized = list(zip(chars.sizes(places), places, strict=True))
    thirds = zip(*(sized[begin : begin + len(runs)] for begin in range(0, len(sized), len(runs) or 1)), strict=True)
    # Where all are alike, the last of them is the greatest.
    return [last if first[0] == middle[0] == last[0] else max(first, middle, last) for first, middle, last in thirds]


def _fields(page: Any, form: Any) -> list[PrintedLine]:
    """Return what is filled into the fields of a form on the page, each at its place."""
    found = []
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST_FIELDS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        text = _field_text(form, annotation)
        box = pdfium.FS_RECTF()
        if text and pdfium.FPDFAnnot_GetRect(annotation, box):
            height = box.top - box.bottom
            size = min(height, _FIELD_SIZE)
            # A field's text stands in its middle when it has one line, else at its top.
            bottom = (box.top + box.bottom - size) / 2 if height < 2 * _FIELD_SIZE else box.top - 1.2 * size
            found.append(PrintedLine(text, box.left, max(box.right, box.left + size), bottom, bottom + size, size))
        pdfium.FPDFPage_CloseAnnot(annotation)
    return found


def _field_text(form: Any, annotation: Any) -> str:
    """Return what a person wrote into a field, chose in it or ticked; empty for every other annotation."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in {pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON}:
        return "☒" if pdfium.FPDFAnnot_IsChecked(form, annotation) else ""
    if kind not in {pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX}:
        return ""
    if pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FIELD:
        return ""
    length = pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    value = ctypes.create_string_buffer(length)
    pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, ctypes.cast(value, ctypes.POINTER(pdfium.FPDF_WCHAR)), length)
    return " ".join(normalize(value.raw.decode("utf-16-le", "replace").rstrip("\0")).split())


def _with_fields(lines: list[PrintedLine], fields: list[PrintedLine]) -> list[PrintedLine]:
    """Return lines with fields put beside what stands in their row, else above the first line below them."""
    lines = list(lines)
    for field in fields:
        middle = (field.top + field.bottom) / 2
        row = [at for at, line in enumerate(lines) if line.bottom <= middle <= line.top and line.left <= field.left]
        if row:
            at = row[-1]
            lines[at] = _filled(lines[at], field)
        else:
            below = (at for at, line in enumerate(lines) if line.top < middle)
            lines.insert(next(below, len(lines)), field)
    return lines


def _filled(line: PrintedLine, field: PrintedLine) -> PrintedLine:
    """Return a line with a field's text behind what is printed before the field."""
    cells = line.cells or (Cell(line.text, line.left, line.right),)
    before = sum(cell.left <= field.left for cell in cells)
    last = cells[before - 1]
    filled = Cell(f"{last.text} {field.text}", last.left, max(last.right, field.right))
    cells = (*cells[: before - 1], filled, *cells[before:])
    return line._replace(
        text=" ".join(cell.text for cell in cells), right=max(line.right, field.right), cells=()
    ).with_cells(cells)


class _Script(NamedTuple):
    """A raised or lowered number within a line's raw text, with the spaces around it that pdfium made up."""

    start: int
    end: int
    shown: str


def _small_numbers(
    chars: PageChars, runs: Sequence[_Run], samples: Sequence[tuple[float, int]]
) -> Mapping[int, list[re.Match[str]]]:
    """Return what may be exponents, charges and indices by the place of their run: numbers that end small."""
    numbers = [
        (at, number)
        for at, run in enumerate(runs)
        if _MAYBE_SCRIPT.search(run.text)
        for number in _SCRIPT.finditer(run.text)
    ]
    sizes = chars.sizes([runs[at].offset + number.end() - 1 for at, number in numbers])
    small: defaultdict[int, list[re.Match[str]]] = defaultdict(list)
    for (at, number), size in zip(numbers, sizes, strict=True):
        if size <= samples[at][0] * _SCRIPT_SIZE:
            small[at].append(number)
    return small


def _script(chars: PageChars, run: _Run, match: re.Match[str], size: float) -> _Script | None:
    """Return a small number as a script, or None where it stands on the baseline of what is before it."""
    text, offset = run.text, run.offset
    start, begin, end = match.start(), match.start(match.lastgroup or 0), match.end()
    largest = size * _SCRIPT_SIZE
    if match.lastgroup == "digits":
        sizes = chars.sizes(range(offset + begin, offset + end))
        begin += next(at for at, of_digit in enumerate(sizes) if of_digit <= largest)
        start = begin
    base, number = offset + start - 1, offset + begin
    if start == match.start("digits") or chars.sizes((number,))[0] > largest:
        return None
    (_, baseline), (_, height) = chars.origins((base, number))
    raised = height - baseline > 0.1 * size
    if not raised and height - baseline > -0.02 * size:
        return None
    after, script = end, text[begin:end]
    is_made_up = text[after : after + 1] == " " and chars.is_generated(offset + after)
    shown = superscript(script) if raised else subscript(script)
    if is_made_up:
        lefts, rights = chars.edges((offset + after - 1, offset + after + 1), LEFT, RIGHT)
        after += lefts[1] - rights[0] < 0.2 * size
    return _Script(start, after, shown)


def _shown(text: str, start: int, end: int, scripts: list[_Script]) -> str:
    """Return the normalized text of a part of a line with its scripts in place."""
    position = start
    if scripts:
        pieces: list[str] = []
        for script in scripts:
            if position <= script.start and script.end <= end:
                pieces += (text[position : script.start], script.shown)
                position = script.end
        shown = normalize("".join((*pieces, text[position:end])))
    else:
        shown = normalize(text[start:end])
    return shown if shown.isascii() else _SPACE_AT_CJK_PUNCTUATION.sub("", shown)


def _cells(text: str, line: PrintedLine, gaps: Sequence[_Gap], scripts: list[_Script]) -> tuple[Cell, ...]:
    """Return the line's parts between gaps."""
    cells: list[Cell] = []
    opened, left = 0, line.left
    for gap in gaps:
        cells.append(Cell(_shown(text, opened, gap.start, scripts), left, gap.left))
        opened, left = gap.end, gap.right
    cells.append(Cell(_shown(text, opened, len(text), scripts), left, line.right))
    return tuple(cell for cell in cells if cell.text)
