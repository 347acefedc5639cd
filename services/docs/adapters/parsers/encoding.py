"""Decoding bytes: Unicode where it is marked or valid, else an older encoding in which the text reads as language.

What could be read in two ways is refused: a text that is silently wrong is worse than one to be saved again.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.domain.upload.text_bytes import BYTE_ORDER_MARKS, unmarked_utf16
from services.docs.values.parsed_document import ParseError, ParseReason
from services.language.legibility import LEAST_LIKELY, likelihood, reads_as_spelled

_UTF8 = "utf-8"
_CHINESE = ("gb18030", "big5")
_WESTERN, _JAPANESE = "cp1252", "cp932"
_HIRAGANA = re.compile("[\u3041-\u3096]")
_HALF_KATAKANA = re.compile("[\uff61-\uff9f]")
_LEAST_HIRAGANA = 0.2
"""Of the ideographs and letters of a text in Japanese, how many are hiragana, which other encodings do not give."""
_LEGACY_FAMILIES = (
    *("gb", "hz", "big5", "cp125", "cp437", "cp850", "cp852", "cp866", "cp874", "cp932", "cp949", "iso8859", "koi8"),
    *("utf-8", "shift_jis", "euc_", "iso2022_", "johab", "mac-", "tis-620", "ascii"),
)
_STATEFUL = ("iso2022_", "hz")
"""Encodings in bytes of ASCII, so that they are valid UTF-8 as well."""
_SHIFTS = re.compile(rb"\x1b[$(]|~\{")
"""What stands before the characters of such an encoding."""
_LABELS = {
    "x-sjis": "cp932", "sjis": "cp932", "windows-31j": "cp932", "x-euc-jp": "euc_jp", "x-gbk": "gb18030",
    "gb_2312-80": "gb18030", "csgb2312": "gb18030", "csiso58gb231280": "gb18030", "x-x-big5": "big5hkscs",
    "windows-949": "cp949", "ks_c_5601-1989": "cp949", "csksc56011987": "cp949", "windows-874": "cp874",
    "dos-874": "cp874", "x-cp1250": "cp1250", "x-cp1251": "cp1251", "x-cp1252": "cp1252",
    "x-mac-cyrillic": "mac_cyrillic", "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman", "unicode-1-1-utf-8": "utf-8",
}  # fmt: skip
"""Names that pages and mails use and Python does not know."""
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874", "ascii": "cp1252",
}  # fmt: skip
"""What programs write under the names of the encodings that it holds (https://encoding.spec.whatwg.org/)."""
_IDEOGRAPHIC = ("gb", "big5", "cp932", "cp949", "euc_")
_FEW = 8
_FAULTS_SHARE = 1 / 500
"""A page that says its encoding may have so many faults: programs cut texts within a character."""
_MOST_BYTES_PER_CHAR = 4
_SAMPLE_BYTES = 64 * 1024

_WORD = re.compile("[A-Za-z0-9]")
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
    known = _known(declared)
    if known.startswith(_STATEFUL) and _SHIFTS.search(data):
        return _decode_declared(data, known)
    try:
        text = data.decode(_UTF8)
    except UnicodeDecodeError as error:
        if known and (known != _UTF8 or _is_damaged_utf8(data)):
            return _decode_declared(data, _belied(data, known) or known)
        legacy = "" if _is_damaged_utf8(data) else _legacy_encoding(data)
        if not legacy:
            raise _invalid(_UTF8, error.start) from error
        return _decode_strictly(data, legacy, 0)
    few = 0 < len(data) - len(text) < _FEW
    return data.decode(known, errors="replace") if few and _is_valid_by_chance(text, known) else text


def _is_valid_by_chance(text: str, declared: str) -> bool:
    """Return whether the few characters that bytes make as UTF-8 are none of the language that was declared.

    Two ideographs of GBK may be one valid character each; ideographs in UTF-8 have three bytes.
    """
    return declared.startswith(_IDEOGRAPHIC) and max(text) < "\u0800"


def _belied(data: bytes, declared: str) -> str:
    """Return the encoding of Chinese in which bytes read as such, and not in the declared one; empty without one.

    Programs write pages of one encoding from a template that declares another.
    """
    legacy = "" if declared.startswith(_UTF8) else _legacy_encoding(data)
    if legacy not in _CHINESE or declared.startswith(legacy):
        return ""
    sample = _sample(data)
    text = sample.decode(legacy, errors="replace")
    if sum(not char.isascii() for char in text) < _FEW:
        return ""
    return legacy if likelihood(text) - likelihood(sample.decode(declared, "replace")) >= _LEAST_LEAD else ""


def _decode_declared(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        text = data.decode(encoding, errors="replace")
        if text.count("\ufffd") > _FAULTS_SHARE * len(text):
            raise _invalid(encoding, error.start) from error
        return text


def _decode_strictly(data: bytes, encoding: str, skip: int) -> str:
    try:
        return data[skip:].decode(encoding)
    except UnicodeDecodeError as error:
        raise _invalid(encoding, skip + error.start) from error


def _known(declared: str) -> str:
    """Return Python's name of a declared encoding; empty when it is UTF-16, unknown, or not one of text."""
    declared = declared.strip().lower()
    try:
        encoding = codecs.lookup(_LABELS.get(declared, declared)).name if declared else ""
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(encoding, encoding) if encoding.startswith(_LEGACY_FAMILIES) else ""


def _is_damaged_utf8(data: bytes) -> bool:
    """Return whether most of what is not ASCII is valid UTF-8; in another encoding, hardly any of it would be."""
    text = data[:_SAMPLE_BYTES].decode("utf-8", errors="replace")
    faults = text.count("\ufffd")
    return sum(not char.isascii() for char in text) - faults > faults


def _legacy_encoding(data: bytes) -> str:
    """Return the older encoding in which a sample reads as Chinese, Japanese or English; empty when none does."""
    sample = _sample(data)
    if _is_japanese(_decoded(sample, _JAPANESE) or ""):
        return _JAPANESE
    likely = {encoding: likelihood(text) for encoding in _CHINESE if (text := _decoded(sample, encoding)) is not None}
    best = max(likely, key=lambda encoding: likely[encoding], default="")
    others = [value for encoding, value in likely.items() if encoding != best]
    if best and likely[best] >= LEAST_LIKELY and all(likely[best] - value >= _LEAST_LEAD for value in others):
        return best
    western = _decoded(sample, _WESTERN)
    return _WESTERN if western is not None and _WORD.search(western) and reads_as_spelled(western) else ""


def _is_japanese(text: str) -> bool:
    """Return whether a text has many hiragana and none of the narrow katakana that Chinese bytes give."""
    letters = sum(not char.isascii() for char in text)
    found = _HIRAGANA.findall(text)
    return len(found) >= max(_FEW, _LEAST_HIRAGANA * letters) and _HALF_KATAKANA.search(text) is None


def _sample(data: bytes) -> bytes:
    """Return whole lines of bytes from the first line that is not ASCII."""
    first = next(position for position, byte in enumerate(data) if byte >= 0x80)
    begin = data.rfind(b"\n", 0, first) + 1
    sample = data[begin : begin + _SAMPLE_BYTES]
    if begin + _SAMPLE_BYTES < len(data):
        sample = sample[: sample.rfind(b"\n") + 1 or None]
    return sample


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _invalid(encoding: str, offset: int) -> ParseError:
    return ParseError(ParseReason.INVALID_ENCODING, {"byte_offset": str(offset), "encoding": encoding})
