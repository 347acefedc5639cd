"""What contract suites of several ports need."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.openai_server import ScriptedProvider


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A provider that does as it is told."""
    async with ScriptedProvider() as provider:
        yield provider
