# SPDX-License-Identifier: BSD-3-Clause
"""Lyra V2 (google/lyra, Apache-2.0): its three TensorFlow Lite models as tensors and a list of
layers, as `ravel import lyra` reads them. 8-bit weights are multiplied by their scales."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from .tflite import CONV, DEPTHWISE, DILATION, STRIDE, SUB, TRANSPOSE_CONV, Model

FILES = ("soundstream_encoder", "lyragan", "quantizer")
LEAKY = "leaky_relu(0.3)"
UNIT = [("dw", LEAKY), ("pw1", "none"), ("pw2", LEAKY)]
N_BLOCKS, N_UNITS = 3, 3


def names(part: str) -> list[tuple[str, str]]:
    """Every layer and what stands before it, in the order of a run."""
    def block(i: int) -> list[tuple[str, str]]:
        units = [(f"res{u}.{layer}", act) for u in range(N_UNITS) for layer, act in UNIT]
        layers = [*units, ("down", LEAKY)] if part == "encoder" else [("up", LEAKY), *units]
        return [(f"block{i}.{layer}", act) for layer, act in layers]

    blocks = [layer for i in range(N_BLOCKS) for layer in block(i)]
    if part == "encoder":
        layers = [("first", "none"), *blocks, ("bottleneck", LEAKY)]
    else:
        layers = [("bottleneck", "none"), *blocks, ("last", LEAKY)]
    return [(f"{part}.{name}", act) for name, act in layers]


def convolutions(model: Model) -> list[dict]:
    """Kind, weight [out][tap][1][in], bias, stride, dilation, channels that come in. The groups of
    a transposed convolution are operators of their own; its bias as it was before it was rounded
    is taken off what is kept for the next frame."""
    found: list[dict] = []
    for code, inputs, outputs, options in model.operators(CONV, DEPTHWISE, TRANSPOSE_CONV, SUB):
        if code == SUB:
            found[-1]["bias"] = model.constant(inputs[1])
            continue
        transposed = code == TRANSPOSE_CONV
        found.append({
            "code": code, "weight": model.constant(inputs[1]),
            "bias": None if transposed else model.constant(inputs[2]),
            "stride": options.scalar(STRIDE[code], "i", 1),
            "dilation": 1 if transposed else options.scalar(DILATION[code], "i", 1),
            "in_channels": model.shape(inputs[2 if transposed else 0])[-1],
        })
    return found


def joined(layers: list[dict]) -> list[dict]:
    """Transposed convolutions that follow each other are the groups of one."""
    result: list[dict] = []
    for layer in layers:
        layer = {**layer, "groups": 1}
        before = result[-1] if result else None
        if layer["code"] != TRANSPOSE_CONV:
            result.append(layer)
        elif before and before["code"] == TRANSPOSE_CONV:
            for key in ("weight", "bias"):
                before[key] = np.concatenate([before[key], layer[key]])
            before["groups"] += 1
            before["in_channels"] += layer["in_channels"]
        else:
            result.append(layer)
    return result


def entry(name: str, act: str, layer: dict) -> tuple[dict, np.ndarray]:
    """A layer of the list, and its weight as PyTorch has it."""
    code, weight, groups = layer["code"], layer["weight"][:, :, 0], layer["groups"]
    kernel, n_in = weight.shape[1], layer["in_channels"]
    if code == DEPTHWISE:
        weight = weight.transpose(2, 0, 1)
        groups = n_out = n_in
    elif code == CONV:
        weight = weight.transpose(0, 2, 1)
        groups, n_out = n_in // weight.shape[1], weight.shape[0]
    else:  # [group * out][tap][in] -> [group * in][out][tap]
        n_out = weight.shape[0]
        weight = weight.reshape(groups, n_out // groups, kernel, -1).transpose(0, 3, 1, 2)
        weight = weight.reshape(n_in, n_out // groups, kernel)
    overlap = (kernel - 1) * layer["dilation"] + 1 - layer["stride"]
    transposed = code == TRANSPOSE_CONV
    node = {"name": name, "op": "conv_transpose1d" if transposed else "conv1d",
            "in_channels": n_in, "out_channels": n_out, "kernel": kernel,
            "stride": layer["stride"], "dilation": layer["dilation"], "groups": groups,
            "act_in": act, "overlap_out_steps" if transposed else "state_in_steps": overlap}
    return node, weight


def read_part(part: str, path: Path, tensors: dict[str, np.ndarray]) -> list[dict]:
    layers, wanted = joined(convolutions(Model(path))), names(part)
    if len(layers) != len(wanted):
        raise ValueError(f"{path} has {len(layers)} convolutions, Lyra V2 {len(wanted)}")
    nodes = []
    for (name, act), layer in zip(wanted, layers):
        node, tensors[f"{name}.weight"] = entry(name, act, layer)
        if layer["code"] != DEPTHWISE:  # whose biases are zero
            tensors[f"{name}.bias"] = layer["bias"]
        nodes.append(node)
    return nodes


def read_codebooks(path: Path) -> np.ndarray:
    """[stage][codeword][dim]; the constants are numbered: transpose, transpose_1 ..."""
    model, found = Model(path), {}
    for i in range(len(model.tensors)):
        number = re.fullmatch(r"transpose(?:_(\d+))?", model.name(i))
        if number:
            found[int(number[1] or 0)] = model.constant(i)
    if sorted(found) != list(range(46)):
        raise ValueError(f"{path} has {len(found)} codebooks, Lyra V2 46")
    return np.stack([found[i] for i in range(len(found))])


def read(folder: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The tensors, and the configuration for `ravel import lyra`."""
    encoder, decoder, quantizer = (folder / f"{name}.tflite" for name in FILES)
    tensors: dict[str, np.ndarray] = {}
    config = {"format": "lyra-v2-graph-1", "sample_rate": 16000, "frame_samples": 320,
              "leaky_relu_alpha": float(np.float32(0.3)),
              "encoder": read_part("encoder", encoder, tensors)}
    tensors["quantizer.codebooks"] = read_codebooks(quantizer)
    config["decoder"] = read_part("decoder", decoder, tensors)
    return tensors, config
