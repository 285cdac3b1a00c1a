# SPDX-License-Identifier: BSD-3-Clause
"""Writes a model file (docs/format.md) from a checkpoint.

    python3 -m train.export --checkpoint runs/codec/last.pt --out models/ravel-24k.safetensors

After a training of the decoder alone `--into` a model keeps that model's tokens and prior.
Matrices are stored as F16, the rest as F32; `rounded` gives the network as the file has it.
"""
from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import model_file
from .model import (COMPRESS_EPS, FFT_HOP, HOP, LOW_FFT, LOW_HOP, LOW_STRIDE, LOW_TAPS,
                    MAX_MAGNITUDE, N_FFT, SAMPLE_RATE, TAIL, WIDTH, CausalConv, Codec, ConvNeXt,
                    Spectrum, Stage)

NORM_EPS = 1e-6
LICENCE = "BSD-3-Clause; trained on free speech corpora, see models/README.md"


class Writer:
    """Collects tensors and graph nodes in the order in which the samples meet them."""

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}

    def put(self, name: str, value: Tensor, half: bool = False) -> None:
        self.tensors[name] = value.detach().contiguous().numpy().astype("<f2" if half else "<f4")

    def conv(self, name: str, weight: Tensor, bias: Tensor, **fields: object) -> dict:
        self.put(f"{name}.weight", weight, half=True)
        self.put(f"{name}.bias", bias)
        return {"type": "conv", "name": name, **fields}

    def causal(self, name: str, conv: CausalConv) -> dict:
        weight = conv.linear.weight  # [out, tap * in] -> [out, in, tap]
        weight = weight.reshape(weight.shape[0], conv.kernel, -1).transpose(1, 2)
        fields: dict[str, object] = {"stride": conv.stride} if conv.stride > 1 else {}
        if conv.kernel > conv.stride:
            fields["pad"] = [conv.kernel - conv.stride, 0]
        return self.conv(name, weight, conv.linear.bias, **fields)

    def spectrum(self, name: str, n_fft: int, hop: int, layer: Spectrum) -> list[dict]:
        """Spectrum, compressed; then plain(x) + rectified(relu(x)), the one bias with the first."""
        self.put(f"{name}.rectified.weight", layer.rectified.weight, half=True)
        return [{"type": "stft", "n_fft": n_fft, "hop": hop, "pad": [n_fft - hop, 0]},
                {"type": "compress", "eps": COMPRESS_EPS},
                {"type": "residual",
                 "branch": [{"type": "leaky_relu", "slope": 0},
                            {"type": "conv", "name": f"{name}.rectified"}],
                 "shortcut": [self.conv(name, layer.plain.weight, layer.plain.bias)]}]

    def low_band(self, codec: Codec) -> list[dict]:
        e = codec.encoder
        self.put("encoder.low_pass.weight", e.low_pass[None, None])
        return [{"type": "conv", "name": "encoder.low_pass", "stride": LOW_STRIDE,
                 "pad": [LOW_TAPS - LOW_STRIDE, 0]},
                *self.spectrum("encoder.low_embed", LOW_FFT, LOW_HOP, e.low_embed)]

    def norm(self, name: str, norm: nn.LayerNorm) -> dict:
        self.put(f"{name}.weight", norm.weight)
        self.put(f"{name}.bias", norm.bias)
        return {"type": "layer_norm", "name": name, "eps": NORM_EPS}

    def convnext(self, name: str, block: ConvNeXt) -> dict:
        gain = block.gain
        depthwise = block.dw_weight.T[:, None]  # [channel, 1, tap]
        return {"type": "residual", "branch": [
            self.conv(f"{name}.dw", depthwise, block.dw_bias, groups=depthwise.shape[0],
                      pad=[ConvNeXt.KERNEL - 1, 0]),
            self.norm(f"{name}.norm", block.norm),
            self.conv(f"{name}.up", block.up.weight, block.up.bias),
            {"type": "gelu"},
            self.conv(f"{name}.down", block.down.weight * gain[:, None], block.down.bias * gain)]}


def encoder_graph(w: Writer, codec: Codec) -> list[dict]:
    e = codec.encoder
    return [
        {"type": "residual", "branch": w.low_band(codec),
         "shortcut": w.spectrum("encoder.embed", N_FFT, FFT_HOP, e.embed)},
        w.norm("encoder.embed_norm", e.embed_norm),
        *[w.convnext(f"encoder.fine.{i}", block) for i, block in enumerate(e.fine)],
        w.causal("encoder.down", e.down),
        *[w.convnext(f"encoder.coarse.{i}", block) for i, block in enumerate(e.coarse)],
        w.norm("encoder.norm", e.norm),
        w.conv("encoder.out", e.out.weight, e.out.bias),
    ]


def priced(stage: Stage) -> Stage:
    """Prices as one more coordinate, in which every latent is zero: the squared distance of a
    codeword grows by its price."""
    if not stage.price.any():
        return stage
    stage = copy.deepcopy(stage)
    stage.codebook = torch.cat([stage.codebook, stage.price.sqrt()[:, None]], 1)
    with torch.no_grad():
        stage.in_proj.weight = nn.Parameter(F.pad(stage.in_proj.weight, (0, 0, 0, 1)))
        stage.in_proj.bias = nn.Parameter(F.pad(stage.in_proj.bias, (0, 1)))
        stage.out_proj.weight = nn.Parameter(F.pad(stage.out_proj.weight, (0, 1)))
    return stage


