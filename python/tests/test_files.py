# SPDX-License-Identifier: BSD-3-Clause
"""Files: the same tokens, bytes and samples as the command."""

import os
import subprocess

import numpy as np
import pytest
from conftest import voice

import ravel


@pytest.fixture(params=["24000x1", "16000x2", "44100x3"])
def sound(request, tmp_path):
    rate, channels = map(int, request.param.split("x"))
    path = tmp_path / f"{request.param}.flac"
    ravel.write(path, np.stack([voice(1.6, rate, seed) for seed in range(channels)], 1), rate)
    return path


def test_files_and_arrays_have_the_same_tokens(codec, sound):
    wave, sr = ravel.read(sound)
    assert np.array_equal(codec.tokens(sound, 7), codec.encode(wave, sr, 7))


def test_tokens_are_those_of_the_command(codec, command, sound, tmp_path):
    out = tmp_path / "codes.npy"
    out.write_bytes(command("tokens", "-q", "-k", "5", sound, "-"))
    assert np.array_equal(np.load(out), codec.tokens(sound, 5))


def test_a_part_is_as_if_cut_out(codec, sound):
    wave, sr = ravel.read(sound)
    parts = ((0, 0.5), (0.70001, 0.31), (1.2, None), (0.5, 99.0), (1.6, None), (0, 0))
    for offset, duration in parts:
        begin = round(offset * sr)
        end = len(wave) if duration is None else begin + round(duration * sr)
        expected = codec.encode(wave[begin:end], sr, 2)
        assert np.array_equal(codec.tokens(sound, 2, offset, duration), expected)
    with pytest.raises(ravel.DataError, match="1.7 s lies behind the end, 1.6 s"):
        codec.tokens(sound, offset=1.7)
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ravel.ArgumentError, match="no time"):
            codec.tokens(sound, offset=bad)
        with pytest.raises(ravel.ArgumentError, match="no time"):
            codec.tokens(sound, duration=bad)


def test_streams_are_those_of_the_command(codec, command, sound, tmp_path):
    ours, theirs = tmp_path / "ours.rvl", tmp_path / "theirs.rvl"
    command("encode", "-q", "-k", "6", "--tag", "NOTE=häh", sound, theirs)
    codec.encode_file(sound, ours, 6, tags={"NOTE": "häh"})
    assert ours.read_bytes() == theirs.read_bytes()
    command("decode", "-q", ours, tmp_path / "theirs.wav")
    codec.decode_file(ours, tmp_path / "ours.wav")
    assert (tmp_path / "ours.wav").read_bytes() == (tmp_path / "theirs.wav").read_bytes()


def test_channels_that_the_command_kept_apart(codec, command, sound, tmp_path):
    stream = tmp_path / "kept.rvl"
    command("encode", "-q", "-k", "3", "--channels", "keep", sound, stream)
    command("decode", "-q", stream, tmp_path / "theirs.wav")
    codec.decode_file(stream, tmp_path / "ours.wav")
    assert (tmp_path / "ours.wav").read_bytes() == (tmp_path / "theirs.wav").read_bytes()


def test_decoded_files_have_the_length_of_the_sound(codec, sound, tmp_path):
    codec.encode_file(sound, tmp_path / "a.rvl")
    codec.decode_file(tmp_path / "a.rvl", tmp_path / "a.wav", bits=-32)
    decoded, sr = ravel.read(tmp_path / "a.wav")
    wave, rate = ravel.read(sound)
    assert sr == codec.sample_rate and len(decoded) == -(-len(wave) * sr // rate)
    codes = codec.tokens(sound)
    assert np.array_equal(decoded, codec.decode(codes)[: len(decoded)])


@pytest.mark.parametrize("bits", [16, 24, 32, -32])
def test_sound_files_come_back(tmp_path, bits):
    wave = np.stack([voice(0.3, 8000), voice(0.3, 8000, 1)], 1)
    path = tmp_path / "a.wav"
    ravel.write(path, wave, 8000, bits)
    again, rate = ravel.read(str(path))
    assert rate == 8000 and again.shape == wave.shape
    assert np.abs(again - wave).max() <= (0 if bits < 0 else 2.0 ** (1 - bits))


def test_an_empty_sound_file(codec, tmp_path):
    path = tmp_path / "empty.wav"
    ravel.write(path, np.zeros(0, np.float32), 16000)
    assert ravel.read(path)[0].shape == (0,)
    assert codec.tokens(path).shape == (0, codec.codebooks)
    codec.encode_file(path, tmp_path / "empty.rvl")
    codec.decode_file(tmp_path / "empty.rvl", tmp_path / "again.wav")
    assert ravel.read(tmp_path / "again.wav")[0].shape == (0,)


def test_damage_is_a_warning(codec, command, tmp_path):
    path, ours, theirs = (tmp_path / name for name in ("a.rvl", "ours.wav", "theirs.wav"))
    ravel.write(tmp_path / "a.wav", voice(7.0, codec.sample_rate), codec.sample_rate)
    codec.encode_file(tmp_path / "a.wav", path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.warns(ravel.DamageWarning, match="is damaged: 1 blocks"):
        codec.decode_file(path, ours)
    with pytest.raises(subprocess.CalledProcessError):
        command("decode", "-q", path, theirs)
    assert ours.read_bytes() == theirs.read_bytes()
    assert len(ravel.read(ours)[0]) == 7 * codec.sample_rate


def test_bad_files_are_named(codec, tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for refused in (
        lambda: ravel.read(text),
        lambda: codec.tokens(text),
        lambda: codec.encode_file(text, tmp_path / "out.rvl"),
        lambda: codec.decode_file(text, tmp_path / "out.wav"),
        lambda: ravel.load(text),
    ):
        with pytest.raises(ravel.Error, match="text.wav") as caught:
            refused()
        assert isinstance(caught.value, (ravel.DataError, ravel.ModelError))
    with pytest.raises(ravel.FileError, match="nowhere.*No such file") as caught:
        ravel.load(tmp_path / "nowhere")
    assert isinstance(caught.value, OSError) and caught.value.status == -4
    with pytest.raises(ravel.ArgumentError, match="NUL"):
        ravel.read("a\0b.wav")
    assert os.listdir(tmp_path) == ["text.wav"]


def test_files_appear_whole_or_not_at_all(codec, sound, tmp_path):
    cut = tmp_path / "cut.flac"
    cut.write_bytes(sound.read_bytes()[:4000] + b"\0" * 4000)
    before = set(os.listdir(tmp_path))
    for rate, bits in ((0, 16), (8000, 17), (-8000, 0)):
        with pytest.raises(ravel.ArgumentError):
            ravel.write(tmp_path / "out.wav", voice(0.1, 8000), rate, bits)
    with pytest.raises(ravel.Error):
        ravel.write(tmp_path / "no" / "out.wav", voice(0.1, 8000), 8000)
    with pytest.raises(ravel.Error):
        codec.encode_file(cut, tmp_path / "out.rvl")
    assert set(os.listdir(tmp_path)) == before


def test_the_model_of_the_environment(codec, monkeypatch, tmp_path):
    monkeypatch.setenv("RAVEL_MODEL", str(tmp_path / "none"))
    with pytest.raises(ravel.FileError):
        ravel.load()
    monkeypatch.setenv("RAVEL_MODEL", "")
    assert ravel.load().tokenizer_identity == codec.tokenizer_identity
