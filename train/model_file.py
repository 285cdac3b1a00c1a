# SPDX-License-Identifier: BSD-3-Clause
"""Model files (docs/format.md) as Python sees them: a graph and arrays."""
from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np

from . import safetensors
from .safetensors import Entry

TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "|i1"}  # BF16 as its bits
NAMES = {dtype: name for name, dtype in TYPES.items()}


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """The graph, without the digest of the data, and the tensors in the order of the file."""
    raw = path.read_bytes()
    (size,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + size])
    graph = json.loads(header.pop("__metadata__")["ravel"])
    del graph["sha256"]
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end], TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return graph, tensors


def write(path: Path, graph: dict, tensors: dict[str, np.ndarray]) -> None:
    """Wider types first, so that every tensor is aligned."""
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    entries = {name: Entry(NAMES[value.dtype.newbyteorder("<").str], value.shape, value.tobytes())
               for name, value in ordered}
    digest = hashlib.sha256(b"".join(entry.data for entry in entries.values())).hexdigest()
    text = json.dumps({**graph, "sha256": digest}, separators=(",", ":"))
    safetensors.write(path, entries, {"ravel": text})


def put(part: str, node: dict | list[dict], tensors: dict[str, np.ndarray], model: Path,
        out: Path) -> int:
    """The model file with a part, whose tensors are PART.NAME, in the place of one that was there;
    the bytes of its tensors."""
    graph, others = read(model)
    kept = {name: value for name, value in others.items() if not name.startswith(f"{part}.")}
    write(out, {**graph, part: node}, {**kept, **tensors})
    return sum(value.nbytes for value in tensors.values())


def codebooks(graph: dict, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Codewords [size, dim] of each codebook, in the order of the codes."""

    def walk(node: dict) -> list[np.ndarray]:
        if node["type"] == "codebook":
            return [tensors[f"{node['name']}.codebook.weight"].astype("f4")]
        inner = node["stages"] if node["type"] == "residual" else [node["inner"]]
        return [found for child in inner for found in walk(child)]

    return walk(graph["quantizer"])
