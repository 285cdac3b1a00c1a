# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of every kind as the C library wants them, without a copy where they are so already."""

from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from ravel._core import ArgumentError, DataError

Samples = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint16]
Tokens = npt.NDArray[np.uint32]

MAX_CHANNELS = 64
MAX_COUNT = 2**31 - 1  # samples, frames: an int of C


def as_array(value: Any, name: str) -> npt.NDArray[Any]:
    """Whatever has the buffer protocol, the array interface or DLPack; CPU memory is shared."""
    if hasattr(value, "detach"):  # a torch tensor may want a gradient; codes have none
        value = value.detach()
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value)
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} is {type(value).__name__} of {array.dtype}, not of numbers")
    return array


def wave_array(wave: Any) -> npt.NDArray[Any]:
    """A sound [samples] or [samples, channels], of a dtype that ``as_floats`` knows."""
    array = as_array(wave, "wave")
    if array.dtype.kind != "f" and array.dtype.name not in ("uint8", "int16", "int32"):
        raise TypeError(f"wave is of {array.dtype}: float, uint8, int16 or int32 is expected")
    if array.ndim not in (1, 2):
        raise ArgumentError(
            f"wave has shape {array.shape}: [samples] or [samples, channels] is expected, "
            "and a list of them for several sounds"
        )
    if array.ndim == 2 and not 1 <= array.shape[1] <= MAX_CHANNELS:
        raise ArgumentError(
            f"wave has {array.shape[1]} channels, 1 to {MAX_CHANNELS} are expected; "
            "if it is [channels, samples], as in torchaudio, give wave.T"
        )
    return array


def as_floats(array: npt.NDArray[Any]) -> Samples:
    """
    Samples of -1 ... 1, contiguous and aligned as C has them.

    Integers are scaled by powers of two, as in sound files.
    """
    with np.errstate(over="ignore"):  # what is beyond float32 is infinite, and will count as 0
        pcm = np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
    if array.dtype.kind == "f":
        return pcm
    if array.dtype == np.uint8:
        return (pcm - np.float32(128)) * np.float32(2.0**-7)
    return pcm * np.float32(2.0 ** (1 - 8 * array.dtype.itemsize))


def as_codes(codes: Any, sizes_by_width: Sequence[Sequence[int]]) -> Codes:
    """
    Codes [frames, columns] in a copy of their own, so that nothing changes once it was checked.

    ``sizes_by_width[columns]`` holds the size of each column's codebook, nothing where no number of
    codebooks is so wide.
    """
    array = as_array(codes, "codes")
    if array.dtype.kind == "f":
        raise TypeError(f"codes are of {array.dtype}: integers are expected")
    if array.ndim != 2:
        raise ArgumentError(
            f"codes have shape {array.shape}: [frames, codebooks] is expected; "
            "codes[0].T makes it of [batch, codebooks, frames]"
        )
    columns = array.shape[1]
    if columns >= len(sizes_by_width) or not sizes_by_width[columns]:
        raise ArgumentError(
            f"codes have {columns} columns, and the model at most {len(sizes_by_width) - 1}; "
            "if they are [codebooks, frames], give codes.T"
        )
    sizes = np.asarray(sizes_by_width[columns])
    wrong = (array < 0) | (array >= sizes)
    if wrong.any():
        frame, column = np.argwhere(wrong)[0]
        raise DataError(
            f"code {array[frame, column]} in frame {frame}, column {column}: "
            f"the codebook has {sizes[column]} codewords"
        )
    return np.array(array, dtype=np.uint16, order="C")
