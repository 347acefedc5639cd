"""The media types that are told apart, the names that files of each have, and words for those that are not read."""

from __future__ import annotations

TEXT = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
CSV = "text/csv"
MAIL = "message/rfc822"
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
    MAIL: (".eml", ".mht", ".mhtml"),
}
"""The names that files of each media type that is read may end in; the first is the usual one."""
SUPPORTED = tuple(SUFFIXES)
"""What is read, each by a parser of its own."""
TEXT_FAMILY = frozenset({TEXT, MARKDOWN, HTML, CSV, NOTEBOOK, MAIL})
"""What only a file's name tells apart for sure."""

UNREAD_SUFFIXES = {
    ".xlsb": XLSB, ".vsdx": VISIO, ".msg": OUTLOOK, ".pages": PAGES, ".key": KEYNOTE, ".numbers": NUMBERS,
    ".xps": XPS,
}  # fmt: skip
BY_SUFFIX = {suffix: media_type for media_type, names in SUFFIXES.items() for suffix in names} | UNREAD_SUFFIXES

ALSO_NAMED = {DOC: {DOCX, RTF, HTML, ODT}, PPT: {PPTX, ODP}, XLS: {XLSX, CSV, HTML, ODS}, DOCX: {RTF}, RTF: {DOCX}}
"""What programs also store under the names of another format, and open without a word."""

_WORDS = {
    XLSB: "XLSB",
    VISIO: "VISIO",
    OUTLOOK: "EMAIL",
    PAGES: "PAGES",
    KEYNOTE: "KEYNOTE",
    NUMBERS: "NUMBERS",
    XPS: "XPS",
    OLE: "OLD_OFFICE",
    ZIP: "ARCHIVE",
    "application/xml": "XML",
    "application/postscript": "POSTSCRIPT",
    "application/vnd.sqlite3": "DATABASE",
    "application/x-executable": "PROGRAM",
}
_KINDS = {"image/": "IMAGE", "audio/": "AUDIO", "video/": "VIDEO"}
_ARCHIVES = ("gzip", "x-7z-compressed", "vnd.rar", "x-bzip2", "x-xz")


def refused_format(media_type: str) -> str:
    """Return a format that is not read as a stable word, under which a text says what it is and what to do with it."""
    if media_type.removeprefix("application/") in _ARCHIVES:
        return "ARCHIVE"
    kind = next((word for prefix, word in _KINDS.items() if media_type.startswith(prefix)), "UNKNOWN")
    return _WORDS.get(media_type, kind)
