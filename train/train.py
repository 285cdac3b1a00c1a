# SPDX-License-Identifier: BSD-3-Clause
"""Trains the codec.

    python3 -m train.train --data runs/data --run runs/codec --bf16 --compile

Goes on from last.pt of its run where that exists, to the same weights as without the interruption.
`--smoke` goes through every part of it in two minutes. curve.csv of the run has the losses.
"""
from __future__ import annotations

import argparse
import csv
import math
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads leave the processor to others
import torch  # noqa: E402
from torch import Tensor, nn

from .adversary import Adversary
from .data import SAMPLE_RATE, Sampler
from .losses import SpectralLoss
from .model import HOP, N_CODEBOOKS, TAIL, Codec
from .probes import Probes
from .restore import read_model
from .source import MIN_HZ, pitch_hz

NEVER = 1 << 30
WARM_UP_STEPS = 500
DECAY_SHARE = 0.4  # of the steps, at the end, with a falling rate
TEACH_STEPS = 2500  # until then the source gets ever more rarely the true pitch
WEIGHTS = {"mel": 1.0, "bins": 2.0, "cepstra": 0.3, "level": 0.1, "loudness": 0.1, "vq": 1.0,
           "pitch": 0.5, "latent_pitch": 0.1, "latent_bands": 1.0}
BYPASS_STEPS = 600  # before the codebooks are made from the latents
FADE_STEPS = 1200  # after that the quantiser is bypassed ever more rarely
RECENT = 16  # batches of latents for that
VERDICT_WEIGHT, MATCHING_WEIGHT = 0.1, 0.5
ADVERSARY_RAMP = 1000  # steps until these weights are full
EMA_DECAY = 0.998  # of the averaged weights, a step
AVERAGE_EVERY = 4
MATRICES = (".up.weight", ".down.weight", ".linear.weight", ".out.weight")
COLUMNS = ("step", "mel", "bins", "cepstra", "level", "loudness", "vq", "pitch", "latent_pitch",
           "latent_bands", "verdict", "matching", "judges", "norm", "replaced", "audio_s_per_s")


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
    """Quantiser dropout: a quarter of the batch uses all codebooks, the rest any prefix."""
    prefix = torch.randint(1, N_CODEBOOKS + 1, (n,))
    return torch.where(torch.rand(n) < 0.25, torch.full((n,), N_CODEBOOKS), prefix)


def pitch_error(octaves: Tensor, hz: Tensor) -> Tensor:
    """Mean distance in octaves, at most one, of voiced frames; [batch, time] both."""
    voiced = hz > 0
    distance = (octaves - torch.log2(hz.clamp(min=MIN_HZ) / MIN_HZ)).abs().clamp(max=1)
    return (distance * voiced).sum() / voiced.sum().clamp(min=1)


