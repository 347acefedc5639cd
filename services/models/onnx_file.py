"""ONNX models written as the protobuf messages that they are (https://onnx.ai/onnx/repo-docs/IR.html).

Only what an encoder needs. The onnx package would be 31 MB for these lines, and its next release could change the bytes
that the manifest pins.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

IR_VERSION: Final = 9
OPSET: Final = 18
MICROSOFT: Final = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

_TYPES: Final = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | float | str | bytes) -> bytes:
    """Return a field of a message: an integer, a float, a text, or another message."""
    match value:
        case int():
            return _varint(number << 3 | _VARINT) + _varint(value)
        case float():
            return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
        case str():
            value = value.encode()
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    dimensions = b"".join(_field(1, size) for size in array.shape)
    data = np.ascontiguousarray(array).tobytes()
    return dimensions + _field(2, _TYPES[str(array.dtype)]) + _field(8, name) + _field(9, data)


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    match value:
        case float():
            return _field(1, name) + _field(2, value) + _field(20, 1)
        case int():
            return _field(1, name) + _field(3, value) + _field(20, 2)
    return _field(1, name) + b"".join(_field(8, item) for item in value) + _field(20, 7)


def _value(name: str, kind: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, _TYPES[kind]) + _field(2, sizes)))


class OnnxGraph:
    """A graph in the making: each operator returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = {}
        self._inputs: list[bytes] = []

    def input(self, name: str, kind: str, shape: Sequence[int | str]) -> str:
        """Add an input; a text in its shape names a size that is open."""
        self._inputs.append(_value(name, kind, shape))
        return name

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a tensor, once for each name."""
        if name not in self._constants:
            self._constants[name] = _tensor(name, array)
        return name

    def add(
        self, operator: str, *inputs: str, domain: str = "", results: int = 1, **attributes: int | float | Sequence[int]
    ) -> str:
        """Add an operator; an empty name is an input that is left out. Further results have `.1`, `.2` behind."""
        name = f"{operator}_{len(self._nodes)}"
        outputs = [name, *(f"{name}.{number}" for number in range(1, results))]
        self._nodes.append(
            b"".join(_field(1, one) for one in inputs)
            + b"".join(_field(2, one) for one in outputs)
            + _field(3, name)
            + _field(4, operator)
            + b"".join(_field(5, _attribute(key, value)) for key, value in attributes.items())
            + _field(7, domain)
        )
        return name

    def model(self, result: str, name: str, shape: Sequence[int | str]) -> bytes:
        """Return the file of the model, whose output `name` is `result`, in float32."""
        self._nodes.append(_field(1, result) + _field(2, name) + _field(4, "Identity"))
        graph = (
            b"".join(_field(1, node) for node in self._nodes)
            + _field(2, "encoder")
            + b"".join(_field(5, constant) for constant in self._constants.values())
            + b"".join(_field(11, one) for one in self._inputs)
            + _field(12, _value(name, "float32", shape))
        )
        opsets = _field(8, _field(2, OPSET)) + _field(8, _field(1, MICROSOFT) + _field(2, 1))
        return _field(1, IR_VERSION) + _field(2, "tiku") + _field(7, graph) + opsets
