# SPDX-License-Identifier: BSD-3-Clause
"""Mimi (Defossez et al., arXiv 2410.00037) under its authors' names. With `stream()` it takes and
gives one frame a call; the attention then sees what the authors' ring of keys holds: a row also
misses the oldest key for each row that comes with it and after it."""
import math

import torch
from torch import nn
from torch.nn import functional

from . import seanet
from .blocks import nearest

MIMI = {"sample_rate": 24000, "channels": 1, "frame_rate": 12.5, "frame_size": 1920,
        "seanet": {"channels": 1, "dimension": 512, "causal": True, "n_filters": 64,
                   "n_residual_layers": 1, "compress": 2, "dilation_base": 2, "kernel_size": 7,
                   "residual_kernel_size": 3, "last_kernel_size": 3, "norm": "none",
                   "pad_mode": "constant", "ratios": [8, 6, 5, 4], "true_skip": True},
        "quantizer": {"dimension": 256, "n_q": 32, "bins": 2048, "input_dimension": 512,
                      "output_dimension": 512},
        "transformer": {"d_model": 512, "num_heads": 8, "num_layers": 8, "causal": True,
                        "layer_scale": 0.01, "context": 250, "max_period": 10000,
                        "dim_feedforward": 2048}}


class Attention(nn.Module):
    """The last `context` rows; keys and values of earlier calls are kept in a stream."""

    def __init__(self, config):
        super().__init__()
        n = config["d_model"]
        self.in_proj_weight = nn.Parameter(torch.empty(3 * n, n))
        self.out_proj = nn.Linear(n, n, bias=False)
        self.n_heads, self.context = config["num_heads"], config["context"]
        self.period = config["max_period"]
        self.tail, self.first = None, 0

    def turned(self, x):
        """Pairs of neighbours, by the position of the row."""
        half = x.shape[-1] // 2
        frequencies = torch.exp(torch.arange(half) * (-math.log(self.period) / half))
        positions = torch.arange(self.first, self.first + x.shape[1], dtype=torch.float32)
        angles = positions[:, None] * frequencies
        even, odd = x[..., ::2], x[..., 1::2]
        cos, sin = angles.cos(), angles.sin()
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

    def forward(self, x):
        n_rows, n = x.shape
        if self.tail is None or not self.tail.numel():
            self.first = 0
        rows = functional.linear(x, self.in_proj_weight)
        q, k, v = rows.reshape(n_rows, 3, self.n_heads, -1).permute(1, 2, 0, 3)
        q, k = self.turned(q), self.turned(k)
        if self.tail is not None:
            k, v = self.keep(k, v)
        distance = torch.arange(n_rows)[:, None] + (k.shape[1] - n_rows) - torch.arange(k.shape[1])
        seen = (distance >= 0) & (distance < self.context)
        out = functional.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=seen)
        return self.out_proj(out[0].transpose(0, 1).reshape(n_rows, n))

    def keep(self, k, v):
        self.first += k.shape[1]
        if self.tail.numel():
            k, v = torch.cat([self.tail[0], k], 1), torch.cat([self.tail[1], v], 1)
        k, v = k[:, -self.context :], v[:, -self.context :]
        self.tail = torch.stack([k, v])
        return k, v


