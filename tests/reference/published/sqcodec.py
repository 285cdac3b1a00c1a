# SPDX-License-Identifier: BSD-3-Clause
"""SQCodec and its successor L3AC (Zhai et al., arXiv 2504.04949) under their authors' names; their
five files are one checkpoint here. The attention is that of the library local-attention."""
import math

import torch
from torch import nn
from torch.nn import functional

from .blocks import Conv, Snake, Stored

EPS = torch.finfo(torch.float32).eps

# 1 kb/s; the library fills sounds up to whole frames, the older SQCodec to whole windows.
L3AC_1 = {"model_name": "1kbps", "sample_rate": 16000, "network_config": {
    "feature_dim": 128, "compress_rates": [6, 5, 3], "encoder_dims": [24, 48, 96, 192],
    "encoder_depths": [1, 1, 1, 2], "decode_rates": [5, 3, 3, 2],
    "decoder_dims": [512, 256, 96, 48, 24], "decoder_depths": [3, 3, 2, 1, 1],
    "base_unit": "normal", "use_norm": True, "use_snake_act": True, "decoder_last_layer": "legacy",
    "vq_config": {"name": "super_fsq", "levels": [7, 7, 7, 7, 7, 7], "noise_rate": 0.5},
    "en_coder_depth": 5, "en_coder_window_size": 250, "en_coder_dynamic_pos": True,
    "en_coder_compress_rate": 3, "en_coder_cache_size": 0}}


class Linear(Stored, nn.Linear):
    norm = "new"


def conv(n_in, n_out, kernel, dilation=1, **options):
    return Conv(n_in, n_out, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2,
                norm="new", **options)


# --- Convolutions ---------------------------------------------------------------------------------


class ChannelNorm(nn.Module):
    """Over the channels of a row; x [1][channel][time]."""

    def __init__(self, n):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))

    def forward(self, x):
        return functional.layer_norm(x.mT, self.weight.shape, self.weight, self.bias, EPS).mT


class ResponseNorm(nn.Module):
    """One norm over all rows and channels, divided by its own mean."""

    def __init__(self, n):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.zeros(1, n)), nn.Parameter(torch.zeros(1, n))

    def forward(self, x):
        response = x.norm(p=2, dim=(1, 2), keepdim=True)
        response = response / (response.mean(-1, keepdim=True) + EPS)
        return self.gamma * (x * response) + self.beta + x


class SnakeLast(nn.Module):
    """Channels last."""

    def __init__(self, n):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, 1, n))

    def forward(self, x):
        return x + torch.sin(self.alpha * x).square() / (self.alpha + EPS)


