# SPDX-License-Identifier: BSD-3-Clause
"""FocalCodec (Della Libera et al., arXiv 2502.04465) from tokens on; what makes them needs WavLM."""
import math

import torch
from torch import nn
from torch.nn import functional

from . import dualcodec, vocos

FOCALCODEC_50 = {
    "quantizer_config": {"codebook_size": 8192},
    "decompressor_config": {"input_dim": 13, "output_dim": 1024, "hidden_dims": [1024, 512, 256],
                            "upscale_factors": [1, 1, 1], "focal_window": 7, "focal_level": 2,
                            "focal_factor": 2, "use_layerscale": False, "use_post_norm": False,
                            "normalize_modulator": False},
    "decoder_config": {"input_dim": 1024, "num_layers": 8, "dim": 512, "ffn_dim": 1536,
                       "kernel_size": 7, "n_fft": 1024, "hop_length": 320}}
FOCALCODEC_STREAM = {
    "quantizer_config": {"codebook_size": 4096}, "decoder_name": "WaveNeXt",
    "decompressor_config": {**FOCALCODEC_50["decompressor_config"], "input_dim": 12,
                            "causal": True, "window_size": 512, "last_window_size": 512,
                            "lookahead_size": 3},
    "decoder_config": {"input_dim": 1024, "num_layers": 8, "dim": 1024, "ffn_dim": 2048,
                       "kernel_size": 7, "hop_length": 480, "causal": True}}


class DynamicTanh(nn.Module):
    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x):
        return torch.tanh(self.alpha * x)


def norm_of(n, config):
    return DynamicTanh() if config.get("causal") else nn.LayerNorm(n)


class Depthwise(nn.Conv1d):
    """At the rate of its input; the first row stands before the first where it is causal."""

    def __init__(self, n, kernel, causal):
        super().__init__(n, n, kernel, padding=0 if causal else "same", groups=n)
        self.before = kernel - 1 if causal else 0

    def forward(self, x):
        return super().forward(functional.pad(x, (self.before, 0), "replicate"))


class Bits:
    """A code's bits, the highest first, as a direction; no module, so that it has no tensors."""

    def __init__(self, size):
        self.size, self.dim = size, int(math.log2(size))

    def decode(self, codes):
        places = torch.arange(self.dim - 1, -1, -1)[:, None]
        return (2.0 * (codes >> places & 1) - 1)[None] / math.sqrt(self.dim)


class Modulation(nn.Module):
    """Focal modulation (Yang et al., arXiv 2203.11926) over time; x [1][time][channel]."""

    def __init__(self, n, config, window):
        super().__init__()
        self.levels, self.normalize = config["focal_level"], config["normalize_modulator"]
        causal = config.get("causal", False)
        self.in_proj = nn.Linear(n, 2 * n + self.levels + 1)
        kernels = [config["focal_window"] + config["focal_factor"] * i for i in range(self.levels)]
        kernels += [window] if causal else []
        self.layers = nn.ModuleList(
            nn.Sequential(Depthwise(n, kernel, causal), nn.GELU()) for kernel in kernels)
        self.context_proj, self.out_proj = nn.Conv1d(n, n, 1), nn.Linear(n, n)
        self.norm = norm_of(n, config) if config["use_post_norm"] else nn.Identity()
        self.n = n

    def forward(self, x):
        query, context, gates = self.in_proj(x).mT.split([self.n, self.n, self.levels + 1], 1)
        total = torch.zeros_like(query)
        for layer, gate in zip(self.layers, gates[0]):
            context = layer(context)
            total = total + gate * context
        if len(self.layers) == self.levels:
            total = total + gates[:, -1:] * functional.gelu(context.mean(-1, keepdim=True))
        if self.normalize:
            total = total / (self.levels + 1)
        return self.out_proj(self.norm((query * self.context_proj(total)).mT))


class FeedForward(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)

    def forward(self, x):
        return self.out_proj(functional.gelu(self.in_proj(x)))


class ChunkFeedForward(nn.Module):
    """Over each few rows in succession, with zeros for those that the last chunk lacks."""

    def __init__(self, n, rows):
        super().__init__()
        self.in_proj, self.out_proj = (nn.Linear(rows * n, rows * n) for _ in range(2))
        self.rows = rows

    def forward(self, x):
        chunks = functional.pad(x, (0, 0, 0, -x.shape[1] % self.rows))
        chunks = chunks.reshape(1, -1, self.rows * x.shape[2])
        chunks = self.out_proj(functional.gelu(self.in_proj(chunks)))
        return x + chunks.reshape(1, -1, x.shape[2])[:, : x.shape[1]]


