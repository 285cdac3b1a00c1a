# SPDX-License-Identifier: BSD-3-Clause
"""A model of two channels whose frames are segments of several steps, with the level of each."""

import numpy as np
import pytest
from conftest import model_file, voice

import ravel

RATE, HOP, STEPS = 8000, 20, 6
LENGTH = 4 * STEPS  # samples of a segment

GRAPH = {
    "format": 1,
    "name": "stereo",
    "licence": "BSD-3-Clause",
    "sample_rate": RATE,
    "channels": 2,
    "hop": HOP,
    "tail": 0,
    "encoder": {
        "type": "segment",
        "length": LENGTH,
        "hop": HOP,
        "normalize": True,
        "inner": {"type": "conv", "name": "e", "stride": 4, "complete_last": True},
    },
    "quantizer": {
        "type": "segment",
        "steps": STEPS,
        "inner": {
            "type": "strided",
            "steps": STEPS,
            "inner": {"type": "codebook", "name": "q"},
        },
    },
    "decoder": {
        "type": "overlap_add",
        "steps": STEPS,
        "hop": HOP,
        "inner": {"type": "conv_transpose", "name": "d", "stride": 4},
    },
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("stereo") / "stereo.safetensors"
    shapes = {"e.weight": (3, 2, 4), "q.codebook.weight": (16, 3), "d.weight": (3, 2, 4)}
    path.write_bytes(model_file(GRAPH, shapes))
    return path


@pytest.fixture(scope="module")
def stereo(path):
    return ravel.load(path)


@pytest.fixture(scope="module")
def sound():
    return np.stack([voice(0.5, RATE, 1), voice(0.5, RATE, 2)], 1)[:3987]


def test_the_model_says_what_it_is(stereo):
    assert stereo.channels == 2 and stereo.delay == LENGTH
    assert stereo.codebook_sizes == (STEPS + 1, 65536, 65536, 16)
    assert stereo.steps_per_frame == (1, 1, 1, STEPS)


def test_shapes(stereo, sound):
    codes = stereo.encode(sound, RATE)
    assert codes.shape == (-(-len(sound) // HOP), 3 + STEPS)
    assert codes[0, 0] == STEPS and codes[-1, 0] == 2 and not codes[-1, 5:].any()
    again = stereo.decode(codes)
    assert again.shape == (len(codes) * HOP, 2) and again.any()
    assert not stereo.decode(codes[:, :3]).any()


def test_mono_is_stereo_of_equal_channels(stereo, sound):
    mono = sound[:, 0]
    twice = np.stack([mono, mono], 1)
    assert np.array_equal(stereo.encode(mono, RATE), stereo.encode(twice, RATE))
    assert np.array_equal(stereo.encode(mono, 16000), stereo.encode(twice, 16000))
    with pytest.raises(ravel.ArgumentError, match="cannot be mixed"):
        stereo.encode(np.zeros((9, 3), np.float32), RATE)


def test_however_it_is_cut(stereo, sound):
    codes, encoder, decoder = stereo.encode(sound, RATE), stereo.encoder(), stereo.decoder()
    pushed = [encoder.push(piece) for piece in np.array_split(sound, 77)]
    assert np.array_equal(np.concatenate([*pushed, encoder.finish()]), codes)
    given = [decoder.push(piece) for piece in np.array_split(codes, 31)]
    assert np.array_equal(np.concatenate([*given, decoder.finish()]), stereo.decode(codes))


def test_a_batch_is_each_alone(stereo, sound):
    batch = [sound[:n] for n in (1, 7, 500, 3987)]
    alone = [stereo.encode(one, RATE) for one in batch]
    for codes, expected in zip(stereo.encode(batch, RATE, threads=2), alone):
        assert np.array_equal(codes, expected)


def test_files_are_those_of_the_command(stereo, path, sound, command, tmp_path):
    ravel.write(tmp_path / "in.wav", sound, RATE)
    command("encode", "-q", "-m", path, tmp_path / "in.wav", tmp_path / "a.rvl")
    stereo.encode_file(tmp_path / "in.wav", tmp_path / "b.rvl")
    assert (tmp_path / "a.rvl").read_bytes() == (tmp_path / "b.rvl").read_bytes()
    stereo.decode_file(tmp_path / "b.rvl", tmp_path / "out.wav")
    wave, rate = ravel.read(tmp_path / "out.wav")
    assert rate == RATE and wave.shape == sound.shape
