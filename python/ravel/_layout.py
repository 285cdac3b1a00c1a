# SPDX-License-Identifier: BSD-3-Clause
"""Codes as the tokens of a language model, and back (docs/tokens.md)."""

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from ravel._arrays import Codes, Tokens, as_array, as_codes
from ravel._core import ArgumentError, DataError, check_error, ffi, lib, new_error, text_of
from ravel._model import Model
from ravel._streams import in_memory

_ORDERS: List[str] = []
while lib.ravel_token_order_name(len(_ORDERS)) != ffi.NULL:
    _ORDERS.append(text_of(lib.ravel_token_order_name(len(_ORDERS))))


_NUMBERS: List[str] = []
while lib.ravel_token_numbers_name(len(_NUMBERS)) != ffi.NULL:
    _NUMBERS.append(text_of(lib.ravel_token_numbers_name(len(_NUMBERS))))


def _order(name: str) -> int:
    if name not in _ORDERS:
        raise ArgumentError(f"'{name}' is no layout; known are {', '.join(_ORDERS)}")
    return _ORDERS.index(name)


def _numbers(name: str) -> int:
    if name not in _NUMBERS:
        raise ArgumentError(f"numbers='{name}'; known are {', '.join(_NUMBERS)}")
    return _NUMBERS.index(name)


class Layout:
    """
    In which order the codes of a sound follow each other, and which number each becomes.

    ``codec.layout()`` makes one. Tokens are uint32: [rows, columns] of "parallel" and "delay", a
    row each step of the language model; [tokens] of the others.
    """

    def __init__(
        self,
        codec: Model,
        order: str,
        codebooks: int,
        delays: Optional[Sequence[int]],
        base: int,
        numbers: str,
        begin: bool,
        end: bool,
    ) -> None:
        if delays is not None and len(delays) != codebooks:
            raise ArgumentError(f"{len(delays)} delays for {codebooks} codebooks")
        delay_frames = ffi.NULL if delays is None else ffi.new("int[]", list(delays))
        values = {
            "order": _order(order),
            "n_codebooks": codebooks,
            "base": base,
            "numbers": _numbers(numbers),
            "begin": begin,
            "end": end,
            "delay_frames": delay_frames,
        }
        options = ffi.new("ravel_token_options *", values)
        error = new_error()
        self._layout = ffi.new("ravel_token_layout *")
        check_error(lib.ravel_token_layout_make(self._layout, codec._info, options, error), error)
        sizes = codec._columns[codec._widths[codebooks]]
        self._columns: List[Sequence[int]] = [[] for _ in sizes] + [sizes]

    @property
    def order(self) -> str:
        """ "parallel", "delay", "flat", "coarse-first" or "interleaved"."""
        return _ORDERS[int(self._layout.order)]

    @property
    def vocabulary(self) -> int:
        """One more than the greatest token."""
        return int(self._layout.vocabulary)

    @property
    def offsets(self) -> Tuple[int, ...]:
        """Of each column of the codes: a token is its code and this."""
        columns = range(self._layout.columns)
        return tuple(int(lib.ravel_token_offset(self._layout, c)) for c in columns)

    @property
    def delays(self) -> Tuple[int, ...]:
        """Of each codebook, in frames."""
        return tuple(self._layout.delay_frames[0 : self._layout.n_codebooks])

    @property
    def pad(self) -> Optional[int]:
        """The token where a delay leaves no code; None where there is none."""
        return int(self._layout.pad) if self._layout.pad >= 0 else None

    @property
    def begin(self) -> Optional[int]:
        """The token before each sound; None where there is none."""
        return int(self._layout.begin) if self._layout.begin >= 0 else None

    @property
    def end(self) -> Optional[int]:
        """The token after each sound; None where there is none."""
        return int(self._layout.end) if self._layout.end >= 0 else None

    def _shape(self, rows: int) -> Tuple[int, ...]:
        width = int(self._layout.row_tokens)
        return (rows, width) if self.order in ("parallel", "delay") else (rows,)

    def tokens(self, codes: Any) -> Tokens:
        """Codes [frames, columns] to tokens, uint32 [rows, columns] or [tokens]."""
        frames = as_codes(codes, self._columns)
        rows = lib.ravel_token_rows(self._layout, len(frames))
        tokens = np.empty(self._shape(rows), np.uint32)
        error = new_error()
        result = lib.ravel_tokens_from_codes(
            self._layout, in_memory(frames), len(frames), in_memory(tokens), error
        )
        check_error(result, error)
        return tokens

    def codes(self, tokens: Any) -> Codes:
        """Tokens to codes, uint16 [frames, columns]; a token that cannot stand there is refused."""
        given = as_array(tokens, "tokens")
        if given.dtype.kind == "f":
            raise TypeError(f"tokens are of {given.dtype}: integers are expected")
        if given.shape != self._shape(len(given) if given.ndim else 0):
            expected = str(list(self._shape(0))).replace("0", "rows", 1)
            raise ArgumentError(f"tokens have shape {given.shape}: {expected} is expected")
        if given.size and not 0 <= int(given.min()) <= int(given.max()) < self.vocabulary:
            raise DataError(f"a token is not below {self.vocabulary}, the size of the vocabulary")
        rows = np.array(given, dtype=np.uint32, order="C")
        n_frames = lib.ravel_token_frames(self._layout, len(rows))
        if n_frames < 0:
            raise DataError(f"no number of frames makes {len(rows)} rows of this layout")
        codes = np.empty((n_frames, self._layout.columns), np.uint16)
        error = new_error()
        result = lib.ravel_tokens_to_codes(
            self._layout, in_memory(rows), len(rows), in_memory(codes), error
        )
        check_error(result, error)
        return codes
