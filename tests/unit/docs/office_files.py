"""Office files of a few lines of XML."""

from __future__ import annotations

import zipfile
from pathlib import Path

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOCX, PPTX, XLSX
from services.docs.values.parsed_document import Block, ParsedDocument

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
RELATIONS = f"{OFFICE}/relationships"
SPACES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "m": f"{OFFICE}/math",
        "r": RELATIONS,
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
    }.items()
)
_MAIN = {DOCX: "word/document.xml", PPTX: "ppt/presentation.xml", XLSX: "xl/workbook.xml"}


def relations(**targets: str) -> str:
    """Relationships by their ids, each `kind target`."""
    rows = (
        f'<Relationship Id="{key}" Type="{RELATIONS}/{found.split()[0]}" Target="{found.split()[1]}"/>'
        for key, found in targets.items()
    )
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{space}">{"".join(rows)}</Relationships>'


def write(path: Path, media_type: str, parts: dict[str, str], main: str = "") -> Path:
    """Write a package of parts; `main` is the name of the main part where it is not the usual one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        types = {DOCX: "wordprocessingml.document", PPTX: "presentationml.presentation", XLSX: "spreadsheetml.sheet"}
        archive.writestr("[Content_Types].xml", f"<Types>application/vnd.x-{types[media_type]}.main+xml</Types>")
        archive.writestr("_rels/.rels", relations(r1=f"officeDocument {main or _MAIN[media_type]}"))
        for name, content in parts.items():
            archive.writestr(name, content.replace("SPACES", SPACES))
    return path


def word(tmp_path: Path, body: str, linked: dict[str, str] | None = None, **parts: str) -> ParsedDocument:
    """Read a Word file of a body; `parts` are `numbering`, `styles`, `footnotes` …, `linked` more relationships."""
    kinds = {name: f"{name} {name}.xml" for name in parts}
    files = {
        "word/document.xml": f"<w:document SPACES><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relations(**kinds, **(linked or {})),
        **{f"word/{name}.xml": f"<w:{name} SPACES>{content}</w:{name}>" for name, content in parts.items()},
    }
    return parse(write(tmp_path / "a.docx", DOCX, files), DOCX)


def slides(tmp_path: Path, *shapes: str, layout: str = "", parts: dict[str, str] | None = None) -> ParsedDocument:
    """Read a show of slides, each the shapes in it; `layout` holds the shapes of their layout."""
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(len(shapes)))
    files = {
        "ppt/presentation.xml": f"<p:presentation SPACES><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(**{f"s{n}": f"slide s{n}.xml" for n in range(len(shapes))}),
        "ppt/layout.xml": f"<p:sldLayout SPACES><p:cSld><p:spTree>{layout}</p:spTree></p:cSld></p:sldLayout>",
        **(parts or {}),
    }
    for number, content in enumerate(shapes):
        files[f"ppt/s{number}.xml"] = f"<p:sld SPACES><p:cSld><p:spTree>{content}</p:spTree></p:cSld></p:sld>"
        files[f"ppt/_rels/s{number}.xml.rels"] = relations(
            l="slideLayout layout.xml", c="chart chart.xml", d="diagramData diagram.xml"
        )
    return parse(write(tmp_path / "a.pptx", PPTX, files), PPTX)


def workbook(tmp_path: Path, sheets: dict[str, str], **parts: str) -> ParsedDocument:
    """Read a workbook of sheets by their names, each the rows in it."""
    names = "".join(f'<x:sheet name="{name}" r:id="w{n}"/>' for n, name in enumerate(sheets))
    links = {f"w{n}": f"worksheet s{n}.xml" for n in range(len(sheets))}
    links |= {name: f"{name} {name}.xml" for name in parts}
    files = {
        "xl/workbook.xml": f"<x:workbook SPACES><x:sheets>{names}</x:sheets></x:workbook>",
        "xl/_rels/workbook.xml.rels": relations(**links),
        **{f"xl/{name}.xml": content for name, content in parts.items()},
    }
    for number, rows in enumerate(sheets.values()):
        files[f"xl/s{number}.xml"] = f"<x:worksheet SPACES><x:sheetData>{rows}</x:sheetData></x:worksheet>"
    return parse(write(tmp_path / "a.xlsx", XLSX, files), XLSX)


def text_of(parsed: ParsedDocument, block: Block) -> str:
    """The text of a block."""
    return parsed.text[block.start : block.end]


def run(text: str, properties: str = "") -> str:
    """A run of Word."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of Word."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"
