# SPDX-License-Identifier: BSD-3-Clause
"""NVIDIA NeMo's Low Frame-rate Speech Codec (Casanova et al., arXiv 2409.12117)."""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Conv, ConvTranspose

LFSC_22 = {"sample_rate": 22050, "samples_per_frame": 1024,
           "audio_encoder": {"down_sample_rates": [2, 2, 4, 8, 8], "encoded_dim": 32,
                             "base_channels": 48, "in_kernel_size": 7, "out_kernel_size": 7,
                             "resblock_kernel_sizes": [3, 7, 11], "resblock_dilation_sizes": [1]},
           "audio_decoder": {"up_sample_rates": [8, 8, 4, 2, 2], "input_dim": 32,
                             "base_channels": 1024, "in_kernel_size": 7, "out_kernel_size": 3,
                             "resblock_kernel_sizes": [3, 7, 11],
                             "resblock_dilation_sizes": [1, 3, 5]},
           "vector_quantizer": {"num_groups": 8, "num_levels_per_group": [8, 7, 6, 6]}}


class ReflectConv(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride=1, dilation=1):
        super().__init__()
        self.conv = Conv(n_in, n_out, kernel, stride=stride, dilation=dilation, norm="old")
        self.pad = (dilation * (kernel - 1) + (stride > 1) * (2 - stride)) // 2

    def forward(self, x):
        return self.conv(functional.pad(x, (self.pad, self.pad), "reflect") if self.pad else x)


class UpConv(nn.Module):
    def __init__(self, n, stride):
        super().__init__()
        kernel = 2 * stride
        self.conv = ConvTranspose(n, n // 2, kernel, stride=stride, norm="old",
                                  padding=(kernel - stride + 1) // 2,
                                  output_padding=(kernel - stride) % 2)

    def forward(self, x):
        return self.conv(x)


class ResidualBlock(nn.Module):
    def __init__(self, n, kernel, dilation):
        super().__init__()
        self.input_conv = ReflectConv(n, n, kernel, dilation=dilation)
        self.skip_conv = ReflectConv(n, n, kernel)

    def forward(self, x):
        hidden = self.input_conv(functional.leaky_relu(x))
        return x + self.skip_conv(functional.leaky_relu(hidden))


class Chain(nn.Module):
    def __init__(self, n, kernel, dilations):
        super().__init__()
        self.res_blocks = nn.Sequential(*[ResidualBlock(n, kernel, d) for d in dilations])

    def forward(self, x):
        return self.res_blocks(x)


class ResLayer(nn.Module):
    """The mean of chains with kernels of several lengths."""

    def __init__(self, n, config):
        super().__init__()
        dilations = config["resblock_dilation_sizes"]
        self.res_blocks = nn.ModuleList(Chain(n, kernel, dilations)
                                        for kernel in config["resblock_kernel_sizes"])

    def forward(self, x):
        return sum(chain(x) for chain in self.res_blocks) / len(self.res_blocks)


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        n, rates = config["base_channels"], config["down_sample_rates"]
        widths = [n << i for i in range(len(rates) + 1)]
        self.pre_conv = ReflectConv(1, n, config["in_kernel_size"])
        self.res_layers = nn.ModuleList(ResLayer(n, config) for n in widths[:-1])
        self.down_sample_conv_layers = nn.ModuleList(
            ReflectConv(n, 2 * n, 2 * rate, stride=rate) for n, rate in zip(widths, rates))
        self.post_conv = ReflectConv(widths[-1], config["encoded_dim"], config["out_kernel_size"])

    def forward(self, x):
        x = self.pre_conv(x)
        for layer, down in zip(self.res_layers, self.down_sample_conv_layers):
            x = down(functional.leaky_relu(layer(x)))
        return self.post_conv(functional.leaky_relu(x))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        n, rates = config["base_channels"], config["up_sample_rates"]
        widths = [n >> i for i in range(len(rates) + 1)]
        self.pre_conv = ReflectConv(config["input_dim"], n, config["in_kernel_size"])
        self.up_sample_conv_layers = nn.ModuleList(UpConv(n, r) for n, r in zip(widths, rates))
        self.res_layers = nn.ModuleList(ResLayer(n, config) for n in widths[1:])
        self.post_conv = ReflectConv(widths[-1], 1, config["out_kernel_size"])

    def forward(self, x):
        x = self.pre_conv(x)
        for layer, up in zip(self.res_layers, self.up_sample_conv_layers):
            x = layer(up(functional.leaky_relu(x)))
        return torch.tanh(self.post_conv(functional.leaky_relu(x)))


class Fsq(nn.Module):
    """Finite scalar quantisation (Mentzer et al., arXiv 2309.15505) of some channels."""

    def __init__(self, levels):
        super().__init__()
        levels = torch.tensor(levels, dtype=torch.int32)
        base = torch.cat([torch.ones(1, dtype=torch.int32), levels[:-1]]).cumprod(0)
        self.register_buffer("num_levels", levels[None, :, None])
        self.register_buffer("dim_base_index", base.to(torch.int32)[None, :, None])

    def encode(self, x):
        half = self.num_levels // 2
        scale = (self.num_levels - 1) / 2 * (1 - 1e-3)
        offset = torch.where(self.num_levels % 2 == 0, 0.5, 0.0)
        shift = (offset / scale).tan()
        digits = torch.round(scale * torch.tanh(x + shift) - offset) + half
        return (digits * self.dim_base_index).sum(1).long()

    def decode(self, codes):
        half = self.num_levels // 2
        digits = codes[:, None] // self.dim_base_index % self.num_levels
        return (digits - half) / half


class Quantizer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fsqs = nn.ModuleList(Fsq(config["num_levels_per_group"])
                                  for _ in range(config["num_groups"]))

    def encode(self, latent):
        groups = latent.chunk(len(self.fsqs), 1)
        return torch.cat([fsq.encode(group) for fsq, group in zip(self.fsqs, groups)])

    def decode(self, codes):
        return torch.cat([fsq.decode(c[None]) for fsq, c in zip(self.fsqs, codes)], 1)


class Codec(nn.Module):
    """Codes are [group][time]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        self.audio_encoder = Encoder(config["audio_encoder"])
        self.audio_decoder = Decoder(config["audio_decoder"])
        self.vector_quantizer = Quantizer(config["vector_quantizer"])
        self.hop = math.prod(config["audio_encoder"]["down_sample_rates"])

    def latent(self, pcm):
        return self.audio_encoder(functional.pad(pcm, (0, -pcm.shape[-1] % self.hop)))

    def encode(self, pcm):
        return self.vector_quantizer.encode(self.latent(pcm))

    def decode(self, codes):
        return self.audio_decoder(self.vector_quantizer.decode(codes))
