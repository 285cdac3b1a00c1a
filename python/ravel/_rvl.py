# SPDX-License-Identifier: BSD-3-Clause
"""`.rvl` streams: what the command's encode and decode do, with the same bytes."""

import warnings
from typing import Any, Iterator, List, Mapping, Optional, Tuple

import numpy as np
import numpy.typing as npt

from ravel._arrays import Samples
from ravel._core import check_error, ffi, lib, new_error
from ravel._files import Path, SoundFile, SoundWriter, file_name
from ravel._model import Model
from ravel._sound import as_model_wants
from ravel._streams import Decoder, Encoder, in_memory, push_many

READ_FRAMES = 64


class DamageWarning(UserWarning):
    """A stream was damaged; what is lost was concealed."""


# --- Encoding ------------------------------------------------------------------------------------


def _tags(given: Optional[Mapping[str, str]], of_file: List[bytes]) -> List[Any]:
    """The caller's, then those of the file that the caller did not give."""
    tags = {name.upper(): f"{name}={value}".encode() for name, value in (given or {}).items()}
    for tag in of_file:
        tags.setdefault(tag.partition(b"=")[0].decode("utf-8", "replace").upper(), tag)
    return [ffi.new("char[]", tag) for tag in tags.values()]


class _StreamWriter:
    """Nothing is left of the file after an exception."""

    def __init__(self, path: Path, codec: Model, codebooks: int, tags: List[Any]) -> None:
        self._error = new_error()
        self._tags = ffi.new("const char *[]", tags)
        values = {
            "n_streams": 1,
            "n_codebooks": codebooks,
            "tags": self._tags,
            "n_tags": len(tags),
            "entropy": codec._info.entropy,
        }
        form = ffi.new("ravel_stream_format *", values)
        writer = lib.ravel_stream_writer_open(file_name(path), codec._model, form, self._error)
        self._writer = check_error(writer, self._error)
        self.n_samples = 0

    def write(self, codes: Any) -> None:
        n = len(codes)
        result = lib.ravel_stream_writer_write(self._writer, in_memory(codes), n, n, self._error)
        check_error(result, self._error)

    def __enter__(self) -> "_StreamWriter":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is not None:
            lib.ravel_stream_writer_abort(self._writer)
            return
        result = lib.ravel_stream_writer_close(self._writer, self.n_samples, ffi.NULL, self._error)
        check_error(result, self._error)


def encode_file(
    codec: Model,
    source: Path,
    target: Path,
    codebooks: Optional[int],
    tags: Optional[Mapping[str, str]],
) -> None:
    encoder = Encoder(codec, codebooks)
    with SoundFile(source) as sound:
        held = _tags(tags, sound.tags())
        with _StreamWriter(target, codec, encoder.codebooks, held) as writer:
            pieces = as_model_wants(sound.pieces(), sound.rate, codec.sample_rate, codec.channels)
            for pcm in pieces:
                writer.write(encoder.push(pcm))
                writer.n_samples += len(pcm)
            writer.write(encoder.finish())


# --- Decoding ------------------------------------------------------------------------------------


class StreamFile:
    """A stream that is read from its beginning, with the codec that it is checked against."""

    def __init__(self, path: Path, codec: Model) -> None:
        self._path, self._codec, self._error = path, codec, new_error()
        reader = lib.ravel_stream_reader_open(file_name(path), codec._model, self._error)
        self._reader = ffi.gc(check_error(reader, self._error), lib.ravel_stream_reader_close)
        self._info = lib.ravel_stream_reader_info(self._reader)
        self.n_streams = int(self._info.n_streams)

    def __enter__(self) -> "StreamFile":
        return self

    def __exit__(self, *_: object) -> None:
        ffi.release(self._reader)

    @property
    def pre_skip(self) -> int:
        return int(self._info.pre_skip_samples)

    @property
    def n_samples(self) -> int:
        """Exact length, -1 where it is not known yet: of a pipe only with the last page."""
        return int(self._info.n_samples)

    def pieces(self) -> Iterator[Tuple[int, Optional[npt.NDArray[np.uint16]]]]:
        """Number of frames, and their codes [streams, frames, columns]; None for lost ones."""
        room = np.empty((self.n_streams, READ_FRAMES, self._codec._widths[-1]), np.uint16)
        n_codebooks, lost = ffi.new("int *"), ffi.new("int *")
        while True:
            n = lib.ravel_stream_reader_read(
                self._reader, in_memory(room), READ_FRAMES, n_codebooks, lost, self._error
            )
            if check_error(n, self._error) == 0:
                return
            if lost[0]:
                yield n, None
                continue
            shape = (self.n_streams, READ_FRAMES, self._codec._widths[n_codebooks[0]])
            yield n, room.reshape(-1)[: np.prod(shape)].reshape(shape)[:, :n].copy()

    def warn_of_damage(self) -> None:
        damage = lib.ravel_stream_reader_damage(self._reader)
        header = bool(self._info.header_damaged)
        if not (damage.damaged_blocks or damage.skipped_bytes or damage.truncated or header):
            return
        lost_s = damage.lost_frames * self._codec.hop_length / self._codec.sample_rate
        text = (
            f"'{self._path}' is damaged: {damage.damaged_blocks} blocks, {lost_s:.2f} s concealed, "
            f"{damage.skipped_bytes} bytes passed over"
        )
        text += ", no header" if header else ""
        text += ", the end is missing" if damage.truncated else ""
        warnings.warn(text, DamageWarning, stacklevel=4)


def _decoded(codec: Model, stream: StreamFile) -> Iterator[Samples]:
    """Samples [n, all channels] of the stream, its beginning and end not yet cut."""
    decoders: List[Decoder] = [Decoder(codec) for _ in range(stream.n_streams)]
    for n, codes in stream.pieces():
        if codes is None:
            pcm = [decoder.conceal(n) for decoder in decoders]
        else:
            pcm = push_many(decoders, list(codes))
        yield _joined(codec, pcm)
    yield _joined(codec, [decoder.finish() for decoder in decoders])


def _joined(codec: Model, pcm: List[Samples]) -> Samples:
    return np.concatenate([one.reshape(-1, codec.channels) for one in pcm], axis=1)


def decode_file(codec: Model, source: Path, target: Path, bits: int) -> None:
    with StreamFile(source, codec) as stream:
        channels = codec.channels * stream.n_streams
        with SoundWriter(target, codec.sample_rate, channels, bits) as writer:
            position = -stream.pre_skip
            for pcm in _decoded(codec, stream):
                begin = max(0, -position)
                end = len(pcm) if stream.n_samples < 0 else stream.n_samples - position
                if end > begin:
                    writer.write(np.ascontiguousarray(pcm[begin:end]))
                position += len(pcm)
            # Some codecs end before the sound does, by a frame or two.
            missing = min(stream.n_samples - position, 2 * codec.hop_length)
            if missing > 0:
                writer.write(np.zeros((missing, channels), np.float32))
        stream.warn_of_damage()
