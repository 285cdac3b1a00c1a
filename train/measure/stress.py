# SPDX-License-Identifier: BSD-3-Clause
"""Sounds that are hard for a codec of speech: is the level kept, is silence silent, does a stream
forget what it was for?
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ..corpus import read_mono
from .codecs import Checkpoint, Ravel
from .measures import SAMPLE_RATE, scores

RATES = (1.5, 3, 6)
SECONDS = 8
LEVEL_DB = 3.0  # the output may be louder or softer by so much
SILENCE_DB = -70.0  # peak of what digital silence becomes, dBFS
IDLE_SECONDS = 600
SAME_PESQ, SAME_ESTOI = 0.1, 0.01  # "the same quality"; pulses begin elsewhere
CLIPS = 4  # of speech, for that


def beginning(path: Path) -> np.ndarray:
    return read_mono(path)[:SECONDS * SAMPLE_RATE]


def band(pcm: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    return sosfiltfilt(butter(6, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE, output="sos"), pcm)


def chords() -> np.ndarray:
    """Four triads of plucked strings: twelve harmonics each, a second and a half a chord."""
    out = np.zeros(6 * SAMPLE_RATE)
    for i, root in enumerate((220.0, 174.6, 261.6, 196.0)):
        t = np.arange(3 * SAMPLE_RATE // 2) / SAMPLE_RATE
        for ratio in (1, 5 / 4, 3 / 2):
            for k in range(1, 13):
                partial = np.sin(2 * np.pi * root * ratio * k * t) / k
                out[i * len(t):(i + 1) * len(t)] += 0.08 * partial * np.exp(-(1 + 0.3 * k) * t)
    return out


def sounds(speech: np.ndarray, corpus: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and float [n]; those of the corpus are left out where it is not there."""
    rng = np.random.default_rng(1)
    white = rng.standard_normal(SECONDS * SAMPLE_RATE)
    yield "speech", speech
    yield "speech at -40 dB", speech * 0.01
    yield "speech, clipped", np.clip(speech * 10, -1, 1)
    yield "speech, up to 8 kHz", band(speech, 30, 8000)
    yield "speech, up to 4 kHz", band(speech, 30, 4000)
    yield "speech, 300 to 3400 Hz", band(speech, 300, 3400)
    yield "white noise", white * 0.05
    yield "noise, 300 to 3400 Hz", band(white, 300, 3400) * 0.2
    yield "chords", chords()
    yield "sine, 1 kHz", 0.25 * np.sin(2 * np.pi * 1000 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    for pattern in ("noise/blanket_*_0001.opus", "train/librosamusic*.opus", "train/vocobox*.opus"):
        for path in sorted(corpus.glob(pattern))[:4]:
            yield path.stem, beginning(path)


def level_db(pcm: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(pcm)) + 1e-12))


def check_levels(codec: Ravel | Checkpoint, speech: np.ndarray, corpus: Path) -> int:
    """Prints output over input for each sound and rate; returns how many are out of bounds."""
    failures = 0
    print("output level over input, dB\n\n| sound | "
          + " | ".join(f"{rate:g} kb/s" for rate in RATES) + " |\n" + "|---" * (len(RATES) + 1)
          + "|")
    for name, pcm in sounds(speech, corpus):
        pcm = pcm.astype("f4")
        change = [level_db(codec.code(pcm, rate)[0]) - level_db(pcm) for rate in RATES]
        wrong = [abs(db) > LEVEL_DB for db in change]
        failures += sum(wrong)
        print(f"| {name} | " + " | ".join(f"{db:+.1f}" + " FAILED" * bad
                                          for db, bad in zip(change, wrong)) + " |", flush=True)
    return failures


def check_silence(codec: Ravel | Checkpoint) -> int:
    peaks = [np.abs(codec.code(np.zeros(SECONDS * SAMPLE_RATE, "f4"), rate)[0]).max()
             for rate in RATES]
    shown = [20 * np.log10(peak + 1e-12) for peak in peaks]
    wrong = sum(db > SILENCE_DB for db in shown)
    print("\npeak of what digital silence becomes: "
          + ", ".join(f"{db:.0f} dBFS" for db in shown) + " FAILED" * bool(wrong), flush=True)
    return wrong


def check_idle(codec: Ravel | Checkpoint, speech: np.ndarray) -> int:
    """The same speech at once, and after ten minutes of nothing."""
    idle = np.zeros(IDLE_SECONDS * SAMPLE_RATE, "f4")
    wrong = 0
    for rate in RATES:
        at_once = scores(speech, codec.code(speech, rate)[0])
        late = codec.code(np.concatenate([idle, speech]), rate)[0][len(idle):]
        afterwards = scores(speech, late)
        lost = (at_once["pesq"] - afterwards["pesq"] > SAME_PESQ
                or at_once["estoi"] - afterwards["estoi"] > SAME_ESTOI)
        wrong += lost
        print(f"{rate:g} kb/s after {IDLE_SECONDS // 60} minutes of silence: "
              f"PESQ-WB {afterwards['pesq']:.2f} instead of {at_once['pesq']:.2f}, "
              f"ESTOI {afterwards['estoi']:.3f} instead of {at_once['estoi']:.3f}"
              + " FAILED" * lost, flush=True)
    return wrong


def stress(codec: Ravel | Checkpoint, files: list[Path], corpus: Path) -> int:
    """Exit status: 0 where all holds."""
    clips = [beginning(path) for path in files[::-(-len(files) // CLIPS)]]
    failures = check_levels(codec, clips[0], corpus)
    spoken = np.concatenate(clips)
    failures += check_silence(codec) + check_idle(codec, spoken)
    print(f"\n{failures} failures")
    return int(failures > 0)
