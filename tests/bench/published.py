#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The published codecs at full size, in Ravel and in PyTorch, one thread each, in turns.

    published.py COMMAND [CODEC...] [--seconds S] [--rounds N] [--markdown]

COMMAND is build/ravel; the Python package ravel is installed, and PyTorch. Each codec of
tests/reference/published gets random weights, is written as a checkpoint under the names of its
authors and read by `ravel import`; then Ravel and PyTorch, a process each, code the same sound in
turns. Offline: all of it at once. By steps: one frame at a time, in PyTorch where the codec can do
that at all: Mimi keeps a state; EnCodec 24 kHz is called on single frames and keeps none, which is
less work than a stream needs. Times are of the processor, the best of the rounds, since what else
runs on the machine only takes away. Memory is the most that either process had.

A row is marked where it misses its bar: offline twice PyTorch's speed where PyTorch makes less than
20 GMAC/s, elsewhere its speed; by steps three times. Exit code 1 where one does.
"""
import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))
from published import CODECS, blocks, mimi, snac  # noqa: E402

WAYS = ("encode", "decode")
SLOW_GMAC_PER_S = 20  # of PyTorch; below it bars are higher
STEPS = 60
MAX_STEP_DELAY_S = 1.0  # a codec with more is not stepped
SETTINGS = {"snac": ["--set", "noise=false"]}  # another noise would be another sound


def timed(function, *arguments):
    begin = time.process_time()
    result = function(*arguments)
    return time.process_time() - begin, result


def peak_memory():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def median_ms(seconds):
    """Without the first quarter, which brings the weights in."""
    return 1e3 * statistics.median(seconds[len(seconds) // 4 :])


# --- The two sides, each in a process of its own --------------------------------------------------


class Torch:
    def __init__(self, name, folder):
        kind, module, config = CODECS[name]
        torch.set_num_threads(1)
        with torch.device("meta"):
            self.codec = module.Codec(config)
        self.codec = self.codec.eval().to_empty(device="cpu")
        self.codec.load_state_dict(blocks.read(folder / "model.safetensors"))
        self.steps = module is mimi or name == "EnCodec 24 kHz"
        self.keeps_state = module is mimi
        if module is snac:
            none = [torch.zeros(1)] * len(config["decoder_rates"])
            decode = self.codec.decode
            self.codec.decode = lambda codes: decode(codes, none)

    def encode(self, pcm):
        return self.codec.encode(torch.from_numpy(pcm.T.copy())[None])

    def decode(self, codes):
        return self.codec.decode(codes)[0].T.numpy()

    def step_times(self, pcm):
        times = {way: [] for way in WAYS}
        if not self.steps:
            return times
        if self.keeps_state:
            self.codec.stream()
        hop = self.codec.hop
        for first in range(0, min(len(pcm), STEPS * hop) - hop + 1, hop):
            seconds, codes = timed(self.encode, pcm[first : first + hop])
            times["encode"].append(seconds)
            times["decode"].append(timed(self.decode, codes)[0])
        if self.keeps_state:
            self.codec.stream(False)
        return times


class Ravel:
    def __init__(self, name, folder):
        import ravel
        self.codec = ravel.load(folder / "model")

    def encode(self, pcm):
        return self.codec.encode(pcm, self.codec.sample_rate)

    def decode(self, codes):
        return self.codec.decode(codes).reshape(-1, self.codec.channels)

    def step_times(self, pcm):
        """Of frames that make one frame each: past the start, where a stream waits."""
        times = {way: [] for way in WAYS}
        codec, hop = self.codec, self.codec.hop_length
        if codec.delay > MAX_STEP_DELAY_S * codec.sample_rate:
            return times
        encoder, decoder = codec.encoder(), codec.decoder()
        for first in range(0, len(pcm) - hop + 1, hop):
            seconds, codes = timed(encoder.push, pcm[first : first + hop])
            if len(codes) == 1:
                times["encode"].append(seconds)
                times["decode"].append(timed(decoder.push, codes)[0])
            else:
                decoder.push(codes)
            if len(times["encode"]) == STEPS:
                break
        return times


def work(side, name, folder):
    """Answers a line with the name of a sound by a line with the figures of a round."""
    contestant = {"ravel": Ravel, "torch": Torch}[side](name, folder)
    for line in sys.stdin:
        pcm = numpy.load(folder / "pcm.npy")
        encode_s, codes = timed(contestant.encode, pcm)
        decode_s, out = timed(contestant.decode, codes)
        numpy.save(folder / side, out)
        figures = {"encode": encode_s, "decode": decode_s, "memory": peak_memory()}
        if line.strip() == "steps":
            steps = contestant.step_times(pcm)
            figures["steps"] = {way: median_ms(steps[way]) for way in WAYS if steps[way]}
        print(json.dumps(figures), flush=True)


# --- The contest ----------------------------------------------------------------------------------


def prepare(command, name, folder, seconds):
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
    subprocess.run([command, "import", kind, folder, *SETTINGS.get(kind, []), "-o",
                    folder / "model"], check=True, stdout=subprocess.DEVNULL)
    return json.loads(subprocess.run([command, "info", "--json", folder / "model"], check=True,
                                     capture_output=True).stdout)


def ask(process, what):
    process.stdin.write(what + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"published.py: {process.args[-3]} ended early")
    return json.loads(line)


def rounds(name, folder, n_rounds):
    """Figures of both sides, round by round."""
    sides = {}
    for side in ("ravel", "torch"):
        line = [sys.executable, __file__, "--work", side, name, folder]
        sides[side] = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
    found = {side: [] for side in sides}
    for _ in range(n_rounds):
        for side, process in sides.items():
            found[side].append(ask(process, "steps"))
    for process in sides.values():
        process.stdin.close()
        process.wait()
    return found


def agreement_db(folder):
    """Signal to difference of what the two decode from what each encoded itself."""
    ours, theirs = (numpy.load(folder / f"{side}.npy") for side in ("ravel", "torch"))
    n = min(len(ours), len(theirs))
    noise = ((ours[:n] - theirs[:n]) ** 2).sum()
    return 10 * math.log10((theirs[:n] ** 2).sum() / max(noise, 1e-30))


def best(figures, key):
    return min(figure[key] for figure in figures)


def best_step(figures, way):
    steps = [figure["steps"][way] for figure in figures if way in figure["steps"]]
    return min(steps) if steps else None


def measure(command, name, seconds, n_rounds):
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        info = prepare(command, name, folder, seconds)
        found = rounds(name, folder, n_rounds)
        row = {"name": name, "info": info, "agreement_db": agreement_db(folder)}
    for side, figures in found.items():
        row[side] = {"memory": max(figure["memory"] for figure in figures)}
        for way in WAYS:
            row[side][way] = seconds / best(figures, way)
            row[side][way + "_ms"] = best_step(figures, way)
    return row


# --- Words ----------------------------------------------------------------------------------------


def gmacs(info, way):
    """10^9 multiply-adds a second of sound."""
    parts = ("encoder", "quantizer") if way == "encode" else ("decoder",)
    return sum(info[f"{part}_mmac_per_s"] for part in parts) / 1e3


def misses(row, way):
    """Which bars a row misses."""
    ours, theirs = row["ravel"], row["torch"]
    rate = theirs[way] * gmacs(row["info"], way)
    bar = 2.0 if rate < SLOW_GMAC_PER_S else 1.0
    missed = ["offline"] if ours[way] < bar * theirs[way] else []
    step = theirs[way + "_ms"]
    return missed + (["steps"] if step and step < 3 * ours[way + "_ms"] else [])


def cells(row, way):
    ours, theirs, work_gmac = row["ravel"], row["torch"], gmacs(row["info"], way)
    step, other = ours[way + "_ms"], theirs[way + "_ms"]
    return [row["name"] if way == "encode" else "", way, f"{work_gmac:.2f}",
            f"{ours[way]:.2f}", f"{theirs[way]:.2f}", f"{ours[way] / theirs[way]:.2f}",
            f"{ours[way] * work_gmac:.0f}", f"{theirs[way] * work_gmac:.0f}",
            f"{step:.2f}" if step else "", f"{other:.2f}" if other else "",
            " ".join(misses(row, way))]


HEAD = ["", "", "GMAC/s of sound", "x real time", "PyTorch", "ratio", "GMAC/s", "PyTorch",
        "ms a frame", "PyTorch", "missed"]


def line_of(values, markdown):
    if markdown:
        return "| " + " | ".join(values) + " |"
    return f"{values[0]:16}{values[1]:8}" + "".join(f"{v:>16}" if i == 0 else f"{v:>12}"
                                                   for i, v in enumerate(values[2:]))


def summary(row):
    info, memory = row["info"], (row[side]["memory"] / 1e6 for side in ("ravel", "torch"))
    ours, theirs = memory
    return (f"{row['name']}: {info['parameters'] / 1e6:.1f} M parameters, delay "
            f"{info['delay_ms']:.0f} ms, frames of {1e3 / info['frames_per_s']:.1f} ms; memory {ours:.0f} MB, PyTorch "
            f"{theirs:.0f} MB; the same sound within {row['agreement_db']:.0f} dB")


def main():
    if sys.argv[1:2] == ["--work"]:
        with torch.inference_mode():
            return work(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command", type=Path)
    parser.add_argument("codecs", nargs="*", default=list(CODECS), metavar="CODEC")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    unknown = set(options.codecs) - set(CODECS)
    if unknown:
        parser.error(f"no codec {unknown}; there are: {', '.join(CODECS)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"one thread; PyTorch {torch.__version__}, {platform.machine()}; "
          f"{options.seconds:g} s, best of {options.rounds}", file=sys.stderr)
    rows = []
    for name in options.codecs:
        rows.append(measure(options.command, name, options.seconds, options.rounds))
        print(summary(rows[-1]), file=sys.stderr, flush=True)
    print(line_of(HEAD, options.markdown))
    if options.markdown:
        print("|" + "---|" * len(HEAD))
    for row in rows:
        for way in WAYS:
            print(line_of(cells(row, way), options.markdown))
    return any(misses(row, way) for row in rows for way in WAYS)


if __name__ == "__main__":
    sys.exit(main())
