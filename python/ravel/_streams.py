# SPDX-License-Identifier: BSD-3-Clause
"""Streams: encoders, decoders and resamplers, pushed a piece at a time."""

import contextlib
import threading
from typing import Any, Callable, Iterator, List, Optional, Sequence, TypeVar, Union

import numpy as np

from ravel._arrays import MAX_COUNT, Codes, Samples, as_codes, as_floats, wave_array
from ravel._core import ArgumentError, ModelError, OutOfMemoryError, check, ffi, lib
from ravel._model import Model

S = TypeVar("S", bound="Stream")


_C_TYPES = {"float32": "float[]", "uint16": "uint16_t[]", "uint32": "uint32_t[]"}


def in_memory(array: Any) -> Any:
    """The C pointer to a contiguous array; it keeps the array alive and where it is."""
    return ffi.from_buffer(_C_TYPES[array.dtype.name], array)


def model_samples(wave: Any, channels: int) -> Samples:
    """What is pushed: samples at the model's rate, of the model's channels."""
    array = wave_array(wave)
    given = array.shape[1] if array.ndim == 2 else 1
    if given != channels:
        raise ArgumentError(f"wave has {given} channels, the model {channels}")
    if len(array) > MAX_COUNT:
        raise ArgumentError(f"{len(array)} samples at once, at most {MAX_COUNT} are taken")
    return as_floats(array)


class Stream:
    """What encoders and decoders share; pushed by two threads, it serves one after the other."""

    def __init__(self, codec: Model, new: Callable[[], Any], free: Callable[[Any], None]) -> None:
        pointer = new()
        if pointer == ffi.NULL:
            raise OutOfMemoryError("out of memory")
        self._codec = codec  # and so the model lives as long as its streams
        self._pointer = ffi.gc(pointer, free)
        self._lock = threading.Lock()
        self._finished = False

    @property
    def codec(self) -> Model:
        """The codec that this is a stream of."""
        return self._codec

    def _take(self) -> None:
        if self._finished:
            raise ArgumentError("the stream is finished; reset() begins the next")

    def _step(self, function: Any, out: Any, *given: Any) -> Any:
        """What the function makes of what is given, in rows of ``out``, which has enough."""
        n = function(self._pointer, self._codec._scratch(1), *given, in_memory(out), len(out))
        return out[: check(n)]

    def _fork(self: S, other: S, size: int) -> S:
        with self._lock:
            ffi.memmove(other._pointer, self._pointer, size)
            other._finished = self._finished
        return other

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} stays in its process; copy() forks it")


class Encoder(Stream):
    """
    One stream of sound to codes; ``codec.encoder()`` makes it.

    However the samples are cut into pushes, the codes are the same.
    """

    def __init__(self, codec: Model, codebooks: Optional[int] = None) -> None:
        if codec._info.decodes_only:
            raise ModelError(f"the model '{codec.name}' only decodes: it has no encoder")
        model, codebooks = codec._model, codec._check_codebooks(codebooks)
        super().__init__(
            codec, lambda: lib.ravel_encoder_new(model, codebooks), lib.ravel_encoder_free
        )
        self._codebooks = codebooks

    @property
    def codebooks(self) -> int:
        """Codebooks of the frames to come; may be changed at any time."""
        return self._codebooks

    @codebooks.setter
    def codebooks(self, codebooks: int) -> None:
        codebooks = self._codec._check_codebooks(codebooks)
        with self._lock:
            check(lib.ravel_encoder_set_codebooks(self._pointer, codebooks))
            self._codebooks = codebooks

    @property
    def bad_samples(self) -> int:
        """NaN and infinite samples met so far; each counted as 0."""
        with self._lock:
            return int(lib.ravel_encoder_bad_samples(self._pointer))

    def _room(self, n_samples: int, finish: bool) -> Codes:
        frames = check(lib.ravel_encoder_frames(self._pointer, n_samples, finish))
        return np.empty((frames, self._codec._widths[self._codebooks]), np.uint16)

    def push(self, wave: Any) -> Codes:
        """
        Takes samples [samples] (or [samples, channels]) at the model's rate.

        Returns the frames that are ready, uint16 [frames, codebooks]: none, one or more.
        """
        pcm = model_samples(wave, self._codec.channels)
        with self._lock:
            self._take()
            room = self._room(len(pcm), False)
            codes: Codes = self._step(lib.ravel_encoder_push, room, in_memory(pcm), len(pcm))
        return codes

    def finish(self) -> Codes:
        """Ends the stream and returns its last frames; afterwards only ``reset`` is allowed."""
        with self._lock:
            self._take()
            codes: Codes = self._step(lib.ravel_encoder_finish, self._room(0, True))
            self._finished = True
        return codes

    def reset(self) -> None:
        """Back to the start of a stream."""
        with self._lock:
            lib.ravel_encoder_reset(self._pointer)
            self._finished = False

    def copy(self) -> "Encoder":
        """A second stream with the same past."""
        other = Encoder(self._codec, self._codebooks)
        return self._fork(other, lib.ravel_encoder_size(self._codec._model))

    __copy__ = copy


