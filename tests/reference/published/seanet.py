# SPDX-License-Identifier: BSD-3-Clause
"""SEANet encoders and decoders as EnCodec, Mimi, AcademiCodec, WavTokenizer and Language-Codec have
them, and the residual quantiser of EnCodec.

A convolution is padded to whole windows, causal on the left alone. With `stream()` a causal network
without reflection keeps what it needs of one call for the next.
"""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Conv, ConvTranspose, nearest

DEFAULTS = {"channels": 1, "n_filters": 32, "n_residual_layers": 1, "kernel_size": 7,
            "last_kernel_size": 7, "residual_kernel_size": 3, "dilation_base": 2, "compress": 2,
            "true_skip": False, "lstm": 2, "causal": True, "norm": "weight_norm",
            "pad_mode": "reflect"}


def padded(x, left, right, mode):
    """A sound too short for its reflection is made longer first, and cut again."""
    if mode == "constant":
        return functional.pad(x, (left, right))
    if mode == "replicate":
        return functional.pad(x, (left, right), "replicate")
    longer = max(0, max(left, right) + 1 - x.shape[-1])
    x = functional.pad(functional.pad(x, (0, longer)), (left, right), "reflect")
    return x[..., : x.shape[-1] - longer]


class Normed(nn.Module):
    """The convolution and, with time_group_norm, the norm after it."""

    def __init__(self, name, conv, n_out, style):
        super().__init__()
        self.name = name
        self.add_module(name, conv)
        if style["norm"] == "time_group_norm":
            self.norm = nn.GroupNorm(1, n_out)

    def forward(self, x):
        x = getattr(self, self.name)(x)
        return self.norm(x) if hasattr(self, "norm") else x


def spelling(style):
    return "old" if style["norm"] == "weight_norm" else None


class SConv(nn.Module):
    def __init__(self, n_in, n_out, kernel, style, stride=1, dilation=1, bias=True):
        super().__init__()
        conv = Conv(n_in, n_out, kernel, stride=stride, dilation=dilation, bias=bias,
                    norm=spelling(style))
        self.conv = Normed("conv", conv, n_out, style)
        self.overlap = (kernel - 1) * dilation + 1 - stride
        self.stride, self.causal, self.mode = stride, style["causal"], style["pad_mode"]
        self.tail = None

    def forward(self, x):
        if self.tail is not None:
            return self.step(x)
        extra = -x.shape[-1] % self.stride
        right = 0 if self.causal else self.overlap // 2
        return self.conv(padded(x, self.overlap - right, right + extra, self.mode))

    def step(self, x):
        if not self.overlap:
            return self.conv(x)
        if self.tail.shape[-1] == 0:
            first = x[..., :1] if self.mode == "replicate" else torch.zeros_like(x[..., :1])
            self.tail = first.expand(-1, -1, self.overlap)
        x = torch.cat([self.tail, x], -1)
        self.tail = x[..., -self.overlap :]
        return self.conv(x)


class SConvTranspose(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride, style, groups=1, bias=True):
        super().__init__()
        convtr = ConvTranspose(n_in, n_out, kernel, stride=stride, groups=groups, bias=bias,
                               norm=spelling(style))
        self.convtr = Normed("convtr", convtr, n_out, style)
        self.overlap, self.causal = kernel - stride, style["causal"]
        self.tail = None

    def forward(self, x):
        y = self.convtr(x)
        right = self.overlap if self.causal else self.overlap // 2
        if self.tail is not None:
            self.add_tail(y)
        return y[..., self.overlap - right : y.shape[-1] - right]

    def add_tail(self, y):
        if self.tail.shape[-1]:
            y[..., : self.overlap] += self.tail
        bias = self.convtr.convtr.bias
        self.tail = y[..., -self.overlap :] - (0 if bias is None else bias[:, None])


