# SPDX-License-Identifier: BSD-3-Clause
"""A codec out of a model file: what export.py wrote, read back, so that training can go on from it."""
from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from . import model_file
from .model import WIDTH, Codec

RENAMED = (  # parameter here, tensor there
    (r"\.plain\.", "."), (r"\.linear\.", "."), (r"dw_", "dw."), (r"up_bias$", "up.bias"),
    (r"low_pass$", "low_pass.weight"), (r"\.stages\.", "."), (r"codebook$|total$", "codebook.weight"))


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


def read_model(path: Path) -> Codec:
    """The scales of the blocks are folded in the file, so they come back as 1."""
    (_, tensors), codec = model_file.read(path), Codec()
    state = {}
    for name, parameter in codec.state_dict().items():
        if name.endswith((".gain", ".usage")):
            state[name] = torch.ones_like(parameter)
        else:
            values = tensors[stored(name)].astype("f4")
            state[name] = unfold(name, torch.from_numpy(values)).contiguous()
    codec.load_state_dict(state)
    return codec