class Trainer:
    """The codec, what is kept beside it, and the loop. Seed and step alone say what is drawn."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.run: Path = arguments.run
        self.run.mkdir(parents=True, exist_ok=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(arguments.seed)
        self.codec = Codec().to(self.device)
        self.probes = Probes().to(self.device)
        self.adversary = Adversary().to(self.device)
        trained = [self.codec.decoder] if arguments.decoder_only else [self.codec, self.probes]
        self.network = nn.ModuleList(trained)
        self.codec.quantizer.train(not arguments.decoder_only)
        self.average = {k: v.detach().clone() for k, v in self.codec.state_dict().items()}
        self.loss = SpectralLoss(compile=arguments.compile).to(self.device)
        self.optimizers = make_optimizers(self.network, arguments.rate)
        self.judge_optimizer = torch.optim.AdamW(self.adversary.parameters(), lr=3e-4,
                                                 betas=(0.8, 0.99))
        self.sampler = Sampler(arguments.data, arguments.frames * HOP, arguments.seed)
        self.step = 0
        self.recent: list[Tensor] = []  # latents for the first codebooks
        if (self.run / "last.pt").exists():
            self.load(self.run / "last.pt")
        elif arguments.start:
            self.codec.load_state_dict(read_model(arguments.start).state_dict())
            self.average = {k: v.clone() for k, v in self.codec.state_dict().items()}
            self.step = TEACH_STEPS
        compiled = torch.compile if arguments.compile else lambda function: function
        self.encode = compiled(self.codec.encoder.network)
        self.decode = compiled(self.codec.decoder.features)
        self.tell_bands = compiled(self.probes.envelope)
        self.judge = compiled(self.adversary.loss)
        self.deceive = compiled(self.adversary.codec_loss)

    def save(self) -> None:
        state = {"codec": self.codec.state_dict(), "probes": self.probes.state_dict(),
                 "average": self.average, "step": self.step, "recent": self.recent,
                 "decoder_only": self.arguments.decoder_only,
                 "optimizers": [o.state_dict() for o in self.optimizers],
                 "adversary": self.adversary.state_dict(),
                 "judge_optimizer": self.judge_optimizer.state_dict()}
        torch.save(state, self.run / "last.tmp")
        (self.run / "last.tmp").rename(self.run / "last.pt")

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.codec.load_state_dict(state["codec"])
        self.probes.load_state_dict(state["probes"])
        self.average, self.step, self.recent = state["average"], state["step"], state["recent"]
        if state["decoder_only"] == self.arguments.decoder_only:
            for optimizer, saved in zip(self.optimizers, state["optimizers"]):
                optimizer.load_state_dict(saved)
        self.adversary.load_state_dict(state["adversary"])
        self.judge_optimizer.load_state_dict(state["judge_optimizer"])

    @torch.no_grad()
    def update_average(self) -> None:
        if self.step % AVERAGE_EVERY:
            return
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step)) ** AVERAGE_EVERY
        state = self.codec.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [state[k] for k in self.average],
                             1 - decay)

    def half(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.arguments.bf16)

    def bypassed_share(self) -> float:
        """Share of the batch that still goes round the quantiser: half, then ever less."""
        return 0.5 * max(0.0, 1 - (self.step - self.arguments.bypass) / FADE_STEPS)

    def quantize(self, latent: Tensor) -> tuple[Tensor, Tensor, int]:
        """What the decoder gets, the quantiser's loss, and how many codewords were replaced."""
        quantizer, n = self.codec.quantizer, len(latent)
        if self.step < self.arguments.bypass:
            self.recent = [*self.recent[1 - RECENT:], latent.detach()]
            return latent, latent.new_zeros(()), 0
        if self.step == self.arguments.bypass:
            quantizer.initialise(torch.cat([*self.recent, latent.detach()]))
            self.average = {k: v.clone() for k, v in self.codec.state_dict().items()}
            self.recent = []
        quantized, loss, replaced = quantizer(latent, draw_stages(n).to(self.device))
        bypassed = torch.rand(n, 1, 1) < self.bypassed_share()
        return torch.where(bypassed.to(self.device), latent, quantized), loss, replaced

    def source_pitch(self, head: Tensor, hz: Tensor) -> Tensor:
        """The predicted pitch; at first, in some clips, the true one where there is one."""
        predicted = pitch_hz(head[..., 0].detach())
        taught = torch.rand(len(hz), 1) < 1 - self.step / TEACH_STEPS
        return torch.where(taught.to(hz.device) & (hz > 0), hz.clamp(MIN_HZ, 950), predicted)

    def first_noise(self) -> int:
        """Where this batch's noise begins, so that none is learned by heart."""
        return int(torch.randint(1 << 31, ()))

    def run_encoder(self, pcm: Tensor, hz: Tensor) -> tuple[Tensor, dict[str, Tensor], int]:
        """Quantised latents, losses, and how many codewords were replaced."""
        spectra = self.codec.encoder.spectra(pcm)
        with self.half():
            latent = self.encode(*spectra)
        latent = latent.float()
        quantized, vq, replaced = self.quantize(latent)
        with self.half():
            bands = self.tell_bands(quantized)
        losses = {"vq": vq, "latent_pitch": pitch_error(self.probes.pitch(latent).flatten(1), hz),
                  "latent_bands": self.probes.envelope.error(bands.float(), pcm)}
        return quantized, losses, replaced

    @torch.no_grad()
    def run_frozen_encoder(self, pcm: Tensor) -> Tensor:
        spectra = self.codec.encoder.spectra(pcm)
        with self.half():
            latent = self.encode(*spectra)
        return self.codec.quantizer(latent.float(), draw_stages(len(pcm)).to(self.device))[0]

    def run_codec(self, pcm: Tensor, hz: Tensor) -> tuple[Tensor, dict[str, Tensor], int]:
        """Decoded samples, losses, and how many codewords were replaced."""
        decoder = self.codec.decoder
        if self.arguments.decoder_only:
            quantized, losses, replaced = self.run_frozen_encoder(pcm), {}, 0
        else:
            quantized, losses, replaced = self.run_encoder(pcm, hz)
        with self.half():
            features = self.decode(quantized)
        head = decoder.head(features.float())  # the pitch needs more than eight bits
        decoded = decoder.synthesis(head, self.source_pitch(head, hz), self.first_noise())
        losses["pitch"] = pitch_error(head[..., 0], hz)
        return decoded, losses, replaced

    def contest(self, decoded: Tensor, target: Tensor) -> dict[str, Tensor]:
        """A step of the discriminators, and what they mean to the codec."""
        with self.half():
            judges = self.judge(decoded, target)
        self.judge_optimizer.zero_grad(set_to_none=True)
        judges.backward()
        self.judge_optimizer.step()
        self.adversary.requires_grad_(False)
        with self.half():
            verdict, matching = self.deceive(decoded, target)
        self.adversary.requires_grad_(True)
        return {"verdict": verdict, "matching": matching, "judges": judges.detach()}

    def weights(self) -> dict[str, float]:
        share = (self.step - self.arguments.adversarial_from) / ADVERSARY_RAMP
        share = min(1.0, max(0.0, share))
        return {**WEIGHTS, "verdict": share * VERDICT_WEIGHT, "matching": share * MATCHING_WEIGHT}

    def train_step(self, pcm: Tensor, hz: Tensor) -> dict[str, Tensor | float]:
        torch.manual_seed(self.arguments.seed + (self.step << 8))
        decoded, losses, replaced = self.run_codec(pcm, hz)
        valid = decoded.shape[1] - TAIL  # the last half window lacks its overlap
        decoded, target = decoded[:, :valid], pcm[:, :valid]
        losses.update(self.loss(decoded, target))
        if self.step >= self.arguments.adversarial_from:
            losses.update(self.contest(decoded, target))
        weights = self.weights()
        self.network.zero_grad(set_to_none=True)
        sum(weights[key] * losses[key] for key in weights if key in losses).backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.update_average()
        return {**{k: v.detach() for k, v in losses.items()}, "norm": norm, "replaced": replaced}

    def set_rate(self) -> float:
        rate = learning_rate(self.step, self.arguments.steps, self.arguments.rate)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rate

    def train(self) -> None:
        arguments = self.arguments
        if self.step >= arguments.steps:
            print(f"nothing to do: step {self.step} of {arguments.steps}")
        with ThreadPoolExecutor(1) as pool, open(self.run / "curve.csv", "a", newline="") as file:
            report = Report(file, arguments)
            draw = lambda step: pool.submit(self.sampler.batch, step, arguments.batch)  # noqa: E731
            coming: Future = draw(self.step)
            while self.step < arguments.steps:
                batch = coming.result()
                coming = draw(self.step + 1)
                rate = self.set_rate()
                figures = self.train_step(*(torch.from_numpy(x).to(self.device) for x in batch))
                if report.add(self.step, figures, rate):
                    self.save()
        self.save()