def stream(network, on):
    """Begins a stream, or goes back to whole sounds."""
    for module in network.modules():
        if hasattr(module, "tail"):
            module.tail = torch.empty(1, 0, 0) if on else None


class ResnetBlock(nn.Module):
    def __init__(self, n, dilation, style):
        super().__init__()
        hidden = n // style["compress"]
        self.block = nn.Sequential(
            nn.ELU(), SConv(n, hidden, style["residual_kernel_size"], style, dilation=dilation),
            nn.ELU(), SConv(hidden, n, 1, style))
        self.shortcut = nn.Identity() if style["true_skip"] else SConv(n, n, 1, style)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class SLSTM(nn.Module):
    def __init__(self, n, n_layers):
        super().__init__()
        self.lstm = nn.LSTM(n, n, n_layers)

    def forward(self, x):
        rows = x.permute(2, 0, 1)
        return (self.lstm(rows)[0] + rows).permute(1, 2, 0)


def residuals(n, style):
    return [ResnetBlock(n, style["dilation_base"] ** i, style)
            for i in range(style["n_residual_layers"])]


class Encoder(nn.Module):
    def __init__(self, **config):
        super().__init__()
        style = {**DEFAULTS, **config}
        n = style["n_filters"]
        modules = [SConv(style["channels"], n, style["kernel_size"], style)]
        for ratio in reversed(style["ratios"]):
            down = SConv(n, 2 * n, 2 * ratio, style, stride=ratio)
            modules += [*residuals(n, style), nn.ELU(), down]
            n *= 2
        if style["lstm"]:
            modules.append(SLSTM(n, style["lstm"]))
        last = SConv(n, style["dimension"], style["last_kernel_size"], style)
        self.model = nn.Sequential(*modules, nn.ELU(), last)
        self.hop = math.prod(style["ratios"])

    def forward(self, x):
        return self.model(x)


class Decoder(nn.Module):
    def __init__(self, **config):
        super().__init__()
        style = {**DEFAULTS, **config}
        n = style["n_filters"] << len(style["ratios"])
        modules = [SConv(style["dimension"], n, style["kernel_size"], style)]
        if style["lstm"]:
            modules.append(SLSTM(n, style["lstm"]))
        for ratio in style["ratios"]:
            up = SConvTranspose(n, n // 2, 2 * ratio, ratio, style)
            modules += [nn.ELU(), up, *residuals(n // 2, style)]
            n //= 2
        last = SConv(n, style["channels"], style["last_kernel_size"], style)
        self.model = nn.Sequential(*modules, nn.ELU(), last)

    def forward(self, x):
        return self.model(x)


class Codebook(nn.Module):
    """Also with what only training needs."""

    def __init__(self, size, dim):
        super().__init__()
        self.drawing = False
        self.register_buffer("inited", torch.ones(1))
        self.register_buffer("cluster_size", torch.ones(size))
        self.register_buffer("embed", torch.zeros(size, dim))
        self.register_buffer("embed_avg", torch.zeros(size, dim))

    def search(self, x):
        if self.drawing:
            self.embed = 0.3 * x.std() * torch.randn_like(self.embed)
        return nearest(x, self.embed)


class Stage(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self._codebook = Codebook(size, dim)


class ResidualQuantizer(nn.Module):
    def __init__(self, n_q, size, dim):
        super().__init__()
        self.vq = nn.Module()
        self.vq.layers = nn.ModuleList(Stage(size, dim) for _ in range(n_q))

    def codebooks(self):
        return [stage._codebook for stage in self.vq.layers]

    def encode(self, latent):
        """[1][dim][time] to [codebook][time]."""
        rest, codes = latent[0].T, []
        for codebook in self.codebooks():
            codes.append(codebook.search(rest))
            rest = rest - codebook.embed[codes[-1]]
        return torch.stack(codes)

    def decode(self, codes):
        return sum(b.embed[c] for b, c in zip(self.codebooks(), codes)).T[None]
