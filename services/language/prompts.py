"""What a model is asked with: a folder a language, named by its code, and in it a text file a task (ADR 0037).

In such a file each `# heading` begins a section. The sections `# system`, `# user` and `# assistant` are the messages
of the conversation, in order; any other is a part, which takes the place of its name in braces. Other names in braces
are filled in when the model is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from itertools import chain, groupby
from typing import NamedTuple

from services.common.values import Message
from services.kit.errors import FailedPrecondition
from services.language.detection import LANGUAGES
from services.language.language import Language

_ROLES = frozenset({"system", "user", "assistant"})
_HEADING = re.compile(r"^# (\w+)\n", re.MULTILINE)
_NAME = re.compile(r"\{(\w+)\}")


class PromptTexts(NamedTuple):
    """A conversation in one language, and the parts that it is made of."""

    messages: tuple[Message, ...]
    parts: Mapping[str, str]

    def filled(self, values: Mapping[str, str]) -> list[Message]:
        """Return the messages with values for the names in braces, without the lines that name an empty one."""
        return [Message(role, fill(content, values)) for role, content in self.messages]


def load(package: str, *names: str) -> dict[str, PromptTexts]:
    """Read the texts of these names in each language that has them; those of the later ones are parts of the first."""
    folders = {language.code: resources.files(package) / language.code for language in LANGUAGES}
    return {
        code: _texts("\n".join((folder / f"{name}.md").read_text(encoding="utf-8") for name in names))
        for code, folder in folders.items()
        if folder.is_dir()
    }


def _texts(text: str) -> PromptTexts:
    pieces = _HEADING.split(text)[1:]
    sections = [(heading, piece.strip("\n")) for heading, piece in zip(pieces[::2], pieces[1::2], strict=True)]
    parts = {heading: piece for heading, piece in sections if heading not in _ROLES}
    messages = (Message(role, piece) for role, piece in sections if role in _ROLES)
    return PromptTexts(
        tuple(Message(m.role, _NAME.sub(lambda name: parts.get(name[1], name[0]), m.content)) for m in messages), parts
    )


def texts_in(language: Language, texts: Mapping[str, PromptTexts]) -> PromptTexts:
    """Return the texts of a language; FailedPrecondition, reason NO_CHAT_PROVIDER, when it has none."""
    if language.code not in texts:
        raise FailedPrecondition(f"No model is asked in {language.code}.", reason="NO_CHAT_PROVIDER")
    return texts[language.code]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values for the names in braces, without the lines that name an empty one."""
    lines = []
    for literals, names in _lines(text):
        if all(values[name] for name in names):
            given = (*(values[name] for name in names), "")
            lines.append("".join(chain.from_iterable(zip(literals, given, strict=True))))
    return "\n".join(lines)


@lru_cache(maxsize=512)
def _lines(text: str) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return the lines of a text, as what stands around the names in them and the names; there are few texts.

    Neighboring lines that name nothing are one.
    """
    return tuple(_read_lines(text.split("\n")))


def _read_lines(lines: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    for names_nothing, neighbors in groupby(lines, lambda line: _NAME.search(line) is None):
        for line in ("\n".join(neighbors),) if names_nothing else neighbors:
            pieces = [line] if names_nothing else _NAME.split(line)
            yield tuple(pieces[::2]), tuple(pieces[1::2])
