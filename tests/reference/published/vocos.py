# SPDX-License-Identifier: BSD-3-Clause
"""WavTokenizer (Ji et al., arXiv 2408.16532) and Language-Codec (Ji et al., arXiv 2402.12208): a
SEANet encoder, and a decoder as Vocos has it (Siuzdak, arXiv 2306.00814)."""
import math

import torch
from torch import nn
from torch.nn import functional

from . import seanet

WAVTOKENIZER_40 = {
    "sample_rate": 24000, "n_filters": 32, "dimension": 512, "bandwidth_id": 0,
    "feature_extractor": {"encodec_model": "encodec_24khz", "num_quantizers": 1,
                          "dowmsamples": [6, 5, 5, 4], "vq_bins": 4096},
    "backbone": {"input_channels": 512, "dim": 768, "intermediate_dim": 2304, "num_layers": 12,
                 "adanorm_num_embeddings": 4},
    "head": {"dim": 768, "n_fft": 2400, "hop_length": 600, "padding": "same"}}
WAVTOKENIZER_75 = {
    **WAVTOKENIZER_40,
    "feature_extractor": {**WAVTOKENIZER_40["feature_extractor"], "dowmsamples": [8, 5, 4, 2]},
    "head": {"dim": 768, "n_fft": 1280, "hop_length": 320, "padding": "same"}}
LANGUAGECODEC = {
    "sample_rate": 24000, "n_filters": 32, "dimension": 128, "bandwidth_id": 0,
    "feature_extractor": {"encodec_model": "encodec_24khz", "num_quantizers": 8,
                          "dowmsamples": [8, 5, 4, 2], "vq_bins": 1024},
    "backbone": {"input_channels": 128, "dim": 384, "intermediate_dim": 1152, "num_layers": 12,
                 "adanorm_num_embeddings": 4},
    "head": {"dim": 384, "n_fft": 1280, "hop_length": 320, "padding": "same"}}


