# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of every kind, kind and hostile."""

import array

import numpy as np
import pytest

import ravel
from ravel._sound import gathered


@pytest.fixture(scope="module")
def expected(codec, wave):
    return codec.encode(wave, codec.sample_rate)


def encode(codec, wave):
    return codec.encode(wave, codec.sample_rate)


class Interface:
    """Nothing but the array interface."""

    def __init__(self, held):
        self.held = held
        self.__array_interface__ = held.__array_interface__


class Dlpack:
    """Nothing but DLPack."""

    def __init__(self, held):
        self.held = held

    def __dlpack__(self, **options):
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.held.__dlpack_device__()


@pytest.mark.parametrize(
    "made",
    [
        Interface,
        Dlpack,
        memoryview,
        lambda wave: array.array("f", wave.tolist()),
        lambda wave: wave.astype(np.float64),
        lambda wave: wave.astype(">f4"),
        lambda wave: np.repeat(wave, 3)[::3],
        lambda wave: wave[::-1].copy()[::-1],
        lambda wave: np.frombuffer(b"x" + wave.tobytes(), np.uint8)[1:].view(np.float32),
        lambda wave: np.asfortranarray(np.stack([wave, wave], 1)),
    ],
)
def test_the_same_samples_in_other_arrays(codec, wave, expected, made):
    assert np.array_equal(encode(codec, made(wave)), expected)


def test_read_only_arrays(codec, wave, expected):
    frozen = wave.copy()
    frozen.flags.writeable = False
    assert np.array_equal(encode(codec, frozen), expected)


def test_no_copy_is_made(codec, wave):
    from ravel._arrays import as_floats, wave_array

    assert np.shares_memory(as_floats(wave_array(wave)), wave)


@pytest.mark.parametrize(
    "kind, scale, zero", [("int16", 2**15, 0), ("int32", 2**31, 0), ("uint8", 2**7, 128)]
)
def test_integers_are_scaled(codec, wave, kind, scale, zero):
    whole = np.round(wave * min(scale, 2**20)).astype(np.int64) * (scale // min(scale, 2**20))
    floats = (whole / scale).astype(np.float32)
    assert np.array_equal(encode(codec, (whole + zero).astype(kind)), encode(codec, floats))


def test_half_precision(codec, wave):
    half = wave.astype(np.float16)
    assert np.array_equal(encode(codec, half), encode(codec, half.astype(np.float32)))


@pytest.mark.parametrize("rate", [24000, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_not_finite_counts_as_zero(codec, wave, rate, channels):
    bad = np.stack([wave] * channels, 1)
    good = bad.copy()
    bad[::997, 0] = np.nan
    bad[5::991, -1] = np.inf
    good[~np.isfinite(bad)] = 0
    assert np.array_equal(codec.encode(bad, rate), codec.encode(good, rate))


def test_samples_beyond_measure(codec):
    codes = encode(codec, np.full(5000, 1e300))
    assert np.array_equal(codes, encode(codec, np.zeros(5000, np.float32)))
    assert np.isfinite(codec.decode(encode(codec, np.full(5000, 3e38, np.float32)))).all()


@pytest.mark.parametrize(
    "wave, words",
    [
        ("abc", "str"),
        (b"\0\0\0\0", "bytes"),
        (None, "NoneType"),
        ({}, "dict"),
        (np.zeros(4, bool), "bool"),
        (np.zeros(4, complex), "complex"),
        (np.array([1, None]), "object"),
        (np.zeros(4, "M8[s]"), "datetime"),
        (np.zeros(4, np.int64), "int64"),
        (np.zeros(4, np.uint16), "uint16"),
    ],
)
def test_what_is_no_sound(codec, wave, words):
    with pytest.raises(TypeError, match=words):
        encode(codec, wave)


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (1, 480), (4, 0), (4, 65)])
def test_shapes_that_are_no_sound(codec, shape):
    with pytest.raises(ravel.ArgumentError, match="wave has"):
        encode(codec, np.zeros(shape, np.float32))


def test_more_samples_than_c_counts(codec):
    many = np.broadcast_to(np.float32(0), 2**31)
    with pytest.raises(ravel.ArgumentError, match="2147483648 samples"):
        codec.encoder().push(many)


# --- Codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint16", "int32", "int64", "uint64", ">u2"])
def test_codes_of_any_integers(codec, expected, kind):
    sound = codec.decode(expected)
    assert np.array_equal(codec.decode(expected.astype(kind)), sound)
    assert np.array_equal(codec.decode(np.asfortranarray(expected.astype(kind))), sound)


@pytest.mark.parametrize("value", [-1, 1024, 65535, 65536, -(2**63), 2**63 - 1])
def test_codes_that_no_codebook_has(codec, value):
    codes = np.zeros((4, codec.codebooks), np.int64)
    codes[2, 1] = value
    with pytest.raises(ravel.DataError, match=f"code {value} in frame 2, column 1"):
        codec.decode(codes)


@pytest.mark.parametrize("shape", [(), (5,), (1, 12, 5), (5, 0), (5, 13)])
def test_shapes_that_are_no_codes(codec, shape):
    with pytest.raises(ravel.ArgumentError, match="codes have"):
        codec.decode(np.zeros(shape, np.uint16))


def test_codes_are_integers(codec):
    with pytest.raises(TypeError, match="integers"):
        codec.decode(np.zeros((5, 12)))


def test_codes_may_change_while_they_are_decoded(codec, expected):
    from ravel._arrays import as_codes

    assert not np.shares_memory(as_codes(expected, codec._columns), expected)


# --- Torch ---------------------------------------------------------------------------------------


def test_torch_tensors(codec, wave, expected):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = torch.from_numpy(wave)
    assert np.array_equal(encode(codec, tensor), expected)
    assert np.array_equal(encode(codec, tensor.clone().requires_grad_()), expected)
    assert np.array_equal(encode(codec, tensor.repeat_interleave(2)[::2]), expected)
    assert np.array_equal(encode(codec, torch.stack([tensor, tensor]).T), expected)
    codes = torch.from_numpy(expected.astype(np.int64))
    assert np.array_equal(codec.decode(codes), codec.decode(expected))
    assert np.array_equal(codec.decode(codes.T[None][0].T), codec.decode(expected))
    with pytest.raises(ravel.ArgumentError, match="wave.T"):
        encode(codec, tensor[None])


@pytest.mark.parametrize("sizes", [[], [0], [5], [1, 1, 1, 1, 1], [0, 7, 1, 0], [3, 1, 9, 2]])
def test_pieces_are_joined_until_they_are_long(sizes):
    pieces = [np.full((n, 2), i, "f4") for i, n in enumerate(sizes)]
    joined = list(gathered(iter(pieces), 4))
    assert all(len(piece) >= 4 for piece in joined[:-1])
    assert np.array_equal(np.concatenate([np.empty((0, 2)), *joined]),
                          np.concatenate([np.empty((0, 2)), *pieces]))
