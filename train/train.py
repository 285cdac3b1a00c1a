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
from .model import HOP, N_CODEBOOKS, TAIL, WIDTH, Codec
from .source import MIN_HZ, pitch_hz

WARM_UP_STEPS = 500
DECAY_SHARE = 0.4  # of the steps, at the end, with a falling rate
TEACH_STEPS = 2500  # until then the source gets ever more rarely the true pitch
BINS_WEIGHT, PITCH_WEIGHT, PROBE_WEIGHT = 2.0, 4.0, 1.0
BYPASS_STEPS = 600  # before the codebooks are made from the latents
FADE_STEPS = 1200  # after that the quantiser is bypassed ever more rarely
RECENT = 16  # batches of latents for that
EMA_DECAY = 0.998  # of the averaged weights, a step
AVERAGE_EVERY = 4
MATRICES = (".up.weight", ".down.weight", ".linear.weight", ".out.weight")
COLUMNS = ("step", "mel", "bins", "vq", "pitch", "probe", "norm", "replaced", "audio_s_per_s")


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, a long plateau, then a cosine down to a fiftieth."""
    if step < WARM_UP_STEPS:
        return peak * (step + 1) / WARM_UP_STEPS
    progress = min(1.0, max(0.0, (step / steps - 1) / DECAY_SHARE + 1))
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizers(network: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden channels, AdamW for everything else."""
    inner = [p for name, p in network.named_parameters() if name.endswith(MATRICES)]
    other = [p for name, p in network.named_parameters() if not name.endswith(MATRICES)]
    return [torch.optim.Muon(inner, lr=rate, weight_decay=0.01, momentum=0.95,
                             adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(other, lr=rate, betas=(0.8, 0.99), weight_decay=0.01, fused=True)]


def draw_stages(n: int) -> Tensor:
    """Quantiser dropout: half of the batch uses all codebooks, the rest any prefix."""
    prefix = torch.randint(1, N_CODEBOOKS + 1, (n,))
    return torch.where(torch.rand(n) < 0.5, torch.full((n,), N_CODEBOOKS), prefix)


def pitch_error(octaves: Tensor, hz: Tensor) -> Tensor:
    """Mean distance in octaves, at most one, of voiced frames; [batch, time] both."""
    voiced = hz > 0
    distance = (octaves - torch.log2(hz.clamp(min=MIN_HZ) / MIN_HZ)).abs().clamp(max=1)
    return (distance * voiced).sum() / voiced.sum().clamp(min=1)


class Trainer:
    """The codec, what is kept beside it, and the loop."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.run: Path = arguments.run
        self.run.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(arguments.seed)
        self.codec = Codec().to(self.device)
        self.probe = nn.Linear(WIDTH, 2).to(self.device)  # pitches of a frame out of its latent
        self.network = nn.ModuleList([self.codec, self.probe])
        self.average = {k: v.detach().clone() for k, v in self.codec.state_dict().items()}
        self.loss = SpectralLoss(compile=arguments.compile).to(self.device)
        self.optimizers = make_optimizers(self.network, arguments.rate)
        self.sampler = Sampler(arguments.data, arguments.frames * HOP, arguments.seed)
        self.step = 0
        self.recent: list[Tensor] = []  # latents for the first codebooks
        self.encode: nn.Module = self.codec.encoder.network
        self.decode: nn.Module = self.codec.decoder.features
        if (self.run / "last.pt").exists():
            self.load(self.run / "last.pt")
        if arguments.compile:
            self.encode = torch.compile(self.encode)
            self.decode = torch.compile(self.decode)

    def save(self) -> None:
        state = {"codec": self.codec.state_dict(), "probe": self.probe.state_dict(), "average": self.average, "step": self.step,
                 "optimizers": [o.state_dict() for o in self.optimizers], "torch_rng": torch.get_rng_state(),
                 "sampler": self.sampler.rng.bit_generator.state}
        torch.save(state, self.run / "last.tmp")
        (self.run / "last.tmp").rename(self.run / "last.pt")

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.codec.load_state_dict(state["codec"])
        self.probe.load_state_dict(state["probe"])
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
        pcm, hz = (torch.from_numpy(x).to(self.device) for x in self.sampler.batch(n))
        quantizer, decoder = self.codec.quantizer, self.codec.decoder
        spectra = self.codec.encoder.spectra(pcm)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.arguments.bf16):
            latent = self.encode(*spectra)
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
            features = self.decode(quantized)
        head = decoder.head(features.float())  # the pitch needs more than eight bits
        decoded = decoder.synthesis(head, self.source_pitch(head, hz), self.first_noise())
        valid = decoded.shape[1] - TAIL  # the last half window lacks its overlap
        mel, bins = self.loss(decoded[:, :valid], pcm[:, :valid])
        pitch = pitch_error(head[..., 0], hz)
        probe = pitch_error(self.probe(latent).flatten(1), hz)
        total = mel + BINS_WEIGHT * bins + vq + PITCH_WEIGHT * pitch + PROBE_WEIGHT * probe
        self.network.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        return {"mel": mel.item(), "bins": bins.item(), "vq": vq.item(), "pitch": pitch.item(),
                "probe": probe.item(), "norm": float(norm), "replaced": replaced}

    def source_pitch(self, head: Tensor, hz: Tensor) -> Tensor:
        """The predicted pitch; at first, in some clips, the true one where there is one."""
        predicted = pitch_hz(head[..., 0].detach())
        taught = torch.rand(len(hz), 1) < 1 - self.step / TEACH_STEPS
        return torch.where(taught.to(hz.device) & (hz > 0), hz.clamp(MIN_HZ, 950), predicted)

    def first_noise(self) -> int:
        """Where this batch's noise begins, so that none is learned by heart."""
        return int(torch.randint(1 << 31, ()))

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
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--rate", type=float, default=1.2e-3)
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
