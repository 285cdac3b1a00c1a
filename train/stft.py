# SPDX-License-Identifier: BSD-3-Clause
"""The spectra that losses and discriminators look at."""
import torch
from torch import Tensor


def spectrum(pcm: Tensor, window: Tensor, hop: int) -> Tensor:
    """[batch, n] samples to [batch, frame, bin, 2]: real, then imaginary part."""
    frames = pcm.unfold(1, len(window), hop) * window
    return torch.view_as_real(torch.fft.rfft(frames))
