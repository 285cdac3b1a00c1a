# SPDX-License-Identifier: BSD-3-Clause
"""Files of safetensors, written: a header in JSON that says where each tensor lies, then data."""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ALIGNMENT = 64  # of the data


class Entry(NamedTuple):
    type: str  # as "F32"
    shape: Sequence[int]
    data: bytes | memoryview  # of bytes, little-endian


def write(path: Path, tensors: dict[str, Entry], metadata: dict[str, str] | None = None) -> None:
    """In the order given; the file appears whole or not at all."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + len(tensor.data)
        header[name] = {"dtype": tensor.type, "shape": list(tensor.shape),
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.data)
    part.rename(path)