class Report:
    """Means over some steps, to curve.csv and to the screen."""

    def __init__(self, file: TextIO, arguments: argparse.Namespace) -> None:
        self.file, self.every = file, arguments.report
        self.writer = csv.DictWriter(file, COLUMNS, restval="")
        if file.tell() == 0:
            self.writer.writeheader()
        self.audio_each = arguments.batch * arguments.frames * HOP / SAMPLE_RATE
        self.begin()

    def begin(self) -> None:
        self.sums: dict[str, Tensor | float] = {}
        self.count, self.started = 0, time.time()

    def add(self, step: int, figures: dict[str, Tensor | float], rate: float) -> bool:
        """Whether it was time to write."""
        for key, value in figures.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.count += 1
        if step % self.every:
            return False
        means = {key: float(value) / self.count for key, value in self.sums.items()}
        speed = self.count * self.audio_each / (time.time() - self.started)
        row = {key: f"{value:.5g}" for key, value in means.items()}
        self.writer.writerow({"step": step, **row, "audio_s_per_s": f"{speed:.1f}"})
        self.file.flush()
        print(f"step {step} " + " ".join(f"{k} {v:.4f}" for k, v in means.items())
              + f" rate {rate:.2e} {speed:.1f} audio-s/s", flush=True)
        self.begin()
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/data"))
    parser.add_argument("--run", type=Path, default=Path("runs/codec"))
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=int, default=100)
    parser.add_argument("--bf16", action="store_true", help="network in bfloat16, weights float32")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler")
    parser.add_argument("--bypass", type=int, default=BYPASS_STEPS)
    parser.add_argument("--start", type=Path, help="model file to go on from; counts as step "
                        f"{TEACH_STEPS}, where the helps for beginners are over")
    parser.add_argument("--decoder-only", action="store_true",
                        help="the tokens stay what they are: encoder and quantiser are kept")
    parser.add_argument("--adversarial-from", type=int, default=NEVER,
                        help="step of the first contest; never, unless said")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.steps, arguments.bypass, arguments.report = 30, 15, 5
        arguments.batch, arguments.frames, arguments.adversarial_from = 2, 60, 25
    Trainer(arguments).train()


if __name__ == "__main__":
    main()
