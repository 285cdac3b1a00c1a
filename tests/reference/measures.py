# SPDX-License-Identifier: BSD-3-Clause
"""Compares the measures of tools/measure/ with pystoi and with their formulas in NumPy.

    python3 tests/reference/measures.py RUN_MEASURE

RUN_MEASURE is tests/support/run_measure.c, built. Prints the values that test_measure.c holds; exit
code 1 where a difference is 1e-3 or more, 77 where pystoi is not installed.
"""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from pystoi import stoi
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

TOLERANCE = 1e-3


def decibels(ratio):
    return 10 * np.log10(ratio)


def si_sdr(x, y):
    target = (x @ y) / (x @ x) * x
    noise = y - target
    return 100.0 if not noise.any() else decibels((target @ target) / (noise @ noise))


def seg_snr(x, y, rate):
    size = rate // 50
    pieces = len(x) // size * size
    signal = (x[:pieces].reshape(-1, size) ** 2).sum(axis=1)
    noise = ((x - y)[:pieces].reshape(-1, size) ** 2).sum(axis=1)
    sound = signal > 1e-4 * signal.max()
    snr = decibels(signal[sound] / np.maximum(noise[sound], 1e-300))
    return np.clip(snr, -10, 35).mean()


def spectra(x):
    """[frames][513] power."""
    window = np.hanning(1024 + 2)[1:-1]
    frames = np.lib.stride_tricks.sliding_window_view(x, 1024)[::256]
    return np.abs(np.fft.rfft(frames * window)) ** 2


def mel_bands(n_bands=80, rate=24000, n_fft=1024):
    """[bands][513] weights: triangles in bins, each reaching one bin beyond its edges."""
    highest = 2595 * np.log10(1 + rate / 1400)
    hz = 700 * (10 ** (highest * np.arange(n_bands + 2) / (n_bands + 1) / 2595) - 1)
    edges = hz * n_fft / rate
    begin, peak, end = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    k = np.arange(n_fft // 2 + 1)
    rise, fall = (k + 1 - begin) / (peak + 1 - begin), (end + 1 - k) / (end + 1 - peak)
    return np.where(k >= np.floor(begin), np.maximum(np.minimum(rise, fall), 0), 0)


def difference(x, y):
    """In dB, with everything 60 dB below x's greatest counted as that."""
    floor = x.max() * 1e-6
    return decibels(np.maximum(x, floor) / np.maximum(y, floor))


def reference(x, y, rate):
    power_x, power_y, bands = spectra(x), spectra(y), mel_bands()
    lsd = np.sqrt((difference(power_x, power_y) ** 2).mean(axis=1)).mean()
    mel = np.abs(difference(power_x @ bands.T, power_y @ bands.T)).mean()
    return [stoi(x, y, rate), stoi(x, y, rate, extended=True), si_sdr(x, y), seg_snr(x, y, rate),
            lsd, mel]


def main():
    worst = 0
    with tempfile.TemporaryDirectory() as directory:
        output = subprocess.run([sys.argv[1], directory], capture_output=True, text=True,
                                check=True)
        for line in output.stdout.splitlines():
            case, rate, *values = line.split()
            sounds = np.fromfile(f"{directory}/{case}-{rate}.f32", "<f4").astype(np.float64)
            x, y = sounds.reshape(2, -1)
            expected = reference(x, y, int(rate))
            worst = max([worst] + [abs(float(a) - b) for a, b in zip(values, expected)])
            print(case, rate, *(f"{value:.5f}" for value in expected))
    print(f"greatest difference {worst:.1e}")
    return 0 if worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
