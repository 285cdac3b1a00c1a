# SPDX-License-Identifier: BSD-3-Clause
"""What an ear would complain of, in numbers: where to look in a spectrogram.

Sounds are float [n] at 24 kHz, original and decoded, of equal length and without delay.
"""
from __future__ import annotations

import numpy as np

SAMPLE_RATE = 24000
STEP = SAMPLE_RATE // 100  # levels are those of 10 ms
FRAME_HZ = 50  # of the codec: what repeats with every frame hums at its multiples
FLOOR_DB = -80.0


def levels_db(pcm: np.ndarray) -> np.ndarray:
    """[n // 240], full scale 0."""
    power = np.square(pcm[:len(pcm) // STEP * STEP]).reshape(-1, STEP).mean(1)
    return np.maximum(FLOOR_DB, 10 * np.log10(power + 1e-12))


def holes(original: np.ndarray, decoded: np.ndarray) -> float:
    """Percent of the time with speech in which the decoded sound is softer by 15 dB or more."""
    before, after = levels_db(original), levels_db(decoded)
    speech = before > np.percentile(before, 95) - 25
    return float(100 * np.mean(before[speech] - after[speech] > 15))


def hum_db(pcm: np.ndarray) -> float:
    """By how much multiples of the frame rate stand out of their neighbours, over the whole sound.

    Spectra of a second resolve 1 Hz; voices glide through it, what a codec repeats does not.
    """
    pieces = pcm[:len(pcm) // (SAMPLE_RATE // 2) * (SAMPLE_RATE // 2)]
    frames = np.lib.stride_tricks.sliding_window_view(pieces, SAMPLE_RATE)[::SAMPLE_RATE // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(SAMPLE_RATE))) ** 2
    spectrum = 10 * np.log10(power + 1e-9).mean(0)
    lines = np.arange(2 * FRAME_HZ, 10000, FRAME_HZ)
    around = np.stack([spectrum[lines + d] for d in (-20, -15, -10, 10, 15, 20)])
    return float((spectrum[lines] - np.median(around, axis=0)).mean())


def clicks(pcm: np.ndarray) -> float:
    """A second: 20 ms in which a sample's second difference is beyond ten times the usual one."""
    bend = np.abs(np.diff(pcm, 2))
    bend = bend[:len(bend) // (2 * STEP) * 2 * STEP].reshape(-1, 2 * STEP)
    usual = np.sqrt(np.square(bend).mean(1, keepdims=True)) + 1e-5
    return float((bend > 10 * usual).any(1).sum() * SAMPLE_RATE / len(pcm))


def pre_echo_db(original: np.ndarray, decoded: np.ndarray) -> float:
    """By how much the 20 ms before onsets are louder than they were: mean over onsets."""
    before, after = levels_db(original), levels_db(decoded)
    quiet = np.maximum(before[:-4], before[1:-3])  # two steps, then one between, then the onset
    onsets = np.nonzero((before[3:-1] > quiet + 25) & (before[3:-1] > -45))[0]
    if len(onsets) == 0:
        return 0.0
    louder = [np.maximum(after[i:i + 2], -70) - np.maximum(before[i:i + 2], -70) for i in onsets]
    return float(np.mean(louder))


def artefacts(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """Hum and clicks are those that the original does not have."""
    return {"holes, %": holes(original, decoded),
            "hum, dB": hum_db(decoded) - hum_db(original),
            "clicks, 1/s": clicks(decoded) - clicks(original),
            "pre-echo, dB": pre_echo_db(original, decoded)}
