# SPDX-License-Identifier: BSD-3-Clause
"""HiFi-Codec (Yang et al., arXiv 2305.02765), whose checkpoint has three parts: encoder, quantizer,
generator."""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Conv, ConvTranspose, nearest

HIFICODEC_24 = {"sampling_rate": 24000, "upsample_rates": [8, 5, 4, 2],
                "upsample_kernel_sizes": [16, 11, 8, 4], "upsample_initial_channel": 512,
                "resblock": "1", "resblock_kernel_sizes": [3, 7, 11],
                "resblock_dilation_sizes": [[1, 3, 5]] * 3, "n_code_groups": 2, "n_codes": 1024,
                "encoder_base": 32, "latent_dim": 512, "groupnorm_channels_per_group": 16,
                "residual_layers": 2}
SLOPE = 0.1


def conv(n_in, n_out, kernel, dilation=1):
    return Conv(n_in, n_out, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2,
                norm="old")


class ResBlock(nn.Module):
    def __init__(self, n, kernel, dilations):
        super().__init__()
        self.convs1 = nn.ModuleList(conv(n, n, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(conv(n, n, kernel) for _ in dilations)

    def forward(self, x):
        for first, second in zip(self.convs1, self.convs2):
            hidden = first(functional.leaky_relu(x, SLOPE))
            x = x + second(functional.leaky_relu(hidden, SLOPE))
        return x


class Encoder(nn.Module):
    """The norm is of the running sum of the blocks."""

    def __init__(self, config):
        super().__init__()
        n = config["encoder_base"]
        self.conv_pre = conv(1, n, 7)
        self.ups, self.resblocks, self.normalize = (nn.ModuleList() for _ in range(3))
        kernels, dilations = config["resblock_kernel_sizes"], config["resblock_dilation_sizes"]
        stages = zip(config["upsample_rates"], config["upsample_kernel_sizes"])
        for rate, kernel in reversed(list(stages)):
            self.ups.append(Conv(n, 2 * n, kernel, stride=rate, padding=(kernel - rate) // 2,
                                 norm="old"))
            n *= 2
            for size, steps in zip(reversed(kernels), reversed(dilations)):
                self.resblocks.append(ResBlock(n, size, steps))
                n_groups = n // config["groupnorm_channels_per_group"]
                self.normalize.append(nn.GroupNorm(n_groups, n, eps=1e-6))
        self.n_blocks = len(kernels)
        self.conv_post = nn.Conv1d(n, config["latent_dim"], 3, padding=1)

    def forward(self, x):
        x = self.conv_pre(x)
        for i, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, SLOPE))
            total = 0
            for j in range(i * self.n_blocks, (i + 1) * self.n_blocks):
                total = self.normalize[j](total + self.resblocks[j](x))
            x = total / self.n_blocks
        return self.conv_post(functional.leaky_relu(x))


class Generator(nn.Module):
    def __init__(self, config):
        super().__init__()
        n = config["upsample_initial_channel"]
        self.conv_pre = conv(config["latent_dim"], n, 7)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        stages = zip(config["upsample_rates"], config["upsample_kernel_sizes"])
        for rate, kernel in stages:
            self.ups.append(ConvTranspose(n, n // 2, kernel, stride=rate,
                                          padding=(kernel - rate) // 2, norm="old"))
            n //= 2
            for size, steps in zip(config["resblock_kernel_sizes"],
                                   config["resblock_dilation_sizes"]):
                self.resblocks.append(ResBlock(n, size, steps))
        self.n_blocks = len(config["resblock_kernel_sizes"])
        self.conv_post = conv(n, 1, 7)

    def forward(self, x):
        x = self.conv_pre(x)
        for i, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, SLOPE))
            blocks = self.resblocks[i * self.n_blocks : (i + 1) * self.n_blocks]
            x = sum(block(x) for block in blocks) / self.n_blocks
        return torch.tanh(self.conv_post(functional.leaky_relu(x, SLOPE)))


class Codebook(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.drawing = False
        self.embedding = nn.Embedding(size, dim)

    def search(self, x):
        if self.drawing:
            self.embedding.weight.normal_(0, 0.3 * float(x.std()))
        return nearest(x, self.embedding.weight)


class Quantizer(nn.Module):
    """Two residual layers, each of a codebook a group of dimensions."""

    def __init__(self, config):
        super().__init__()
        n_groups = config["n_code_groups"]
        sizes = (config["n_codes"], config["latent_dim"] // n_groups)
        self.quantizer_modules = nn.ModuleList(Codebook(*sizes) for _ in range(n_groups))
        self.quantizer_modules2 = nn.ModuleList(Codebook(*sizes) for _ in range(n_groups))

    def layers(self):
        return self.quantizer_modules, self.quantizer_modules2

    def encode(self, latent):
        rest, codes = latent[0].T, []
        for layer in self.layers():
            parts = rest.chunk(len(layer), -1)
            found = [codebook.search(part) for codebook, part in zip(layer, parts)]
            words = [codebook.embedding(c) for codebook, c in zip(layer, found)]
            rest = rest - torch.cat(words, -1)
            codes += found
        return torch.stack(codes, -1)

    def decode(self, codes):
        total, columns = 0, iter(codes.T)
        for layer in self.layers():
            total = total + torch.cat([b.embedding(c) for b, c in zip(layer, columns)], -1)
        return total.T[None]


class Codec(nn.Module):
    """Codes are [time][code]; samples after the last whole frame are lost."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sampling_rate"], 1
        self.encoder, self.generator = Encoder(config), Generator(config)
        self.quantizer = Quantizer(config)
        self.hop = math.prod(config["upsample_rates"])

    def latent(self, pcm):
        return self.encoder(pcm)

    def encode(self, pcm):
        return self.quantizer.encode(self.latent(pcm))

    def decode(self, codes):
        return self.generator(self.quantizer.decode(codes))
