"""What people are told, in their own language: a TOML file a language, named by its code, and in it a text a key.

Names in braces are filled in; a value of digits alone gets separators of thousands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Self

from services.language.detection import LANGUAGES

_NAME = re.compile(r"\{(\w+)\}")
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")
_MOST_RANGES = 20


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts by the code of their language and their key."""

    texts: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, package: str) -> Self:
        """Read the file of each language that has one in a package."""
        files = {language.code: resources.files(package) / f"{language.code}.toml" for language in LANGUAGES}
        return cls(
            {code: tomllib.loads(file.read_text(encoding="utf-8")) for code, file in files.items() if file.is_file()}
        )

    def text(self, accepted: str, keys: Sequence[str], values: Mapping[str, str], otherwise: str = "") -> str:
        """Return the text of the first key that has one, in the language that a reader accepts, with its values.

        `accepted` is a header `Accept-Language`. Where no text has the keys, `otherwise` is told.
        """
        texts = self.texts[self._language(accepted)]
        text = next((texts[key] for key in keys if key in texts), otherwise)
        return _NAME.sub(lambda name: _shown(values.get(name[1], name[0])), text)

    def _language(self, accepted: str) -> str:
        """Return the language that a reader likes best of those that there are (RFC 9110, section 12.5.4)."""
        ranges = [found for part in accepted.split(",")[:_MOST_RANGES] if (found := _RANGE.fullmatch(part))]
        wanted = sorted(ranges, key=lambda found: -float(found[2] or 1))
        known = (found[1].lower() for found in wanted if float(found[2] or 1) > 0)
        return next((code for code in known if code in self.texts), LANGUAGES.spelled("").code)


def _shown(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() and value.isascii() else value
