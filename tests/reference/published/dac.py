# SPDX-License-Identifier: BSD-3-Clause
"""Descript Audio Codec (Kumar et al., arXiv 2306.06546) under its authors' names."""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Block, Conv, ConvTranspose, FactorisedStage, Residual, Snake

DAC_44 = {"encoder_dim": 64, "encoder_rates": [2, 4, 8, 8], "decoder_dim": 1536,
          "decoder_rates": [8, 8, 4, 2], "n_codebooks": 9, "codebook_size": 1024,
          "codebook_dim": 8, "sample_rate": 44100, "latent_dim": 1024}
DAC_24 = {**DAC_44, "encoder_rates": [2, 4, 5, 8], "decoder_rates": [8, 5, 4, 2],
          "n_codebooks": 32, "sample_rate": 24000}
DAC_16 = {**DAC_24, "n_codebooks": 12, "sample_rate": 16000}


def conv(n_in, n_out, kernel, dilation=1):
    return Conv(n_in, n_out, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2,
                norm="old")


def units(n):
    return [Residual(Snake(n), conv(n, n, 7, dilation), Snake(n), conv(n, n, 1))
            for dilation in (1, 3, 9)]


def down(n, rate):
    strided = Conv(n, 2 * n, 2 * rate, stride=rate, padding=math.ceil(rate / 2), norm="old")
    return Block(*units(n), Snake(n), strided)


def up(n, rate):
    strided = ConvTranspose(n, n // 2, 2 * rate, stride=rate, padding=math.ceil(rate / 2),
                            norm="old")
    return Block(Snake(n), strided, *units(n // 2))


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        n = config["encoder_dim"]
        modules = [conv(1, n, 7)]
        for rate in config["encoder_rates"]:
            modules.append(down(n, rate))
            n *= 2
        self.block = nn.Sequential(*modules, Snake(n), conv(n, config["latent_dim"], 3))

    def forward(self, x):
        return self.block(x)


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        n = config["decoder_dim"]
        modules = [conv(config["latent_dim"], n, 7)]
        for rate in config["decoder_rates"]:
            modules.append(up(n, rate))
            n //= 2
        self.model = nn.Sequential(*modules, Snake(n), conv(n, 1, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Quantizer(nn.Module):
    def __init__(self, config):
        super().__init__()
        sizes = (config["latent_dim"], config["codebook_size"], config["codebook_dim"], "old")
        self.quantizers = nn.ModuleList(FactorisedStage(*sizes)
                                        for _ in range(config["n_codebooks"]))

    def encode(self, latent):
        codes = []
        for stage in self.quantizers:
            codes.append(stage.search(latent))
            latent = latent - stage(codes[-1])
        return torch.stack(codes)

    def decode(self, codes):
        return sum(stage(c) for stage, c in zip(self.quantizers, codes))


class Codec(nn.Module):
    """Codes are [codebook][time]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quantizer = Quantizer(config)
        self.hop = math.prod(config["encoder_rates"])

    def latent(self, pcm):
        return self.encoder(functional.pad(pcm, (0, -pcm.shape[-1] % self.hop)))

    def encode(self, pcm):
        return self.quantizer.encode(self.latent(pcm))

    def decode(self, codes):
        return self.decoder(self.quantizer.decode(codes))
