#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether what was played is heard in a recording: python3 heard.py PLAYED RECORDED [LEAST].

Pieces of a fifth of a second that hold sound are looked for in the recording, each where it is most
alike; the median of the correlations is printed. Exit 1 where it is less than LEAST.
"""
import sys

import numpy
import soundfile
from scipy import signal

RATE = 16000  # compared at
PIECE = RATE // 5


def load(path):
    sound, rate = soundfile.read(path, always_2d=True)
    return signal.resample_poly(sound.mean(axis=1), RATE, rate)


def likeness(piece, recorded):
    """Greatest normalised correlation of the piece with any place of the recording."""
    dots = signal.correlate(recorded, piece, mode="valid", method="fft")
    powers = numpy.convolve(recorded**2, numpy.ones(PIECE), mode="valid")
    norms = numpy.sqrt(numpy.maximum(powers, 1e-6) * numpy.sum(piece**2))
    return float(numpy.max(dots / norms))


def heard(played, recorded):
    pieces = [played[i : i + PIECE] for i in range(0, len(played) - PIECE, PIECE)]
    loud = max(numpy.mean(piece**2) for piece in pieces)
    voiced = [piece for piece in pieces if numpy.mean(piece**2) > 0.03 * loud]
    return float(numpy.median([likeness(piece, recorded) for piece in voiced])), len(voiced)


def main():
    played, recorded = load(sys.argv[1]), load(sys.argv[2])
    least = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    if len(recorded) <= PIECE:
        print("nothing was recorded")
        return 1
    value, n_pieces = heard(played, recorded)
    print(f"{value:.3f} median correlation of {n_pieces} pieces")
    return 0 if value >= least else 1


if __name__ == "__main__":
    sys.exit(main())
