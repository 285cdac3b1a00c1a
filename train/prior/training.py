# SPDX-License-Identifier: BSD-3-Clause
"""The training of a prior: what a step draws, the loop, and what is kept of it."""
from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .export import rounded
from .network import Prior, Shape

WARM_UP_STEPS = 50
EMA_DECAY = 0.995
WEIGHT_DECAY = 0.1
ALL_SHARE = 0.5  # of the steps that use all codebooks; the others any prefix
IGNORED = -1  # what stands after the end of a file
MATRICES = ("trunk", "hidden", "narrow")
OF_CODEWORDS = ("features", "logits")  # parts of a head that belong to its codewords
MOVED_SHARE = 0.5  # of the codewords' spread; those of another training are 1 and more away


class Sequences:
    """Random stretches of files, each as long as a block; what a file lacks is IGNORED.

    A speaker's weight is the square root of the frames: there are few speakers, some with hours.
    """

    def __init__(self, files: list[np.ndarray], speakers: list[str], n_frames: int) -> None:
        self.files = [file.astype(np.int64) for file in files]
        self.n_frames = n_frames
        lengths = np.array([len(file) for file in files], float)
        of_speaker: dict[str, float] = {}
        for speaker, length in zip(speakers, lengths):
            of_speaker[speaker] = of_speaker.get(speaker, 0.0) + length
        self.weight = lengths / np.sqrt([of_speaker[speaker] for speaker in speakers])
        self.weight /= self.weight.sum()

    def batch(self, rng: np.random.Generator, n: int) -> Tensor:
        """Codes [n, frames, codebooks]."""
        rows = np.full((n, self.n_frames, self.files[0].shape[1]), IGNORED)
        for row, i in zip(rows, rng.choice(len(self.files), size=n, p=self.weight)):
            start = rng.integers(max(1, len(self.files[i]) - self.n_frames + 1))
            piece = self.files[i][start:start + self.n_frames]
            row[:len(piece)] = piece
        return torch.from_numpy(rows)


def code_losses(prior: Prior, batch: Tensor) -> list[Tensor]:
    """Mean natural-log loss of each codebook of codes [batch, time, n]."""
    logits = prior(batch.clamp(min=0))
    return [F.cross_entropy(x.float().flatten(0, 1), batch[..., k].flatten(), ignore_index=IGNORED)
            for k, x in enumerate(logits)]


@torch.no_grad()
def evaluate(prior: Prior, files: list[np.ndarray], n: int, block: int) -> np.ndarray:
    """Bits a code of each of n codebooks, where each file is cut into blocks of so many frames."""
    pieces = [file[i:i + block, :n] for file in files for i in range(0, len(file), block)]
    bits, count = np.zeros(n), 0
    for i in range(0, len(pieces), 16):
        some = pieces[i:i + 16]
        rows = np.full((len(some), block, n), IGNORED)
        for row, piece in zip(rows, some):
            row[:len(piece)] = piece
        total = sum(map(len, some))
        losses = torch.stack(code_losses(prior, torch.from_numpy(rows))).numpy()
        bits += losses * (total / math.log(2))
        count += total
    return bits / count


