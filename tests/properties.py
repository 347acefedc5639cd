"""How many examples a property is tried with: few in the inner loop and in `make test`, many at night.

    make test ARGS="tests/unit --hypothesis-profile=nightly"

No example has a time limit: how long one takes is the machine's affair.
"""

from __future__ import annotations

from hypothesis import settings

_EXAMPLES = 40

settings.register_profile("default", max_examples=_EXAMPLES, deadline=None)
settings.register_profile("nightly", max_examples=2_000, deadline=None)
settings.load_profile("default")


def examples(times: int) -> settings:
    """Return settings with a multiple of the profile's examples, for what has many cases of different kinds."""
    now = settings.default
    return settings(max_examples=times * (now.max_examples if now else _EXAMPLES))
