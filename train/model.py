# SPDX-License-Identifier: BSD-3-Clause
"""The default network: STFT in, ConvNeXt at 100 and 50 Hz, factorised RVQ, filtered source out.

Tensors are [batch, time, channel], as in the C library. Every layer is causal; the one lookahead
is the overlap of the inverse STFT.
"""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .source import evened, noise, pitch_hz, pulses, spectra

SAMPLE_RATE = 24000
HOP = 480  # samples of a frame, 20 ms
N_FFT = 480
FFT_HOP = 240
TAIL = N_FFT - FFT_HOP  # samples that the decoder holds back
BINS = N_FFT // 2 + 1
COMPRESS_EPS = 1e-6
MAX_MAGNITUDE = 1000.0  # of a filter
LOG_MAX_MAGNITUDE = math.log(MAX_MAGNITUDE)
WIDTH = 256
HIDDEN_FINE = 512  # encoder, 100 Hz
HIDDEN = 768
LOW_TAPS, LOW_STRIDE = 16, 4  # the encoder's second look: 6 kHz
LOW_FFT, LOW_HOP = 256, 60  # in windows of 43 ms, which tell the pitch of low voices
N_CODEBOOKS = 12
CODEBOOK_SIZE = 1024
CODE_DIM = 8


class CausalConv(nn.Module):
    """Convolution over time with the past padded by zeros; kernel and stride as given."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.linear = nn.Linear(kernel * channels_in, channels_out)  # [out, tap, in]

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, self.kernel - self.stride, 0))
        x = x.unfold(1, self.kernel, self.stride).transpose(2, 3)  # [batch, time, tap, channel]
        return self.linear(x.flatten(2))


class ConvNeXt(nn.Module):
    """Depthwise convolution, norm, and a pointwise network, beside the identity."""

    KERNEL = 7

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.dw_weight = nn.Parameter(torch.empty(self.KERNEL, width).uniform_(-0.38, 0.38))
        self.dw_bias = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.gain = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        past = F.pad(x, (0, 0, self.KERNEL - 1, 0))
        y = self.dw_bias + sum(past[:, i:i + n] * self.dw_weight[i] for i in range(self.KERNEL))
        return x + self.gain * self.down(F.gelu(self.up(self.norm(y))))


def compress(spectrum: Tensor) -> Tensor:
    """Magnitudes to their square root; complex [..., bins] to real [..., 2 bins]: real, then
    imaginary parts."""
    re, im = spectrum.real, spectrum.imag
    gain = (re * re + im * im + COMPRESS_EPS) ** -0.25
    return torch.cat([re * gain, im * gain], dim=-1)


def band_filters(bins: int) -> Tensor:
    """[256, 2 bins]: sums over bands, narrow below and wide above, of real and imaginary parts."""
    centre = bins * (torch.expm1(torch.linspace(0, 1.6, WIDTH)) / torch.expm1(torch.tensor(1.6)))
    width = (centre[1:] - centre[:-1]).clamp(min=1.0)
    width = torch.cat([width, width[-1:]])[:, None]
    filters = (1 - (torch.arange(bins) - centre[:, None]).abs() / width).clamp(min=0)
    filters = filters / filters.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([filters, filters], dim=1) * 0.5


class Spectrum(nn.Module):
    """A linear map of a compressed spectrum as it is and rectified.

    |x| = 2 relu(x) - x, so the two can begin with what is hard to learn from a linear one alone:
    magnitudes in bands.
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.plain = nn.Linear(2 * bins, WIDTH)
        self.rectified = nn.Linear(2 * bins, WIDTH, bias=False)
        with torch.no_grad():
            bands = band_filters(bins)
            self.rectified.weight.copy_(2 * bands + 0.3 * self.rectified.weight)
            self.plain.weight.copy_(0.3 * self.plain.weight - bands)
            nn.init.normal_(self.plain.bias)  # so that the norm leaves the level in

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(x) + self.rectified(F.relu(x))