def quantizer_graph(w: Writer, codec: Codec) -> dict:
    stages = []
    for i, stage in enumerate(map(priced, codec.quantizer.stages)):
        name = f"quantizer.{i}"
        for side in ("in_proj", "out_proj"):
            linear = getattr(stage, side)
            w.put(f"{name}.{side}.weight", linear.weight, half=True)
            w.put(f"{name}.{side}.bias", linear.bias)
        w.put(f"{name}.codebook.weight", stage.codebook)
        stages.append({"type": "projected", "name": name,
                       "inner": {"type": "codebook", "name": name, "search": "euclidean"}})
    return {"type": "residual", "stages": stages}


def decoder_graph(w: Writer, codec: Codec) -> list[dict]:
    d = codec.decoder
    # Linear to [tap, channel] -> transposed convolution [in, out, tap]
    up = d.up.weight.reshape(2, WIDTH, WIDTH).permute(2, 1, 0)
    w.put("decoder.up.weight", up, half=True)
    w.put("decoder.up.bias", d.up_bias)
    return [
        w.causal("decoder.embed", d.embed),
        *[w.convnext(f"decoder.coarse.{i}", block) for i, block in enumerate(d.coarse)],
        {"type": "conv_transpose", "name": "decoder.up", "stride": 2},
        *[w.convnext(f"decoder.fine.{i}", block) for i, block in enumerate(d.fine)],
        w.norm("decoder.norm", d.norm),
        w.conv("decoder.head", d.head.weight, d.head.bias),
        {"type": "harmonic_noise", "n_fft": N_FFT, "hop": FFT_HOP, "max_magnitude": MAX_MAGNITUDE},
        {"type": "istft", "n_fft": N_FFT, "hop": FFT_HOP, "trim": [N_FFT - FFT_HOP, 0],
         "normalize": False, "spectrum": "complex"},
    ]


def rounded(codec: Codec) -> Codec:
    """The same network with the weights that the file stores (layer scales folded, F16)."""
    with torch.no_grad():
        for module in codec.modules():
            if isinstance(module, ConvNeXt):
                module.down.weight.mul_(module.gain[:, None])
                module.down.bias.mul_(module.gain)
                module.gain.fill_(1)
                module.dw_weight.copy_(module.dw_weight.half().float())
            if isinstance(module, nn.Linear):
                module.weight.copy_(module.weight.half().float())
    return codec


def export(codec: Codec, out: Path, name: str, licence: str) -> None:
    w = Writer()
    graph = {"format": 1, "name": name, "licence": licence, "sample_rate": SAMPLE_RATE,
             "channels": 1, "hop": HOP, "tail": TAIL, "encoder": encoder_graph(w, codec),
             "quantizer": quantizer_graph(w, codec), "decoder": decoder_graph(w, codec)}
    out.parent.mkdir(parents=True, exist_ok=True)
    model_file.write(out, graph, w.tensors)


def export_decoder(codec: Codec, model: Path, out: Path) -> None:
    """The model file with this decoder."""
    w = Writer()
    model_file.put("decoder", decoder_graph(w, codec), w.tensors, model, out)


def write_vectors(codec: Codec, folder: Path) -> None:
    """Input, latents, codes and output of two seconds of a gliding, pulsing buzz."""
    folder.mkdir(parents=True, exist_ok=True)
    t = torch.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * torch.pi * (120 * t + 20 * t * t)
    pcm = sum(torch.sin(k * phase) / k for k in range(1, 20)) * (0.1 + 0.1 * torch.sin(9 * t))
    with torch.no_grad():
        n_frames = -(-(len(pcm) + TAIL) // HOP)
        padded = torch.nn.functional.pad(pcm, (0, n_frames * HOP - len(pcm)))
        latent = codec.encoder(padded[None])[0]
        decoded, codes = codec.reconstruct(pcm, len(codec.quantizer.stages))
    arrays = {"input": pcm, "latent": latent, "codes": codes.int(), "output": decoded}
    for key, value in arrays.items():
        np.save(folder / f"{key}.npy", value.numpy())


def load_average(path: Path) -> tuple[Codec, int]:
    """The averaged weights of a checkpoint, and its step."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    codec = Codec()
    codec.load_state_dict(state["average"])
    return codec.eval(), state["step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="random weights where left out")
    parser.add_argument("--out", type=Path, default=Path("models/ravel-24k.safetensors"))
    parser.add_argument("--name", default="ravel-24k")
    parser.add_argument("--licence", default=LICENCE)
    parser.add_argument("--into", type=Path, help="model file that gets the decoder alone")
    parser.add_argument("--vectors", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(1)
    codec = load_average(arguments.checkpoint)[0] if arguments.checkpoint else Codec().eval()
    codec = rounded(codec)
    if arguments.into:
        export_decoder(codec, arguments.into, arguments.out)
    else:
        export(codec, arguments.out, arguments.name, arguments.licence)
    if arguments.vectors:
        write_vectors(codec, arguments.vectors)


if __name__ == "__main__":
    main()
