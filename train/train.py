# SPDX-License-Identifier: BSD-3-Clause
"""Trains the codec.

    python3 -m train.train --data data --run run --steps 12000 --bf16 --compile

Resumes from run/last.pt where it exists: weights, averages, optimiser, random states and step.
`--smoke` goes through every part of it in two minutes. run/curve.csv has the losses.
"""
from __future__ import annotations

import argparse
import csv
import math
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the processor to others
import torch  # noqa: E402
from torch import Tensor, nn

from .data import SAMPLE_RATE, Sampler
from .losses import SpectralLoss
from .model import HOP, N_CODEBOOKS, TAIL, Codec

WARM_UP_STEPS = 500
BYPASS_STEPS = 600  # before the codebooks are made from the latents
FADE_STEPS = 1200  # after that the quantiser is bypassed ever more rarely
RECENT = 16  # batches of latents for that
EMA_DECAY = 0.998  # of the averaged weights, a step
AVERAGE_EVERY = 4
MATRICES = (".up.weight", ".down.weight", ".linear.weight", ".out.weight")
COLUMNS = ("step", "mel", "complex", "vq", "norm", "replaced", "audio_s_per_s")


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < WARM_UP_STEPS:
        return peak * (step + 1) / WARM_UP_STEPS
    progress = min(1.0, (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS))
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizers(codec: Codec, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden channels, AdamW for everything else."""
    inner = [p for name, p in codec.named_parameters() if name.endswith(MATRICES)]
    other = [p for name, p in codec.named_parameters() if not name.endswith(MATRICES)]
    return [torch.optim.Muon(inner, lr=rate, weight_decay=0.01, momentum=0.95,
                             adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(other, lr=rate, betas=(0.8, 0.99), weight_decay=0.01, fused=True)]


def draw_stages(n: int) -> Tensor:
    """Quantiser dropout: half of the batch uses all codebooks, the rest any prefix."""
    prefix = torch.randint(1, N_CODEBOOKS + 1, (n,))
    return torch.where(torch.rand(n) < 0.5, torch.full((n,), N_CODEBOOKS), prefix)


class Trainer:
    """The codec, what is kept beside it, and the loop."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.run: Path = arguments.run
        self.run.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(arguments.seed)
        self.codec = Codec().to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.codec.state_dict().items()}
        self.loss = SpectralLoss(compile=arguments.compile).to(self.device)
        self.optimizers = make_optimizers(self.codec, arguments.rate)
        self.sampler = Sampler(arguments.data, arguments.frames * HOP, arguments.seed)
        self.step = 0
        self.recent: list[Tensor] = []  # latents for the first codebooks
        self.encode: nn.Module = self.codec.encoder.network
        self.decode: nn.Module = self.codec.decoder.network
        if (self.run / "last.pt").exists():
            self.load(self.run / "last.pt")
        if arguments.compile:
            self.encode = torch.compile(self.encode)
            self.decode = torch.compile(self.decode)

    def save(self) -> None:
        state = {"codec": self.codec.state_dict(), "average": self.average, "step": self.step,
                 "optimizers": [o.state_dict() for o in self.optimizers], "torch_rng": torch.get_rng_state(),
                 "sampler": self.sampler.rng.bit_generator.state}
        torch.save(state, self.run / "last.tmp")
        (self.run / "last.tmp").rename(self.run / "last.pt")

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.codec.load_state_dict(state["codec"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state.get("optimizers", [])):
            optimizer.load_state_dict(saved)
        torch.set_rng_state(state["torch_rng"].cpu())
        self.sampler.rng.bit_generator.state = state["sampler"]
        self.step = state["step"]

    @torch.no_grad()
    def update_average(self) -> None:
        if self.step % AVERAGE_EVERY:
            return
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step)) ** AVERAGE_EVERY
        state = self.codec.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [state[k] for k in self.average],
                             1 - decay)

    def bypassed_share(self) -> float:
        """Share of the batch that still goes round the quantiser: half, then ever less."""
        return 0.5 * max(0.0, 1 - (self.step - self.arguments.bypass) / FADE_STEPS)

    def train_step(self) -> dict[str, float]:
        n = self.arguments.batch
        pcm = torch.from_numpy(self.sampler.batch(n)).to(self.device)
        quantizer = self.codec.quantizer
        spectrum = self.codec.encoder.spectrum(pcm)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.arguments.bf16):
            latent = self.encode(spectrum)
        latent = latent.float()
        if self.step < self.arguments.bypass:
            quantized, vq, replaced = latent, latent.new_zeros(()), 0
            self.recent = [*self.recent[1 - RECENT:], latent.detach()]
        else:
            if self.step == self.arguments.bypass:
                quantizer.initialise(torch.cat([*self.recent, latent.detach()]))
                self.average = {k: v.clone() for k, v in self.codec.state_dict().items()}
                self.recent = []
            quantized, vq, replaced = quantizer(latent, draw_stages(n).to(self.device))
            bypassed = torch.rand(n, 1, 1) < self.bypassed_share()
            quantized = torch.where(bypassed.to(self.device), latent, quantized)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.arguments.bf16):
            head = self.decode(quantized)
        decoded = self.codec.decoder.synthesis(head.float())
        valid = decoded.shape[1] - TAIL  # the last half window lacks its overlap
        mel, complex_ = self.loss(decoded[:, :valid], pcm[:, :valid])
        total = mel + complex_ + vq
        self.codec.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        return {"mel": mel.item(), "complex": complex_.item(), "vq": vq.item(),
                "norm": float(norm), "replaced": replaced}

    def train(self) -> None:
        arguments = self.arguments
        sums: dict[str, float] = {}
        started, audio = time.time(), 0.0
        with open(self.run / "curve.csv", "a", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(COLUMNS)
            while self.step < arguments.steps:
                rate = learning_rate(self.step, arguments.steps, arguments.rate)
                for optimizer in self.optimizers:
                    for group in optimizer.param_groups:
                        group["lr"] = rate
                for key, value in self.train_step().items():
                    sums[key] = sums.get(key, 0.0) + value
                self.step += 1
                self.update_average()
                audio += arguments.batch * arguments.frames * HOP / SAMPLE_RATE
                if self.step % arguments.report == 0:
                    row = {k: v / arguments.report for k, v in sums.items()}
                    speed = audio / (time.time() - started)
                    writer.writerow([self.step, *[f"{v:.5g}" for v in row.values()],
                                     f"{speed:.1f}"])
                    file.flush()
                    print(f"step {self.step} " + " ".join(f"{k} {v:.4f}" for k, v in row.items())
                          + f" rate {rate:.2e} {speed:.1f} audio-s/s", flush=True)
                    sums, started, audio = {}, time.time(), 0.0
                    self.save()
        self.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=int, default=100)
    parser.add_argument("--bf16", action="store_true", help="network in bfloat16, weights float32")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler")
    parser.add_argument("--bypass", type=int, default=BYPASS_STEPS)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.steps, arguments.bypass, arguments.report = 30, 15, 5
        arguments.batch, arguments.frames = 2, 60
    Trainer(arguments).train()


if __name__ == "__main__":
    main()