class LayerScale(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.scale = nn.Parameter(torch.full((n,), 0.5))

    def forward(self, x):
        return self.scale * x


class TransformerLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        n, hidden = config["d_model"], config["dim_feedforward"]
        self.self_attn = Attention(config)
        self.norm1, self.norm2 = nn.LayerNorm(n), nn.LayerNorm(n)
        self.linear1 = nn.Linear(n, hidden, bias=False)
        self.linear2 = nn.Linear(hidden, n, bias=False)
        self.layer_scale_1, self.layer_scale_2 = LayerScale(n), LayerScale(n)

    def forward(self, x):
        x = x + self.layer_scale_1(self.self_attn(self.norm1(x)))
        hidden = functional.gelu(self.linear1(self.norm2(x)))
        return x + self.layer_scale_2(self.linear2(hidden))


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.layers = nn.Sequential(*[TransformerLayer(config)
                                                  for _ in range(config["num_layers"])])

    def forward(self, x):
        return self.transformer.layers(x[0].T).T[None]


class Resampler(nn.Module):
    """The names of the two convolutions between 25 Hz and 12.5 Hz have one more level."""

    def __init__(self, name, layer):
        super().__init__()
        self.name = name
        self.add_module(name, layer)

    def forward(self, x):
        return getattr(self, self.name)(x)


class Codebook(nn.Module):
    """Sums of what each codeword has stood for, and how often."""

    def __init__(self, size, dim):
        super().__init__()
        self.drawing = False
        self.register_buffer("_initialized", torch.ones(1))
        self.register_buffer("cluster_usage", 1 + torch.rand(size))
        self.register_buffer("embedding_sum", torch.zeros(size, dim))
        self.codewords = None

    def embedding(self):
        if self.codewords is None:
            self.codewords = self.embedding_sum / self.cluster_usage.clamp_min(1e-5)[:, None]
        return self.codewords

    def search(self, x):
        if self.drawing:
            codewords = 0.3 * x.std() * torch.randn_like(self.embedding_sum)
            self.embedding_sum = codewords * self.cluster_usage[:, None]
        return nearest(x, self.embedding())


class ResidualQuantizer(nn.Module):
    def __init__(self, n_q, config):
        super().__init__()
        dim = config["dimension"]
        self.input_proj = nn.Conv1d(config["input_dimension"], dim, 1, bias=False)
        self.output_proj = nn.Conv1d(dim, config["output_dimension"], 1, bias=False)
        self.vq = nn.Module()
        self.vq.layers = nn.ModuleList(nn.Module() for _ in range(n_q))
        for layer in self.vq.layers:
            layer._codebook = Codebook(config["bins"], dim)

    def encode(self, latent, n_q):
        rest, codes = self.input_proj(latent)[0].T, []
        for layer in self.vq.layers[:n_q]:
            codes.append(layer._codebook.search(rest))
            rest = rest - layer._codebook.embedding()[codes[-1]]
        return codes

    def decode(self, codes):
        layers = self.vq.layers
        found = sum(layer._codebook.embedding()[c] for layer, c in zip(layers, codes))
        return self.output_proj(found.T[None])


class Quantizer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.rvq_first = ResidualQuantizer(1, config)
        self.rvq_rest = ResidualQuantizer(config["n_q"] - 1, config)

    def encode(self, latent, n_q):
        acoustic = self.rvq_rest.encode(latent, n_q - 1)
        return torch.stack(self.rvq_first.encode(latent, 1) + acoustic)

    def decode(self, codes):
        semantic = self.rvq_first.decode(codes[:1])
        return semantic + self.rvq_rest.decode(codes[1:]) if len(codes) > 1 else semantic


def halves(weight, n_heads):
    """Rows of pairs of neighbours to rows of halves, head by head, as transformers' RoPE has them."""
    heads = weight.unflatten(0, (n_heads, -1, 2))
    return heads.transpose(1, 2).reshape(weight.shape)


def hugging_face(tensors, n_heads):
    """The names and the order of rows that transformers gives the tensors of the authors."""
    names = {"transformer.transformer.": "transformer.", "self_attn.out_proj": "self_attn.o_proj",
             "norm1": "input_layernorm", "norm2": "post_attention_layernorm",
             "linear1": "mlp.fc1", "linear2": "mlp.fc2",
             "layer_scale_1": "self_attn_layer_scale", "layer_scale_2": "mlp_layer_scale",
             "downsample.conv.conv.": "downsample.", "upsample.convtr.convtr.convtr": "upsample.conv",
             "rvq_first": "semantic_residual_vector_quantizer",
             "rvq_rest": "acoustic_residual_vector_quantizer", "vq.layers": "layers",
             "_codebook._initialized": "codebook.initialized", "_codebook": "codebook",
             "embedding_sum": "embed_sum", "encoder.model": "encoder.layers",
             "decoder.model": "decoder.layers", "conv.conv.": "conv.", "convtr.convtr.": "conv."}
    renamed = {}
    for name, value in tensors.items():
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        renamed[name] = value
    for name in [name for name in renamed if name.endswith("in_proj_weight")]:
        query, key, value = renamed.pop(name).chunk(3)
        parts = {"q": halves(query, n_heads), "k": halves(key, n_heads), "v": value}
        for part, weight in parts.items():
            renamed[name.replace("in_proj_weight", f"{part}_proj.weight")] = weight
    return renamed


class Codec(nn.Module):
    """Codes are [codebook][time], the semantic one first."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        self.hop, self.n_q = config["frame_size"], config["quantizer"]["n_q"]
        sizes = {key: value for key, value in config["seanet"].items()
                 if key in (*seanet.DEFAULTS, "ratios", "dimension")}
        sizes["lstm"] = 0
        self.encoder, self.decoder = seanet.Encoder(**sizes), seanet.Decoder(**sizes)
        self.encoder_transformer = Transformer(config["transformer"])
        self.decoder_transformer = Transformer(config["transformer"])
        n = config["seanet"]["dimension"]
        style = {"norm": "none", "causal": True, "pad_mode": "replicate"}
        down = seanet.SConv(n, n, 4, style, stride=2, bias=False)
        up = seanet.SConvTranspose(n, n, 4, 2, style, groups=n, bias=False)
        self.downsample, self.upsample = Resampler("conv", down), Resampler("convtr", up)
        self.quantizer = Quantizer(config["quantizer"])

    def stream(self, on=True):
        seanet.stream(self, on)

    def latent(self, pcm):
        pcm = functional.pad(pcm, (0, -pcm.shape[-1] % self.hop))
        return self.downsample(self.encoder_transformer(self.encoder(pcm)))

    def encode(self, pcm):
        return self.quantizer.encode(self.latent(pcm), self.n_q)

    def decode(self, codes):
        quantized = self.upsample(self.quantizer.decode(codes))
        return self.decoder(self.decoder_transformer(quantized))
