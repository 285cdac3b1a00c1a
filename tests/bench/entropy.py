#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What entropy coding saves of a set of sounds, and what it costs: the tables of docs/entropy.md.

    tests/bench/entropy.py build/ravel ../shared/corpus/dev/*.flac
"""
from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
from pathlib import Path

MODES = ("none", "static", "prior")
BLOCKS_S = (1, 2, 4, 8)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: list[str]) -> float:
    """Processor time of a command."""
    before = cpu_seconds()
    subprocess.run(command, check=True)
    return cpu_seconds() - before


def code(a: argparse.Namespace, codebooks: int, mode: str,
         *options: str) -> tuple[int, float, float]:
    """Bytes of all streams, and seconds of encoding and decoding them."""
    model = ["-m", a.model] if a.model else []
    with tempfile.TemporaryDirectory() as folder:
        encode = run([a.ravel, "encode", "-q", *model, "-k", str(codebooks), "--entropy", mode,
                      *options, "-d", folder, *a.sounds])
        streams = sorted(str(path) for path in Path(folder).glob("*.rvl"))
        size = sum(Path(path).stat().st_size for path in streams)
        decode = run([a.ravel, "decode", "-q", *model, "-d", folder, *streams])
        return size, encode, decode


def seconds_of(a: argparse.Namespace) -> float:
    """Length of all sounds, by the frames that one codebook takes."""
    model = ["-m", a.model] if a.model else []
    with tempfile.TemporaryDirectory() as folder:
        run([a.ravel, "encode", "-q", *model, "-k", "1", "--entropy", "none", "-d", folder,
             *a.sounds])
        total = 0.0
        for path in Path(folder).glob("*.rvl"):
            facts = subprocess.run([a.ravel, "info", str(path)], capture_output=True, text=True)
            total += float(next(line.split()[1] for line in facts.stdout.splitlines()
                                if line.startswith("duration_s")))
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ravel")
    parser.add_argument("sounds", nargs="+")
    parser.add_argument("--model")
    parser.add_argument("--codebooks", type=int, nargs="*", default=[3, 6, 12])
    a = parser.parse_args()
    length = seconds_of(a)
    print(f"{len(a.sounds)} sounds, {length:.0f} s\n")
    print("| codebooks | coding | kb/s | saving | encode, times real time | decode |")
    print("|---|---|---|---|---|---|")
    for codebooks in a.codebooks:
        plain = 0
        for mode in MODES:
            size, encode, decode = code(a, codebooks, mode)
            plain = plain or size
            print(f"| {codebooks} | {mode} | {8e-3 * size / length:.2f} | {1 - size / plain:.1%} | "
                  f"{length / encode:.0f} | {length / decode:.0f} |", flush=True)
    print("\n| block, s | kb/s, none | kb/s, prior |\n|---|---|---|")
    for block in BLOCKS_S:
        sizes = [code(a, 6, mode, "--block", str(block))[0] for mode in ("none", "prior")]
        print(f"| {block} | " + " | ".join(f"{8e-3 * size / length:.2f}" for size in sizes) + " |",
              flush=True)


if __name__ == "__main__":
    main()
