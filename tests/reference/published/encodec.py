# SPDX-License-Identifier: BSD-3-Clause
"""EnCodec (Defossez et al., arXiv 2210.13438): 24 kHz, 32 kHz (MusicGen, Copet et al., arXiv
2306.05284), 48 kHz stereo; AcademiCodec's EnCodec and SoundStream have the same layers."""
import re

import torch
from torch import nn

from . import seanet

ENCODEC_24 = {"name": "encodec_24khz", "sample_rate": 24000, "channels": 1, "dimension": 128,
              "n_filters": 32, "ratios": [8, 5, 4, 2], "norm": "weight_norm", "causal": True,
              "lstm": 2, "bins": 1024, "n_q": 32, "normalize": False, "segment": None,
              "overlap": 0.01, "true_skip": False, "pad_mode": "reflect",
              "target_bandwidths": [1.5, 3, 6, 12, 24]}
ENCODEC_32 = {**ENCODEC_24, "name": "encodec_32khz", "sample_rate": 32000, "n_filters": 64,
              "ratios": [8, 5, 4, 4], "causal": False, "bins": 2048, "n_q": 4, "true_skip": True,
              "target_bandwidths": [2.2]}
ENCODEC_48 = {**ENCODEC_24, "name": "encodec_48khz", "sample_rate": 48000, "channels": 2,
              "norm": "time_group_norm", "causal": False, "n_q": 16, "normalize": True,
              "segment": 1.0, "target_bandwidths": [3, 6, 12, 24]}


class Codec(nn.Module):
    """Codes are [codebook][time]; with segments a list of them, each with its scale."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate = config, config["sample_rate"]
        sizes = {key: config[key] for key in (*seanet.DEFAULTS, "ratios", "dimension")
                 if key in config}
        self.encoder, self.decoder = seanet.Encoder(**sizes), seanet.Decoder(**sizes)
        self.quantizer = seanet.ResidualQuantizer(config["n_q"], config["bins"],
                                                  config["dimension"])
        self.hop, self.channels = self.encoder.hop, config["channels"]
        if config.get("segment"):
            self.length = int(config["segment"] * self.sample_rate)
            self.stride = int((1 - config["overlap"]) * self.length)

    def latent(self, pcm):
        return self.encoder(pcm)

    def encode(self, pcm):
        if not self.config.get("segment"):
            return self.quantizer.encode(self.latent(pcm))
        return [self.encode_segment(pcm[..., first : first + self.length])
                for first in range(0, pcm.shape[-1], self.stride)]

    def encode_segment(self, pcm):
        scale = torch.ones(())
        if self.config["normalize"]:
            scale = 1e-8 + pcm.mean(1).square().mean().sqrt()
        return self.quantizer.encode(self.latent(pcm / scale)), scale

    def decode(self, codes):
        if not self.config.get("segment"):
            return self.decoder(self.quantizer.decode(codes))
        segments = [self.decoder(self.quantizer.decode(c)) * scale for c, scale in codes]
        return self.overlap_add(segments)

    def overlap_add(self, segments):
        """Triangles, whose sum is divided out."""
        length = segments[0].shape[-1]
        total = self.stride * (len(segments) - 1) + segments[-1].shape[-1]
        weight = 0.5 - (torch.linspace(0, 1, length + 2)[1:-1] - 0.5).abs()
        out, weights = torch.zeros(1, self.channels, total), torch.zeros(total)
        for i, segment in enumerate(segments):
            n, first = segment.shape[-1], i * self.stride
            out[..., first : first + n] += weight[:n] * segment
            weights[first : first + n] += weight[:n]
        return out / weights


def hugging_face(tensors):
    """The names that transformers gives the tensors of the authors' checkpoint."""
    renamed = {}
    for name, value in tensors.items():
        name = re.sub(r"^(encoder|decoder)\.model\.", r"\1.layers.", name)
        name = re.sub(r"\.(conv|convtr)\.(conv|convtr)\.", ".conv.", name)
        name = re.sub(r"\.(conv|convtr)\.norm\.", ".norm.", name)
        name = name.replace("quantizer.vq.layers.", "quantizer.layers.")
        renamed[name.replace("._codebook.", ".codebook.")] = value
    return renamed
