# SPDX-License-Identifier: BSD-3-Clause
"""Sound of any rate and number of channels as a model wants it, a piece at a time."""

from typing import Any, Iterable, Iterator, List

import numpy as np
import numpy.typing as npt

from ravel._arrays import Samples, as_floats
from ravel._core import ArgumentError
from ravel._streams import Resampler

PIECE_SAMPLES = 1 << 14


def pieces_of(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """An array in pieces, so that what is made of each stays small."""
    for begin in range(0, len(array), PIECE_SAMPLES):
        yield array[begin : begin + PIECE_SAMPLES]


def gathered(pieces: Iterable[Samples], least: int) -> Iterator[Samples]:
    """Joined to pieces of at least so many samples, but for the last one."""
    held: List[Samples] = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) >= least:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _finite(pcm: Samples) -> Samples:
    """NaN and infinite samples as 0, before they spread to their neighbours."""
    good = np.isfinite(pcm)
    return pcm if good.all() else np.where(good, pcm, np.float32(0))


def _channels_of(pcm: Samples) -> int:
    return 1 if pcm.ndim == 1 else int(pcm.shape[1])


def mix(pcm: Samples, channels: int) -> Samples:
    """
    [samples] or [samples, given] to the model's channels: to one the average, from one the same.

    Tokens depend on these bits: the sum goes in the order of the channels and is divided once, as
    in the command.
    """
    given = _channels_of(pcm)
    if given == channels:
        return pcm
    if channels > 1:
        if given > 1:
            raise ArgumentError(f"{given} channels cannot be mixed to {channels}")
        return np.repeat(pcm.reshape(-1, 1), channels, axis=1)
    total = pcm[:, 0].copy()
    for channel in range(1, given):
        total += pcm[:, channel]
    total /= np.float32(given)
    return total


def as_model_wants(
    pieces: Iterable[npt.NDArray[Any]], from_hz: int, to_hz: int, channels: int
) -> Iterator[Samples]:
    """Pieces of a sound, mixed and resampled; as they are where nothing is to be done."""
    resampler = Resampler(from_hz, to_hz, channels) if from_hz != to_hz else None
    for piece in pieces:
        pcm = as_floats(piece)
        if _channels_of(pcm) != channels or resampler is not None:
            pcm = mix(_finite(pcm), channels)
        yield pcm if resampler is None else resampler.push(pcm)
    if resampler is not None:
        yield resampler.finish()
