# SPDX-License-Identifier: BSD-3-Clause
"""What a model says of itself, and what its streams need of it."""

import operator
import threading
from typing import Any, List, Optional, Tuple

from ravel._arrays import Codes
from ravel._core import ArgumentError, OutOfMemoryError, ffi, lib, text_of


class Model:
    """The part of a codec below its streams."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._info = info = lib.ravel_model_get_info(model)
        self._local = threading.local()
        # By number of codebooks: codes of a frame. By that: the size of each one's codebook.
        self._widths = [0] + [
            lib.ravel_model_codes_per_frame(model, n) for n in range(1, info.n_codebooks + 1)
        ]
        self._columns: List[List[int]] = [[] for _ in range(self._widths[-1] + 1)]
        sizes: List[int] = []
        for size, steps in zip(self.codebook_sizes, self.steps_per_frame):
            sizes = sizes + [size] * steps
            self._columns[len(sizes)] = sizes

    # --- What it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The model's name."""
        return text_of(self._info.name)

    @property
    def licence(self) -> str:
        """The model's licence."""
        return text_of(self._info.licence)

    @property
    def sample_rate(self) -> int:
        """Samples a second that it takes and gives."""
        return int(self._info.sample_rate_hz)

    @property
    def channels(self) -> int:
        """Channels of its sound."""
        return int(self._info.channels)

    @property
    def hop_length(self) -> int:
        """Samples of a frame."""
        return int(self._info.hop_samples)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop_length

    @property
    def codebooks(self) -> int:
        """How many codebooks it has."""
        return int(self._info.n_codebooks)

    @property
    def codebook_sizes(self) -> Tuple[int, ...]:
        """Codewords of each codebook."""
        return tuple(self._info.codebook_size[0 : self._info.n_codebooks])

    @property
    def steps_per_frame(self) -> Tuple[int, ...]:
        """Codes of each codebook in a frame: columns of the codes; mostly 1."""
        return tuple(self._info.steps_per_frame[0 : self._info.n_codebooks])

    @property
    def delay(self) -> int:
        """Samples from a sample's arrival to its decoded return, live."""
        return int(self._info.delay_samples)

    @property
    def tokenizer_identity(self) -> str:
        """SHA-256 of what makes the codes; equal identities make equal codes, on any machine."""
        return bytes(self._info.tokenizer_identity).hex()

    @property
    def decoder_identity(self) -> str:
        """SHA-256 of what makes the samples."""
        return bytes(self._info.decoder_identity).hex()

    def bitrate(self, codebooks: Optional[int] = None) -> float:
        """Bits a second of packed codes."""
        return float(lib.ravel_model_bitrate(self._model, self._check_codebooks(codebooks)))

    # --- For the streams -------------------------------------------------------------------------

    def _check_codebooks(self, codebooks: Optional[int]) -> int:
        if codebooks is None:
            return self.codebooks
        codebooks = operator.index(codebooks)
        if 1 <= codebooks < self._info.least_codebooks:
            raise ArgumentError(
                f"codebooks={codebooks}: of the model '{self.name}' that holds no sound;"
                f" {self._info.least_codebooks} at least"
            )
        if not 1 <= codebooks <= self.codebooks:
            raise ArgumentError(
                f"codebooks={codebooks}: the model '{self.name}' has {self.codebooks}"
            )
        return codebooks

    def _codebooks_of(self, codes: Codes) -> int:
        return self._widths.index(codes.shape[1])

    def _shape(self, n_samples: int) -> Tuple[int, ...]:
        return (n_samples,) if self.channels == 1 else (n_samples, self.channels)

    def _scratch(self, n_streams: int) -> Any:
        """Working memory of this thread for so many streams; a power of two, that it stays few."""
        room = 1 << (n_streams - 1).bit_length()
        scratches = self._local.__dict__.setdefault("scratches", {})
        if room not in scratches:
            scratch = lib.ravel_scratch_new(self._model, room)
            if scratch == ffi.NULL:
                raise OutOfMemoryError(f"out of memory for {n_streams} streams at once")
            scratches[room] = ffi.gc(scratch, lib.ravel_scratch_free)
        return scratches[room]
