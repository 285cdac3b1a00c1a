# SPDX-License-Identifier: BSD-3-Clause
"""Whole sounds: shapes, rates, channels, batches, threads, other processes."""

import copy
import doctest
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import voice

import ravel


def test_examples_of_the_docstrings():
    result = doctest.testmod(ravel)
    assert result.attempted > 0 and result.failed == 0


def test_the_model_says_what_it_is(codec):
    assert codec.frame_rate * codec.hop_length == codec.sample_rate
    assert len(codec.codebook_sizes) == len(codec.steps_per_frame) == codec.codebooks
    assert len(bytes.fromhex(codec.tokenizer_identity)) == 32
    assert 0 < codec.bitrate(1) < codec.bitrate() == codec.bitrate(codec.codebooks)
    assert codec.name in repr(codec)


def test_shapes(codec, wave):
    codes = codec.encode(wave, codec.sample_rate)
    assert codes.dtype == np.uint16 and codes.shape[1] == codec.codebooks
    assert abs(len(codes) - len(wave) / codec.hop_length) <= 2
    again = codec.decode(codes)
    assert again.dtype == np.float32 and again.shape == (len(codes) * codec.hop_length,)
    assert len(again) >= len(wave)


def test_every_prefix_of_the_codebooks_is_a_codec(codec, wave):
    codes = codec.encode(wave, codec.sample_rate)
    for n in (1, codec.codebooks // 2):
        assert np.array_equal(codec.encode(wave, codec.sample_rate, codebooks=n), codes[:, :n])
        assert len(codec.decode(codes[:, :n])) == len(codes) * codec.hop_length


def test_nothing_makes_nothing(codec):
    codes = codec.encode(np.zeros(0, np.float32), 16000)
    assert codes.shape == (0, codec.codebooks)
    assert codec.decode(codes).shape == (0,)
    assert codec.encode([], codec.sample_rate) == [] and codec.decode([]) == []


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_other_rates(codec, rate):
    sound = voice(1.0, rate)
    resampler = ravel.Resampler(rate, codec.sample_rate)
    there = np.concatenate([resampler.push(sound), resampler.finish()])
    expected = codec.encode(there, codec.sample_rate)
    assert len(there) == codec.sample_rate
    assert np.array_equal(codec.encode(sound, rate), expected)


def test_channels_are_averaged(codec, wave):
    # halves of a power of two: the average is exact
    stereo = np.stack([wave, 0.5 * wave], axis=1)
    expected = codec.encode(wave * np.float32(0.75), codec.sample_rate)
    assert np.array_equal(codec.encode(stereo, codec.sample_rate), expected)
    assert np.array_equal(
        codec.encode(wave[:, None], codec.sample_rate), codec.encode(wave, codec.sample_rate)
    )


def test_a_batch_is_each_alone(codec):
    waves = [voice(seconds, 16000, seed) for seed, seconds in enumerate((0.5, 0.0, 1.7, 0.013))]
    alone = [codec.encode(one, 16000, 4) for one in waves]
    for threads in (1, 2, 9):
        together = codec.encode(waves, 16000, 4, threads=threads)
        assert all(np.array_equal(a, b) for a, b in zip(alone, together))
        sounds = codec.decode(together, threads=threads)
        assert all(np.array_equal(codec.decode(a), b) for a, b in zip(alone, sounds))
    with pytest.raises(ravel.ArgumentError, match="threads=0"):
        codec.encode(waves, 16000, threads=0)


def test_threads_share_a_codec(codec):
    waves = [voice(0.7, codec.sample_rate, seed) for seed in range(12)]
    alone = [codec.encode(one, codec.sample_rate) for one in waves]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: codec.encode(one, codec.sample_rate), waves))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together))


def test_other_threads_run_meanwhile(codec):
    """The GIL is let go: a second thread counts on while this one is inside one long push."""
    encoder = codec.encoder()
    pcm = np.zeros(60 * codec.sample_rate, np.float32)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(inside.is_set())

    inside = threading.Event()
    ticker = threading.Thread(target=tick)
    ticker.start()
    inside.set()
    encoder.push(pcm)
    inside.clear()
    stop.set()
    ticker.join()
    assert sum(ticks) > 10


def test_a_codec_goes_to_another_process(codec, wave):
    again = pickle.loads(pickle.dumps(codec))
    assert np.array_equal(
        again.encode(wave, codec.sample_rate), copy.copy(codec).encode(wave, codec.sample_rate)
    )
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).tokenizer_identity)"
    there = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(codec), check=True, capture_output=True
    )
    assert there.stdout.decode().strip() == codec.tokenizer_identity


def test_memory_does_not_grow(codec):
    """Streams, scratch and arrays are given back."""
    pcm = np.zeros(4800, np.float32)

    def work(times):
        for _ in range(times):
            codec.decode(codec.encode(pcm, 16000))
            codec.encoder().copy()
            thread = threading.Thread(target=codec.encoder().push, args=(pcm,))
            thread.start()
            thread.join()

    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    work(20)
    before = resident()
    work(60)
    # each lost stream is 40 kB, each lost scratch 800 kB
    assert resident() - before < 4 << 20
