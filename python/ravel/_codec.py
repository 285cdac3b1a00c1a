# SPDX-License-Identifier: BSD-3-Clause
"""A model, and whole sounds to codes and back."""

import itertools
import operator
import os
from concurrent.futures import ThreadPoolExecutor
from typing import (
    Any,
    Callable,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    overload,
)

import numpy as np

from ravel._arrays import Codes, Samples, as_codes, wave_array
from ravel._core import (
    ArgumentError,
    CpuError,
    ModelError,
    OutOfMemoryError,
    check_error,
    ffi,
    lib,
    new_error,
)
from ravel._files import Path, SoundFile, file_name
from ravel._layout import Layout
from ravel._model import Model
from ravel._rvl import decode_file, encode_file
from ravel._sound import as_model_wants, gathered, pieces_of
from ravel._streams import Decoder, Encoder, push_many

T = TypeVar("T")
R = TypeVar("R")

_PIECE_FRAMES = 512
_LEAST_FRAMES = 8  # long ones run together
_TOGETHER = 4  # sounds of a batch: a tenth faster to encode; more gain little


def _builtin() -> Any:
    model = lib.ravel_model_builtin()
    if model == ffi.NULL:
        asked = os.environ.get("RAVEL_CPU")
        if asked:
            raise CpuError(f"RAVEL_CPU={asked}: this machine cannot run it")
        raise OutOfMemoryError("out of memory")
    return model


def _open(path: str) -> Any:
    error = new_error()
    model = check_error(lib.ravel_model_open(file_name(path), error), error)
    return ffi.gc(model, lib.ravel_model_free)


