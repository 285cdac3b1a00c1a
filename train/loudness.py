# SPDX-License-Identifier: BSD-3-Clause
"""How loud the difference of two sounds is: the disturbances of ITU-T P.862.2 (PESQ, wide band).

Powers in 49 Bark bands become loudness; what is a quarter louder or softer is masked, and what was
added weighs more than what is missing. PESQ is a sigmoid of this sum. What the standard does about
delays is left out: here there are none.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from .stft import spectrum

N_FFT, HOP = 768, 384  # 32 and 16 ms
BINS = 256  # below 8 kHz
SPAN = 20  # frames
LEVEL = 1e7 * (512 / N_FFT) ** 2  # of the target between 325 and 3250 Hz; spectra are longer here
BAND_BINS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3,
    3, 4, 3, 4, 5, 4, 5, 6, 6, 7, 8, 9, 9, 12, 12, 15, 16, 18, 21, 25, 20)
CENTRES = (0.08, 0.32, 0.64, 0.96, 1.29, 1.62, 1.96, 2.31, 2.65, 3.01, 3.36, 3.73, 4.09, 4.46, 4.84,
    5.22, 5.61, 6.00, 6.40, 6.80, 7.21, 7.63, 8.04, 8.47, 8.90, 9.34, 9.78, 10.22, 10.68, 11.13,
    11.60, 12.07, 12.55, 13.03, 13.52, 14.01, 14.52, 15.02, 15.54, 16.06, 16.58, 17.12, 17.66,
    18.20, 18.76, 19.32, 19.89, 20.46, 21.04)  # Bark
WIDTHS = (0.157, 0.318, 0.322, 0.327, 0.332, 0.336, 0.341, 0.345, 0.350, 0.355, 0.360, 0.365, 0.369,
    0.374, 0.380, 0.385, 0.390, 0.395, 0.400, 0.406, 0.411, 0.416, 0.422, 0.427, 0.433, 0.439,
    0.444, 0.450, 0.456, 0.462, 0.468, 0.474, 0.480, 0.486, 0.492, 0.498, 0.504, 0.511, 0.517,
    0.524, 0.530, 0.537, 0.544, 0.550, 0.557, 0.564, 0.571, 0.578, 0.585)  # Bark
CORRECTIONS = (100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 50.0, 100.0, 100.0, 100.0,
    100.0, 100.0, 53.0, 110.0, 118.0, 65.0, 68.8, 70.0, 71.4, 75.0, 76.8, 81.0, 88.6, 63.9, 68.2,
    72.5, 75.6, 58.4, 81.0, 64.1, 54.4, 73.8, 64.4, 59.2, 65.5, 61.4, 58.1, 57.0, 64.1, 54.3, 61.1,
    55.1, 56.8, 55.6, 53.1, 55.0, 79.5)  # of a band's power
THRESHOLDS = (5.13e+07, 2.45e+06, 7.08e+04, 4.9e+03, 1.17e+03, 389, 105, 45.7, 17.8, 9.77, 4.9,
    3.09, 1.91, 1.26, 0.977, 0.724, 0.562, 0.457, 0.389, 0.331, 0.295, 0.269, 0.257, 0.251, 0.251,
    0.251, 0.251, 0.263, 0.288, 0.309, 0.339, 0.372, 0.398, 0.437, 0.468, 0.49, 0.501, 0.501, 0.513,
    0.525, 0.525, 0.525, 0.513, 0.479, 0.427, 0.372, 0.363, 0.417, 0.537)  # of hearing


def filter_power() -> np.ndarray:
    """[256]: squared gain of the standard's filter, which takes away what is below 100 Hz."""
    z = np.exp(-1j * np.pi * np.arange(BINS) / BINS)
    return np.abs(2.740826 * (1 - z) ** 2 / (1 - 1.9444777 * z + 0.94597794 * z * z)) ** 2


def bands() -> np.ndarray:
    """[256, 49]: powers of bins to powers of bands."""
    ends = np.cumsum(BAND_BINS)
    bins = np.arange(BINS)[:, None]
    inside = (bins >= np.maximum(1, ends - BAND_BINS)) & (bins < ends)
    return inside * filter_power()[:, None] * np.array(CORRECTIONS) * 6.910853e-6


