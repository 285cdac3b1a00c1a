# SPDX-License-Identifier: BSD-3-Clause
"""Streams: cut anyhow, forked, many at once, from several threads."""

import copy
import pickle
import threading

import numpy as np
import pytest
from conftest import voice

import ravel


def pushed(stream, pieces):
    return np.concatenate([*[stream.push(piece) for piece in pieces], stream.finish()])


def cut(array, seed):
    places = np.sort(np.random.default_rng(seed).integers(0, len(array) + 1, 9))
    return np.split(array, places)


@pytest.mark.parametrize("seed", range(4))
def test_however_it_is_cut(codec, wave, seed):
    codes = codec.encode(wave, codec.sample_rate)
    assert np.array_equal(pushed(codec.encoder(), cut(wave, seed)), codes)
    assert np.array_equal(pushed(codec.decoder(), cut(codes, seed)), codec.decode(codes))
    resampler = ravel.Resampler(16000, 24000)
    whole = pushed(resampler, [wave])
    resampler.reset()
    assert np.array_equal(pushed(resampler, cut(wave, seed)), whole)


def test_frames_come_when_they_are_ready(codec):
    encoder = codec.encoder(3)
    assert encoder.push(np.zeros(codec.hop_length - 1, np.float32)).shape == (0, 3)
    assert encoder.push(np.zeros(1, np.float32)).shape == (1, 3)


def test_a_finished_stream_wants_a_reset(codec, wave):
    for stream, piece in (
        (codec.encoder(), wave),
        (codec.decoder(), codec.encode(wave, codec.sample_rate)),
        (ravel.Resampler(8000, 16000), wave),
    ):
        first = pushed(stream, [piece])
        with pytest.raises(ravel.ArgumentError, match="reset"):
            stream.push(piece)
        with pytest.raises(ravel.ArgumentError, match="reset"):
            stream.finish()
        stream.reset()
        assert np.array_equal(pushed(stream, [piece]), first)


def test_a_copy_is_a_fork(codec, wave):
    codes = codec.encode(wave, codec.sample_rate)
    half, rest = np.split(wave, [20000])
    encoder = codec.encoder()
    begun = encoder.push(half)
    fork = copy.copy(encoder)
    encoder.push(np.ones(9999, np.float32))
    assert np.array_equal(np.concatenate([begun, fork.push(rest), fork.finish()]), codes)

    decoder = codec.decoder()
    begun = decoder.push(codes[:40])
    fork = decoder.copy()
    decoder.conceal(3)
    assert np.array_equal(
        np.concatenate([begun, fork.push(codes[40:]), fork.finish()]), codec.decode(codes)
    )
    assert fork.copy().codec is codec
    with pytest.raises(ravel.ArgumentError):
        fork.copy().push(codes)


def test_streams_stay_in_their_process(codec):
    for stream in (codec.encoder(), codec.decoder()):
        with pytest.raises(TypeError, match=type(stream).__name__):
            pickle.dumps(stream)


def test_codebooks_may_change(codec, wave):
    codes = codec.encode(wave, codec.sample_rate)
    encoder = codec.encoder(codebooks=2)
    first = encoder.push(wave[:24000])
    encoder.codebooks = 5
    second = encoder.push(wave[24000:])
    assert first.shape[1] == encoder.copy().codebooks - 3 == 2
    assert np.array_equal(second, codes[len(first) : len(first) + len(second), :5])
    decoder = codec.decoder()
    assert len(decoder.push(first)) + len(decoder.push(second)) > 0
    for bad in (0, 13, -1, 2**40):
        with pytest.raises(ravel.ArgumentError, match="codebooks="):
            encoder.codebooks = bad
        with pytest.raises(ravel.ArgumentError, match="codebooks="):
            codec.encoder(bad)


def test_bad_samples_are_counted(codec, wave):
    encoder = codec.encoder()
    encoder.push(np.where(np.arange(len(wave)) < 7, np.float32(np.nan), wave))
    assert encoder.bad_samples == 7


def test_lost_frames_are_concealed(codec, wave):
    codes = codec.encode(wave, codec.sample_rate)
    decoder = codec.decoder()
    before = decoder.push(codes[:50])
    concealed = decoder.conceal(2)
    after = np.concatenate([decoder.push(codes[52:]), decoder.finish()])
    assert len(before) + len(concealed) + len(after) == len(codec.decode(codes))
    assert np.isfinite(concealed).all()
    for bad in (-1, -(2**31)):
        with pytest.raises(ravel.ArgumentError):
            codec.decoder().conceal(bad)


# --- Many at once --------------------------------------------------------------------------------


def test_many_streams_have_the_bits_of_each_alone(codec):
    waves = [voice(0.2 * n, codec.sample_rate, n) for n in range(7)]
    encoders = [codec.encoder(1 + n) for n in range(7)]
    begun = ravel.push_many(encoders, [one[:1000] for one in waves])
    ended = ravel.push_many(encoders, [one[1000:] for one in waves], finish=True)
    codes = [np.concatenate(pair) for pair in zip(begun, ended)]
    for n, one in enumerate(codes):
        assert np.array_equal(one, codec.encode(waves[n], codec.sample_rate, 1 + n))

    decoders = [codec.decoder() for _ in codes]
    begun = ravel.push_many(decoders, [one[:3] for one in codes])
    ended = ravel.push_many(decoders, [one[3:] for one in codes], finish=True)
    for one, *sounds in zip(codes, begun, ended):
        assert np.array_equal(np.concatenate(sounds), codec.decode(one))
    with pytest.raises(ravel.ArgumentError, match="finished"):
        ravel.push_many(decoders, codes)


def test_batches_that_are_none(codec, wave):
    encoder, decoder = codec.encoder(), codec.decoder()
    assert ravel.push_many([], []) == []
    with pytest.raises(ravel.ArgumentError, match="twice"):
        ravel.push_many([encoder, encoder], [wave, wave])
    with pytest.raises(ravel.ArgumentError, match="1 streams, but 2 inputs"):
        ravel.push_many([encoder], [wave, wave])
    with pytest.raises(TypeError, match="all encoders or all decoders"):
        ravel.push_many([encoder, decoder], [wave, wave])
    with pytest.raises(ravel.DataError):
        ravel.push_many([decoder], [np.full((1, 12), 1024)])
    assert len(encoder.push(wave)) > 0  # nothing of these was taken


def test_two_threads_at_one_stream(codec, wave):
    """One after the other: all samples arrive, none twice."""
    encoder = codec.encoder()
    frames = []

    def push():
        for piece in np.split(wave[:48000], 48):
            frames.append(len(encoder.push(piece)))
            frames.append(len(ravel.push_many([other, encoder], [piece, piece])[1]))

    other = codec.encoder()
    threads = [threading.Thread(target=push) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(frames) == 6 * 48000 // codec.hop_length


def test_rates_that_no_resampler_has():
    for arguments in ((0, 24000), (24000, 10**6), (24000, 16000, 65), (24000, 16000, 0)):
        with pytest.raises(ravel.ArgumentError, match="cannot resample"):
            ravel.Resampler(*arguments)
