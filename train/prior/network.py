# SPDX-License-Identifier: BSD-3-Clause
"""The prior: how likely a code is, given the frames before and the coarser codes of its frame.

A causal trunk over time makes one context row a frame; a head for each codebook turns the context,
to which the frame's codes so far are added, into logits. rvq/prior.h is its twin in C.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-5
ROPE_BASE = 1000.0
KERNEL = 5  # of the depthwise convolutions
HIDDEN_SHARE = 0.1  # of the codes, in training
DROPPED_SHARE = 0.1  # of what a network adds and a head hides, in training


@dataclass
class Shape:
    """Everything that fixes the tensors' shapes."""

    sizes: list[int] = field(default_factory=lambda: [1024] * 12)  # of the codebooks
    rank: int = 16  # numbers that a code is to the network
    width: int = 256
    up: int = 768  # hidden channels of the trunk's blocks
    hidden: int = 256  # of the heads
    narrow: int = 64  # between hidden and logits
    heads: int = 4  # of attention
    context: int = 100  # frames that attention sees
    trunk: str = "caca"  # c: convolution block, a: attention block


class Feedforward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.up = nn.Linear(shape.width, shape.up)
        self.down = nn.Linear(shape.up, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.gelu(self.up(self.norm(x))))
        return F.dropout(y, DROPPED_SHARE, self.training)


class Convolution(nn.Module):
    """ConvNeXt block: depthwise over the last KERNEL frames, then a pointwise network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dw_weight = nn.Parameter(torch.zeros(KERNEL, shape.width))
        self.dw_bias = nn.Parameter(torch.zeros(shape.width))
        nn.init.uniform_(self.dw_weight, -0.3, 0.3)
        with torch.no_grad():
            self.dw_weight[-1] += 1
        self.pointwise = Feedforward(shape)

    def forward(self, x: Tensor) -> Tensor:
        past = F.pad(x.transpose(1, 2), (KERNEL - 1, 0))
        y = F.conv1d(past, self.dw_weight.T[:, None], self.dw_bias, groups=x.shape[2])
        return x + self.pointwise(y.transpose(1, 2))


class Attention(nn.Module):
    """Causal self-attention with rotary positions over the last `context` frames, and a network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.context = shape.heads, shape.context
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.pointwise = Feedforward(shape)

    def turn(self, x: Tensor) -> Tensor:
        """Rotary positions on [batch, head, time, channel]: halves make pairs."""
        half = x.shape[-1] // 2
        frequency = ROPE_BASE ** (-torch.arange(half, device=x.device) / half)
        angle = torch.arange(x.shape[2], device=x.device)[:, None] * frequency
        a, b = x[..., :half].float(), x[..., half:].float()
        cosine, sine = angle.cos(), angle.sin()
        return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        n, width = x.shape[1], x.shape[2]
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for part in self.qkv(self.norm(x)).split(width, dim=-1))
        age = torch.arange(n, device=x.device)[:, None] - torch.arange(n, device=x.device)
        seen = (age >= 0) & (age < self.context)
        # By hand: half the time of scaled_dot_product_attention on a processor.
        scores = (self.turn(q) @ self.turn(k).transpose(-1, -2)).float() / q.shape[-1]**0.5
        y = scores.masked_fill(~seen, -torch.inf).softmax(-1).to(v.dtype) @ v
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.pointwise(x)


class Head(nn.Module):
    """One codebook: what its codes are to the network, and its logits."""

    def __init__(self, shape: Shape, size: int, last: bool) -> None:
        super().__init__()
        self.features = nn.Parameter(torch.randn(size, shape.rank))
        self.within = None if last else nn.Linear(shape.rank, shape.width, bias=False)
        self.hidden = nn.Linear(shape.width, shape.hidden)
        self.narrow = nn.Linear(shape.hidden, shape.narrow)
        self.logits = nn.Linear(shape.narrow, size)
        nn.init.normal_(self.logits.weight, std=shape.narrow**-0.5)
        nn.init.zeros_(self.logits.bias)

    def forward(self, context: Tensor) -> Tensor:
        x = F.layer_norm(context, context.shape[-1:], eps=NORM_EPS)
        x = F.dropout(F.gelu(self.hidden(x)), DROPPED_SHARE, self.training)
        return self.logits(self.narrow(x))

    @torch.no_grad()
    def initialise(self, codewords: Tensor, counts: Tensor) -> None:
        """A code begins as its codeword, whitened, and its logits as a Gaussian's: with products.

        codewords [size, dim], counts [size]
        """
        p = (counts + 0.5) / (counts + 0.5).sum()
        centred = codewords - (p[:, None] * codewords).sum(0)
        values, basis = torch.linalg.eigh(centred.T @ (p[:, None] * centred))
        white = ((centred @ basis) / values.clamp(min=1e-6).sqrt()).flip(-1)
        white = white.clamp(-4, 4)
        n = min(white.shape[1], self.features.shape[1])
        self.features[:, :n] = white[:, :n]
        self.features[:, n:] *= 0.3
        pairs = torch.triu_indices(n, n)
        products = white[:, pairs[0]] * white[:, pairs[1]] * 0.5
        start = torch.cat([white[:, :n], products], dim=1)[:, :self.logits.weight.shape[1]]
        self.logits.weight[:, :start.shape[1]] = start
        self.logits.weight[:, start.shape[1]:] = torch.randn_like(
            self.logits.weight[:, start.shape[1]:]) * 0.5
        self.logits.bias.copy_(p.log() - p.log().mean())
        self.narrow.weight.mul_(0.2)


class Prior(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        n = len(shape.sizes)
        self.heads = nn.ModuleList(Head(shape, shape.sizes[k], k + 1 == n) for k in range(n))
        self.embed = nn.Linear(n * shape.rank, shape.width)
        self.start = nn.Parameter(torch.randn(shape.width))
        self.rate = nn.Parameter(torch.zeros(n, shape.width))
        kinds = {"c": Convolution, "a": Attention}
        self.trunk = nn.Sequential(*[kinds[kind](shape) for kind in shape.trunk])

    def contexts(self, codes: Tensor) -> Tensor:
        """Codes [batch, time, n] to contexts [batch, time, width]: row t sees frames before t."""
        batch, length, n = codes.shape
        features = [F.embedding(codes[:, :-1, k], self.heads[k].features) for k in range(n)]
        if self.training:  # hidden from the frames after it, so that no sequence is learnt by heart
            seen = torch.rand(batch, length - 1, n, 1, device=codes.device) >= HIDDEN_SHARE
            features = [x * seen[:, :, k] for k, x in enumerate(features)]
        unused = self.shape.rank * (len(self.heads) - n)
        before = self.embed(F.pad(torch.cat(features, dim=-1), (0, unused)))
        rows = torch.cat([self.start.expand(batch, 1, -1), before], dim=1)
        return self.trunk(rows + self.rate[n - 1])

    def forward(self, codes: Tensor) -> list[Tensor]:
        """Logits [batch, time, size] of each codebook of codes [batch, time, n]."""
        context, logits = self.contexts(codes), []
        for k in range(codes.shape[-1]):
            head = self.heads[k]
            logits.append(head(context))
            if k + 1 < codes.shape[-1]:
                context = context + head.within(F.embedding(codes[..., k], head.features))
        return logits
