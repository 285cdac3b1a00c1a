#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
What the built-in model must reach on one core, and Lyra V2 where its checkpoint is at hand.

    bars.py BUILD [LYRA.safetensors LYRA_GRAPH.json]

Figures are those of `ravel bench`. Exit code 1 where a bar is missed.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def bench(ravel, *options):
    out = subprocess.run([ravel, "bench", "--json", *options], check=True, capture_output=True)
    return json.loads(out.stdout)


def judge(what, value, unit, bar, at_least):
    missed = value < bar if at_least else value > bar
    print(f"{what:44}{value:9.2f} {unit:12} bar {'>=' if at_least else '<='} {bar:g}"
          f"{'   MISSED' if missed else ''}")
    return missed


def builtin(ravel):
    facts, missed = bench(ravel), []
    for way in ("encode", "decode"):
        part = facts["parts"][way]
        name = f"{facts['name']}, {way}"
        missed.append(judge(f"{name}, offline", part["offline"]["times_real_time"], "x real time",
                            60, True))
        missed.append(judge(f"{name}, share of the peak", 100 * part["offline"]["share_of_peak"],
                            "%", 45, True))
        missed.append(judge(f"{name}, one frame, median", part["steps"]["cpu_ms_median"], "ms", 1,
                            False))
    return any(missed)


def lyra(ravel, weights, graph):
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        subprocess.run([ravel, "import", "lyra", weights, graph, "-o", model], check=True)
        facts = bench(ravel, "-m", model)
    missed = [judge(f"{facts['name']}, {way}, one frame, median",
                    facts["parts"][way]["steps"]["cpu_ms_median"], "ms", 0.25, False)
              for way in ("encode", "decode")]
    return any(missed)


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    ravel = Path(sys.argv[1]) / "ravel"
    missed = builtin(ravel)
    if len(sys.argv) == 4:
        missed |= lyra(ravel, *sys.argv[2:])
    return missed


if __name__ == "__main__":
    sys.exit(main())
