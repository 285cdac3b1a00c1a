# SPDX-License-Identifier: BSD-3-Clause
"""The constants and convolutions of a TensorFlow Lite model, without TensorFlow.

Such a file is a FlatBuffer: tables whose fields are found through a list of offsets, by the numbers
that the schema (tensorflow/lite/schema/schema.fbs) gives them.
"""
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

TYPES = {0: "<f4", 2: "<i4", 9: "|i1"}  # numbers of the schema
CONV, DEPTHWISE, SUB, TRANSPOSE_CONV = 3, 4, 41, 67
STRIDE, DILATION = {CONV: 2, DEPTHWISE: 2, TRANSPOSE_CONV: 2}, {CONV: 5, DEPTHWISE: 6}


class Table:
    """A table at a place of the file; fields that are not there have the default of their type."""

    def __init__(self, raw: bytes, place: int) -> None:
        self.raw, self.place = raw, place
        self.offsets = place - self.number("i", place)

    def number(self, code: str, place: int) -> int:
        return struct.unpack_from("<" + code, self.raw, place)[0]

    def field(self, i: int) -> int:
        """Its place; 0 where there is none."""
        place = 4 + 2 * i
        if place >= self.number("H", self.offsets):
            return 0
        offset = self.number("H", self.offsets + place)
        return self.place + offset if offset else 0

    def scalar(self, i: int, code: str, default: int = 0) -> int:
        place = self.field(i)
        return self.number(code, place) if place else default

    def target(self, place: int) -> int:
        return place + self.number("I", place)

    def table(self, i: int) -> Table | None:
        place = self.field(i)
        return Table(self.raw, self.target(place)) if place else None

    def array(self, i: int, dtype: str) -> np.ndarray:
        place = self.field(i)
        if not place:
            return np.empty(0, dtype)
        place = self.target(place)
        return np.frombuffer(self.raw, dtype, self.number("I", place), place + 4)

    def tables(self, i: int) -> list[Table]:
        n, place = len(self.array(i, "<u4")), self.field(i)
        first = self.target(place) + 4 if place else 0
        return [Table(self.raw, self.target(first + 4 * k)) for k in range(n)]


class Model:
    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        if raw[4:8] != b"TFL3":
            raise ValueError(f"{path} is not a TensorFlow Lite model")
        root = Table(raw, struct.unpack_from("<I", raw)[0])
        # Operators of early versions have their number in a byte.
        self.codes = [max(code.scalar(0, "b"), code.scalar(3, "i")) for code in root.tables(1)]
        self.buffers = [buffer.array(0, "|u1") for buffer in root.tables(4)]
        self.graph = root.tables(2)[0]
        self.tensors = self.graph.tables(0)

    def name(self, i: int) -> str:
        return self.tensors[i].array(3, "|u1").tobytes().decode()

    def shape(self, i: int) -> list[int]:
        return self.tensors[i].array(0, "<i4").tolist()

    def constant(self, i: int) -> np.ndarray | None:
        """Its values, integers times their scale; None for what a run computes."""
        tensor = self.tensors[i]
        data = self.buffers[tensor.scalar(2, "I")]
        if not len(data):
            return None
        values = data.view(TYPES[tensor.scalar(1, "b")]).reshape(self.shape(i))
        quantization = tensor.table(4)
        scale = quantization.array(2, "<f4") if quantization else np.empty(0, "f4")
        if not len(scale):
            return values
        along = [1] * values.ndim
        along[quantization.scalar(6, "i")] = len(scale)
        return values.astype("f4") * scale.reshape(along)

    def operators(self, *codes: int) -> list[tuple[int, list[int], list[int], Table | None]]:
        """Those of some kinds in the order of a run: kind, inputs, outputs, options."""
        found = []
        for operator in self.graph.tables(3):
            code = self.codes[operator.scalar(0, "I")]
            if code in codes:
                inputs, outputs = (operator.array(i, "<i4").tolist() for i in (1, 2))
                found.append((code, inputs, outputs, operator.table(4)))
        return found
