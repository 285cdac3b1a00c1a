# SPDX-License-Identifier: BSD-3-Clause
"""Reconstruction losses on magnitudes: log-mel distances, and compressed spectra in which single harmonics stand out."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mel_filters(n_fft: int, n_mels: int, sample_rate: int) -> Tensor:
    """Triangles of unit peak, [n_fft / 2 + 1, n_mels] (HTK mel scale)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
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


class SpectralLoss(nn.Module):
    """Means over resolutions of L1 log-mel, and of L1 of the bins' compressed magnitudes.

    No phases: the pulse train begins anywhere, and what is heard does not depend on it.
    """

    MELS = {256: 16, 512: 40, 1024: 80, 2048: 120}
    BINS = (512, 1024, 2048)

    def __init__(self, sample_rate: int = 24000, compile: bool = False) -> None:
        super().__init__()
        self.compare = torch.compile(compare, dynamic=False) if compile else compare
        for n_fft, n_mels in self.MELS.items():
            self.register_buffer(f"mel{n_fft}", mel_filters(n_fft, n_mels, sample_rate))
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft))

    def spectrum(self, x: Tensor, n_fft: int) -> Tensor:
        frames = x.unfold(1, n_fft, n_fft // 4) * getattr(self, f"window{n_fft}")
        return torch.view_as_real(torch.fft.rfft(frames))  # [batch, frame, bin, 2]

    def forward(self, decoded: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """decoded, target [batch, n]; returns (mel, bins)."""
        mel, bins = decoded.new_zeros(()), decoded.new_zeros(())
        for n_fft in self.MELS:
            a, b = self.spectrum(decoded, n_fft), self.spectrum(target, n_fft)
            pair = self.compare(a, b, getattr(self, f"mel{n_fft}"), 2.0 / n_fft, n_fft in self.BINS)
            mel = mel + pair[0] / len(self.MELS)
            bins = bins + pair[1] / len(self.BINS)
        return mel, bins
