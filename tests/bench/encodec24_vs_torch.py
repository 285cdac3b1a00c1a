#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
EnCodec 24 kHz, full size, in Ravel and in PyTorch, one thread each, in turns.

    encodec24_vs_torch.py BUILD [--seconds S] [--rounds N]

The same work: the network of the published checkpoint with random weights, written under the names
of its authors and read by `ravel import`; 24 kb/s, 32 codebooks. Offline: a whole recording. By
steps: one frame of 320 samples at a time, for which PyTorch calls the same modules on one frame, with
the weight norm folded. It keeps no history between steps (its convolutions see zeros in its place),
which is less work than a stream needs. Times are of the processor. Exit code 1 where a bar is missed.
"""
import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn import functional

RATE_HZ, HOP, DIM, N_CODEBOOKS, CODEWORDS = 24000, 320, 128, 32, 1024
RATIOS = (8, 5, 4, 2)  # of the decoder; the encoder's are in reverse
BARS = {"offline": 1.5, "steps": 3.0}


class Conv(nn.Module):
    """Causal, zeros before the start."""

    def __init__(self, n_in, n_out, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel, stride)
        self.pad = kernel - stride

    def forward(self, x):
        return self.conv(functional.pad(x, (self.pad, 0)) if self.pad else x)


class ConvTranspose(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride):
        super().__init__()
        self.convtr = nn.ConvTranspose1d(n_in, n_out, kernel, stride)
        self.trim = kernel - stride

    def forward(self, x):
        return self.convtr(x)[..., : -self.trim]


class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.block = nn.Sequential(nn.ELU(), Conv(n, n // 2, 3), nn.ELU(), Conv(n // 2, n, 1))
        self.shortcut = Conv(n, n, 1)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class Lstm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.lstm = nn.LSTM(n, n, 2)

    def forward(self, x):
        rows = x.permute(2, 0, 1)
        return (self.lstm(rows)[0] + rows).permute(1, 2, 0)


def encoder_modules():
    modules, n = [Conv(1, 32, 7)], 32
    for ratio in reversed(RATIOS):
        modules += [Block(n), nn.ELU(), Conv(n, 2 * n, 2 * ratio, ratio)]
        n *= 2
    return nn.Sequential(*modules, Lstm(n), nn.ELU(), Conv(n, DIM, 7))


def decoder_modules():
    modules, n = [Conv(DIM, 512, 7), Lstm(512)], 512
    for ratio in RATIOS:
        modules += [nn.ELU(), ConvTranspose(n, n // 2, 2 * ratio, ratio), Block(n // 2)]
        n //= 2
    return nn.Sequential(*modules, nn.ELU(), Conv(n, 1, 7))


class Codec(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = encoder_modules(), decoder_modules()
        self.codebooks = nn.Parameter(torch.randn(N_CODEBOOKS, CODEWORDS, DIM) * 0.1)

    def fix_norms(self):
        """What a search needs beside the product, once."""
        self.norms = (self.codebooks**2).sum(-1)

    def encode(self, pcm):
        rest = self.encoder(pcm)[0].T
        codes = []
        for codebook, norms in zip(self.codebooks, self.norms):
            codes.append(torch.addmm(norms, rest, codebook.T, alpha=-2).argmin(-1))
            rest = rest - functional.embedding(codes[-1], codebook)
        return torch.stack(codes)

    def decode(self, codes):
        latents = sum(functional.embedding(c, b) for c, b in zip(codes, self.codebooks))
        return self.decoder(latents.T[None])


def checkpoint(codec):
    """The tensors under the names of the published checkpoint, weight norm unfolded."""
    tensors = {}
    for name, value in codec.state_dict().items():
        array = value.numpy()
        part, rest = name.split(".", 1) if "." in name else (name, "")
        if part == "codebooks":
            for i, codebook in enumerate(array):
                tensors[f"quantizer.vq.layers.{i}._codebook.embed"] = codebook
            continue
        name = f"{part}.model.{rest}"
        for kind in ("convtr", "conv"):
            name = name.replace(f".{kind}.", f".{kind}.{kind}.")
        if name.endswith("conv.weight") or name.endswith("convtr.weight"):
            norm = numpy.sqrt((array.astype(numpy.float64) ** 2).sum((1, 2), keepdims=True))
            tensors[name + "_v"] = array
            tensors[name + "_g"] = norm.astype(numpy.float32)
        else:
            tensors[name] = array
    return tensors


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape,
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(numpy.ascontiguousarray(array, "<f4").tobytes())


def timed(function, argument):
    begin = time.thread_time()
    result = function(argument)
    return time.thread_time() - begin, result


def torch_figures(codec, seconds):
    """Times of real time offline, median milliseconds by steps."""
    pcm = torch.rand(1, 1, int(seconds * RATE_HZ) // HOP * HOP) - 0.5
    audio_s = pcm.shape[-1] / RATE_HZ
    with torch.inference_mode():
        encode_s, codes = timed(codec.encode, pcm)
        decode_s, _ = timed(codec.decode, codes)
        steps = {"encode": [], "decode": []}
        for first in range(0, min(pcm.shape[-1], 150 * HOP), HOP):
            step_s, codes = timed(codec.encode, pcm[..., first : first + HOP])
            steps["encode"].append(step_s)
            steps["decode"].append(timed(codec.decode, codes)[0])
    return {"offline": {"encode": audio_s / encode_s, "decode": audio_s / decode_s},
            "steps": {k: 1e3 * statistics.median(v[10:]) for k, v in steps.items()}}


def ravel_figures(ravel, model, seconds):
    out = subprocess.run([ravel, "bench", "--json", "--seconds", str(seconds), "-m", model],
                         check=True, capture_output=True).stdout
    parts = json.loads(out)["parts"]
    return {"offline": {k: parts[k]["offline"]["times_real_time"] for k in ("encode", "decode")},
            "steps": {k: parts[k]["steps"]["cpu_ms_median"] for k in ("encode", "decode")}}


def median(figures, kind, way):
    return statistics.median(f[kind][way] for f in figures)


def report(ours, theirs):
    missed = False
    print(f"{'':24}{'Ravel':>12}{'PyTorch':>12}{'ratio':>9}{'bar':>7}")
    for kind, unit in (("offline", "x real time"), ("steps", "ms a frame")):
        for way in ("encode", "decode"):
            a, b = median(ours, kind, way), median(theirs, kind, way)
            ratio = a / b if kind == "offline" else b / a
            missed |= ratio < BARS[kind]
            print(f"{way + ', ' + unit:24}{a:12.2f}{b:12.2f}{ratio:9.2f}{BARS[kind]:7}"
                  f"{'  MISSED' if ratio < BARS[kind] else ''}")
    return missed


def agreement_db(ravel, model, codec, folder):
    """Signal to difference of what the two decode from what each encoded itself."""
    pcm = (numpy.random.default_rng(1).standard_normal(RATE_HZ) * 0.1).astype("<f4")
    raw, stream, out = folder / "in.raw", folder / "a.rvl", folder / "out.wav"
    raw.write_bytes(pcm.tobytes())
    subprocess.run([ravel, "encode", "-q", "-m", model, "--raw", "--raw-bits", "f32", raw, stream],
                   check=True)
    subprocess.run([ravel, "decode", "-q", "-m", model, "--bits", "f32", stream, out], check=True)
    ours = numpy.frombuffer(out.read_bytes()[-4 * len(pcm):], "<f4")
    with torch.inference_mode():
        theirs = codec.decode(codec.encode(torch.from_numpy(pcm)[None, None]))[0, 0].numpy()
    return 10 * math.log10((theirs**2).sum() / ((ours - theirs) ** 2).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    codec = Codec().eval()
    codec.fix_norms()
    ravel = options.build / "ravel"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with torch.no_grad():
            write_safetensors(folder / "checkpoint", checkpoint(codec))
        model, config = folder / "model", folder / "config.json"
        config.write_text('{"pad_mode": "constant"}')
        subprocess.run([ravel, "import", "encodec", folder / "checkpoint", config, "-o", model],
                       check=True)
        print(f"EnCodec 24 kHz, {N_CODEBOOKS} codebooks, one thread; PyTorch {torch.__version__}, "
              f"{platform.machine()}; the same sound within "
              f"{agreement_db(ravel, model, codec, folder):.0f} dB")
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(ravel_figures(ravel, model, options.seconds))
            theirs.append(torch_figures(codec, options.seconds))
    return report(ours, theirs)


if __name__ == "__main__":
    sys.exit(main())
