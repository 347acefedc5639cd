"""The stores as the commands open them."""

from __future__ import annotations

import asyncio

import pytest

from services.retrieval.adapters.calibrations import toml
from services.retrieval.domain.embedding.centering import Centering
from services.upkeep.servers import Servers


@pytest.mark.parametrize("model", ["multilingual-e5-small", "a model without a calibration"])
async def test_a_collection_is_known_by_the_model_of_its_vectors(model: str) -> None:
    """Vectors of a calibrated model are moved, and their collection is called after where they are."""
    space = Centering(await asyncio.to_thread(toml.load)).space(model)
    async with Servers("", "http://127.0.0.1:9", None).open_vectors() as vectors:
        assert vectors.holds(vectors._collection(space, 384), model)
        assert not vectors.holds(vectors._collection(f"another {space}", 384), model)
