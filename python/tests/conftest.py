# SPDX-License-Identifier: BSD-3-Clause
"""What the tests share: the codec, sounds, and the command where the build has one."""

import hashlib
import json
import os
import struct
import subprocess

import numpy as np
import pytest

import ravel


@pytest.fixture(scope="session")
def codec():
    return ravel.load()


@pytest.fixture(scope="session")
def command():
    """Runs the command that RAVEL_COMMAND names, and returns its standard output."""
    path = os.environ.get("RAVEL_COMMAND")
    if not path:
        pytest.skip("RAVEL_COMMAND does not name the command")

    # It may have been built with other sanitizers than those that are loaded before this process.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    def run(*arguments):
        line = [path, *map(str, arguments)]
        return subprocess.run(line, check=True, capture_output=True, env=environment).stdout

    return run


def model_file(graph, shapes):
    """A model file of random weights; ``shapes`` of the tensors by name."""
    rng = np.random.default_rng(1)
    arrays = {name: rng.standard_normal(shape).astype("<f4") for name, shape in shapes.items()}
    data = b"".join(array.tobytes() for array in arrays.values())
    graph = {**graph, "sha256": hashlib.sha256(data).hexdigest()}
    header, at = {"__metadata__": {"ravel": json.dumps(graph)}}, 0
    for name, array in arrays.items():
        place = [at, at + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": place}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def voice(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A buzz that glides, with breaths of noise and silence between: float32 [samples]."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    pitch = np.cumsum(120 + 40 * np.sin(2 * np.pi * (0.7 + seed % 5 / 10) * t)) / rate
    buzz = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 20))
    loud = np.clip(np.sin(2 * np.pi * 1.3 * t), 0, 1)
    return (0.1 * loud * buzz + 0.01 * (1 - loud) * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="session")
def wave(codec):
    """Two seconds and a bit, at the codec's rate."""
    return voice(2.03, codec.sample_rate)