class Decoder(Stream):
    """
    One stream of codes to sound; ``codec.decoder()`` makes it.

    However the frames are cut into pushes, the samples are the same.
    """

    def __init__(self, codec: Model) -> None:
        model = codec._model
        super().__init__(codec, lambda: lib.ravel_decoder_new(model), lib.ravel_decoder_free)

    def _room(self, n_frames: int, finish: bool) -> Samples:
        n_samples = check(lib.ravel_decoder_samples(self._pointer, n_frames, finish))
        return np.empty(self._codec._shape(n_samples), np.float32)

    def push(self, codes: Any) -> Samples:
        """
        Takes codes [frames, codebooks], of which the number may change from push to push.

        Returns the samples that are ready, float32 [samples] (or [samples, channels]), not clipped.
        """
        frames = as_codes(codes, self._codec._columns)
        with self._lock:
            self._take()
            room, n_codebooks = self._room(len(frames), False), self._codec._codebooks_of(frames)
            given = in_memory(frames), len(frames), n_codebooks
            pcm: Samples = self._step(lib.ravel_decoder_push, room, *given)
        return pcm

    def conceal(self, n_frames: int) -> Samples:
        """In the place of lost frames: continues the sound and fades it out."""
        with self._lock:
            self._take()
            room = self._room(n_frames, False)
            pcm: Samples = self._step(lib.ravel_decoder_conceal, room, n_frames)
        return pcm

    def finish(self) -> Samples:
        """Ends the stream and returns the samples held back; then only ``reset`` is allowed."""
        with self._lock:
            self._take()
            pcm: Samples = self._step(lib.ravel_decoder_finish, self._room(0, True))
            self._finished = True
        return pcm

    def reset(self) -> None:
        """Back to the start of a stream."""
        with self._lock:
            lib.ravel_decoder_reset(self._pointer)
            self._finished = False

    def copy(self) -> "Decoder":
        """A second stream with the same past."""
        return self._fork(Decoder(self._codec), lib.ravel_decoder_size(self._codec._model))

    __copy__ = copy


# --- Many streams at once ------------------------------------------------------------------------


@contextlib.contextmanager
def _held(streams: Sequence[Stream]) -> Iterator[None]:
    """Locks all, always in the same order, so that two threads never wait for each other."""
    with contextlib.ExitStack() as stack:
        for stream in sorted(streams, key=id):
            stack.enter_context(stream._lock)
        for stream in streams:
            stream._take()
        yield


def _check_batch(streams: Sequence[Stream], inputs: Sequence[Any]) -> Model:
    if len(streams) != len(inputs):
        raise ArgumentError(f"{len(streams)} streams, but {len(inputs)} inputs")
    if len({id(stream) for stream in streams}) < len(streams):
        raise ArgumentError("a stream stands twice in the batch")
    codec = streams[0]._codec
    if any(stream._codec._model is not codec._model for stream in streams):
        raise ArgumentError("the streams are not of one codec")
    return codec


def _encode_many(encoders: Sequence[Encoder], waves: Sequence[Any], finish: bool) -> List[Codes]:
    codec = _check_batch(encoders, waves)
    pcm = [model_samples(wave, codec.channels) for wave in waves]
    with _held(encoders):
        codes = [e._room(len(p), finish) for e, p in zip(encoders, pcm)]
        held = [(in_memory(p), in_memory(c)) for p, c in zip(pcm, codes)]
        jobs = ffi.new("ravel_encoder_job[]", len(encoders))
        for i, job in enumerate(jobs):
            job.encoder, job.finish = encoders[i]._pointer, finish
            job.pcm, job.n_samples = held[i][0], len(pcm[i])
            job.codes, job.capacity = held[i][1], len(codes[i])
        check(lib.ravel_encoder_push_many(jobs, len(jobs), codec._scratch(len(jobs))))
        for encoder in encoders:
            encoder._finished = finish
    return [c[: check(job.n_frames)] for c, job in zip(codes, jobs)]


