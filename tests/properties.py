"""How many examples a property is tried with: a few in `make test-fast`, 40 in `make test`, many at night.

    make test ARGS="tests/unit --hypothesis-profile=nightly"

No example has a time limit: how long one takes is the machine's affair.
"""

from __future__ import annotations

import gzip
import json
import os
import sys

import pytest
from hypothesis import settings
from hypothesis.internal import charmap

_EXAMPLES = 40
_SURROGATES = (0xD800, 0xDFFF)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Spares every process a part of what Hypothesis would find out."""
    know_utf8()


def know_utf8() -> None:
    """Write down which characters UTF-8 has, where Hypothesis looks for it.

    In a fresh checkout every process would find out by encoding each, which takes 1.6 s.
    """
    file = charmap.charmap_file("codec-v2-utf-8")
    if file.exists():
        return
    intervals = [[0, _SURROGATES[0] - 1], [_SURROGATES[1] + 1, sys.maxunicode]]
    file.parent.mkdir(parents=True, exist_ok=True)
    # Another process may read it meanwhile.
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_bytes(gzip.compress(json.dumps([intervals, []]).encode()))
    fresh.replace(file)


settings.register_profile("default", max_examples=_EXAMPLES, deadline=None)
settings.register_profile("inner-loop", max_examples=10, deadline=None)
settings.register_profile("nightly", max_examples=2_000, deadline=None)
settings.load_profile("default")


def examples(times: int) -> settings:
    """Return settings with a multiple of the profile's examples, for what has many cases of different kinds."""
    now = settings.default
    return settings(max_examples=times * (now.max_examples if now else _EXAMPLES))