def _by_groups(work: Callable[[Sequence[T]], List[R]], items: Sequence[T], threads: int) -> List[R]:
    """In order, whichever thread is first; each takes some at once and steps them together."""
    if threads < 1:
        raise ArgumentError(f"threads={threads}: at least 1 is needed")
    size = min(_TOGETHER, -(-len(items) // threads)) or 1
    groups = [items[begin : begin + size] for begin in range(0, len(items), size)]
    if threads == 1 or len(groups) < 2:
        return [result for group in groups for result in work(group)]
    with ThreadPoolExecutor(min(threads, len(groups))) as pool:
        return [result for results in pool.map(work, groups) for result in results]


def _pushed(streams: Sequence[Any], inputs: Sequence[Iterator[Any]]) -> List[Any]:
    """What each stream makes of its pieces; those that still have some are stepped together."""
    made: List[List[Any]] = [[] for _ in streams]
    active = list(range(len(streams)))
    while active:
        pieces = {n: piece for n in active for piece in itertools.islice(inputs[n], 1)}
        active = list(pieces)
        results = push_many([streams[n] for n in active], list(pieces.values()))
        for n, result in zip(active, results):
            made[n].append(result)
    return [np.concatenate([*m, stream.finish()]) for m, stream in zip(made, streams)]


def _is_batch(value: Any) -> bool:
    return isinstance(value, (list, tuple))


class Codec(Model):
    """
    A model: immutable, shared by any number of threads; ``ravel.load`` opens it.

    Codes are uint16 [frames, codebooks], coarse to fine; every prefix of the codebooks is a codec.
    Sounds are float32 [samples], for models of several channels [samples, channels].
    """

    def __init__(self, model: Any, path: Optional[str] = None) -> None:
        super().__init__(model)
        self._path = path

    def __repr__(self) -> str:
        return (
            f"<ravel.Codec {self.name}: {self.sample_rate} Hz, {self.frame_rate:g} frames/s, "
            f"{self.codebooks} codebooks>"
        )

    def __reduce__(self) -> Any:
        return _load_again, (self._path, self.tokenizer_identity, self.decoder_identity)

    # --- Streams ---------------------------------------------------------------------------------

    def encoder(self, codebooks: Optional[int] = None) -> Encoder:
        """A stream of samples at ``sample_rate`` to codes of all or the first ``codebooks``."""
        return Encoder(self, codebooks)

    def decoder(self) -> Decoder:
        """A stream of codes to samples."""
        return Decoder(self)

    def layout(
        self,
        order: str = "parallel",
        codebooks: Optional[int] = None,
        delays: Optional[Sequence[int]] = None,
        base: int = 0,
        numbers: Optional[str] = None,
        begin: bool = False,
        end: bool = False,
    ) -> Layout:
        """
        The order and numbers that codes have as tokens of a language model (docs/tokens.md).

        order
            "parallel", "delay", "flat", "coarse-first" or "interleaved".
        delays
            Of each codebook in frames, for "delay"; 0, 1, 2 ... by default.
        base
            Added to every token.
        numbers
            What has tokens of its own: "apart", each codebook; "places", each column of a frame;
            "shared", none, which is the default where each codebook has its column: "parallel"
            and "delay".
        begin, end
            A special token before, or after, each sound.
        """
        n = self._check_codebooks(codebooks)
        if numbers is None:
            numbers = "shared" if order in ("parallel", "delay") else "apart"
        return Layout(self, order, n, delays, base, numbers, begin, end)

    # --- Whole sounds ----------------------------------------------------------------------------

    def _encode_pieces(
        self, sounds: Sequence[Iterable[Any]], from_hz: int, codebooks: Optional[int]
    ) -> List[Codes]:
        wanted = [as_model_wants(s, from_hz, self.sample_rate, self.channels) for s in sounds]
        some_frames = [gathered(pieces, _LEAST_FRAMES * self.hop_length) for pieces in wanted]
        return _pushed([self.encoder(codebooks) for _ in sounds], some_frames)

    def _encode_group(self, waves: Sequence[Any], sr: int, codebooks: Optional[int]) -> List[Codes]:
        sounds = [pieces_of(wave_array(wave)) for wave in waves]
        return self._encode_pieces(sounds, operator.index(sr), codebooks)

    @overload
    def encode(
        self,
        wave: Union[List[Any], Tuple[Any, ...]],
        sr: int,
        codebooks: Optional[int] = ...,
        threads: int = ...,
    ) -> List[Codes]: ...

    @overload
    def encode(
        self, wave: Any, sr: int, codebooks: Optional[int] = ..., threads: int = ...
    ) -> Codes: ...

    def encode(
        self, wave: Any, sr: int, codebooks: Optional[int] = None, threads: int = 1
    ) -> Union[Codes, List[Codes]]:
        """
        A whole sound to codes, uint16 [frames, codebooks].

        wave
            [samples] or [samples, channels] (mixed to the model's): a NumPy array, a torch tensor
            on the CPU, anything with the buffer protocol, the array interface or DLPack. float32
            is -1 ... 1 and is not copied; integers of 8 (unsigned), 16 or 32 bits are scaled. NaN
            and infinite samples count as 0. A list or tuple is a batch, and gives a list: each of
            its own length, unpadded, stepped together, with the codes of each alone.
        sr
            The sample rate of ``wave``; another than the model's is resampled.
        codebooks
            The first so many; all by default.
        threads
            Of a batch. Codes do not depend on it.
        """
        if not _is_batch(wave):
            return self._encode_group([wave], sr, codebooks)[0]
        return _by_groups(lambda group: self._encode_group(group, sr, codebooks), wave, threads)

    def _decode_group(self, batch: Sequence[Any]) -> List[Samples]:
        frames = [as_codes(codes, self._columns) for codes in batch]
        pieces = [iter(_cut(codes, _PIECE_FRAMES)) for codes in frames]
        return _pushed([self.decoder() for _ in batch], pieces)

    @overload
    def decode(
        self, codes: Union[List[Any], Tuple[Any, ...]], threads: int = ...
    ) -> List[Samples]: ...

    @overload
    def decode(self, codes: Any, threads: int = ...) -> Samples: ...

    def decode(self, codes: Any, threads: int = 1) -> Union[Samples, List[Samples]]:
        """
        Codes [frames, codebooks] to sound, float32 [samples] at ``sample_rate``, not clipped.

        Any integers, of all or the first codebooks. Sample i is the decoded sample i of what was
        encoded; the last frame ends a little later than that did: ``codec.decode(codes)[:n]``. Some
        codecs end up to a frame earlier (``end_samples`` of ``ravel info``).
        A list or tuple is a batch, and gives a list; ``threads`` as for ``encode``.
        """
        if not _is_batch(codes):
            return self._decode_group([codes])[0]
        return _by_groups(self._decode_group, codes, threads)

    # --- Files -----------------------------------------------------------------------------------

    def tokens(
        self,
        path: Path,
        codebooks: Optional[int] = None,
        offset: float = 0.0,
        duration: Optional[float] = None,
    ) -> Codes:
        """
        The codes of a sound file, uint16 [frames, codebooks], as ``ravel tokens`` has them.

        Of all of it, or of ``duration`` seconds from ``offset`` on, both rounded to a sample of the
        file. It is read piece by piece: the sound of an hour is never in memory.
        """
        with SoundFile(path) as sound:
            sound.skip(offset)
            return self._encode_pieces([sound.pieces(duration)], sound.rate, codebooks)[0]

    def encode_file(
        self,
        source: Path,
        target: Path,
        codebooks: Optional[int] = None,
        tags: Optional[Mapping[str, str]] = None,
    ) -> None:
        """
        A sound file to an `.rvl` stream, with the bytes of ``ravel encode``.

        ``tags`` are added to those of the sound file. ``target`` appears when it is whole.
        """
        encode_file(self, source, target, codebooks, tags)

    def decode_file(self, source: Path, target: Path, bits: int = 0) -> None:
        """
        An `.rvl` stream to a sound file, as ``ravel decode``; ``bits`` as for ``ravel.write``.

        Where the stream is damaged, what is lost is concealed and a ``DamageWarning`` tells it.
        """
        decode_file(self, source, target, bits)


def _cut(array: Any, size: int) -> List[Any]:
    return [array[begin : begin + size] for begin in range(0, len(array), size)]


def load(path: Optional[Path] = None) -> Codec:
    """
    Opens a model file; without a path that of the variable RAVEL_MODEL, or the built-in model.

    A model file may come from a stranger: everything is checked.
    """
    if path is None:
        path = os.environ.get("RAVEL_MODEL") or None
    if path is None:
        return Codec(_builtin())
    path = os.fspath(path)
    return Codec(_open(path), os.path.abspath(path))


def _load_again(path: Optional[str], tokenizer_identity: str, decoder_identity: str) -> Codec:
    """In another process, where the file of that name may be another."""
    codec = Codec(_builtin()) if path is None else load(path)
    if (codec.tokenizer_identity, codec.decoder_identity) != (tokenizer_identity, decoder_identity):
        raise ModelError(f"{path or 'the built-in model'} is not here what it was there")
    return codec