def learning_rate(step: int, progress: float, peak: float) -> float:
    """Linear warm-up, then a cosine down to a fiftieth where progress is 1."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizers(prior: Prior, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden rows, AdamW for everything else."""
    inner, other = [], []
    for name, parameter in prior.named_parameters():
        matrix = parameter.ndim == 2 and name.endswith(".weight")
        (inner if matrix and any(m in name for m in MATRICES) else other).append(parameter)
    return [torch.optim.Muon(inner, lr=rate, weight_decay=WEIGHT_DECAY, momentum=0.95,
                             adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(other, lr=rate, betas=(0.9, 0.98),
                              weight_decay=WEIGHT_DECAY, fused=True)]


def initialise(prior: Prior, codewords: list[Tensor], files: list[np.ndarray]) -> None:
    for k, head in enumerate(prior.heads):
        counts = sum(np.bincount(file[:, k], minlength=prior.shape.sizes[k]) for file in files)
        head.initialise(codewords[k], torch.from_numpy(counts).float())


def moved(old: Tensor, new: Tensor) -> bool:
    """Whether codewords are others, and not the old ones a little later in the same training."""
    if old.shape != new.shape:
        return True
    return float((new - old).norm() / (old - old.mean(0)).norm()) > MOVED_SHARE


class Trainer:
    """The prior, what is kept beside it, and the loop."""

    def __init__(self, arguments: argparse.Namespace, tokenizer: str, files: list[np.ndarray],
                 speakers: list[str], codewords: list[np.ndarray]) -> None:
        self.arguments, self.tokenizer = arguments, tokenizer
        self.codewords = [torch.from_numpy(words.copy()) for words in codewords]
        self.run: Path = arguments.run
        self.run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(arguments.seed)
        self.prior = Prior(Shape(sizes=[len(words) for words in codewords],
                                 context=arguments.frames))
        initialise(self.prior, self.codewords, files)
        self.sequences = Sequences(files, speakers, arguments.frames)
        self.step, self.spent_s, self.began = 0, 0.0, time.time()
        self.optimizers = make_optimizers(self.prior, arguments.rate)
        self.average = {k: v.clone() for k, v in self.prior.state_dict().items()}
        if (self.run / "last.pt").exists():
            self.load(self.run / "last.pt")

    def save(self) -> None:
        state = {"tokenizer": self.tokenizer, "codewords": self.codewords,
                 "prior": self.prior.state_dict(),
                 "average": self.average, "step": self.step,
                 "spent_s": self.spent_s + time.time() - self.began,
                 "optimizers": [o.state_dict() for o in self.optimizers]}
        torch.save(state, self.run / "last.tmp")
        (self.run / "last.tmp").rename(self.run / "last.pt")

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        if state["tokenizer"] != self.tokenizer:
            self.begin_with(state["average"], state["codewords"])
            return
        self.prior.load_state_dict(state["prior"])
        self.average, self.step, self.spent_s = state["average"], state["step"], state["spent_s"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)

    def begin_with(self, old: dict[str, Tensor], codewords: list[Tensor]) -> None:
        """The network of another tokeniser, as far as it fits.

        What belongs to codewords is left behind for the codebooks that have others.
        """
        own = self.prior.state_dict()
        left = [f"heads.{k}.{part}" for k, new in enumerate(self.codewords)
                if k >= len(codewords) or moved(codewords[k], new) for part in OF_CODEWORDS]
        fitting = {name: value for name, value in old.items()
                   if name in own and own[name].shape == value.shape
                   and not name.startswith(tuple(left))}
        self.prior.load_state_dict({**own, **fitting})
        self.average = {k: v.clone() for k, v in self.prior.state_dict().items()}
        print(f"another tokeniser: {len(fitting)} of {len(own)} tensors are taken over", flush=True)

    @torch.no_grad()
    def update_average(self) -> None:
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        state = self.prior.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [state[k] for k in self.average],
                             1 - decay)

    def train_step(self) -> tuple[int, float]:
        """Number of codebooks and mean bits a code. What a step draws depends on seed and step."""
        torch.manual_seed(self.arguments.seed + (self.step << 8))
        rng = np.random.default_rng((self.arguments.seed, self.step))
        n_all = len(self.prior.heads)
        n = n_all if rng.random() < ALL_SHARE else int(rng.integers(1, n_all + 1))
        batch = self.sequences.batch(rng, self.arguments.batch)[..., :n]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.arguments.bf16):
            loss = torch.stack(code_losses(self.prior, batch)).mean()
        self.prior.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.prior.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        return n, loss.item() / math.log(2)

    def progress(self) -> float:
        """0 at the start, 1 at the end: by steps, or by time where that was limited."""
        arguments = self.arguments
        if arguments.minutes:
            return min(1.0, (self.spent_s + time.time() - self.began) / (60 * arguments.minutes))
        return min(1.0, self.step / arguments.steps)

    def train(self) -> None:
        arguments, n_all = self.arguments, len(self.prior.heads)
        bits: list[float] = []
        started, frames = time.time(), 0
        with open(self.run / "curve.csv", "a", newline="") as file:
            writer = csv.writer(file)
            while (progress := self.progress()) < 1:
                rate = learning_rate(self.step, progress, arguments.rate)
                for optimizer in self.optimizers:
                    for group in optimizer.param_groups:
                        group["lr"] = rate
                n, loss = self.train_step()
                bits += [loss] if n == n_all else []
                self.step += 1
                self.update_average()
                frames += arguments.batch * arguments.frames
                if self.step % arguments.report == 0:
                    speed = frames / (time.time() - started)
                    mean = float(np.mean(bits)) if bits else float("nan")
                    writer.writerow([self.step, f"{mean:.4f}", f"{speed:.0f}"])
                    file.flush()
                    print(f"step {self.step} bits a code {mean:.4f} rate {rate:.2e} "
                          f"{speed:.0f} frames/s", flush=True)
                    bits, started, frames = [], time.time(), 0
                    self.save()
        self.save()

    def averaged(self) -> Prior:
        """The averaged weights, rounded as the file stores them."""
        prior = Prior(self.prior.shape)
        prior.load_state_dict(self.average)
        return rounded(prior.eval())
