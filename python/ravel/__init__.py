# SPDX-License-Identifier: BSD-3-Clause
"""
Ravel, a neural audio codec: speech to a few discrete tokens and back.

>>> import numpy, ravel
>>> codec = ravel.load()
>>> codes = codec.encode(numpy.zeros(16000, "float32"), 16000)
>>> codes.shape, codes.dtype
((51, 12), dtype('uint16'))
>>> codec.decode(codes).shape
(24480,)

The same sound makes the same codes in any process, on any machine, in any batch and however it is
cut, to the bit.
"""

from ravel._codec import Codec, load
from ravel._core import (
    ArgumentError,
    CpuError,
    DataError,
    Error,
    FileError,
    ModelError,
    OutOfMemoryError,
    VersionError,
)
from ravel._core import lib as _lib
from ravel._core import text_of as _text_of
from ravel._files import read, write
from ravel._layout import Layout
from ravel._rvl import DamageWarning
from ravel._streams import Decoder, Encoder, Resampler, push_many

__version__ = _text_of(_lib.ravel_version())

__all__ = [
    "ArgumentError",
    "Codec",
    "CpuError",
    "DamageWarning",
    "DataError",
    "Decoder",
    "Encoder",
    "Error",
    "FileError",
    "Layout",
    "ModelError",
    "OutOfMemoryError",
    "Resampler",
    "VersionError",
    "load",
    "push_many",
    "read",
    "write",
]
