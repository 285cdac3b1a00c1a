# SPDX-License-Identifier: BSD-3-Clause
"""What limits a model: its bits, chance, its latents or its decoder?

    python3 -m train.measure.limits                  # ../shared/corpus/dev, every fourth file
    python3 -m train.measure.limits --data runs/data # also what else its latents could tell

Prints how near sounds come with ever more codebooks and with latents that were not quantised; how
far a sound is from itself, decoded where pulses and noise are elsewhere; how PESQ and the loss that
stands for it go together over all these; and, with the training's data, by how much a network errs
that learns nothing but the envelope out of the latents.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..corpus import read_mono, sounds
from ..data import Sampler
from ..loudness import LoudnessLoss
from ..model import HOP, N_CODEBOOKS, SAMPLE_RATE, TAIL, Codec
from ..probes import Envelope
from ..restore import read_model
from .measures import mel_distance, scores

SECONDS = 8  # of a clip
CODEBOOKS = (3, 6, N_CODEBOOKS, None)  # None: the latents themselves
LEAD = 41  # frames that go before a sound once more: the decoder remembers fewer
CROP, CROPS = 80, 8  # frames of a crop, of a batch
DB = 20 / np.log(10)

Clip = tuple[Tensor, Tensor]  # samples [1, 480 n], latents [1, n, 256]


def read(path: Path) -> Tensor:
    """[1, n] whole frames."""
    pcm = torch.from_numpy(read_mono(path)[:SECONDS * SAMPLE_RATE])
    return pcm[None, :len(pcm) // HOP * HOP]


def quantised(codec: Codec, latent: Tensor, n_codebooks: int | None) -> Tensor:
    if n_codebooks is None:
        return latent
    return codec.quantizer.decode(codec.quantizer.encode(latent, n_codebooks))


def decode(codec: Codec, latent: Tensor) -> Tensor:
    """Without the last samples, whose other half is still to come."""
    return codec.decoder(latent)[:, :-TAIL]


def name(n_codebooks: int | None) -> str:
    return f"{n_codebooks} codebooks" if n_codebooks else "not quantised"


def raw_pesq(pesq: float) -> float:
    """Before its mapping to opinions (P.862.2, equation 1)."""
    return (3.8224 - np.log(4 / (pesq - 0.999) - 1)) / 1.3669


@torch.no_grad()
def quality(codec: Codec, clips: list[Clip]) -> None:
    """Prints means for each number of codebooks; then how PESQ and its loss go together."""
    loss, pairs = LoudnessLoss(), []
    for n_codebooks in CODEBOOKS:
        found = []
        for pcm, latent in clips:
            decoded = decode(codec, quantised(codec, latent, n_codebooks))
            original = pcm[:, :-TAIL]
            found.append(scores(original[0].numpy(), decoded[0].numpy()))
            if found[-1]["pesq"] is not None:
                pairs.append((raw_pesq(found[-1]["pesq"]), -float(loss(decoded, original))))
        means = [np.mean([x[key] for x in found if x[key] is not None])
                 for key in ("pesq", "estoi", "mel")]
        print("{}: PESQ {:.2f}, ESTOI {:.3f}, log-mel distance {:.3f}".format(
            name(n_codebooks), *means), flush=True)
    print(f"correlation of PESQ with its loss: {np.corrcoef(*zip(*pairs))[0, 1]:.3f}")


@torch.no_grad()
def chance(codec: Codec, clips: list[Clip]) -> None:
    """Prints how far a sound is from itself, decoded at another time of a stream."""
    found = []
    for latent in (quantised(codec, clip[1], N_CODEBOOKS) for clip in clips):
        if latent.shape[1] <= 2 * LEAD:
            continue
        first = decode(codec, latent)[0]
        again = decode(codec, torch.cat([latent[:, :LEAD], latent], 1))[0, LEAD * HOP:]
        found.append(mel_distance(first[LEAD * HOP:].numpy(), again[LEAD * HOP:].numpy()))
    print(f"from itself, decoded later: log-mel distance {np.mean(found):.3f}")


def learn_envelope(codec: Codec, data: Path, steps: int) -> Envelope:
    """Out of latents of all kinds, a quarter of each."""
    probe, sampler = Envelope(), Sampler(data, CROP * HOP, 1)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for step in range(steps):
        pcm = torch.from_numpy(sampler.batch(step, CROPS)[0])
        with torch.no_grad():
            parts = zip(codec.encoder(pcm).chunk(len(CODEBOOKS)), CODEBOOKS)
            latent = torch.cat([quantised(codec, *part) for part in parts])
        error = probe.error(probe(latent), pcm)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    return probe.eval()


@torch.no_grad()
def envelope(codec: Codec, clips: list[Clip], probe: Envelope) -> None:
    """Prints how far the probe and the decoder are from the original's bands."""
    for n_codebooks in CODEBOOKS:
        found = []
        for pcm, plain in clips:
            latent = quantised(codec, plain, n_codebooks)
            told = (probe(latent), probe.bands(codec.decoder(latent)))
            found.append([float(probe.error(bands, pcm)) for bands in told])
        print("{}: envelope {:.2f} dB off out of the latents, {:.2f} dB out of the sound".format(
            name(n_codebooks), *DB * np.mean(found, axis=0)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/ravel-24k.safetensors"))
    parser.add_argument("--files", type=Path, default=Path("../shared/corpus/dev"))
    parser.add_argument("--every", type=int, default=4, metavar="N", help="each n-th file only")
    parser.add_argument("--data", type=Path, help="what train.data made")
    parser.add_argument("--steps", type=int, default=3000, help="of learning the envelope")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    codec = read_model(arguments.model).eval()
    sources = [read(path) for path in sounds(arguments.files)[::arguments.every]]
    with torch.no_grad():
        clips = [(pcm, codec.encoder(pcm)) for pcm in sources]
    quality(codec, clips)
    chance(codec, clips)
    if arguments.data:
        envelope(codec, clips, learn_envelope(codec, arguments.data, arguments.steps))


if __name__ == "__main__":
    main()
