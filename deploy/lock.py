"""Writes requirements.lock and requirements-dev.lock: the pins of pyproject.toml, and of everything that they need.

    python deploy/lock.py          after a change of a pin and `pip install`, in the environment that has it
    python deploy/lock.py --check  ends with 1 where the files are not what this environment would give

What is locked is what is installed and was tested: nothing is asked of an index. Only what an import of Tiku can
reach is in requirements.lock, which is what the container image installs. The files are the same for Python 3.11 and
3.12, and for each build of torch: the libraries of a GPU that one build brings along are pinned by that build.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
_HEAD = "# Written by deploy/lock.py from pyproject.toml; change the pins there.\n"

_OF_A_GPU = re.compile(r"cuda-|nvidia-|triton$")


def closure(requirements: Iterable[str]) -> dict[str, str]:
    """Version by canonical name of everything that `requirements` need in this environment, themselves included,
    but for the libraries of a GPU.

    Raises:
        SystemExit: one of them is not installed.
    """
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        for extra in {"", *wanted.extras}:
            name = canonicalize_name(wanted.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found = distribution(name)
            except PackageNotFoundError:
                raise SystemExit(f"{wanted} is not installed here: pip install it first") from None
            # A local part (2.13.0+cpu) names a build of the same release: any build of it serves.
            versions[name] = found.version.partition("+")[0]
            needs = [Requirement(text) for text in found.requires or ()]
            waiting.extend(
                need
                for need in needs
                if (need.marker is None or need.marker.evaluate({"extra": extra})) and not _OF_A_GPU.match(need.name)
            )
    return versions


def lock_files() -> dict[str, str]:
    """The text of each lock file by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = closure(project["dependencies"])
    dev = closure(project["optional-dependencies"]["dev"])
    tools = {name: version for name, version in dev.items() if name not in runtime}
    return {RUNTIME: _HEAD + _lines(runtime), DEV: f"{_HEAD}-r {RUNTIME}\n{_lines(tools)}"}


def _lines(versions: dict[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def main() -> int:
    """The exit code."""
    check = "--check" in sys.argv[1:]
    stale = 0
    for name, text in lock_files().items():
        path = ROOT / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            sys.stderr.write(f"{name} is not what pyproject.toml gives here: run python deploy/lock.py\n")
            stale = 1
        elif not check:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
