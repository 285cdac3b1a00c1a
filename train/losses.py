# SPDX-License-Identifier: BSD-3-Clause
"""Reconstruction losses on magnitudes: log-mel distances, compressed spectra in which single
harmonics stand out, cepstra and their changes as recognisers of speech use them, levels, and how
loud the difference is.
"""
from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .loudness import LoudnessLoss
from .stft import spectrum


def mel(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def mel_filters(n_fft: int, n_mels: int, sample_rate: int, low_hz: float = 0,
                high_hz: float | None = None) -> Tensor:
    """Triangles of unit peak, [n_fft / 2 + 1, n_mels] (HTK mel scale)."""
    top = mel(sample_rate / 2 if high_hz is None else high_hz)
    hz = 700 * (10 ** (np.linspace(mel(low_hz), top, n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    rise = (bins - hz[:-2]) / np.maximum(hz[1:-1] - hz[:-2], 1e-9)
    fall = (hz[2:] - bins) / np.maximum(hz[2:] - hz[1:-1], 1e-9)
    return torch.tensor(np.maximum(0, np.minimum(rise, fall)), dtype=torch.float32)


def compare(a: Tensor, b: Tensor, filters: Tensor, scale: float, with_bins: bool) -> Tensor:
    """[2]: log-mel distance, and that of magnitudes to the power of 0.3, of spectra
    [batch, frame, bin, 2]."""
    power_a, power_b = a.square().sum(-1), b.square().sum(-1)
    mel_a = torch.log((power_a @ filters) * scale + 1e-7)
    mel_b = torch.log((power_b @ filters) * scale + 1e-7)
    mel = 0.5 * F.l1_loss(mel_a, mel_b)
    if not with_bins:
        return torch.stack([mel, torch.zeros_like(mel)])
    bins = F.l1_loss((power_a + 1e-4).pow(0.15), (power_b + 1e-4).pow(0.15))
    return torch.stack([mel, bins])


def cepstral_transform(n_mels: int, n_cepstra: int) -> Tensor:
    """[n_mels, n_cepstra]: cosines, liftered to about equal variances (Juang, Rabiner,
    Wilpon 1987), the largest weight 1."""
    k = np.arange(n_cepstra)
    cosines = np.cos(np.pi * (np.arange(n_mels)[:, None] + 0.5) * k / n_mels) * (2 / n_mels) ** 0.5
    lifter = (1 + 11 * np.sin(np.pi * k / 22)) / 12
    return torch.tensor(cosines * lifter, dtype=torch.float32)


def compare_cepstra(a: Tensor, b: Tensor, filters: Tensor, transform: Tensor,
                    scale: float) -> Tensor:
    """L1 of cepstra and of their differences over eight frames, of spectra [..., frame, bin, 2]."""
    error = (torch.log((a.square().sum(-1) @ filters) * scale + 1e-6)
             - torch.log((b.square().sum(-1) @ filters) * scale + 1e-6)) @ transform
    return error.abs().mean() + (error[:, 8:] - error[:, :-8]).abs().mean()


def compare_levels(a: Tensor, b: Tensor) -> Tensor:
    """Mean over clips of the distance of their levels, in natural logarithms of power."""
    power_a, power_b = a.square().mean(-1), b.square().mean(-1)
    return torch.log((power_a + 1e-9) / (power_b + 1e-9)).abs().mean()


class SpectralLoss(nn.Module):
    """Means over resolutions of L1 log-mel, and of L1 of the bins' compressed magnitudes.

    No phases: the pulse train begins anywhere, and what is heard does not depend on it.
    """

    MELS = {256: 16, 512: 40, 1024: 80, 2048: 120}
    BINS = (512, 1024, 2048)
    CEPSTRA_FFT, CEPSTRA_MELS, N_CEPSTRA, CEPSTRA_HZ = 512, 25, 13, (130, 6800)

    def __init__(self, sample_rate: int = 24000, compile: bool = False) -> None:
        super().__init__()
        compiled = functools.partial(torch.compile, dynamic=False) if compile else lambda f: f
        self.loudness = LoudnessLoss(compiled)
        self.compare, self.compare_cepstra = compiled(compare), compiled(compare_cepstra)
        for n_fft, n_mels in self.MELS.items():
            self.register_buffer(f"mel{n_fft}", mel_filters(n_fft, n_mels, sample_rate))
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft))
        self.register_buffer("recogniser", mel_filters(self.CEPSTRA_FFT, self.CEPSTRA_MELS,
                                                       sample_rate, *self.CEPSTRA_HZ))
        self.register_buffer("transform", cepstral_transform(self.CEPSTRA_MELS, self.N_CEPSTRA))

    def forward(self, decoded: Tensor, target: Tensor) -> dict[str, Tensor]:
        """decoded, target [batch, n]; returns mel, bins, cepstra, level, loudness."""
        zero = decoded.new_zeros(())
        losses = {"mel": zero, "bins": zero, "level": compare_levels(decoded, target),
                  "loudness": self.loudness(decoded, target)}
        for n_fft in self.MELS:
            window = getattr(self, f"window{n_fft}")
            a, b = (spectrum(x, window, n_fft // 4) for x in (decoded, target))
            pair = self.compare(a, b, getattr(self, f"mel{n_fft}"), 2.0 / n_fft, n_fft in self.BINS)
            losses["mel"] = losses["mel"] + pair[0] / len(self.MELS)
            losses["bins"] = losses["bins"] + pair[1] / len(self.BINS)
            if n_fft == self.CEPSTRA_FFT:
                losses["cepstra"] = self.compare_cepstra(a, b, self.recogniser, self.transform,
                                                         2.0 / n_fft)
        return losses
