# SPDX-License-Identifier: BSD-3-Clause
"""The adversarial stage: small discriminators of log-magnitude spectra at three resolutions.

After UnivNet's (Jang et al., arXiv 2106.07889), hinge loss and feature matching as in SoundStream.
They see magnitudes alone, for the same reason for which the losses do.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .stft import spectrum

RESOLUTIONS = (512, 1024, 2048)
CHANNELS = (16, 16, 32)
FLOOR = 1e-5


class Discriminator(nn.Module):
    """[batch, n] samples to maps [batch, channel, frame, bin] of each layer, the verdict last."""

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        layers, before = [], 1
        for i, channels in enumerate(CHANNELS):
            layers.append(nn.Conv2d(before, channels, (3, 9), stride=(1 + i % 2, 2),
                                    padding=(1, 4)))
            before = channels
        layers.append(nn.Conv2d(before, 1, (3, 3), padding=(1, 1)))
        self.layers = nn.ModuleList(nn.utils.parametrizations.weight_norm(x) for x in layers)

    def spectrum(self, pcm: Tensor) -> Tensor:
        power = spectrum(pcm, self.window, self.n_fft // 4).square().sum(-1)
        return 0.25 * torch.log(power + FLOOR)[:, None]

    def forward(self, pcm: Tensor) -> list[Tensor]:
        maps, x = [], self.spectrum(pcm)
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return [*maps, self.layers[-1](x)]


class Adversary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.judges = nn.ModuleList(Discriminator(n) for n in RESOLUTIONS)

    def forward(self, pcm: Tensor) -> list[list[Tensor]]:
        return [judge(pcm) for judge in self.judges]

    def loss(self, decoded: Tensor, target: Tensor) -> Tensor:
        """What the discriminators minimise: hinges at 1 for the target and -1 for the decoded."""
        pairs = zip(self(decoded.detach()), self(target))
        parts = [F.relu(1 + fake[-1]).mean() + F.relu(1 - real[-1]).mean() for fake, real in pairs]
        return sum(parts) / len(parts)

    def codec_loss(self, decoded: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec minimises: the verdict, and the distance of the maps, over their size."""
        with torch.no_grad():
            reals = self(target)
        verdict, matching = decoded.new_zeros(()), decoded.new_zeros(())
        for fake, real in zip(self(decoded), reals):
            verdict = verdict - fake[-1].mean() / len(reals)
            for a, b in zip(fake[:-1], real[:-1]):
                distance = (a - b).abs().mean() / (b.abs().mean() + 1e-3)
                matching = matching + distance / (len(reals) * len(CHANNELS))
        return verdict, matching
