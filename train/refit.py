# SPDX-License-Identifier: BSD-3-Clause
"""Fits the finer codebooks of a trained codec anew, for a training of the decoder after it.

    python3 -m train.refit --checkpoint runs/codec/last.pt --run runs/decoder
    python3 -m train.train --run runs/decoder --decoder-only --steps 14600 --rate 6e-4

What the coarse stages leave over changes all through a training, and the codewords of the fine ones
follow it slowly: many end where hardly anything is. Projections from principal components and
codewords from k-means, over the latents of the finished encoder, use nearly all of them. With
prices they are used less evenly, which costs no quality and spares the entropy coder bits. The
coarse stages stay: they have learned what is heard, not what varies most.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from .data import Sampler
from .model import HOP, Codec

FRAMES, CROPS = 120, 8  # of a crop, of a batch


@torch.no_grad()
def draw_latents(codec: Codec, data: Path, batches: int, seed: int) -> Tensor:
    """[n, 256] of augmented crops."""
    sampler = Sampler(data, FRAMES * HOP, seed)
    crops = (torch.from_numpy(sampler.batch(i, CROPS)[0]) for i in range(batches))
    return torch.cat([codec.encoder(pcm).flatten(0, 1) for pcm in crops])


@torch.no_grad()
def refit(codec: Codec, latents: Tensor, first: int, slope: float) -> None:
    residual = latents
    for i, stage in enumerate(codec.quantizer.stages):
        if i < first:
            code = stage.search(stage.in_proj(residual))
            residual = residual - stage.out_proj(stage.codebook[code])
        else:
            residual = stage.initialise(residual, slope)
        print(f"stage {i + 1}: variance left {residual.var(0).sum():.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/data"))
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/codec/last.pt"))
    parser.add_argument("--run", type=Path, default=Path("runs/decoder"), help="gets last.pt")
    parser.add_argument("--first", type=int, default=6, help="stages that stay as they are")
    parser.add_argument("--slope", type=float, default=0.12,
                        help="price of a bit, in shares of a codebook's squared error")
    parser.add_argument("--batches", type=int, default=90)
    parser.add_argument("--seed", type=int, default=77)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    state = torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)
    codec = Codec()
    codec.load_state_dict(state["average"])
    refit(codec.eval(), draw_latents(codec, arguments.data, arguments.batches, arguments.seed),
          arguments.first, arguments.slope)
    state["codec"] = state["average"] = codec.state_dict()
    arguments.run.mkdir(parents=True, exist_ok=True)
    torch.save(state, arguments.run / "last.pt")


if __name__ == "__main__":
    main()
