# SPDX-License-Identifier: BSD-3-Clause
"""Static tables of a model (docs/format.md): how likely a code is, given the codebook before.

    python3 -m train.prior.tables --model models/ravel-24k.safetensors --out with.safetensors

Takes codes as train.prior does, counts pairs of codes, and fits to the counts of each pair of
neighbouring codebooks a table of logits of low rank. One file in ten is kept back to tell when to
stop.
"""
from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import codes
from .. import model_file
from ..command import model_info

NAME = "tables"
RANK = 8
STEPS, LEARNING_RATE, PATIENCE = 150, 0.05, 3
LOOK_EVERY = 10  # steps
KEPT_BACK = 10  # one file in so many
COUNT_OF_ALL = 0.5  # added to the count of each code, so that none is impossible


def counts_of(files: list[np.ndarray], k: int, sizes: list[int]) -> Tensor:
    """How often each code of codebook k came with each code of the one before [before, size]; for
    the first codebook [1, size]."""
    pairs = torch.zeros(sizes[k - 1] if k else 1, sizes[k])
    for file in files:
        before = file[:, k - 1].astype(np.int64) if k else np.zeros(len(file), np.int64)
        flat = np.bincount(before * sizes[k] + file[:, k], minlength=pairs.numel())
        pairs += torch.from_numpy(flat.reshape(pairs.shape).astype("f4"))
    return pairs


def bits(counts: Tensor, logits: Tensor) -> float:
    """A code's cost in bits."""
    return (-(counts * logits.log_softmax(1)).sum() / counts.sum() / math.log(2)).item()


def fit_pairs(counts: Tensor, kept_back: Tensor) -> list[Tensor]:
    """Logits [size], from [before, RANK], to [size, RANK]: the best by the counts kept back."""
    n_before, size = counts.shape
    generator = torch.Generator().manual_seed(0)
    values = [torch.log(counts.sum(0) + COUNT_OF_ALL),
              0.1 * torch.randn(n_before, RANK, generator=generator),
              0.1 * torch.randn(size, RANK, generator=generator)]
    values = [value.requires_grad_() for value in values]
    optimizer = torch.optim.Adam(values, lr=LEARNING_RATE)
    best, least, worse = [value.detach().clone() for value in values], math.inf, 0
    for step in range(STEPS):
        logits = values[0] + values[1] @ values[2].T
        if step % LOOK_EVERY == 0:
            with torch.no_grad():
                now = bits(kept_back, logits)
            worse = 0 if now < least else worse + 1
            if now < least:
                best, least = [value.detach().clone() for value in values], now
            if worse == PATIENCE:
                break
        optimizer.zero_grad()
        loss = -(counts * logits.log_softmax(1)).sum() / counts.sum()
        loss.backward()
        optimizer.step()
    return best


def fit(files: list[np.ndarray], sizes: list[int]) -> dict[str, np.ndarray]:
    """The tensors of all codebooks, by files of codes [frames, codebooks]."""
    train = [file for i, file in enumerate(files) if i % KEPT_BACK]
    kept_back = files[::KEPT_BACK]
    tensors = {}
    for k in range(len(sizes)):
        counts, check = counts_of(train, k, sizes), counts_of(kept_back, k, sizes)
        parts = (fit_pairs(counts, check) if k else
                 [torch.log((counts + check).sum(0) + COUNT_OF_ALL)])
        parts[0] = parts[0] - parts[0].max()
        for part, value in zip(("logits", "from", "to"), parts):
            tensors[f"{NAME}.{k}.{part}"] = value.numpy().astype("<f2")
    return tensors


def evaluate(tensors: dict[str, np.ndarray], files: list[np.ndarray],
             sizes: list[int]) -> list[float]:
    """Bits of a code of each codebook."""
    found = []
    for k in range(len(sizes)):
        logits, *pair = (torch.from_numpy(tensors[f"{NAME}.{k}.{part}"].astype("f4"))
                         for part in ("logits", "from", "to") if f"{NAME}.{k}.{part}" in tensors)
        table = logits + pair[0] @ pair[1].T if pair else logits[None]
        found.append(bits(counts_of(files, k, sizes), table))
    return found


def export(fitted: dict[str, np.ndarray], model: Path, tokenizer: str, out: Path) -> int:
    """The model file with the tables in it; their bytes."""
    return model_file.put(NAME, {"name": NAME, "tokenizer": tokenizer}, fitted, model, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"))
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--codes", type=Path, default=Path("runs/codes"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    tokenizer = model_info(a.ravel, a.model)["tokenizer_identity"]
    made = codes.extract(a.ravel, a.model, a.corpus, a.codes)
    sizes = [len(book) for book in model_file.codebooks(*model_file.read(a.model))]
    fitted = fit(codes.load(made["train"] + made["train16"]), sizes)
    spent = evaluate(fitted, codes.load(made["dev"]), sizes)
    packed = [codes.code_bits(size) for size in sizes]
    print("bits a code on dev:", " ".join(f"{x:.2f}" for x in spent))
    for n in (3, 6, len(sizes)):
        print(f"{n} codebooks: {1 - sum(spent[:n]) / sum(packed[:n]):.1%} saved")
    print(f"{export(fitted, a.model, tokenizer, a.out)} bytes of tables")


if __name__ == "__main__":
    main()
