# SPDX-License-Identifier: BSD-3-Clause
"""How near a decoded sound is to its original, and how sure a mean is.

Sounds are float [n] at 24 kHz, full scale 1. Codecs hand back what they decode without their
delay; `lag_ms` says whether they did.
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from pesq import PesqError, pesq
from pystoi import stoi
from scipy.signal import correlate, get_window, resample_poly

SAMPLE_RATE = 24000
N_FFT, MEL_HOP, N_MELS = 1024, 256, 80
LAG_FFT, LAG_HOP, LAG_REACH = 384, 24, 60  # window, hop (1 ms) and greatest lag (hops)
LAG_SECONDS = 3  # that are looked at
SHIFTS = 6  # samples
RESAMPLES = 2000
NO_SCORE = -1.0  # what pesq returns where it finds no speech


def wide_band(pcm: np.ndarray) -> np.ndarray:
    """[n] at 24 kHz to 16 kHz, the rate of PESQ and of the recogniser."""
    return resample_poly(pcm, 2, 3).astype("f4")


@lru_cache
def mel_filters() -> np.ndarray:
    """Triangles of unit peak, [513, 80], on the mel scale of O'Shaughnessy (1987)."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, top, N_MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)[:, None]
    rise = (bins - hz[:-2]) / (hz[1:-1] - hz[:-2])
    fall = (hz[2:] - bins) / (hz[2:] - hz[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


def power_spectra(pcm: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """[frame, bin]."""
    padded = np.pad(pcm, (0, max(0, n_fft - len(pcm))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    return np.abs(np.fft.rfft(frames * get_window("hann", n_fft))) ** 2


def mel_distance(reference: np.ndarray, decoded: np.ndarray) -> float:
    """Mean absolute difference of 80 bands in natural logarithms of magnitude."""
    logs = [0.5 * np.log(power_spectra(x, N_FFT, MEL_HOP) @ mel_filters() * (2 / N_FFT) + 1e-7)
            for x in (reference, decoded)]
    return float(np.abs(logs[0] - logs[1]).mean())


def si_sdr_db(reference: np.ndarray, decoded: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019).

    The best of a few shifts: the resamplers inside a codec are late by fractions of a sample, with
    another fraction in each of its modes.
    """
    best = -np.inf
    for shift in range(-SHIFTS, SHIFTS + 1):
        a = reference[max(0, -shift):len(reference) - max(0, shift)]
        b = decoded[max(0, shift):len(decoded) - max(0, -shift)]
        a, b = a - a.mean(), b - b.mean()
        target = a * (a @ b / (a @ a + 1e-12))
        rest = b - target
        best = max(best, 10 * np.log10((target @ target + 1e-12) / (rest @ rest + 1e-12)))
    return float(best)


def lag_ms(reference: np.ndarray, decoded: np.ndarray) -> float:
    """How late the decoded sound is: the peak of the correlation of log spectra over time.

    Waveforms would not do: a vocoder keeps the spectra and loses the phases.
    """
    begin = max(0, len(reference) // 2 - LAG_SECONDS * SAMPLE_RATE // 2)
    piece = slice(begin, begin + LAG_SECONDS * SAMPLE_RATE)
    bands = [np.log(power_spectra(x[piece], LAG_FFT, LAG_HOP)[:, 2:64] + 1e-4)
             for x in (reference, decoded)]
    n = min(map(len, bands))
    first, second = (b[:n] - b[:n].mean(0) for b in bands)
    sums = sum(correlate(second[:, i], first[:, i], method="fft") for i in range(first.shape[1]))
    reach = min(LAG_REACH, n - 1)
    return float(np.argmax(sums[n - 1 - reach:n + reach]) - reach) * LAG_HOP / SAMPLE_RATE * 1e3


def scores(reference: np.ndarray, decoded: np.ndarray) -> dict[str, float | None]:
    """PESQ-WB (P.862.2) and ESTOI are None where they find no speech to measure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estoi = stoi(reference, decoded, SAMPLE_RATE, extended=True)
    wide = pesq(16000, wide_band(reference), wide_band(decoded), "wb",
                on_error=PesqError.RETURN_VALUES)
    return {"pesq": float(wide) if wide != NO_SCORE else None,
            "estoi": float(estoi) if estoi > 1e-4 else None,
            "mel": mel_distance(reference, decoded),
            "si_sdr_db": si_sdr_db(reference, decoded), "lag_ms": lag_ms(reference, decoded)}


def word_errors(reference: Sequence[str], words: Sequence[str]) -> int:
    """Substitutions, deletions and insertions (Levenshtein 1966)."""
    row = list(range(len(words) + 1))
    for i, expected in enumerate(reference, 1):
        above, row[0] = row[0], i
        for j, word in enumerate(words, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != expected))
    return row[-1]


def perplexity(counts: np.ndarray) -> np.ndarray:
    """Of the codewords of each codebook; counts [codebook, codeword]."""
    p = counts / counts.sum(axis=1, keepdims=True)
    return np.exp2(-np.sum(p * np.log2(np.maximum(p, 1e-12)), axis=1))


def interval(values: Sequence[float], weights: Sequence[float] | None = None) -> dict[str, float]:
    """Mean over files, weighted, with its 95 % interval by the bootstrap (Efron 1979)."""
    value, weight = np.asarray(values, float), np.ones(len(values))
    if weights is not None:
        weight = np.asarray(weights, float)
    drawn = np.random.default_rng(1).integers(0, len(value), (RESAMPLES, len(value)))
    means = (value * weight)[drawn].sum(1) / weight[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float((value * weight).sum() / weight.sum()), "low": float(low),
            "high": float(high)}
