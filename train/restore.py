# SPDX-License-Identifier: BSD-3-Clause
"""A codec out of a model file: what export.py wrote, read back, for a training that goes on."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import model_file
from .model import CODE_DIM, N_CODEBOOKS, WIDTH, Codec

RENAMED = (  # parameter here, tensor there
    (r"\.plain\.", "."), (r"\.linear\.", "."), (r"dw_", "dw."), (r"up_bias$", "up.bias"),
    (r"low_pass$", "low_pass.weight"), (r"\.stages\.", "."),
    (r"codebook$|total$", "codebook.weight"))


def stored(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def unfold(name: str, value: Tensor) -> Tensor:
    """From the layout of the model file to that of the parameter."""
    if name == "decoder.up.weight":  # [in, out, tap] -> [tap * out, in]
        return value.permute(2, 1, 0).reshape(-1, WIDTH)
    if name.endswith(".dw_weight"):  # [channel, 1, tap] -> [tap, channel]
        return value[:, 0].T
    if name.endswith(".linear.weight"):  # [out, in, tap] -> [out, tap * in]
        return value.transpose(1, 2).flatten(1)
    return value.flatten() if name.endswith("low_pass") else value


def take_prices(tensors: dict[str, np.ndarray], name: str) -> np.ndarray:
    """[1024] prices of a codebook's last coordinate, where there is one (export.priced); the others
    remain."""
    codewords = tensors[f"{name}.codebook.weight"]
    if codewords.shape[1] == CODE_DIM:
        return np.zeros(len(codewords), "f4")
    tensors[f"{name}.codebook.weight"] = codewords[:, :CODE_DIM]
    for key in ("in_proj.weight", "in_proj.bias"):
        tensors[f"{name}.{key}"] = tensors[f"{name}.{key}"][:CODE_DIM]
    tensors[f"{name}.out_proj.weight"] = tensors[f"{name}.out_proj.weight"][:, :CODE_DIM]
    return codewords[:, CODE_DIM] ** 2


def read_model(path: Path) -> Codec:
    """The scales of the blocks are folded in the file, so they come back as 1."""
    (_, tensors), codec = model_file.read(path), Codec()
    for i in range(N_CODEBOOKS):
        tensors[f"quantizer.{i}.price"] = take_prices(tensors, f"quantizer.{i}")
    state = {}
    for name, parameter in codec.state_dict().items():
        if name.endswith((".gain", ".usage")):
            state[name] = torch.ones_like(parameter)
        else:
            values = tensors[stored(name)].astype("f4")
            state[name] = unfold(name, torch.from_numpy(values)).contiguous()
    codec.load_state_dict(state)
    return codec