class MaskedQuantizer(seanet.ResidualQuantizer):
    """The first three codebooks see a third of the dimensions each, with zeros in place of the
    others; the further ones what is left of all."""

    def encode(self, latent):
        x, codes, books = latent[0].T, [], self.codebooks()
        dim = x.shape[1]
        edges = [0, dim // 3, 2 * dim // 3, dim]
        rest = x
        for codebook, first, end in zip(books, edges, edges[1:]):
            part = torch.zeros_like(x)
            part[:, first:end] = x[:, first:end]
            codes.append(codebook.search(part))
            rest = rest - codebook.embed[codes[-1]]
        for codebook in books[3:]:
            codes.append(codebook.search(rest))
            rest = rest - codebook.embed[codes[-1]]
        return torch.stack(codes)


class AdaLayerNorm(nn.Module):
    """Scale and shift are rows of a table."""

    def __init__(self, n_rows, n, row):
        super().__init__()
        self.scale, self.shift = nn.Embedding(n_rows, n), nn.Embedding(n_rows, n)
        self.row = row

    def forward(self, x):
        scale, shift = self.scale.weight[self.row], self.shift.weight[self.row]
        return functional.layer_norm(x, x.shape[-1:], eps=1e-6) * scale + shift


class ConvNeXt(nn.Module):
    def __init__(self, n, hidden, norm):
        super().__init__()
        self.dwconv = nn.Conv1d(n, n, 7, padding=3, groups=n)
        self.norm = norm
        self.pwconv1, self.pwconv2 = nn.Linear(n, hidden), nn.Linear(hidden, n)
        self.gamma = nn.Parameter(torch.full((n,), 0.5))

    def forward(self, x):
        hidden = self.norm(self.dwconv(x).transpose(1, 2))
        hidden = self.pwconv2(functional.gelu(self.pwconv1(hidden)))
        return x + (self.gamma * hidden).transpose(1, 2)


class ResnetBlock(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(32, n, eps=1e-6) for _ in range(2))
        self.conv1, self.conv2 = (nn.Conv1d(n, n, 3, padding=1) for _ in range(2))

    def forward(self, x):
        hidden = self.conv1(functional.silu(self.norm1(x)))
        return x + self.conv2(functional.silu(self.norm2(hidden)))


class AttnBlock(nn.Module):
    """One head over the whole sound."""

    def __init__(self, n):
        super().__init__()
        self.norm = nn.GroupNorm(32, n, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv1d(n, n, 1) for _ in range(4))

    def forward(self, x):
        hidden = self.norm(x)
        rows = [layer(hidden).transpose(1, 2) for layer in (self.q, self.k, self.v)]
        seen = functional.scaled_dot_product_attention(*rows)
        return x + self.proj_out(seen.transpose(1, 2))


class Backbone(nn.Module):
    def __init__(self, config, row, with_pos_net):
        super().__init__()
        n, hidden = config["dim"], config["intermediate_dim"]

        def norm():
            return AdaLayerNorm(config["adanorm_num_embeddings"], n, row)

        self.embed = nn.Conv1d(config["input_channels"], n, 7, padding=3)
        if with_pos_net:
            self.pos_net = nn.Sequential(
                ResnetBlock(n), ResnetBlock(n), AttnBlock(n), ResnetBlock(n), ResnetBlock(n),
                nn.GroupNorm(32, n, eps=1e-6))
        self.norm = norm()
        self.convnext = nn.Sequential(*[ConvNeXt(n, hidden, norm())
                                        for _ in range(config["num_layers"])])
        self.final_layer_norm = nn.LayerNorm(n, eps=1e-6)

    def forward(self, x):
        x = self.embed(x)
        if hasattr(self, "pos_net"):
            x = self.pos_net(x)
        x = self.convnext(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return self.final_layer_norm(x.transpose(1, 2))


def inverse_stft(polar, window, hop):
    """Log-magnitudes and phases [1][channel][time] to samples, `hop` of each row."""
    n_fft = len(window)
    log_magnitude, phase = polar.chunk(2, 1)
    spectrum = torch.polar(log_magnitude.exp().clamp(max=100), phase)
    frames = torch.fft.irfft(spectrum, n_fft, dim=1) * window[:, None]
    squares = window.square()[None, :, None].expand(-1, -1, frames.shape[-1])
    pad = (n_fft - hop) // 2
    length = (frames.shape[-1] - 1) * hop + n_fft

    def add(pieces):
        sizes = {"kernel_size": (1, n_fft), "stride": (1, hop)}
        return functional.fold(pieces, (1, length), **sizes)[:, 0, :, pad : length - pad]

    return add(frames) / add(squares)


class Head(nn.Module):
    """Log-magnitudes and phases to samples."""

    def __init__(self, config):
        super().__init__()
        n_fft = config["n_fft"]
        self.out = nn.Linear(config["dim"], n_fft + 2)
        self.istft = nn.Module()
        self.istft.register_buffer("window", torch.hann_window(n_fft))
        self.hop = config["hop_length"]

    def forward(self, x):
        return inverse_stft(self.out(x).transpose(1, 2), self.istft.window, self.hop)


class Codec(nn.Module):
    """Codes are [codebook][time]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        features = config["feature_extractor"]
        split = features["num_quantizers"] > 1
        sizes = {"n_filters": config["n_filters"], "dimension": config["dimension"],
                 "ratios": features["dowmsamples"], "causal": False}
        quantizer = MaskedQuantizer if split else seanet.ResidualQuantizer
        encodec = nn.Module()
        encodec.encoder = seanet.Encoder(**sizes)
        encodec.decoder = seanet.Decoder(**{**sizes, "ratios": [8, 5, 4, 2]})  # is never used
        encodec.quantizer = quantizer(features["num_quantizers"], features["vq_bins"],
                                      config["dimension"])
        self.feature_extractor = nn.Module()
        self.feature_extractor.encodec = encodec
        self.backbone = Backbone(config["backbone"], config["bandwidth_id"], not split)
        self.head = Head(config["head"])
        self.hop = math.prod(features["dowmsamples"])

    def latent(self, pcm):
        return self.feature_extractor.encodec.encoder(pcm)

    def encode(self, pcm):
        return self.feature_extractor.encodec.quantizer.encode(self.latent(pcm))

    def decode(self, codes):
        quantized = self.feature_extractor.encodec.quantizer.decode(codes)
        return self.head(self.backbone(quantized))
