#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The published codecs at full size, in Ravel, in PyTorch and in ONNX Runtime, one thread each, in
turns.

    published.py COMMAND [CODEC...] [--seconds S] [--rounds N] [--weights TYPE]
                 [--no-onnx] [--markdown]

COMMAND is build/ravel; the Python package ravel is installed, and PyTorch. Each codec of
tests/reference/published gets random weights, is written as a checkpoint under the names of its
authors and read by `ravel import`; then the sides, a process each (published_sides.py), code the
same sound in turns. Offline: all of it at once; ONNX Runtime, where it is installed (onnxruntime,
onnx, onnxscript), runs what PyTorch can export. By steps: one frame at a time, in PyTorch where the
codec can do that at all: Mimi keeps a state; EnCodec 24 kHz is called on single frames and keeps
none, which is less work than a stream needs. Times are of the processor, the best of the rounds,
since what else runs on the machine only takes away. Memory is the most that a process had.
--weights, f16 or i8, is that of `ravel import`: PyTorch keeps its 32 bits.

A row is marked where it misses its bar: offline twice the speed of another side that makes less
than 20 GMAC/s, elsewhere its speed, and where PyTorch makes more than that, 70 % of the rate of
Ravel's kernels on the shapes of the codec, as bench_layers beside COMMAND finds where it was built;
by steps three times PyTorch's. Exit code 1 where one does.
--markdown prints the tables of docs/codecs.md.
"""
import argparse
import importlib.util
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))
from published import CODECS, blocks  # noqa: E402

SIDES = Path(__file__).with_name("published_sides.py")
WAYS = ("encode", "decode")
SLOW_GMAC_PER_S = 20  # of another side; below it bars are higher
LEAST_SHARE = 0.7  # of the kernels' rate
SETTINGS = {"snac": ["--set", "noise=false"]}  # another noise would be another sound


# --- The contest ----------------------------------------------------------------------------------


def prepare(command, name, folder, seconds, settings):
    """Checkpoint, model file and sound; what `ravel info` says."""
    kind, module, config = CODECS[name]
    codec = module.Codec(config)
    rng = numpy.random.default_rng(1)
    n_samples = round(seconds * codec.sample_rate)
    pcm = 0.1 * rng.standard_normal((n_samples, codec.channels), "f4")
    numpy.save(folder / "pcm.npy", pcm)
    blocks.randomise(codec, torch.from_numpy(pcm[: codec.sample_rate].T.copy())[None])
    blocks.write(folder / "model.safetensors", codec.state_dict())
    (folder / "config.json").write_text(json.dumps(config))
    subprocess.run([command, "import", kind, folder, *SETTINGS.get(kind, []), *settings,
                    "-o", folder / "model"], check=True, stdout=subprocess.DEVNULL)
    return json.loads(subprocess.run([command, "info", "--json", folder / "model"], check=True,
                                     capture_output=True).stdout)


def ask(process):
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"published.py: {process.args[2]} ended early")
    return json.loads(line)


def rounds(sides, name, folder, n_rounds):
    """Figures of all sides, round by round."""
    processes = {side: subprocess.Popen([sys.executable, SIDES, side, name, folder], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                 for side in sides}
    found = {side: [] for side in sides}
    for _ in range(n_rounds):
        for side, process in processes.items():
            found[side].append(ask(process))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found


def shares(command, folder, seconds):
    """Of the kernels' rate on the codec's shapes, each way; nothing where no tool was built."""
    tool = command.resolve().with_name("bench_layers")
    if not tool.exists():
        return {}
    line = [tool, "--json", "--seconds", str(min(seconds, 60)), folder / "model"]
    found = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    return {way: found[way]["share"] for way in WAYS}


def agreement_db(folder):
    """Signal to difference of what the two decode from what each encoded itself."""
    ours, theirs = (numpy.load(folder / f"{side}.npy") for side in ("ravel", "torch"))
    n = min(len(ours), len(theirs))
    noise = ((ours[:n] - theirs[:n]) ** 2).sum()
    return 10 * math.log10((theirs[:n] ** 2).sum() / max(noise, 1e-30))


def best(figures):
    """The least of those that are there; None where none is."""
    return min((figure for figure in figures if figure is not None), default=None)


def row_of(figures, seconds):
    """x real time and ms a frame, each way, and memory, of a side's rounds."""
    row = {"memory": max(figure["memory"] for figure in figures), "reasons": figures[0]["reasons"]}
    for way in WAYS:
        taken = best(figure.get(way) for figure in figures)
        row[way] = seconds / taken if taken else None
        row[way + "_ms"] = best(figure["steps"].get(way) for figure in figures)
    return row


def measure(command, sides, name, seconds, n_rounds, weights):
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        info = prepare(command, name, folder, seconds, ["--weights", weights] if weights else [])
        found = rounds(sides, name, folder, n_rounds)
        row = {"name": f"{name}, {weights}" if weights else name, "info": info,
               "agreement_db": agreement_db(folder), "shares": shares(command, folder, seconds)}
    return row | {side: row_of(figures, seconds) for side, figures in found.items()}


