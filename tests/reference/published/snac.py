# SPDX-License-Identifier: BSD-3-Clause
"""SNAC (Siuzdak et al., arXiv 2410.14411). Its noise is drawn anew by every call of decode()
unless it is given: a row of samples for each of the decoder's blocks, zero for none."""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Block, Conv, ConvTranspose, FactorisedStage, Residual, Snake

SNAC_24 = {"sampling_rate": 24000, "encoder_dim": 48, "encoder_rates": [2, 4, 8, 8],
           "decoder_dim": 1024, "decoder_rates": [8, 8, 4, 2], "attn_window_size": None,
           "codebook_size": 4096, "codebook_dim": 8, "vq_strides": [4, 2, 1], "noise": True,
           "depthwise": True}
SNAC_32 = {**SNAC_24, "sampling_rate": 32000, "encoder_dim": 64, "encoder_rates": [2, 3, 8, 8],
           "decoder_dim": 1536, "decoder_rates": [8, 8, 3, 2], "attn_window_size": 32,
           "vq_strides": [8, 4, 2, 1]}
SNAC_44 = {**SNAC_32, "sampling_rate": 44100}


def conv(n_in, n_out, kernel, dilation=1, groups=1, bias=True):
    return Conv(n_in, n_out, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2,
                groups=groups, bias=bias, norm="new")


def units(n, config):
    groups = n if config["depthwise"] else 1
    return [Residual(Snake(n), conv(n, n, 7, dilation, groups), Snake(n), conv(n, n, 1))
            for dilation in (1, 3, 9)]


def down(n, rate, config):
    strided = Conv(n, 2 * n, 2 * rate, stride=rate, padding=math.ceil(rate / 2), norm="new")
    return Block(*units(n, config), Snake(n), strided)


def up(n, rate, config):
    strided = ConvTranspose(n, n // 2, 2 * rate, stride=rate, padding=math.ceil(rate / 2),
                            output_padding=rate % 2, norm="new")
    noise = [Noise(n // 2)] if config["noise"] else []
    return Block(Snake(n), strided, *noise, *units(n // 2, config))


class Noise(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.linear = conv(n, n, 1, bias=False)
        self.values = None

    def forward(self, x):
        values = torch.randn(1, 1, x.shape[-1]) if self.values is None else self.values
        return x + values * self.linear(x)


class LocalMHA(nn.Module):
    """All rows of a window see each other; positions begin anew in every window."""

    def __init__(self, n, window):
        super().__init__()
        self.norm = nn.LayerNorm(n)
        self.to_qkv, self.to_out = nn.Linear(n, 3 * n, bias=False), nn.Linear(n, n, bias=False)
        self.rel_pos = nn.Module()
        frequencies = 10000 ** (-torch.arange(0, 64, 2) / 64)
        self.rel_pos.register_buffer("inv_freq", frequencies)
        self.window = window

    def turned(self, x):
        angles = torch.arange(self.window)[:, None] * self.rel_pos.inv_freq
        angles = torch.cat([angles, angles], -1)
        first, second = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()

    def forward(self, x):
        n, time = x.shape[1:]
        rows = self.to_qkv(self.norm(x[0].T))
        rows = rows.reshape(time // self.window, self.window, 3, n // 64, 64)
        q, k, v = rows.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(self.turned(q), self.turned(k), v)
        return x + self.to_out(seen.transpose(1, 2).reshape(time, n)).T


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        n = config["encoder_dim"]
        modules = [conv(1, n, 7)]
        for rate in config["encoder_rates"]:
            modules.append(down(n, rate, config))
            n *= 2
        if config["attn_window_size"]:
            modules.append(LocalMHA(n, config["attn_window_size"]))
        groups = n if config["depthwise"] else 1
        self.block = nn.Sequential(*modules, conv(n, n, 7, groups=groups))

    def forward(self, x):
        return self.block(x)


class Decoder(nn.Module):
    def __init__(self, latent_dim, config):
        super().__init__()
        n = config["decoder_dim"]
        if config["depthwise"]:
            modules = [conv(latent_dim, latent_dim, 7, groups=latent_dim), conv(latent_dim, n, 1)]
        else:
            modules = [conv(latent_dim, n, 7)]
        if config["attn_window_size"]:
            modules.append(LocalMHA(n, config["attn_window_size"]))
        for rate in config["decoder_rates"]:
            modules.append(up(n, rate, config))
            n //= 2
        self.model = nn.Sequential(*modules, Snake(n), conv(n, 1, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Quantizer(nn.Module):
    """A stage with stride s sees means of s rows."""

    def __init__(self, latent_dim, config):
        super().__init__()
        self.strides = config["vq_strides"]
        sizes = (latent_dim, config["codebook_size"], config["codebook_dim"], "new")
        self.quantizers = nn.ModuleList(FactorisedStage(*sizes) for _ in self.strides)

    def encode(self, latent):
        codes = []
        for stage, stride in zip(self.quantizers, self.strides):
            codes.append(stage.search(functional.avg_pool1d(latent, stride)))
            latent = latent - stage(codes[-1]).repeat_interleave(stride, -1)
        return codes

    def decode(self, codes):
        return sum(stage(c).repeat_interleave(stride, -1)
                   for stage, stride, c in zip(self.quantizers, self.strides, codes))


class Codec(nn.Module):
    """Codes are a list: [time / stride] of each codebook."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sampling_rate"], 1
        latent_dim = config["encoder_dim"] << len(config["encoder_rates"])
        self.encoder, self.decoder = Encoder(config), Decoder(latent_dim, config)
        self.quantizer = Quantizer(latent_dim, config)
        rows = math.lcm(config["vq_strides"][0], config["attn_window_size"] or 1)
        self.hop = math.prod(config["encoder_rates"]) * rows

    def latent(self, pcm):
        return self.encoder(functional.pad(pcm, (0, -pcm.shape[-1] % self.hop)))

    def encode(self, pcm):
        return self.quantizer.encode(self.latent(pcm))

    def decode(self, codes, noise=None):
        layers = [module for module in self.decoder.modules() if isinstance(module, Noise)]
        for layer, values in zip(layers, noise or [None] * len(layers)):
            layer.values = values
        return self.decoder(self.quantizer.decode(codes))