class Block(nn.Module):
    def __init__(self, n, config, window):
        super().__init__()
        self.after = config["use_post_norm"]
        self.modulation_norm, self.feed_forward_norm = (norm_of(n, config) for _ in range(2))
        self.modulation, self.feed_forward = Modulation(n, config, window), FeedForward(n)
        self.modulation_gamma = self.feed_forward_gamma = 1.0
        if config["use_layerscale"]:
            self.modulation_gamma = nn.Parameter(torch.full((n,), 0.5))
            self.feed_forward_gamma = nn.Parameter(torch.full((n,), 0.5))

    def around(self, x, norm, layer):
        return norm(layer(x)) if self.after else layer(norm(x))

    def forward(self, x):
        x = x + self.modulation_gamma * self.around(x, self.modulation_norm, self.modulation)
        return x + self.feed_forward_gamma * self.around(x, self.feed_forward_norm,
                                                         self.feed_forward)


class Snake(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(n, 1))

    def forward(self, x):
        return x + torch.sin(self.alpha * x).square() / (self.alpha + 1e-9)


class UpScale(nn.Module):
    def __init__(self, n_in, n_out, factor):
        super().__init__()
        self.activation = Snake(n_in)
        self.upscale = nn.ConvTranspose1d(n_in, n_out, factor, factor)

    def forward(self, x):
        return self.upscale(self.activation(x.mT)).mT


class Layer(nn.Module):
    def __init__(self, n_in, n_out, factor, window, config):
        super().__init__()
        self.focal_block, self.upscale = Block(n_in, config, window), UpScale(n_in, n_out, factor)

    def forward(self, x):
        return self.upscale(self.focal_block(x))


class Decompressor(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths = [*config["hidden_dims"], config["output_dim"]]
        self.in_proj = nn.Linear(config["input_dim"], widths[0])
        windows = [config.get("window_size")] * (len(widths) - 2) + [config.get("last_window_size")]
        self.layers = nn.Sequential(*[
            Layer(*sizes, config)
            for sizes in zip(widths, widths[1:], config["upscale_factors"], windows)])
        ahead = config.get("lookahead_size", 0)
        self.refiner = ChunkFeedForward(widths[-1], 1 + ahead) if ahead else nn.Identity()

    def forward(self, x):
        return self.refiner(self.layers(self.in_proj(x.mT)))


class ConvNeXt(dualcodec.ConvNeXt):
    def __init__(self, n, hidden, causal):
        super().__init__(n, hidden, causal)
        self.gamma = nn.Parameter(torch.full((n,), 0.5))

    def forward(self, x):
        return x + self.gamma[:, None] * (super().forward(x) - x)


class Backbone(nn.Module):
    def __init__(self, config):
        super().__init__()
        n, kernel = config["dim"], config["kernel_size"]
        before = (kernel - 1) // (1 if config.get("causal") else 2)
        self.around = before, kernel - 1 - before
        self.embedding = nn.Conv1d(config["input_dim"], n, kernel)
        self.input_norm, self.output_norm = (nn.LayerNorm(n, eps=1e-6) for _ in range(2))
        self.layers = nn.Sequential(*[
            ConvNeXt(n, config["ffn_dim"], config.get("causal", False))
            for _ in range(config["num_layers"])])

    def forward(self, x):
        x = self.embedding(functional.pad(x.mT, self.around))
        x = self.layers(self.input_norm(x.mT).mT)
        return self.output_norm(x.mT)


class Head(nn.Module):
    """As that of Vocos, but for the name of the layer and the window, which is no tensor."""

    def __init__(self, config):
        super().__init__()
        n_fft = config["n_fft"]
        self.proj = nn.Linear(config["dim"], n_fft + 2)
        self.n_fft, self.hop, self.window = n_fft, config["hop_length"], torch.hann_window(n_fft)

    def forward(self, x):
        return vocos.inverse_stft(self.proj(x).mT, self.window, self.hop)


class SampleHead(nn.Module):
    """WaveNeXt's: the samples of a row themselves."""

    def __init__(self, config):
        super().__init__()
        self.proj = nn.Linear(config["dim"], config["hop_length"])

    def forward(self, x):
        return self.proj(x).reshape(1, 1, -1).clamp(-1, 1)


class Codec(nn.Module):
    """Codes are [codebook][time]."""

    def __init__(self, config):
        super().__init__()
        sizes = config["decompressor_config"], config["decoder_config"]
        self.channels, self.quantizer = 1, Bits(config["quantizer_config"]["codebook_size"])
        self.hop = math.prod(sizes[0]["upscale_factors"]) * sizes[1]["hop_length"]
        self.sample_rate = 50 * sizes[1]["hop_length"]  # WavLM has 50 rows a second
        self.encoder, self.compressor = nn.Linear(4, 3), nn.Linear(3, 2)  # are not used here
        self.decompressor, self.decoder = Decompressor(sizes[0]), nn.Module()
        head = SampleHead if config.get("decoder_name") == "WaveNeXt" else Head
        self.decoder.backbone, self.decoder.head = Backbone(sizes[1]), head(sizes[1])

    def encode(self, pcm):
        """Any codes, as many as such a sound has."""
        return torch.randint(self.quantizer.size, (1, -(-pcm.shape[-1] // self.hop)))

    def decode(self, codes):
        features = self.decompressor(self.quantizer.decode(codes))
        return self.decoder.head(self.decoder.backbone(features))
