# SPDX-License-Identifier: BSD-3-Clause
"""Writes _ravel.c, cffi's binding of the public headers.

The headers are their own description: what the preprocessor leaves of them is what cffi is told,
and the compiler compares every struct and signature once more. So nothing goes out of step.
"""

import argparse
import pathlib
import re
import subprocess

import cffi


def declarations(compiler: str, folder: pathlib.Path, names: list[str]) -> str:
    """The headers' own lines, without those of the system headers that they include."""
    # Attributes are for compilers; cffi knows none.
    command = [compiler, "-E", "-x", "c", "-D__attribute__(x)=", f"-I{folder}", "-"]
    source = "".join(f'#include "ravel/{name}"\n' for name in names)
    text = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    ours, lines = False, []
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*)"', line)
        if marker:
            ours = pathlib.Path(marker[1]).parent == folder / "ravel"
        elif ours:
            lines.append(line)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", required=True, type=pathlib.Path)
    parser.add_argument("output")
    arguments = parser.parse_args()
    names = sorted(path.name for path in (arguments.include / "ravel").glob("*.h"))
    ffi = cffi.FFI()
    ffi.cdef(declarations(arguments.compiler, arguments.include, names))
    ffi.set_source("ravel._ravel", "".join(f'#include "ravel/{name}"\n' for name in names))
    ffi.emit_c_code(arguments.output)


if __name__ == "__main__":
    main()