class Encoder(nn.Module):
    """[batch, n * 480] samples to [batch, n, 256] latents."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("low_window", torch.hann_window(LOW_FFT), persistent=False)
        self.embed, self.low_embed = Spectrum(BINS), Spectrum(LOW_FFT // 2 + 1)
        self.low_pass = nn.Parameter(low_pass())
        self.embed_norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.fine = nn.Sequential(*[ConvNeXt(WIDTH, HIDDEN_FINE) for _ in range(2)])
        self.down = CausalConv(WIDTH, WIDTH, kernel=2, stride=2)
        self.coarse = nn.Sequential(*[ConvNeXt(WIDTH, HIDDEN) for _ in range(4)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.out = nn.Linear(WIDTH, WIDTH)

    def spectra(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """Compressed spectra [batch, 2 n, ...] of all and of the low band; frame j ends with
        sample 240 j + 239."""
        frames = F.pad(pcm, (N_FFT - FFT_HOP, 0)).unfold(1, N_FFT, FFT_HOP) * self.window
        low = F.pad(pcm, (LOW_TAPS - LOW_STRIDE, 0)).unfold(1, LOW_TAPS, LOW_STRIDE) @ self.low_pass
        low = F.pad(low, (LOW_FFT - LOW_HOP, 0)).unfold(1, LOW_FFT, LOW_HOP) * self.low_window
        return compress(torch.fft.rfft(frames)), compress(torch.fft.rfft(low))

    def network(self, spectrum: Tensor, low: Tensor) -> Tensor:
        x = self.embed(spectrum) + self.low_embed(low)
        x = self.fine(self.embed_norm(x))
        return self.out(self.norm(self.coarse(self.down(x))))

    def forward(self, pcm: Tensor) -> Tensor:
        return self.network(*self.spectra(pcm))


def low_pass() -> Tensor:
    """[16] a first guess for the filter before the low band: windowed sinc, 2.4 kHz."""
    n = torch.arange(LOW_TAPS) - (LOW_TAPS - 1) / 2
    taps = torch.sinc(0.2 * n) * torch.hamming_window(LOW_TAPS, periodic=False)
    return taps / taps.sum()


class Stage(nn.Module):
    """One factorised codebook: projection to 8 dimensions, nearest codeword, projection back.

    A codeword may have a price, which the search adds to its squared distance: what is dear for an
    entropy coder is taken more rarely (Chou, Lookabaugh, Gray 1989). The codewords follow the data
    by moving averages; one that is hardly used is replaced by a vector of the batch.
    """

    DECAY = 0.99
    DEAD = 0.03  # of the mean use
    ROUNDS = 3  # of k-means: more lower the error a little, and leave more codewords unused
    PRICED_ROUNDS = 9  # after these, with prices

    def __init__(self) -> None:
        super().__init__()
        self.in_proj = nn.Linear(WIDTH, CODE_DIM)
        self.out_proj = nn.Linear(CODE_DIM, WIDTH)
        self.register_buffer("codebook", torch.randn(CODEBOOK_SIZE, CODE_DIM) / CODE_DIM**0.5)
        self.register_buffer("price", torch.zeros(CODEBOOK_SIZE))
        self.register_buffer("usage", torch.ones(CODEBOOK_SIZE))  # 1 is the mean
        self.register_buffer("total", self.codebook.clone())

    def search(self, e: Tensor) -> Tensor:
        """Nearest codeword, Euclidean, of those of one price."""
        offset = 0.5 * (self.codebook.square().sum(-1) + self.price)
        return (e @ self.codebook.T - offset).argmax(-1)

    @torch.no_grad()
    def initialise(self, residual: Tensor, slope: float = 0) -> Tensor:
        """Projections from the principal components, codewords from k-means; residual [n, 256].

        slope: price of a bit, in shares of the error that is left. Returns what is left of the
        residual.
        """
        mean = residual.mean(0)
        basis = torch.linalg.eigh((residual - mean).T @ (residual - mean))[1][:, -CODE_DIM:]
        self.in_proj.weight.copy_(basis.T)
        self.in_proj.bias.copy_(-basis.T @ mean)
        self.out_proj.weight.copy_(basis)
        self.out_proj.bias.copy_(mean)
        e = self.in_proj(residual)
        self.codebook.copy_(e[torch.randperm(len(e))[:CODEBOOK_SIZE]])
        self.price.zero_()
        for _ in range(self.ROUNDS):
            self.move_codewords(e, refill=True)
        for _ in range(self.PRICED_ROUNDS if slope else 0):
            self.set_prices(e, slope)
            self.move_codewords(e, refill=False)
        self.usage.fill_(1)
        self.total.copy_(self.codebook)
        return residual - self.out_proj(self.codebook[self.search(e)])

    def move_codewords(self, e: Tensor, refill: bool) -> None:
        """To the means of what is nearest; the unused ones to vectors of e [n, 8], or nowhere."""
        code = self.search(e)
        count = torch.bincount(code, minlength=CODEBOOK_SIZE)
        total = torch.zeros_like(self.codebook).index_add_(0, code, e)
        empty = count == 0
        total[empty] = (e[torch.randint(len(e), (int(empty.sum()),))] if refill
                        else self.codebook[empty])
        self.codebook.copy_(total / count.clamp(min=1)[:, None])

    def set_prices(self, e: Tensor, slope: float) -> None:
        """From how often each codeword is taken: bits, from those of the most frequent one."""
        code = self.search(e)
        count = torch.bincount(code, minlength=CODEBOOK_SIZE) + 0.5
        error = (e - self.codebook[code]).square().sum(-1).mean()
        self.price.copy_(slope * error * (count.max() / count).log2())

    @torch.no_grad()
    def follow(self, e: Tensor, code: Tensor) -> int:
        """Moving averages over e [n, 8] and its codes [n]; returns how many were replaced."""
        weight = CODEBOOK_SIZE / len(code)
        count = torch.bincount(code, minlength=CODEBOOK_SIZE) * weight
        total = torch.zeros_like(self.total).index_add_(0, code, e) * weight
        self.usage.lerp_(count, 1 - self.DECAY)
        self.total.lerp_(total, 1 - self.DECAY)
        dead = torch.nonzero(self.usage < self.DEAD).flatten()
        self.usage[dead] = 0.3
        self.total[dead] = 0.3 * e[torch.randint(len(e), (len(dead),))]
        self.codebook.copy_(self.total / self.usage[:, None])
        return len(dead)


def spread(x: Tensor) -> Tensor:
    """Mean variance of the channels of [batch, time, channel], without gradient."""
    return x.detach().var((0, 1)).mean() + 1e-6


class Quantizer(nn.Module):
    """Residual vector quantisation; a prefix of the stages is a codec of a lower rate."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Stage() for _ in range(N_CODEBOOKS))

    def forward(self, x: Tensor, n_stages: Tensor) -> tuple[Tensor, Tensor, int]:
        """x [batch, time, 256], n_stages [batch] in use; returns quantised, loss, replaced.

        The loss has three terms, all relative: the projection should be near its codeword, a
        stage should take as much as it can out of the residual, the latent should be near its sum.
        """
        residual, total, loss, replaced = x, torch.zeros_like(x), x.new_zeros(()), 0
        for i, stage in enumerate(self.stages):
            used = (n_stages > i).to(x.dtype)[:, None, None]
            e = stage.in_proj(residual)
            flat = e.detach().flatten(0, 1)
            code = stage.search(flat)
            q = stage.codebook[code].reshape(e.shape)
            if self.training:
                replaced += stage.follow(flat, code)
            commitment = (e - q).square().mean(-1, keepdim=True) / (flat.var() + 1e-6)
            left = residual.detach()
            rest = (left - stage.out_proj(q)).square().mean(-1, keepdim=True) / spread(left)
            loss = loss + (used * (0.1 * commitment + rest)).mean() / len(self.stages)
            out = stage.out_proj(e + (q - e).detach())
            total = total + used * out
            residual = residual - out
        return total, loss + 0.05 * (x - total.detach()).square().mean() / spread(x), replaced

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """All stages from latents [batch, time, 256]."""
        residual = x.flatten(0, 1)
        for stage in self.stages:
            residual = stage.initialise(residual)

    def encode(self, x: Tensor, n_stages: int = N_CODEBOOKS) -> Tensor:
        """Codes [batch, time, n_stages]."""
        residual, codes = x, []
        for stage in self.stages[:n_stages]:
            code = stage.search(stage.in_proj(residual))
            residual = residual - stage.out_proj(F.embedding(code, stage.codebook))
            codes.append(code)
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        return sum(stage.out_proj(F.embedding(codes[..., i], stage.codebook))
                   for i, stage in enumerate(self.stages[:codes.shape[-1]]))