def audible(power: Tensor, threshold: Tensor) -> Tensor:
    return torch.where(power > threshold, power, 0.0)


def loudness(power: Tensor, threshold: Tensor, exponent: Tensor) -> Tensor:
    sone = (2 * threshold) ** exponent * ((0.5 + 0.5 * power / threshold) ** exponent - 1)
    return 0.1866055 * torch.where(power > threshold, sone, 0.0)


@torch.no_grad()
def colouring(decoded: Tensor, target: Tensor, threshold: Tensor) -> Tensor:
    """[batch, 1, band]: gains that take from the target what an even filter would explain."""
    clear = [audible(x, 100 * threshold) for x in (decoded, target)]
    heard = clear[1].sum(-1, keepdim=True) >= 1e7
    means = [(x * heard).mean(1, keepdim=True) + 1000 for x in clear]
    return (means[0] / means[1]).clamp(0.01, 100)


@torch.no_grad()
def levelling(decoded: Tensor, target: Tensor, threshold: Tensor) -> Tensor:
    """[batch, frame, 1]: gains that bring the decoded frames to the target's power."""
    sums = [audible(x, threshold).sum(-1, keepdim=True) + 5000 for x in (decoded, target)]
    gain = sums[1] / sums[0]
    before = torch.cat([gain[:, :1], gain[:, :-1]], 1)
    return (0.8 * gain + 0.2 * before).clamp(3e-4, 5)


def pooled(frames: Tensor) -> Tensor:
    """[batch, frame] to a mean over the batch; of each 0.3 s the worst frames count most."""
    spans = (frames + 1e-4).unfold(1, SPAN, SPAN // 2)
    return spans.pow(6).mean(-1).pow(1 / 3).mean(-1).sqrt().mean()


def disturbance(decoded: Tensor, target: Tensor, voice: Tensor, to_bands: Tensor, width: Tensor,
                threshold: Tensor, exponent: Tensor) -> Tensor:
    """Of spectra [batch, frame, bin, 2]: 4.5 less what P.862 calls the score."""
    powers = [x.square().sum(-1) for x in (decoded, target)]
    mean = (powers[1] * voice).sum(-1).mean(-1) * (2 / (N_FFT * N_FFT * 0.375)) + 1e-7
    a, b = ((power * (LEVEL / mean)[:, None, None]) @ to_bands for power in powers)
    b = b * colouring(a, b, threshold)
    a = a * levelling(a, b, threshold)
    loud_a, loud_b = loudness(a, threshold, exponent), loudness(b, threshold, exponent)
    masked = 0.25 * torch.minimum(loud_a, loud_b).detach()
    difference = width * ((loud_a - loud_b).abs() - masked).clamp(min=0)
    added = ((a + 50) / (b + 50)) ** 1.2
    added = torch.where(added < 3, 0.0, added.clamp(max=12))
    importance = ((audible(b, threshold).sum(-1) + 1e5) / 1e7) ** 0.04
    even = ((difference[..., 1:].square().sum(-1) + 1e-8) * width[1:].sum()).sqrt() / importance
    uneven = (difference * added)[..., 1:].sum(-1) / importance
    return 0.1 * pooled(even.clamp(max=45)) + 0.0309 * pooled(uneven.clamp(max=45))


class LoudnessLoss(nn.Module):
    def __init__(self, compiled: Callable = lambda f: f) -> None:
        super().__init__()
        self.disturbance = compiled(disturbance)
        hz = np.arange(BINS) * 8000 / BINS
        for name, values in {
                "window": np.hanning(N_FFT + 1)[:-1], "voice": (hz > 325) & (hz < 3250),
                "bands": bands(), "width": WIDTHS, "threshold": THRESHOLDS,
                "exponent": 0.23 * np.clip(6 / (np.array(CENTRES) + 2), 1, 2) ** 0.15}.items():
            self.register_buffer(name, torch.tensor(np.asarray(values, "f4")))

    def forward(self, decoded: Tensor, target: Tensor) -> Tensor:
        """decoded, target [batch, n] at 24 kHz, n at least 0.35 s."""
        spectra = (spectrum(x, self.window, HOP)[:, :, :BINS] for x in (decoded, target))
        return self.disturbance(*spectra, self.voice, self.bands, self.width, self.threshold,
                                self.exponent)