def _decode_many(decoders: Sequence[Decoder], codes: Sequence[Any], finish: bool) -> List[Samples]:
    codec = _check_batch(decoders, codes)
    frames = [as_codes(c, codec._columns) for c in codes]
    with _held(decoders):
        pcm = [d._room(len(f), finish) for d, f in zip(decoders, frames)]
        held = [(in_memory(f), in_memory(p)) for f, p in zip(frames, pcm)]
        jobs = ffi.new("ravel_decoder_job[]", len(decoders))
        for i, job in enumerate(jobs):
            job.decoder, job.finish = decoders[i]._pointer, finish
            job.codes, job.n_frames = held[i][0], len(frames[i])
            job.n_codebooks = codec._codebooks_of(frames[i])
            job.pcm, job.capacity = held[i][1], len(pcm[i])
        check(lib.ravel_decoder_push_many(jobs, len(jobs), codec._scratch(len(jobs))))
        for decoder in decoders:
            decoder._finished = finish
    return [p[: check(job.n_samples)] for p, job in zip(pcm, jobs)]


def push_many(
    streams: Union[Sequence[Encoder], Sequence[Decoder]],
    inputs: Sequence[Any],
    finish: bool = False,
) -> List[Any]:
    """
    Pushes into several encoders, or several decoders, of one codec in one step.

    Live, with 20 ms a push, eight are stepped twice as fast as one after the other, thirty-two
    three times, because the weights are read once; the bits are those of each alone. ``finish``:
    these are the last.

    Returns what each stream's ``push`` returns.
    """
    if not streams:
        return []
    if all(isinstance(stream, Encoder) for stream in streams):
        return _encode_many(streams, inputs, finish)  # type: ignore[arg-type]
    if all(isinstance(stream, Decoder) for stream in streams):
        return _decode_many(streams, inputs, finish)  # type: ignore[arg-type]
    raise TypeError("streams are to be all encoders or all decoders")


# --- Resampling ----------------------------------------------------------------------------------


class Resampler:
    """
    Another sample rate, with the same bits on every machine; what ``codec.encode`` uses.

    n samples make ceil(n * to_hz / from_hz); its delay is compensated.
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1) -> None:
        pointer = lib.ravel_resampler_new(from_hz, to_hz, channels)
        if pointer == ffi.NULL:
            raise ArgumentError(
                f"cannot resample {channels} channels from {from_hz} Hz to {to_hz} Hz: "
                "1 to 64 channels and 1000 to 768000 Hz are taken"
            )
        self._pointer = ffi.gc(pointer, lib.ravel_resampler_free)
        self._channels = channels
        self._lock = threading.Lock()
        self._finished = False

    def _room(self, n_samples: int, finish: bool) -> Samples:
        if self._finished:
            raise ArgumentError("the resampler is finished; reset() begins the next sound")
        n_out = check(lib.ravel_resampler_samples(self._pointer, n_samples, finish))
        shape = (n_out,) if self._channels == 1 else (n_out, self._channels)
        return np.empty(shape, np.float32)

    def push(self, wave: Any) -> Samples:
        """Takes samples [samples] (or [samples, channels]); returns those that are ready."""
        pcm = model_samples(wave, self._channels)
        with self._lock:
            out = self._room(len(pcm), False)
            n_out = lib.ravel_resampler_push(
                self._pointer, in_memory(pcm), len(pcm), in_memory(out), len(out)
            )
        return out[: check(n_out)]

    def finish(self) -> Samples:
        """The samples still held back; afterwards only ``reset`` is allowed."""
        with self._lock:
            out = self._room(0, True)
            n_out = lib.ravel_resampler_finish(self._pointer, in_memory(out), len(out))
            self._finished = True
        return out[: check(n_out)]

    def reset(self) -> None:
        """Back to the start of a sound."""
        with self._lock:
            lib.ravel_resampler_reset(self._pointer)
            self._finished = False
