# SPDX-License-Identifier: BSD-3-Clause
"""Compares the prior in C with train/prior/network.py, through the exporter.

    python3 tests/reference/prior.py BUILD/write_model BUILD/run_prior

Random weights, random codes, every number of codebooks; streams longer than the window. Exits with
77 (skipped) where PyTorch is not installed.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

sys.path.insert(0, str(Path(__file__).parents[2]))
from train.prior.export import export, rounded  # noqa: E402
from train.prior.network import Prior, Shape  # noqa: E402

CODEBOOKS, SIZE, FRAMES = 4, 32, 50  # of the tiny model "default-like"
TOLERANCE = 2e-5  # of the largest logit


def make_prior(trunk: str) -> Prior:
    """Random, with numbers in all that begins as zeros or ones."""
    shape = Shape(sizes=[SIZE] * CODEBOOKS, rank=6, width=32, up=40, hidden=24, narrow=9, heads=2,
                  context=11, trunk=trunk)
    prior = Prior(shape).eval()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return prior


def main() -> None:
    write_model, run_prior = sys.argv[1:]
    torch.manual_seed(1)
    torch.set_num_threads(1)
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, model = folder / "plain.safetensors", folder / "model.safetensors"
        subprocess.run([write_model, "default-like", plain], check=True)
        tokenizer = subprocess.run([run_prior, plain], check=True, capture_output=True,
                                   text=True).stdout.strip()
        for trunk in ("c", "a", "caca"):
            prior = make_prior(trunk)
            export(prior, plain, tokenizer, model)
            rounded(prior)
            for n in range(1, CODEBOOKS + 1):
                codes = np.random.default_rng(n).integers(SIZE, size=(FRAMES, n))
                np.save(folder / "codes.npy", codes.astype("<i4"))
                subprocess.run([run_prior, model, folder / "codes.npy", folder / "out"], check=True)
                here = np.fromfile(folder / "out", "<f4").reshape(n, FRAMES, SIZE)
                with torch.no_grad():
                    twin = torch.cat(prior(torch.from_numpy(codes)[None])).numpy()
                error = np.abs(here - twin).max() / np.abs(twin).max()
                print(f"{trunk:5} {n} codebooks: {error:.1e}")
                worst = max(worst, error)
    sys.exit(int(worst > TOLERANCE))


if __name__ == "__main__":
    main()
