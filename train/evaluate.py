# SPDX-License-Identifier: BSD-3-Clause
"""Quality on the development set at 1.5, 3 and 6 kb/s, and the use of the codebooks.

    python3 -m train.evaluate --checkpoint run/last.pt --corpus ../shared/corpus/dev

The network has the weights that the model file stores. ESTOI and PESQ (wide band) are means over
clips; the mel distance is the mean absolute difference of 80 natural-log bands.
"""
from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from pesq import pesq
from pystoi import stoi
from scipy.signal import resample_poly
from torch import Tensor

from .export import load_average, rounded
from .losses import SpectralLoss
from .model import CODEBOOK_SIZE, HOP, SAMPLE_RATE, Codec

CODEBOOKS = (3, 6, 12)  # 0.5 kb/s each
KBPS_EACH = 0.5


def mel_distance(loss: SpectralLoss, decoded: Tensor, target: Tensor, n_fft: int = 1024) -> float:
    filters, scale = getattr(loss, f"mel{n_fft}"), 2.0 / n_fft
    logs = []
    for x in (decoded, target):
        power = loss.spectrum(x[None], n_fft).square().sum(-1)
        logs.append(0.5 * torch.log((power @ filters) * scale + 1e-7))
    return float((logs[0] - logs[1]).abs().mean())


def measure(codec: Codec, files: list[Path], n_codebooks: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean ESTOI, PESQ, mel distance; counts of the codewords [n_codebooks, 1024]."""
    loss, rows = SpectralLoss(), []
    counts = np.zeros((n_codebooks, CODEBOOK_SIZE))
    for path in files:
        audio, rate = sf.read(path, dtype="float32")
        assert rate == SAMPLE_RATE and audio.ndim == 1, f"{path}: 24 kHz mono is wanted"
        target = torch.from_numpy(audio)
        decoded, codes = codec.reconstruct(target, n_codebooks)
        for i in range(n_codebooks):
            counts[i] += np.bincount(codes[:, i].numpy(), minlength=CODEBOOK_SIZE)
        output = decoded.numpy()
        estoi = stoi(audio, output, SAMPLE_RATE, extended=True)
        wide = [resample_poly(x, 2, 3).astype("f4") for x in (audio, output)]
        quality = pesq(16000, wide[0], wide[1], "wb", on_error=1)
        rows.append([estoi, quality, mel_distance(loss, decoded, target)])
    return np.mean(rows, axis=0), counts


def perplexity(counts: np.ndarray) -> np.ndarray:
    p = counts / counts.sum(axis=1, keepdims=True)
    return np.exp2(-np.sum(p * np.log2(np.maximum(p, 1e-12)), axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus/dev"))
    parser.add_argument("--every", type=int, default=1, help="take each n-th clip only")
    parser.add_argument("--audio", type=Path, help="folder for the decoded clips at 6 kb/s")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    codec, step = load_average(arguments.checkpoint)
    codec = rounded(codec)
    files = sorted(arguments.corpus.glob("*.flac"))[::arguments.every]
    print(f"step {step}, {len(files)} clips\n")
    print("| kb/s | ESTOI | PESQ-WB | mel distance |\n|---|---|---|---|")
    for n in CODEBOOKS:
        mean, counts = measure(codec, files, n)
        print(f"| {n * KBPS_EACH:g} | {mean[0]:.3f} | {mean[1]:.2f} | {mean[2]:.3f} |", flush=True)
    print("\nCodewords in use (perplexity, of 1024): "
          + " ".join(f"{value:.0f}" for value in perplexity(counts)))
    if arguments.audio:
        arguments.audio.mkdir(parents=True, exist_ok=True)
        for path in files[:8]:
            target = torch.from_numpy(sf.read(path, dtype="float32")[0])
            decoded = codec.reconstruct(target, CODEBOOKS[-1])[0]
            sf.write(arguments.audio / f"{path.stem}.wav", decoded.numpy(), SAMPLE_RATE)


if __name__ == "__main__":
    main()
