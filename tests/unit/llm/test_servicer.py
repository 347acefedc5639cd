"""What the edge builds by hand."""

from array import array

import pytest

from services.llm.servicer import embedding
from tiku.llm.v1 import llm_pb2 as pb


@pytest.mark.parametrize("dimension", [0, 1, 31, 32, 384, 4096, 5000])
def test_an_embedding_from_bytes_is_the_embedding_of_its_numbers(dimension: int) -> None:
    values = array("f", (number / 7 - 3 for number in range(dimension)))
    assert embedding(values.tobytes()) == pb.Embedding(values=values)
