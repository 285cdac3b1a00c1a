# SPDX-License-Identifier: BSD-3-Clause
"""Layouts: every one there and back, and what no layout has."""

import itertools

import numpy as np
import pytest
from conftest import voice

import ravel

ORDERS = ["parallel", "delay", "flat", "coarse-first", "interleaved"]
NUMBERS = ["apart", "shared", "places"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_frames", [0, 1, 2, 50])
def test_there_and_back(codec, order, n_frames):
    rng = np.random.default_rng(n_frames)
    flags = [(False, True)] * 2
    for n, base, numbers, begin, end in itertools.product((1, 4), (0, 7), NUMBERS, *flags):
        layout = codec.layout(order, n, base=base, numbers=numbers, begin=begin, end=end)
        codes = rng.integers(0, 1024, (n_frames, n))
        tokens = layout.tokens(codes)
        assert tokens.dtype == np.uint32 and tokens.ndim == (2 if order in ORDERS[:2] else 1)
        assert tokens.size == 0 or base <= tokens.min() <= tokens.max() < layout.vocabulary
        assert np.array_equal(layout.codes(tokens), codes)
        assert np.array_equal(layout.codes(tokens.astype(np.int64)), codes)


def test_the_numbers_are_as_documented(codec):
    codes = np.array([[1, 2, 3], [4, 5, 6]])
    offsets = np.array([0, 1024, 2048])
    assert np.array_equal(codec.layout("parallel", 3).tokens(codes), codes)
    apart = codec.layout("parallel", 3, numbers="apart")
    assert np.array_equal(apart.tokens(codes), codes + offsets) and apart.offsets == tuple(offsets)
    assert np.array_equal(codec.layout("flat", 3).tokens(codes), (codes + offsets).ravel())
    assert np.array_equal(
        codec.layout("coarse-first", 3).tokens(codes), (codes + offsets).T.ravel()
    )
    delay = codec.layout("delay", 3, base=10, begin=True)
    assert (delay.pad, delay.begin, delay.end, delay.vocabulary) == (1034, 1035, None, 1036)
    assert delay.delays == (0, 1, 2) and delay.offsets == (10, 10, 10) and delay.order == "delay"
    pad = delay.pad
    assert delay.tokens(codes).tolist() == [
        [1035] * 3,
        [11, pad, pad],
        [14, 12, pad],
        [pad, 15, 13],
        [pad, pad, 16],
    ]
    assert np.array_equal(
        codec.layout("delay", 2, delays=[3, 0]).codes(
            codec.layout("delay", 2, delays=[3, 0]).tokens(codes[:, :2])
        ),
        codes[:, :2],
    )


@pytest.mark.parametrize("order", ORDERS)
def test_tokens_are_those_of_the_command(codec, command, order, tmp_path):
    sound, out = tmp_path / "a.wav", tmp_path / "a.npy"
    ravel.write(sound, voice(1.0, codec.sample_rate), codec.sample_rate)
    command("tokens", "-q", "-k", "4", "--layout", order, "--base", 9, "--end", sound, out)
    layout = codec.layout(order, 4, base=9, end=True)
    theirs = np.load(out)
    assert np.array_equal(layout.tokens(codec.tokens(sound, 4)), theirs)
    assert np.array_equal(layout.codes(theirs), codec.tokens(sound, 4))


def test_what_no_layout_has(codec):
    for words, make in (
        ("'spiral' is no layout; known are parallel, delay", lambda: codec.layout("spiral")),
        ("numbers='one'; known are apart", lambda: codec.layout("flat", numbers="one")),
        ("codebooks=13", lambda: codec.layout("flat", 13)),
        ("2 delays for 3", lambda: codec.layout("delay", 3, delays=[0, 1])),
        ("delay of -1", lambda: codec.layout("delay", 2, delays=[0, -1])),
        ("32 bits", lambda: codec.layout("flat", base=2**32 - 5)),
    ):
        with pytest.raises(ravel.ArgumentError, match=words):
            make()
    with pytest.raises(OverflowError):
        codec.layout("flat", base=2**32)


def test_codes_and_tokens_that_cannot_stand_there(codec):
    flat, delay = codec.layout("flat", 3), codec.layout("delay", 3)
    with pytest.raises(ravel.ArgumentError, match="codes have 4 columns"):
        flat.tokens(np.zeros((2, 4), int))
    with pytest.raises(ravel.DataError, match="code 1024 in frame 0, column 1"):
        flat.tokens([[0, 1024, 0]])
    for tokens in ([0, 1024], [0, 0, 0], [-1, 1024, 2048], [0, 1024, 2**32]):
        with pytest.raises(ravel.DataError):
            flat.codes(tokens)
    with pytest.raises(ravel.ArgumentError, match=r"\[rows, 3\] is expected"):
        delay.codes([0, 1, 2])
    with pytest.raises(ravel.DataError):
        delay.codes(np.zeros((5, 3), int))
    with pytest.raises(TypeError, match="integers"):
        flat.codes([0.5])
