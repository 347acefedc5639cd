"""The media types that are told apart, the names that files of each have, and how a reader would call them."""

from __future__ import annotations

TEXT = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
CSV = "text/csv"
NOTEBOOK = "application/x-ipynb+json"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODP = "application/vnd.oasis.opendocument.presentation"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
RTF = "application/rtf"
EPUB = "application/epub+zip"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
XLS = "application/vnd.ms-excel"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
VISIO = "application/vnd.ms-visio.drawing"
OUTLOOK = "application/vnd.ms-outlook"
PAGES = "application/vnd.apple.pages"
KEYNOTE = "application/vnd.apple.keynote"
NUMBERS = "application/vnd.apple.numbers"
XPS = "application/vnd.ms-xpsdocument"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
"""A compound file that is not known further: of a program from before 2007, or under a password."""
EMPTY = "application/x-empty"
BINARY = "application/octet-stream"

SUFFIXES = {
    TEXT: (".txt", ".text"),
    MARKDOWN: (".md", ".markdown"),
    HTML: (".html", ".htm", ".xhtml"),
    PDF: (".pdf",),
    DOCX: (".docx", ".docm", ".dotx", ".dotm"),
    PPTX: (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
    XLSX: (".xlsx", ".xlsm", ".xltx", ".xltm"),
    DOC: (".doc", ".dot"),
    PPT: (".ppt", ".pps", ".pot"),
    XLS: (".xls", ".xlt"),
    CSV: (".csv", ".tsv"),
    ODT: (".odt", ".ott"),
    ODP: (".odp", ".otp"),
    ODS: (".ods", ".ots"),
    RTF: (".rtf",),
    EPUB: (".epub",),
    NOTEBOOK: (".ipynb",),
}
"""The names that files of each media type that is read may end in; the first is the usual one."""
SUPPORTED = tuple(SUFFIXES)
"""What is read, each by a parser of its own."""
TEXT_FAMILY = frozenset({TEXT, MARKDOWN, HTML, CSV, NOTEBOOK})
"""What only a file's name tells apart for sure."""

UNREAD_SUFFIXES = {
    ".xlsb": XLSB, ".vsdx": VISIO, ".msg": OUTLOOK, ".pages": PAGES, ".key": KEYNOTE, ".numbers": NUMBERS,
    ".xps": XPS,
}  # fmt: skip
BY_SUFFIX = {suffix: media_type for media_type, names in SUFFIXES.items() for suffix in names} | UNREAD_SUFFIXES

ALSO_NAMED = {DOC: {DOCX, RTF, HTML, ODT}, PPT: {PPTX, ODP}, XLS: {XLSX, CSV, HTML, ODS}, DOCX: {RTF}, RTF: {DOCX}}
"""What programs also store under the names of another format, and open without a word."""

_NAMES = {
    XLSB: ("XLSB", "a binary Excel workbook (.xlsb)", "save it as Excel (.xlsx) or PDF and upload that"),
    VISIO: ("VISIO", "a Visio drawing", "export it as PDF and upload that"),
    OUTLOOK: ("EMAIL", "an e-mail of Outlook", "save it as text or PDF and upload that"),
    PAGES: ("PAGES", "a Pages document", "export it as PDF or Word and upload that"),
    KEYNOTE: ("KEYNOTE", "a Keynote presentation", "export it as PDF or PowerPoint and upload that"),
    NUMBERS: ("NUMBERS", "a Numbers spreadsheet", "export it as Excel or CSV and upload that"),
    XPS: ("XPS", "an XPS document", "print it as PDF and upload that"),
    OLE: ("OLD_OFFICE", "a file of an Office program of before 2007", "save it in a present format or as PDF"),
    ZIP: ("ARCHIVE", "a zip archive", "unpack it and upload the files in it"),
    BINARY: ("UNKNOWN", "in a format that is not known", "save it as PDF, Word or text and upload that"),
    "application/xml": ("XML", "an XML file", "save it as HTML, PDF or text and upload that"),
    "application/postscript": ("POSTSCRIPT", "a PostScript file", "convert it to PDF and upload that"),
    "application/vnd.sqlite3": ("DATABASE", "a database", "export what you need as CSV and upload that"),
    "application/x-executable": ("PROGRAM", "a program", "upload the document itself"),
}
_KINDS = {
    "image/": ("IMAGE", "a picture", "text in pictures is not recognized, so upload a document with text"),
    "audio/": ("AUDIO", "a sound recording", "upload a transcript of it"),
    "video/": ("VIDEO", "a video", "upload a transcript or the slides of it"),
}
_ARCHIVE = ("ARCHIVE", "an archive", "unpack it and upload the files in it")
_ARCHIVES = ("gzip", "x-7z-compressed", "vnd.rar", "x-bzip2", "x-xz")


def refused_format(media_type: str) -> tuple[str, str, str]:
    """Return a format that is not read as a stable word, as a teacher would call it, and what to do with it."""
    if media_type in _NAMES:
        return _NAMES[media_type]
    if media_type.removeprefix("application/") in _ARCHIVES:
        return _ARCHIVE
    kind = next((known for prefix, known in _KINDS.items() if media_type.startswith(prefix)), None)
    return kind or ("UNKNOWN", f"of the type {media_type}", "save it as PDF, Word or text and upload that")
