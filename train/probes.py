# SPDX-License-Identifier: BSD-3-Clause
"""What latents should tell, learned straight out of them by small networks that are thrown away.

The losses of what is decoded reach the encoder through pulses and noise; these do not.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .losses import mel_filters
from .model import FFT_HOP, N_FFT, SAMPLE_RATE, TAIL, WIDTH, CausalConv, ConvNeXt
from .stft import spectrum

BANDS = 48
HIDDEN = 512


class Envelope(nn.Module):
    """Log-magnitudes of mel bands [batch, 2 n, 48], each 10 ms, out of latents [batch, n, 256]."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filters", mel_filters(N_FFT, BANDS, SAMPLE_RATE), persistent=False)
        self.embed = CausalConv(WIDTH, HIDDEN, kernel=3)
        self.block = ConvNeXt(HIDDEN, 2 * HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.head = nn.Linear(HIDDEN, 2 * BANDS)
        nn.init.constant_(self.head.bias, -4.0)

    def forward(self, latent: Tensor) -> Tensor:
        told = self.head(self.norm(self.block(self.embed(latent))))
        return told.reshape(len(latent), -1, BANDS)

    def bands(self, pcm: Tensor) -> Tensor:
        """The same of samples [batch, 480 n] themselves."""
        power = spectrum(F.pad(pcm, (TAIL, 0)), self.window, FFT_HOP).square().sum(-1)
        return 0.5 * torch.log((power @ self.filters) * (2 / N_FFT) + 1e-7)

    def error(self, told: Tensor, pcm: Tensor) -> Tensor:
        """Mean distance, in natural logarithms, of what `forward` gave."""
        return (told - self.bands(pcm)).abs().mean()


class Probes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pitch = nn.Linear(WIDTH, 2)  # octaves above 50 Hz, each 10 ms
        self.envelope = Envelope()
