# SPDX-License-Identifier: BSD-3-Clause
"""Trains the prior of a model on the codes of the corpus, fits its static tables, and writes both
into the model file.

    python3 -m train.prior --model models/ravel-24k.safetensors --ravel build/ravel --run runs/prior

One command does all: codes by `ravel tokens` (kept, see codes.py), training, bits per frame and
codebook on the development set, export. It resumes from last.pt of its run. With a model of another
tokeniser it takes codes anew and begins with the old network, but for what belongs to codewords
that are others.
"""
from __future__ import annotations

import argparse
import ctypes
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the processor to others
import numpy as np  # noqa: E402
import torch  # noqa: E402

from . import codes, export, tables  # noqa: E402
from .. import model_file  # noqa: E402
from ..command import model_info  # noqa: E402
from .network import Prior  # noqa: E402
from .training import Trainer, evaluate  # noqa: E402

RATES = (3, 6, 12)  # codebooks of the evaluation


def keep_memory() -> None:
    """Large blocks are reused instead of given back: page faults took a seventh of the time."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(m_mmap_threshold, 1 << 30)
        libc.mallopt(m_trim_threshold, 1 << 30)


def report(prior: Prior, files: list[np.ndarray], block: int) -> None:
    print(f"\n{sum(map(len, files))} frames in blocks of {block}\n\n"
          "| codebooks | saving | bits a code of each |\n|---|---|---|")
    packed = [codes.code_bits(size) for size in prior.shape.sizes]
    for n in RATES:
        if n <= len(packed):
            bits = evaluate(prior, files, n, block)
            saving = 100 * (1 - bits.sum() / sum(packed[:n]))
            print(f"| {n} | {saving:.1f} % | {' '.join(f'{b:.2f}' for b in bits)} |", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/ravel-24k.safetensors"))
    parser.add_argument("--out", type=Path, help="the model file itself where left out")
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"))
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--codes", type=Path, default=Path("runs/codes"))
    parser.add_argument("--run", type=Path, default=Path("runs/prior"))
    parser.add_argument("--speeds", type=float, nargs="*", default=[0.88, 0.94, 1.06, 1.13])
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--minutes", type=float, help="of training, whatever --steps says")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--frames", type=int, default=100, help="of a sequence and of the window")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="network in bfloat16, weights float32")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    keep_memory()
    made = codes.extract(arguments.ravel, arguments.model, arguments.corpus, arguments.codes,
                         tuple(arguments.speeds), arguments.threads)
    tokenizer = model_info(arguments.ravel, arguments.model)["tokenizer_identity"]
    paths = [path for folder, some in made.items() if folder != "dev" for path in some]
    files, speakers = codes.load(paths), codes.speakers(paths)
    codewords = model_file.codebooks(*model_file.read(arguments.model))
    trainer = Trainer(arguments, tokenizer, files, speakers, codewords)
    print(f"{sum(map(len, files))} frames to learn from, tokeniser {tokenizer[:16]}", flush=True)
    trainer.train()
    prior, out = trainer.averaged(), arguments.out or arguments.model
    plain = codes.load(made["train"] + made["train16"])
    size = tables.export(tables.fit(plain, prior.shape.sizes), arguments.model, tokenizer, out)
    size += export.export(prior, out, tokenizer, out)
    print(f"tables and prior take {size / 1e6:.2f} MB of the model file")
    report(prior, codes.load(made["dev"]), arguments.frames)


if __name__ == "__main__":
    main()
