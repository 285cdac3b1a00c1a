# SPDX-License-Identifier: BSD-3-Clause
"""From a trained prior to the "prior" of a model file (docs/format.md), and back to its rounding.

Matrices are stored in 8 bits with a scale for each output, codes' features as F16, the rest as F32.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import model_file
from .network import KERNEL, NORM_EPS, ROPE_BASE, Attention, Convolution, Feedforward, Prior

NAME = "prior"
GREATEST = 127  # of an 8-bit weight


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers [out, in] and the scale [out] of each output."""
    scale = weight.abs().amax(1).clamp(min=1e-8) / GREATEST
    return (weight / scale[:, None]).round().clamp(-GREATEST, GREATEST), scale


@torch.no_grad()
def rounded(prior: Prior) -> Prior:
    """The same network with the weights that the file stores."""
    for module in prior.modules():
        if isinstance(module, nn.Linear):
            whole, scale = quantise(module.weight)
            module.weight.copy_(whole * scale[:, None])
        if isinstance(module, Convolution):
            module.dw_weight.copy_(module.dw_weight.half().float())
    for head in prior.heads:
        head.features.copy_(head.features.half().float())
    return prior


class Writer:
    """Collects the tensors of the nodes that it writes."""

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}

    def put(self, name: str, value: Tensor, dtype: str = "<f4") -> None:
        self.tensors[f"{NAME}.{name}"] = value.detach().contiguous().numpy().astype(dtype)

    def linear(self, name: str, linear: nn.Linear, prefix: str = "") -> dict:
        """Tensors NAME.PREFIXweight and so on; the node is a convolution over single rows."""
        whole, scale = quantise(linear.weight.detach())
        self.put(f"{name}.{prefix}weight", whole, "|i1")
        self.put(f"{name}.{prefix}scale", scale)
        if linear.bias is not None:
            self.put(f"{name}.{prefix}bias", linear.bias)
        return {"type": "conv", "name": f"{NAME}.{name}"}

    def norm(self, name: str, norm: nn.LayerNorm) -> dict:
        self.put(f"{name}.weight", norm.weight)
        self.put(f"{name}.bias", norm.bias)
        return {"type": "layer_norm", "name": f"{NAME}.{name}", "eps": NORM_EPS}

    def feedforward(self, name: str, block: Feedforward) -> list[dict]:
        return [self.norm(f"{name}.norm", block.norm), self.linear(f"{name}.up", block.up),
                {"type": "gelu"}, self.linear(f"{name}.down", block.down)]

    def convolution(self, name: str, block: Convolution) -> list[dict]:
        width = block.dw_bias.shape[0]
        self.put(f"{name}.dw.weight", block.dw_weight.T[:, None], "<f2")
        self.put(f"{name}.dw.bias", block.dw_bias)
        depthwise = {"type": "conv", "name": f"{NAME}.{name}.dw", "groups": width,
                     "pad": [KERNEL - 1, 0]}
        return [{"type": "residual",
                 "branch": [depthwise, *self.feedforward(name, block.pointwise)]}]

    def attention(self, name: str, block: Attention) -> list[dict]:
        attend = f"{name}.attention"
        self.linear(attend, block.qkv, "in_proj.")
        self.linear(attend, block.out, "out_proj.")
        node = {"type": "attention", "name": f"{NAME}.{attend}", "heads": block.heads,
                "context": block.context, "rope": "half", "rope_base": ROPE_BASE}
        return [{"type": "residual",
                 "branch": [self.norm(f"{name}.attention.norm", block.norm), node]},
                {"type": "residual", "branch": self.feedforward(name, block.pointwise)}]


def prior_graph(w: Writer, prior: Prior, tokenizer: str) -> dict:
    trunk = []
    for i, block in enumerate(prior.trunk):
        write = w.convolution if isinstance(block, Convolution) else w.attention
        trunk += write(f"trunk.{i}", block)
    w.put("start", prior.start)
    w.put("rate", prior.rate)
    w.linear("embed", prior.embed)
    for k, head in enumerate(prior.heads):
        w.put(f"{k}.features", head.features, "<f2")
        for part in ("hidden", "narrow", "logits"):
            w.linear(f"{k}.{part}", getattr(head, part))
        if head.within is not None:
            w.linear(f"{k}.within", head.within)
    return {"name": NAME, "tokenizer": tokenizer, "trunk": trunk}


def export(prior: Prior, model: Path, tokenizer: str, out: Path) -> int:
    """The model file with the prior in it; bytes it takes."""
    w = Writer()
    graph = prior_graph(w, prior, tokenizer)
    return model_file.put(NAME, graph, w.tensors, model, out)
