# SPDX-License-Identifier: BSD-3-Clause
"""The C library, and its errors as exceptions."""

from typing import Any, Dict, Type

from ravel._ravel import ffi, lib

__all__ = [
    "ArgumentError",
    "CpuError",
    "DataError",
    "Error",
    "FileError",
    "ModelError",
    "OutOfMemoryError",
    "VersionError",
    "check",
    "check_error",
    "ffi",
    "lib",
    "new_error",
    "text_of",
]


class Error(Exception):
    """What the C library refused, in its words. ``status`` is its ``ravel_status``."""

    status: int = 0


class ArgumentError(Error, ValueError):
    """A parameter is out of range."""

    status = -1


class OutOfMemoryError(Error, MemoryError):
    """No memory."""

    status = -2


class FileError(Error, OSError):
    """The system refused a read or a write."""

    status = -4


class DataError(Error, ValueError):
    """Not the expected format, truncated or damaged."""

    status = -5


class VersionError(DataError):
    """A newer format than this library knows."""

    status = -6


class ModelError(Error):
    """Not the model that the stream was made with, or not a usable model."""

    status = -7


class CpuError(Error):
    """``RAVEL_CPU`` names an instruction set that cannot run here."""

    status = -8


_BY_STATUS: Dict[int, Type[Error]] = {
    kind.status: kind
    for kind in (
        ArgumentError,
        OutOfMemoryError,
        FileError,
        DataError,
        VersionError,
        ModelError,
        CpuError,
    )
}


def text_of(chars: Any) -> str:
    """A C string."""
    return str(ffi.string(chars), "utf-8", "replace")


def check(result: int, what: str = "") -> int:
    """A count as it is; a negative status as its exception, ``what`` before the words for it."""
    if result >= 0:
        return result
    words = text_of(lib.ravel_strerror(result))
    raise _BY_STATUS.get(result, Error)(f"{what}: {words}" if what else words)


def new_error() -> Any:
    """A ``ravel_error *`` to be handed to the library."""
    return ffi.new("ravel_error *")


def check_error(result: Any, error: Any) -> Any:
    """A pointer or count as it is; NULL or a negative status as the exception of ``error``."""
    failed = result < 0 if isinstance(result, int) else result == ffi.NULL
    if not failed:
        return result
    raise _BY_STATUS.get(int(error.status), Error)(text_of(error.text))
