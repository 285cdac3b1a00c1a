#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A recording of a call, moved back to where it was played.

    python3 align.py PLAYED RECORDED OUT.wav

The delay of a call changes in it. Each second of what was played is looked for by its spectrum, in
steps of 5 ms, near where the second before was found; what was found is put together again.
"""
import sys

import numpy
import soundfile
from scipy import signal

RATE = 24000
HOP = RATE // 200
WINDOW = 4 * HOP
PIECE = 200  # steps of HOP
FIRST = 4 * PIECE  # what is looked for everywhere
REACH = 60  # steps that the delay may change by from piece to piece


def load(path):
    sound, rate = soundfile.read(path, always_2d=True)
    return signal.resample_poly(sound.mean(axis=1), RATE, rate)


def spectrum(sound):
    """[time][band]: decibels, each step's mean taken away."""
    _, _, lines = signal.stft(sound, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP, boundary=None)
    power = numpy.abs(lines.T) ** 2
    bands = numpy.stack([power[:, k : k + 4].mean(axis=1) for k in range(2, 82, 4)], axis=1)
    return 10.0 * numpy.log10(bands + 1e-7)


def best_delay(piece, recorded, low, high):
    """The step of the recording at which it is most like the piece."""
    scores = {}
    centred = piece - piece.mean()
    for at in range(max(low, 0), min(high, len(recorded) - len(piece)) + 1):
        other = recorded[at : at + len(piece)]
        other = other - other.mean()
        norm = numpy.sqrt((centred**2).sum() * (other**2).sum()) + 1e-9
        scores[at] = (centred * other).sum() / norm
    return max(scores, key=scores.get) if scores else None


def align(played, recorded):
    ours, theirs = spectrum(played), spectrum(recorded)
    out = numpy.zeros(len(played))
    delay = best_delay(ours[:FIRST], theirs, 0, len(theirs))
    for begin in range(0, len(ours) - PIECE, PIECE):
        near = begin + delay
        found = best_delay(ours[begin : begin + PIECE], theirs, near - REACH, near + REACH)
        if found is None:
            break
        delay = found - begin
        cut = recorded[found * HOP : (found + PIECE) * HOP]
        out[begin * HOP : begin * HOP + len(cut)] = cut
    return out


def main():
    played, recorded = load(sys.argv[1]), load(sys.argv[2])
    soundfile.write(sys.argv[3], align(played, recorded), RATE)


if __name__ == "__main__":
    main()
