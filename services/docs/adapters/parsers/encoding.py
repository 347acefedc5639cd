"""Decoding bytes: Unicode where it is marked or valid, else an older encoding in which the text reads as language.

What could be read in two ways is refused: a text that is silently wrong is worse than one to be saved again.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.domain.upload.text_bytes import BYTE_ORDER_MARKS, unmarked_utf16
from services.docs.values.parsed_document import ParseError, ParseReason
from services.language.legibility import LEAST_LIKELY, likelihood, reads_as_spelled

_CHINESE = ("gb18030", "big5")
_WESTERN = "cp1252"
_LEGACY_FAMILIES = ("gb", "big5", "cp125", "iso8859", "shift_jis", "euc_", "koi8")
_MOST_BYTES_PER_CHAR = 4
_SAMPLE_BYTES = 64 * 1024

_LEAST_LEAD = 1.5
"""By how much more likely one encoding must be than the other."""


def read_bytes(path: Path, builder: DocumentBuilder) -> bytes:
    """Return the file's bytes, as long as some encoding may make few enough characters of so many."""
    builder.check_chars(path.stat().st_size // _MOST_BYTES_PER_CHAR)
    return path.read_bytes()


def read_text(path: Path, builder: DocumentBuilder) -> str:
    """Return the file's text."""
    return decode(read_bytes(path, builder))


def decode(data: bytes, declared: str = "") -> str:
    """Decode by byte order mark, as UTF-8, as `declared` or as another encoding that reads well; else refuse.

    Null bytes that programs leave in a text are dropped.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_strictly(data, encoding, len(mark))
    if unmarked := unmarked_utf16(data):
        return _decode_strictly(data, unmarked, 0)
    data = data.replace(b"\0", b"")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        legacy = _known(declared) or ("" if _is_damaged_utf8(data) else _legacy_encoding(data))
        if not legacy:
            raise _invalid("utf-8", error.start) from error
        return _decode_strictly(data, legacy, 0)


def _decode_strictly(data: bytes, encoding: str, skip: int) -> str:
    try:
        return data[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        raise _invalid(encoding, skip + error.start) from error


def _known(declared: str) -> str:
    """Return Python's name of a declared legacy encoding; empty when it is Unicode, unknown, or not one of text."""
    try:
        encoding = codecs.lookup(declared).name if declared else ""
    except LookupError:
        return ""
    if not encoding.startswith(_LEGACY_FAMILIES):
        return ""
    # GB2312 and GBK are subsets of GB18030, and pages that name them often use more.
    return "gb18030" if encoding in {"gb2312", "gbk"} else encoding


def _is_damaged_utf8(data: bytes) -> bool:
    """Return whether most of what is not ASCII is valid UTF-8; in another encoding, hardly any of it would be."""
    text = data[:_SAMPLE_BYTES].decode("utf-8", errors="replace")
    faults = text.count("\ufffd")
    return sum(not char.isascii() for char in text) - faults > faults


def _legacy_encoding(data: bytes) -> str:
    """Return the older encoding in which a sample reads as Chinese or as English; empty when none does."""
    first = next(position for position, byte in enumerate(data) if byte >= 0x80)
    begin = data.rfind(b"\n", 0, first) + 1
    sample = data[begin : begin + _SAMPLE_BYTES]
    if begin + _SAMPLE_BYTES < len(data):
        sample = sample[: sample.rfind(b"\n") + 1 or None]
    likely = {encoding: likelihood(text) for encoding in _CHINESE if (text := _decoded(sample, encoding)) is not None}
    best = max(likely, key=lambda encoding: likely[encoding], default="")
    others = [value for encoding, value in likely.items() if encoding != best]
    if best and likely[best] >= LEAST_LIKELY and all(likely[best] - value >= _LEAST_LEAD for value in others):
        return best
    western = _decoded(sample, _WESTERN)
    return _WESTERN if western is not None and reads_as_spelled(western) else ""


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _invalid(encoding: str, offset: int) -> ParseError:
    return ParseError(ParseReason.INVALID_ENCODING, {"byte_offset": str(offset), "encoding": encoding})
