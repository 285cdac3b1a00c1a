# SPDX-License-Identifier: BSD-3-Clause
"""What the documents show works."""

import re
from pathlib import Path

import pytest
from conftest import voice

import ravel

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["README.md", "python/README.md", "docs/python.md"])
def test_examples(name, codec, tmp_path, monkeypatch):
    """The blocks of a document, one after the other."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text("utf-8"), re.M | re.S)
    assert blocks
    monkeypatch.chdir(tmp_path)
    ravel.write("speech.flac", voice(1.3, 16000), 16000)
    names = {}
    for block in blocks:
        exec(compile(block, name, "exec"), names)
    assert len(ravel.read("again.wav")[0]) >= 1.3 * codec.sample_rate
