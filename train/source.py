# SPDX-License-Identifier: BSD-3-Clause
"""The sound source of the decoder: a pulse train at the pitch, and noise.

What a layer of the decoder filters, after the harmonic-plus-noise neural source-filter vocoder
(Wang, Takaki, Yamagishi, arXiv 1904.12088), here in the spectra of overlapping frames. Bit for bit
the C library's phases and noise; the pulses agree with it up to rounding.
"""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_HZ, MAX_OCTAVES = 50.0, 4.25  # up to 951 Hz
STEPS_PER_OCTAVE = 256  # pitches that the source knows; coarse enough that rounding seldom matters
EVENED_FLOOR = 1e-3  # added to magnitudes, so that nothing stays nothing


def pitch_hz(octaves: Tensor) -> Tensor:
    """Pitch in Hz of octaves above MIN_HZ."""
    steps = torch.floor(octaves.clamp(0, MAX_OCTAVES) * STEPS_PER_OCTAVE + 0.5)
    powers = torch.exp2(steps.double() / STEPS_PER_OCTAVE).float()  # float's exp2 may miss a bit
    return MIN_HZ * powers


def segment_phases(f0: Tensor, before: Tensor, hop: int, sample_rate: int) -> Tensor:
    """Phase in turns, [batch, time] at the start of each segment, as 32-bit fixed point adds up."""
    turns = (before + f0) * (0.5 * hop / sample_rate)
    steps = ((turns - turns.floor()) * 2.0**32).long()
    start = (torch.cumsum(steps, 1) - steps) & 0xFFFFFFFF
    return (start >> 8).float() * 2.0**-24


def pulses(f0: Tensor, hop: int, sample_rate: int) -> Tensor:
    """Band-limited pulse trains of unit variance, [batch, time, hop].

    f0 [batch, time] is the pitch at the end of each segment, linear within it; all harmonics below
    the Nyquist frequency, cosines of one phase, in the closed form of their sum.
    """
    before = torch.cat([f0[:, :1], f0[:, :-1]], 1)
    n = torch.arange(1, hop + 1, dtype=f0.dtype, device=f0.device)
    slope = (f0 - before) / (2 * hop * sample_rate)
    turns = (before / sample_rate)[..., None] * n + slope[..., None] * (n * n)
    turns = turns + segment_phases(f0, before, hop, sample_rate)[..., None]
    turns = turns - turns.round()  # near zero, where the quotient is delicate, floats are dense
    count = torch.floor(sample_rate / 2 / torch.maximum(before, f0))[..., None]
    below = torch.sin(math.pi * turns)
    near = below.abs() < 1e-5
    above = sine_of(0.5 * count * turns) * cosine_of(0.5 * (count + 1) * turns)
    train = torch.where(near, count, above / torch.where(near, 1.0, below))
    return train * torch.sqrt(f0 * (4 / sample_rate))[..., None]


def sine_of(turns: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * (turns - turns.round()))


def cosine_of(turns: Tensor) -> Tensor:
    return torch.cos(2 * math.pi * (turns - turns.round()))


def noise(segments: int, hop: int, device: torch.device, first: int = 0) -> Tensor:
    """White noise of unit variance, uniform, [time, hop]: a hash of the sample's number."""
    x = torch.arange(first, first + segments * hop, device=device) & 0xFFFFFFFF
    x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
    x = x ^ (x >> 16)
    x = torch.where(x >= 1 << 31, x - (1 << 32), x)
    return (x.float() * (3**0.5 * 2.0**-31)).reshape(segments, hop)


def evened(spectrum: Tensor) -> Tensor:
    """[..., bins] of white noise of unit variance: magnitudes their mean square, phases kept.

    So the filter alone says how loud a band of a frame is, not chance.
    """
    length = 2 * (spectrum.shape[-1] - 1)
    return spectrum * (length**0.5 / (spectrum.abs() + EVENED_FLOOR))


def spectra(segments: Tensor) -> Tensor:
    """Spectra [batch, time, hop + 1] of each segment behind the one before it, no window."""
    before = F.pad(segments[:, :-1], (0, 0, 1, 0))
    return torch.fft.rfft(torch.cat([before, segments], -1))
