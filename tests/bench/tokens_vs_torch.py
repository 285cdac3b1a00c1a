#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Tokens of a folder of FLAC files: Ravel, and what people use, one thread each, in turns.

    tokens_vs_torch.py COMMAND FOLDER [--rounds N] [--few N] [--json]

COMMAND is build/ravel; the package ravel is installed, and transformers with PyTorch. From files
to `.npy`: `ravel tokens`, and codec.tokens with numpy.save. EnCodec 24 kHz at 6 kb/s and DAC 24 kHz
are the full-size networks of transformers with random weights, a whole file at a time without
padding, on the first --few files; reading and resampling are not counted against them. Ravel and
DAC give all their codebooks. Figures are seconds of sound a second of processor time, the median of
the rounds, so that what else runs on the machine counts little.

Then by the clock, against two processes with one job each: two jobs, and two threads in Python.
"""

import argparse
import functools
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import torch
import transformers

import ravel

RATE_HZ = 24000


def cpu_seconds(who=resource.RUSAGE_SELF):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


# --- The contestants: each takes files and a folder, and returns the processor time it took -------


def by_command(command, files, folder):
    begin = cpu_seconds(resource.RUSAGE_CHILDREN)
    subprocess.run([command, "tokens", "-q", "-j", "1", "-d", folder, *files], check=True)
    return cpu_seconds(resource.RUSAGE_CHILDREN) - begin


def by_package(codec, files, folder):
    begin = cpu_seconds()
    for path in files:
        numpy.save(f"{folder}/{path.stem}.npy", codec.tokens(path))
    return cpu_seconds() - begin


def by_torch(encode, waves, folder):
    begin = cpu_seconds()
    with torch.inference_mode():
        for n, wave in enumerate(waves):
            codes = encode(wave[None, None])
            numpy.save(f"{folder}/{n}.npy", codes.to(torch.int32).numpy().astype(numpy.uint16))
    return cpu_seconds() - begin


def encodec():
    model = transformers.EncodecModel(transformers.EncodecConfig()).eval()
    return lambda wave: model.encode(wave, bandwidth=6.0).audio_codes


def dac():
    config = transformers.DacConfig(
        downsampling_ratios=[2, 4, 5, 8],
        upsampling_ratios=[8, 5, 4, 2],
        n_codebooks=32,
        sampling_rate=RATE_HZ,
    )
    model = transformers.DacModel(config).eval()
    return lambda wave: model.encode(wave).audio_codes


def at_model_rate(path):
    wave, sr = ravel.read(path)
    if sr != RATE_HZ:
        resampler = ravel.Resampler(sr, RATE_HZ)
        wave = numpy.concatenate([resampler.push(wave), resampler.finish()])
    return torch.from_numpy(wave)


# --- Jobs -----------------------------------------------------------------------------------------


def clock(*lines):
    begin = time.monotonic()
    processes = [subprocess.Popen(line) for line in lines]
    if any(process.wait() for process in processes):
        raise SystemExit("ravel tokens failed")
    return time.monotonic() - begin


def two_at_once(command, codec, files):
    """Speed of two jobs, and of two threads, as shares of that of two processes."""
    with tempfile.TemporaryDirectory() as folder:
        line = [command, "tokens", "-q", *files, "-d"]
        jobs = clock([*line, f"{folder}/a", "-j", "2"])
        apart = clock(*[[*line, f"{folder}/b", "-j", "1", "--shard", f"{i}/2"] for i in (0, 1)])
    begin = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(codec.tokens, files))
    return apart / jobs, apart / (time.monotonic() - begin)


def measure(arguments):
    files = sorted(Path(arguments.folder).rglob("*.flac"))
    codec = ravel.load()
    waves = [at_model_rate(path) for path in files[: arguments.few]]
    # every file in seconds, by the frames that it makes
    seconds = sum(len(codec.tokens(path, 1)) for path in files) / codec.frame_rate
    few_seconds = sum(len(wave) for wave in waves) / RATE_HZ
    contestants = {
        "ravel tokens": (seconds, lambda out: by_command(arguments.command, files, out)),
        "ravel, Python": (seconds, lambda out: by_package(codec, files, out)),
    }
    for name, encode in (("EnCodec 24 kHz", encodec()), ("DAC 24 kHz", dac())):
        work = functools.partial(by_torch, encode, waves)
        contestants[f"{name}, transformers"] = (few_seconds, work)
    speeds = {name: [] for name in contestants}
    shares = []
    for _ in range(arguments.rounds):
        for name, (sound, work) in contestants.items():
            with tempfile.TemporaryDirectory() as folder:
                speeds[name].append(sound / work(folder))
        shares.append(two_at_once(arguments.command, codec, files))
    return {
        "files": len(files),
        "seconds": seconds,
        "speed": {name: statistics.median(all_) for name, all_ in speeds.items()},
        "two_jobs": statistics.median(jobs for jobs, _ in shares),
        "two_threads": statistics.median(threads for _, threads in shares),
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("command")
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(arguments)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['files']} files, {result['seconds']:.0f} s, {os.cpu_count()} cores")
    print("seconds of sound a second of one core:")
    for name, speed in result["speed"].items():
        print(f"  {name:30} {speed:8.1f}")
    print(
        f"of what two processes reach: two jobs {100 * result['two_jobs']:.0f} %, "
        f"two threads in Python {100 * result['two_threads']:.0f} %"
    )


if __name__ == "__main__":
    main()