class Decoder(nn.Module):
    """[batch, n, 256] latents to [batch, n * 480] samples aligned with the encoder's input; the
    last 240 lack the overlap of the frame that is still to come.

    The network gives, each 10 ms, a pitch and the filters of a pulse train at that pitch (magnitude
    and phase) and of noise (magnitude).
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.embed = CausalConv(WIDTH, WIDTH, kernel=3)
        self.coarse = nn.Sequential(*[ConvNeXt(WIDTH, HIDDEN) for _ in range(3)])
        # Transposed convolution of kernel and stride 2.
        self.up = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.up_bias = nn.Parameter(torch.zeros(WIDTH))
        self.fine = nn.Sequential(*[ConvNeXt(WIDTH, HIDDEN) for _ in range(3)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, 1 + 3 * BINS)
        with torch.no_grad():
            self.head.weight.mul_(0.5)
            start = torch.tensor([1.3, -4.0, 0.0, -5.0])  # 123 Hz, and a moderate level
            self.head.bias.copy_(start.repeat_interleave(torch.tensor([1, BINS, BINS, BINS])))

    def features(self, latent: Tensor) -> Tensor:
        x = self.coarse(self.embed(latent))
        x = self.up(x).reshape(x.shape[0], -1, WIDTH) + self.up_bias
        return self.norm(self.fine(x))

    def network(self, latent: Tensor) -> Tensor:
        """[batch, 2 n, 724]: octaves of the pitch above 50 Hz, log-magnitude and phase of the
        harmonic filter, log-magnitude of the noise filter."""
        return self.head(self.features(latent))

    def synthesis(self, head: Tensor, f0: Tensor | None = None, first_noise: int = 0) -> Tensor:
        """f0 [batch, 2 n] in Hz replaces the predicted pitch; the noise begins anywhere."""
        pitch, magnitude, phase, level = head.split([1, BINS, BINS, BINS], dim=-1)
        if f0 is None:
            f0 = pitch_hz(pitch[..., 0].detach())
        with torch.no_grad():
            harmonic = spectra(pulses(f0, FFT_HOP, SAMPLE_RATE))
            hiss = evened(spectra(noise(f0.shape[1], FFT_HOP, f0.device, first_noise)[None]))
        magnitude = torch.exp(magnitude.clamp(max=LOG_MAX_MAGNITUDE))
        filtered = torch.complex(magnitude * phase.cos(), magnitude * phase.sin()) * harmonic
        filtered = filtered + torch.exp(level.clamp(max=LOG_MAX_MAGNITUDE)) * hiss
        frames = torch.fft.irfft(filtered, n=N_FFT) * self.window
        first, second = frames[..., :FFT_HOP], frames[..., FFT_HOP:]
        return (second + F.pad(first[:, 1:], (0, 0, 0, 1))).flatten(1)

    def forward(self, latent: Tensor) -> Tensor:
        return self.synthesis(self.network(latent).float())


class Codec(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.decoder = Encoder(), Quantizer(), Decoder()

    @torch.no_grad()
    def reconstruct(self, pcm: Tensor, n_codebooks: int) -> tuple[Tensor, Tensor]:
        """[n] samples to [n] decoded samples and the codes [frames, n_codebooks]."""
        n_frames = math.ceil((len(pcm) + TAIL) / HOP)
        latent = self.encoder(F.pad(pcm, (0, n_frames * HOP - len(pcm)))[None])
        codes = self.quantizer.encode(latent, n_codebooks)
        return self.decoder(self.quantizer.decode(codes))[0, :len(pcm)], codes[0]
