# SPDX-License-Identifier: BSD-3-Clause
"""Sound files, of every format that libsndfile knows."""

import math
import os
from typing import Any, Iterator, Optional, Tuple, Union

import numpy as np

from ravel._arrays import Samples, as_floats, wave_array
from ravel._core import ArgumentError, DataError, check_error, ffi, lib, new_error

Path = Union[str, "os.PathLike[str]"]

READ_SAMPLES = 1 << 14


def file_name(path: Path) -> bytes:
    """As C takes it; what C would cut at a NUL is refused."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ArgumentError(f"{path!r} holds a NUL, and is no file name")
    return name


class SoundFile:
    """A sound file that is read from its beginning."""

    def __init__(self, path: Path) -> None:
        self._error = new_error()
        reader = lib.ravel_audio_reader_open(file_name(path), ffi.NULL, self._error)
        self._reader = ffi.gc(check_error(reader, self._error), lib.ravel_audio_reader_close)
        self.rate = int(lib.ravel_audio_reader_rate(self._reader))
        self.channels = int(lib.ravel_audio_reader_channels(self._reader))

    def __enter__(self) -> "SoundFile":
        return self

    def __exit__(self, *_: object) -> None:
        ffi.release(self._reader)

    def tags(self) -> "list[bytes]":
        """ "NAME=value" as in Vorbis comments."""
        tags = ffi.new("const char *const **")
        n = lib.ravel_audio_reader_tags(self._reader, tags)
        return [ffi.string(tags[0][i]) for i in range(n)]

    def _read(self, most: int) -> Samples:
        pcm = np.empty((most, self.channels), np.float32)
        n = lib.ravel_audio_reader_read(
            self._reader, ffi.from_buffer("float[]", pcm), most, self._error
        )
        return pcm[: check_error(n, self._error)]

    def skip(self, offset: float) -> None:
        """Passes over so many seconds, rounded to a sample of the file."""
        begin = self._samples(offset)
        passed = lib.ravel_audio_reader_skip(self._reader, begin, self._error)
        if check_error(passed, self._error) < begin:
            end = passed / self.rate
            raise DataError(f"an offset of {offset:g} s lies behind the end, {end:g} s")

    def _samples(self, seconds: float) -> int:
        if not 0 <= seconds < 1e9:
            raise ArgumentError(f"{seconds:g} s is no time")
        return math.floor(seconds * self.rate + 0.5)

    def pieces(self, duration: Optional[float] = None) -> Iterator[Samples]:
        """float32 [samples, channels], until the end or so many seconds later."""
        left = None if duration is None else self._samples(duration)
        while left != 0:
            pcm = self._read(READ_SAMPLES if left is None else min(left, READ_SAMPLES))
            if len(pcm) == 0:
                return
            if left is not None:
                left -= len(pcm)
            yield pcm


def read(path: Path) -> Tuple[Samples, int]:
    """A sound file as float32 [samples], of several channels [samples, channels]; and its rate."""
    with SoundFile(path) as sound:
        empty = np.empty((0, sound.channels), np.float32)
        wave = np.concatenate([empty, *sound.pieces()])
        return wave[:, 0] if sound.channels == 1 else wave, sound.rate


def write(path: Path, wave: Any, sr: int, bits: int = 0) -> None:
    """
    Writes a sound file, which appears under its name when it is whole.

    Its suffix says the format (.wav, .flac, .ogg, .opus, .mp3 ...); ``bits``: 16, 24, 32, -32 for
    float, 0 for the format's usual. ``wave`` as for ``Codec.encode``; integer formats are clipped.
    """
    array = wave_array(wave)
    channels = array.shape[1] if array.ndim == 2 else 1
    with SoundWriter(path, sr, channels, bits) as writer:
        for begin in range(0, len(array), READ_SAMPLES):
            writer.write(as_floats(array[begin : begin + READ_SAMPLES]))


class SoundWriter:
    """A sound file that is written piece by piece; nothing is left of it after an exception."""

    def __init__(self, path: Path, rate: int, channels: int, bits: int = 0) -> None:
        self._error = new_error()
        writer = lib.ravel_audio_writer_open(file_name(path), rate, channels, bits, self._error)
        self._writer = check_error(writer, self._error)

    def write(self, pcm: Samples) -> None:
        n = lib.ravel_audio_writer_write(
            self._writer, ffi.from_buffer("float[]", pcm), len(pcm), self._error
        )
        check_error(n, self._error)

    def __enter__(self) -> "SoundWriter":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is not None:
            lib.ravel_audio_writer_abort(self._writer)
        else:
            check_error(lib.ravel_audio_writer_close(self._writer, self._error), self._error)
