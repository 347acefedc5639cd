"""Whether bytes are a text, before anyone knows its encoding."""

from __future__ import annotations

import codecs
import re

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
"""The four-byte marks come first: the little-endian UTF-32 mark begins with the UTF-16 one."""

_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_NULLS = 0.1
"""Share of null bytes within a text that a program left there; a file of data has more."""
_SAMPLE_BYTES = 64 * 1024
_WRITTEN = re.compile("[\t\n\r\x20-\x7e\xa0-\u024f\u0370-\u03ff\u2010-\u2027\u2030-\u205e\u2070-\u209f\u2100-\u22ff"
                      "\u2460-\u24ff\u3000-\u30ff\u4e00-\u9fff\uff01-\uff9f\uffe0-\uffe6]")  # fmt: skip
"""What Chinese and English texts are written in: a third of all code units, but nearly all of a text's."""
_COMMON = re.compile("[\n\x20，。、]")
_LEAST_WRITTEN = 0.97
_LEAST_UNITS = 4


def as_text(head: bytes) -> str | None:
    """Decode the head of a file well enough to look at its first words; None when it is no text."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, errors="replace")
    if encoding := unmarked_utf16(head):
        return head.decode(encoding, errors="replace")
    written = head.rstrip(b"\0")
    nulls = written.count(0)
    if not written or nulls > _MOST_NULLS * len(written) or len(_CONTROL.findall(written)) > len(written) // 100:
        return None
    return written.replace(b"\0", b"").decode("utf-8", errors="replace")


def unmarked_utf16(data: bytes) -> str:
    """Return the encoding of a text in UTF-16 that has no byte order mark; empty when it is none."""
    sample = data[:_SAMPLE_BYTES]
    if len(data) % 2 or len(sample) < 2 * _LEAST_UNITS or (b"\0" not in sample and _is_utf8(sample)):
        return ""
    shares = {encoding: _written_share(sample, encoding) for encoding in ("utf-16-le", "utf-16-be")}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= _LEAST_WRITTEN else ""


def _written_share(sample: bytes, encoding: str) -> float:
    """Return the share of characters that texts are written in; 0 for a text without a space, a line or a comma."""
    text = sample.decode(encoding, errors="replace")
    return len(_WRITTEN.findall(text)) / len(text) if _COMMON.search(text) else 0.0


def _is_utf8(sample: bytes) -> bool:
    try:
        # The last character may be cut.
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
