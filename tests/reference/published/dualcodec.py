# SPDX-License-Identifier: BSD-3-Clause
"""DualCodec (Li et al., arXiv 2505.13000) from codes on; what makes them needs w2v-BERT 2.0."""
import math

import torch
from torch import nn
from torch.nn import functional

from . import dac

DUALCODEC_25 = {**dac.DAC_44, "encoder_rates": [4, 5, 6, 8], "decoder_rates": [8, 6, 5, 4],
                "n_codebooks": 11, "sample_rate": 24000, "semantic_codebook_size": 16384,
                "convnext_dim": 768, "convnext_hidden": 2048, "convnext_layers": 4,
                "is_causal": True}
DUALCODEC_12 = {**DUALCODEC_25, "encoder_dim": 32, "encoder_rates": [4, 5, 6, 8, 2],
                "decoder_rates": [2, 8, 6, 5, 4], "n_codebooks": 7, "codebook_size": 4096}


class ConvNeXt(nn.Module):
    def __init__(self, n, hidden, is_causal):
        super().__init__()
        self.padding = (6, 0) if is_causal else (3, 3)
        self.dwconv = nn.Conv1d(n, n, 7, groups=n)
        self.norm = nn.LayerNorm(n, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(n, hidden), nn.Linear(hidden, n)

    def forward(self, x):
        hidden = self.norm(self.dwconv(functional.pad(x, self.padding)).transpose(1, 2))
        hidden = self.pwconv2(functional.gelu(self.pwconv1(hidden)))
        return x + hidden.transpose(1, 2)


class Latents:
    """What codes say, one part below the other; no module, so that it has no tensors."""

    def __init__(self, codec):
        self.codec = codec

    def decode(self, codes):
        return torch.cat(self.codec.parts(codes), 1)


class Codec(nn.Module):
    """Codes are [codebook][time]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        n, latent = config["convnext_dim"], config["latent_dim"]

        def blocks():
            sizes = n, config["convnext_hidden"], config["is_causal"]
            return [ConvNeXt(*sizes) for _ in range(config["convnext_layers"])]

        self.dac = dac.Codec(config)
        self.convnext_encoder = nn.Sequential(dac.conv(latent, n, 1), *blocks())  # is not used here
        self.semantic_vq = dac.Quantizer({**config, "latent_dim": n, "n_codebooks": 1,
                                          "codebook_size": config["semantic_codebook_size"]})
        self.convnext_decoder = nn.Sequential(*blocks(), dac.conv(n, latent, 1))
        self.hop = math.prod(config["decoder_rates"])
        self.quantizer = Latents(self)

    def encode(self, pcm):
        """Any codes, as many as such a sound has."""
        sizes = [self.config["semantic_codebook_size"]]
        sizes += [self.config["codebook_size"]] * self.config["n_codebooks"]
        n_frames = -(-pcm.shape[-1] // self.hop)
        return torch.stack([torch.randint(size, (n_frames,)) for size in sizes])

    def parts(self, codes):
        return self.semantic_vq.decode(codes[:1]), self.dac.quantizer.decode(codes[1:])

    def decode(self, codes):
        semantic, acoustic = self.parts(codes)
        return self.dac.decoder(self.convnext_decoder(semantic) + acoustic)