class ConvUnit(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.dw_conv, self.norm = conv(n, n, 7, groups=n), ChannelNorm(n)
        self.pw_conv1, self.act = Linear(n, 4 * n), SnakeLast(4 * n)
        self.grn, self.pw_conv2 = ResponseNorm(4 * n), Linear(4 * n, n)

    def forward(self, x):
        hidden = self.act(self.pw_conv1(self.norm(self.dw_conv(x)).mT))
        return self.pw_conv2(self.grn(hidden)).mT


class LastUnit(nn.Module):
    def __init__(self, n, dilation):
        super().__init__()
        self.block = nn.Sequential(Snake(n), conv(n, n, 7, dilation), Snake(n), conv(n, n, 1))

    def forward(self, x):
        return self.block(x)


class Around(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return x + self.module(x)


def units(n, depth):
    return nn.Sequential(*[Around(ConvUnit(n)) for _ in range(depth)])


class TrendPool(nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def forward(self, x):
        if self.rows == 1:
            return x
        sizes = {"kernel_size": self.rows, "stride": 1, "padding": self.rows // 2}
        return functional.avg_pool1d(functional.max_pool1d(x.abs(), **sizes), **sizes)


class Trends(nn.Module):
    """A channel, and how loud it is around every row."""

    def __init__(self, n, rows, dilations):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(TrendPool(k), conv(1, n // len(rows), 7, d))
                                    for k, d in zip(rows, dilations))

    def trends(self, x):
        return torch.cat([block(x) for block in self.blocks], 1)


class First(Trends):
    def __init__(self, n):
        super().__init__(20, (1, 5, 11, 21, 45), (1, 1, 1, 1, 1))
        self.conv_1, self.conv_2 = conv(20, 80, 1), conv(81, n, 1)

    def forward(self, x):
        hidden = functional.gelu(self.conv_1(self.trends(x)))
        return self.conv_2(torch.cat([hidden, x], 1))


class InstanceNorm(nn.Module):
    """Of each channel over all rows; unlike PyTorch's it takes a single row too."""

    def __init__(self, n):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))

    def forward(self, x):
        variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt()
        return self.weight[:, None] * x + self.bias[:, None]


class Enhance(Trends):
    def __init__(self, n):
        super().__init__(4, (1, 3, 5, 9), (1, 2, 3, 5))
        self.merge_layer = nn.Sequential(InstanceNorm(4), nn.Conv1d(4, n, 1))

    def forward(self, x):
        return x + self.merge_layer(self.trends(x[:, :1])) * x


class Lines(nn.Upsample):
    def __init__(self, factor):
        super().__init__(scale_factor=factor, mode="linear", align_corners=False)


class Blocks(nn.Module):
    """The modules numbered "blocks.N"."""

    def __init__(self, *modules):
        super().__init__()
        self.blocks = nn.Sequential(*modules)

    def forward(self, x):
        return self.blocks(x)


def encoder(config):
    dims, depths = config["encoder_dims"], config["encoder_depths"]
    modules = [First(dims[0])]
    for n, n_out, depth, rate in zip(dims, dims[1:], depths, config["compress_rates"]):
        down = Conv(n, n_out, rate, stride=rate, norm="new")
        modules += [units(n, depth), nn.Sequential(down, ChannelNorm(n_out))]
    return Blocks(*modules, units(dims[-1], depths[-1]), conv(dims[-1], config["feature_dim"], 3))


class Last(nn.Module):
    def __init__(self, n):
        super().__init__()
        dilated = nn.Sequential(*[Around(LastUnit(n, dilation)) for dilation in (1, 3, 9)])
        self.block = nn.Sequential(dilated, Snake(n), conv(n, 1, 7), nn.Tanh())

    def forward(self, x):
        return self.block(x)


def decoder(config):
    dims, depths = config["decoder_dims"], config["decoder_depths"]
    modules = [conv(config["feature_dim"], dims[0], 3)]
    for n, n_out, depth, rate in zip(dims, dims[1:], depths, config["decode_rates"]):
        up = nn.Sequential(conv(n, n_out, 1), Lines(rate), ChannelNorm(n_out))
        modules += [units(n, depth), Enhance(n), up]
    return Blocks(*modules, Last(dims[-1]))


# --- Attention, [1][time][channel] ----------------------------------------------------------------


class LocalAttention(nn.Module):
    """A row sees its window and the one before, but for the rows after it."""

    def __init__(self, n, window, heads, head_dim):
        super().__init__()
        self.norm = nn.LayerNorm(n)
        self.to_qkv = nn.Linear(n, 3 * heads * head_dim, bias=False)
        self.to_out = nn.Linear(heads * head_dim, n, bias=False)
        self.window, self.heads = window, heads

    def forward(self, x, bias):
        """bias [head][window][2 window]"""
        length, window = x.shape[1], self.window
        rows = self.to_qkv(functional.pad(self.norm(x), (0, 0, 0, -length % window)))
        q, k, v = rows[0].reshape(-1, 3, self.heads, rows.shape[-1] // 3 // self.heads).unbind(1)
        q = q.unflatten(0, (-1, window)).transpose(1, 2)
        k, v = (functional.pad(part, (0, 0, 0, 0, window, 0)).unfold(0, 2 * window, window)
                .permute(0, 1, 3, 2) for part in (k, v))
        at = torch.arange(2 * window)
        seen = at[None, :] <= at[window:, None]
        first = seen & (at >= window)[None, :]  # nothing stands before the first window
        mask = torch.stack([first] + [seen] * (len(q) - 1))[:, None]
        scores = torch.where(mask, bias, -torch.inf)
        y = functional.scaled_dot_product_attention(q, k, v, scores)
        return self.to_out(y.transpose(1, 2).reshape(1, -1, self.to_out.in_features)[:, :length])


class Gated(nn.Module):
    def forward(self, x):
        value, gate = x.chunk(2, -1)
        return value * functional.gelu(gate)


def feed_forward(n):
    hidden = int(n * 4 * 2 / 3)
    return nn.Sequential(nn.LayerNorm(n), nn.Linear(n, 2 * hidden, bias=False), Gated(),
                         nn.Dropout(0), nn.Linear(hidden, n, bias=False))


class PositionBias(nn.Module):
    def __init__(self, n, heads):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(1, n), nn.SiLU(), nn.Linear(n, n), nn.SiLU(),
                                 nn.Linear(n, heads))

    def forward(self, window):
        bias = self.mlp(torch.arange(2.0 * window)[:, None])
        at = torch.arange(2 * window)
        return bias[(at[window:, None] - at[None, :]).abs()].permute(2, 0, 1)


class Transformer(nn.Module):
    def __init__(self, n, depth, window, heads=6):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([LocalAttention(n, window, heads, n // 4), feed_forward(n)])
            for _ in range(depth))
        self.dynamic_pos_bias, self.window = PositionBias(n // 2, heads), window

    def forward(self, x):
        bias = self.dynamic_pos_bias(self.window)
        for attention, feed in self.layers:
            x = x + attention(x, bias)
            x = x + feed(x)
        return x


class Down(nn.Module):
    def __init__(self, n, depth, window, factor):
        super().__init__()
        self.trans = Transformer(n, depth, factor * window)
        self.down_layer = Conv(n, n, factor, stride=factor, norm="new")

    def forward(self, x):
        return self.down_layer(self.trans(x).mT).mT


class Up(nn.Module):
    def __init__(self, n, depth, window, factor):
        super().__init__()
        self.up_layer, self.trans = Lines(factor), Transformer(n, depth, factor * window)

    def forward(self, x):
        return self.trans(self.up_layer(x.mT).mT)


class Coder(nn.Module):
    """At the rate of the codes `local_trans`, at that of the convolutions another."""

    def __init__(self, config, encodes, depth):
        super().__init__()
        n, window = config["feature_dim"], config["en_coder_window_size"]
        self.factor, self.encodes = config["en_coder_compress_rate"], encodes
        if self.factor > 1 and encodes:
            self.down_trans = Down(n, depth // 2, window, self.factor)
            depth -= depth // 2
        elif self.factor > 1:
            self.up_trans = Up(n, 2, window, self.factor)
            depth -= 2
        self.local_trans = Transformer(n, depth, window)

    def forward(self, x):
        if self.factor == 1:
            return self.local_trans(x)
        return (self.local_trans(self.down_trans(x)) if self.encodes
                else self.up_trans(self.local_trans(x)))


# --- Codes ----------------------------------------------------------------------------------------


class Quantizer(nn.Module):
    """Codes are two, of the first and of the last half of the dimensions, where one would have more
    than 65536 words: the authors' code is the first and, times its words, the second."""

    def __init__(self, config):
        super().__init__()
        vq = config["vq_config"]
        self.levels = vq.get("levels") or vq["codebook_dim"]
        self.first = vq["name"] == "taae_fsq"
        n, n_dims = config["feature_dim"], len(self.levels)
        self.project_in, self.project_out = nn.Linear(n, n_dims), nn.Linear(n_dims, n)
        middle = n_dims // 2 if math.prod(self.levels) > 65536 else n_dims
        self.parts = [part for part in (self.levels[:middle], self.levels[middle:]) if part]

    def digits(self, x):
        """x [time][dimension]"""
        most = torch.tensor(self.levels) - 1
        if self.first:
            return (most * 1.001 / 2 * x.tanh()).round().long() + most // 2
        return ((x.tanh() + 1) / 2 * most).round().long()

    def encode(self, features):
        digits = self.digits(self.project_in(features)[0])
        codes, at = [], 0
        for part in self.parts:
            places = torch.cumprod(torch.tensor([1, *part[:-1]]), 0)
            codes.append((digits[:, at : at + len(part)] * places).sum(-1))
            at += len(part)
        return torch.stack(codes)

    def decode(self, codes):
        values = []
        for code, part in zip(codes, self.parts):
            for level in part:
                values.append(code % level / (level // 2) - 1)
                code = code // level
        return self.project_out(torch.stack(values, -1)[None]).mT


class Codec(nn.Module):
    """Codes are [half][time]."""

    def __init__(self, config):
        super().__init__()
        self.config, self.sample_rate, self.channels = config, config["sample_rate"], 1
        sizes = config["network_config"]
        first = sizes["vq_config"]["name"] == "taae_fsq"
        depth, factor = sizes["en_coder_depth"], sizes["en_coder_compress_rate"]
        self.encoder, self.decoder = encoder(sizes), decoder(sizes)
        self.en_encoder = Coder(sizes, True, depth if first else 3 if factor > 1 else 1)
        self.en_decoder = Coder(sizes, False, depth)
        self.quantizer = Quantizer(sizes)
        self.hop = math.prod(sizes["compress_rates"]) * factor

    def latent(self, pcm):
        sound = functional.pad(pcm, (0, -pcm.shape[-1] % self.hop))
        return self.en_encoder(self.encoder(sound).mT).mT

    def encode(self, pcm):
        return self.quantizer.encode(self.latent(pcm).mT)

    def decode(self, codes):
        return self.decoder(self.en_decoder(self.quantizer.decode(codes).mT).mT)