# --- Words ----------------------------------------------------------------------------------------


def gmacs(info, way):
    """10^9 multiply-adds a second of sound."""
    parts = ("encoder", "quantizer") if way == "encode" else ("decoder",)
    return sum(info[f"{part}_mmac_per_s"] for part in parts) / 1e3


def misses(row, way):
    """Which bars a row misses."""
    ours, missed = row["ravel"], []
    for side, word in (("torch", "offline"), ("onnx", "onnx")):
        theirs = row.get(side, {}).get(way)
        bar = 2.0 if theirs and theirs * gmacs(row["info"], way) < SLOW_GMAC_PER_S else 1.0
        if theirs and ours[way] < bar * theirs:
            missed.append(word)
    if row["torch"][way] * gmacs(row["info"], way) >= SLOW_GMAC_PER_S:
        missed += ["kernels"] if row["shares"].get(way, 1.0) < LEAST_SHARE else []
    step = row["torch"][way + "_ms"]
    return missed + (["steps"] if step and step < 3 * ours[way + "_ms"] else [])


def number(value, digits=2):
    return f"{value:.{digits}f}" if value else ""


HEAD = ["", "", "10^9 multiply-adds a second of sound", "x real time", "PyTorch", "ratio",
        "ONNX Runtime", "ratio", "GMAC/s", "PyTorch", "% of the kernels' rate", "ms a frame",
        "PyTorch"]
SHORT_HEAD = ["", "", "GMAC/s of sound", *HEAD[3:6], "ONNX", *HEAD[7:10], "% of kernels",
              *HEAD[11:], "missed"]


def cells(row, way):
    ours, theirs, work_gmac = row["ravel"], row["torch"], gmacs(row["info"], way)
    onnx = row.get("onnx", {}).get(way)
    return [row["name"] if way == "encode" else "", way, number(work_gmac), number(ours[way]),
            number(theirs[way]), number(ours[way] / theirs[way]), number(onnx),
            number(ours[way] / onnx if onnx else None), number(ours[way] * work_gmac, 0),
            number(theirs[way] * work_gmac, 0), number(100 * row["shares"].get(way, 0), 0),
            number(ours[way + "_ms"]), number(theirs[way + "_ms"])]


def megabytes(row, side):
    return f"{row[side]['memory'] / 1e6:.0f}"


def summary(row):
    info, onnx = row["info"], row.get("onnx", {"reasons": []})
    words = [f"{info['parameters'] / 1e6:.1f} M parameters", f"delay {info['delay_ms']:.0f} ms",
             f"frames of {1e3 / info['frames_per_s']:.1f} ms",
             f"memory {megabytes(row, 'ravel')} MB, PyTorch {megabytes(row, 'torch')} MB",
             f"the same sound within {row['agreement_db']:.0f} dB"]
    words += [f"not for ONNX Runtime: {reason}" for reason in onnx["reasons"]]
    return f"{row['name']}: " + ", ".join(words)


def print_markdown(head, lines):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |")


def print_tables(rows):
    """Those of docs/codecs.md."""
    print_markdown(HEAD, [cells(row, way) for row in rows for way in WAYS])
    print()
    print_markdown(["", "parameters, M", "frame, ms", "memory, MB: Ravel", "PyTorch"],
                   [[row["name"], number(row["info"]["parameters"] / 1e6, 1),
                     number(1e3 / row["info"]["frames_per_s"], 1), megabytes(row, "ravel"),
                     megabytes(row, "torch")] for row in rows])


def print_row(values):
    print(f"{values[0]:16}{values[1]:8}{values[2]:>16}"
          + "".join(f"{value:>13}" for value in values[3:]))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command", type=Path)
    parser.add_argument("codecs", nargs="*", default=list(CODECS), metavar="CODEC")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", choices=("f16", "i8"))
    parser.add_argument("--no-onnx", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    unknown = set(options.codecs) - set(CODECS)
    if unknown:
        parser.error(f"no codec {unknown}; there are: {', '.join(CODECS)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    sides = ["ravel", "torch"]
    if not options.no_onnx:
        if importlib.util.find_spec("onnxruntime"):
            sides.append("onnx")
        else:
            print("without ONNX Runtime, which is not installed", file=sys.stderr)
    print(f"one thread; PyTorch {torch.__version__}, {platform.machine()}; "
          f"{options.seconds:g} s, best of {options.rounds}", file=sys.stderr)
    rows = []
    for name in options.codecs:
        rows.append(measure(options.command, sides, name, options.seconds, options.rounds,
                            options.weights))
        print(summary(rows[-1]), file=sys.stderr, flush=True)
    if options.markdown:
        print_tables(rows)
    else:
        print_row(SHORT_HEAD)
        for row in rows:
            for way in WAYS:
                print_row([*cells(row, way), " ".join(misses(row, way))])
    return any(misses(row, way) for row in rows for way in WAYS)


if __name__ == "__main__":
    sys.exit(main())
