# SPDX-License-Identifier: BSD-3-Clause
"""Models whose decoder ends before the last frame does, and models that only decode."""

import numpy as np
import pytest
from conftest import model_file, voice

import ravel

RATE, HOP, MISSING = 8000, 20, 3

GRAPH = {
    "format": 1,
    "name": "early",
    "licence": "BSD-3-Clause",
    "sample_rate": RATE,
    "channels": 1,
    "hop": HOP,
    "tail": 0,
    "encoder": {"type": "conv", "name": "e", "stride": HOP},
    "quantizer": {"type": "codebook", "name": "q"},
    "decoder": {"type": "conv_transpose", "name": "d", "stride": HOP, "trim": [0, MISSING]},
}
ENCODER = {"e.weight": (3, 1, HOP)}
DECODER = {"q.codebook.weight": (16, 3), "d.weight": (3, 1, HOP)}


def open_model(folder, graph, shapes):
    path = folder / "model.safetensors"
    path.write_bytes(model_file(graph, shapes))
    return ravel.load(path)


@pytest.fixture
def early(tmp_path):
    return open_model(tmp_path, GRAPH, {**DECODER, **ENCODER})


@pytest.mark.parametrize("n_samples", [1, HOP - MISSING, HOP, 50 * HOP])
def test_files_keep_their_length(early, tmp_path, n_samples):
    ravel.write(tmp_path / "in.wav", voice(1, RATE)[:n_samples], RATE)
    early.encode_file(tmp_path / "in.wav", tmp_path / "a.rvl")
    early.decode_file(tmp_path / "a.rvl", tmp_path / "out.flac")
    wave, _ = ravel.read(tmp_path / "out.flac")
    n_frames = -(-n_samples // HOP)
    assert len(wave) == n_samples
    assert not wave[HOP * n_frames - MISSING :].any()
    assert len(early.decode(early.tokens(tmp_path / "in.wav"))) == HOP * n_frames - MISSING


def test_a_model_without_an_encoder_only_decodes(early, tmp_path):
    graph = {name: part for name, part in GRAPH.items() if name != "encoder"}
    decoder = open_model(tmp_path, graph, DECODER)
    codes = np.arange(16, dtype=np.uint16)[:, None]
    assert np.array_equal(decoder.decode(codes), early.decode(codes))
    for encode in (lambda: decoder.encoder(), lambda: decoder.encode(voice(1, RATE), RATE)):
        with pytest.raises(ravel.ModelError, match="'early' only decodes"):
            encode()
