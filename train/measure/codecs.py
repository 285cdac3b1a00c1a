# SPDX-License-Identifier: BSD-3-Clause
"""The codecs that `train.measure.evaluate` compares.

Each has a name, rates in kb/s, an identity that changes when its decoded sounds may, and

    code(pcm, kbps)   float [n] at 24 kHz to the decoded sound, as long and with no delay, and the
                      bits that were sent: packets, without containers and network headers

and Ravel also `sent`, with its entropy coding, and `codes`.
"""
from __future__ import annotations

import hashlib
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from ..command import model_info, run, with_model
from ..opus import SAMPLE_RATE, Opus, fit

__all__ = ["SAMPLE_RATE", "Checkpoint", "Codec2", "Opus", "Original", "Ravel", "lyra"]


class Ravel:
    """The `ravel` command: the built-in model, or that of a file."""

    word_rates: tuple[float, ...] = (1.5, 3, 6)

    def __init__(self, command: Path, model: Path | None = None, name: str = "Ravel",
                 rates: tuple[float, ...] = ()) -> None:
        self.name, self.command, self.model = name, command, model
        info = model_info(command, model)
        self.all_rates = [bitrate / 1000 for bitrate in info["bitrates_bps"]]
        self.rates = rates or tuple(self.all_rates)
        self.codebook_sizes: list[int] = info["codebook_sizes"]
        self.identity = f"{info['tokenizer_identity'][:8]}-{info['decoder_identity'][:8]}"
        others = sorted((key, value) for key, value in info.items() if key.endswith("identity"))
        self.sent_identity = hashlib.sha256(repr(others).encode()).hexdigest()[:8]
        self.with_model = with_model(model)

    def encode(self, pcm: np.ndarray, n_codebooks: int, folder: str, *options: str) -> Path:
        sound, stream = Path(folder, "in.wav"), Path(folder, "coded.rvl")
        sf.write(sound, pcm, SAMPLE_RATE, subtype="FLOAT")
        run(self.command, "encode", "-q", "-k", n_codebooks, *options, *self.with_model, sound,
            stream)
        return stream

    def code(self, pcm: np.ndarray, kbps: float) -> tuple[np.ndarray, int]:
        with tempfile.TemporaryDirectory() as folder:
            n_codebooks = self.all_rates.index(kbps) + 1
            stream = self.encode(pcm, n_codebooks, folder, "--entropy", "none")
            decoded = Path(folder, "out.wav")
            run(self.command, "decode", "-q", "-r", SAMPLE_RATE, "--bits", "f32", *self.with_model,
                stream, decoded)
            return fit(sf.read(decoded, dtype="float32")[0], len(pcm)), self.block_bits(stream)

    def block_bits(self, stream: Path) -> int:
        told = json.loads(run(self.command, "info", "--json", *self.with_model, stream))
        return 8 * told["block_bytes"]

    def sent(self, pcm: np.ndarray, kbps: float) -> int:
        """Bits with the model's entropy coding, which changes no sample."""
        with tempfile.TemporaryDirectory() as folder:
            return self.block_bits(self.encode(pcm, self.all_rates.index(kbps) + 1, folder))

    def codes(self, pcm: np.ndarray) -> np.ndarray:
        """Of all codebooks, [frames, codebooks]."""
        with tempfile.TemporaryDirectory() as folder:
            sound, codes = Path(folder, "in.wav"), Path(folder, "codes.npy")
            sf.write(sound, pcm, SAMPLE_RATE, subtype="FLOAT")
            run(self.command, "tokens", "-q", *self.with_model, sound, codes)
            return np.load(codes)


def lyra(command: Path, vectors: Path, folder: Path) -> Ravel:
    """Lyra V2 in Ravel's own runtime: its float weights, no int8 activations."""
    model = folder / "lyra_v2.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    run(command, "import", "lyra", vectors / "lyra_v2.safetensors",
        vectors / "lyra_v2_graph.json", "-o", model)
    codec = Ravel(command, model, "Lyra V2", (3.2, 6.0, 9.2))
    codec.word_rates = codec.rates
    return codec


class Checkpoint:
    """A checkpoint of train.train in PyTorch, with the weights as a model file stores them.

    To look at a training while it runs, without a build.
    """

    LOOKED_AT = (1.5, 3, 6)

    def __init__(self, path: Path) -> None:
        import torch

        from ..export import load_average, rounded
        from ..model import CODEBOOK_SIZE, HOP, N_CODEBOOKS, SAMPLE_RATE as model_rate
        torch.set_num_threads(1)
        codec, step = load_average(path)
        self.codec = rounded(codec)
        each = model_rate / HOP * math.log2(CODEBOOK_SIZE) / 1000
        self.name = f"step {step}"
        self.all_rates = [each * (i + 1) for i in range(N_CODEBOOKS)]
        self.rates = tuple(rate for rate in self.all_rates if rate in self.LOOKED_AT)
        self.word_rates: tuple[float, ...] = ()
        self.identity = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.codebook_sizes = [CODEBOOK_SIZE] * N_CODEBOOKS

    def code(self, pcm: np.ndarray, kbps: float) -> tuple[np.ndarray, int]:
        import torch
        n_codebooks = self.all_rates.index(kbps) + 1
        decoded, codes = self.codec.reconstruct(torch.from_numpy(pcm), n_codebooks)
        sizes = self.codebook_sizes[:n_codebooks]
        return decoded.numpy(), len(codes) * round(sum(math.log2(size) for size in sizes))

    def codes(self, pcm: np.ndarray) -> np.ndarray:
        import torch
        return self.codec.reconstruct(torch.from_numpy(pcm), len(self.all_rates))[1].numpy()


class Codec2:
    """The commands of David Rowe's Codec 2, at its 8 kHz."""

    name, identity = "Codec2", "1"
    rates: tuple[float, ...] = (1.2, 2.4, 3.2)
    word_rates = rates
    FRAME = 320  # the longest of the three modes; c2enc drops what does not fill one
    LATE = 154  # samples at 8 kHz, where ESTOI is best: 19 ms

    def code(self, pcm: np.ndarray, kbps: float) -> tuple[np.ndarray, int]:
        narrow = resample_poly(pcm, 1, 3)
        n = -(-(len(narrow) + self.LATE) // self.FRAME) * self.FRAME
        raw = np.clip(fit(narrow, n) * 32768, -32768, 32767).astype("<i2").tobytes()
        mode = round(1000 * kbps)
        coded = run("c2enc", mode, "-", "-", data=raw)
        decoded = np.frombuffer(run("c2dec", mode, "-", "-", data=coded), "<i2") / 32768
        return fit(resample_poly(decoded[self.LATE:], 3, 1), len(pcm)), 8 * len(coded)


def later(pcm: np.ndarray) -> np.ndarray:
    return fit(np.concatenate([np.zeros(SAMPLE_RATE // 500, "f4"), pcm]), len(pcm))


def with_noise(pcm: np.ndarray) -> np.ndarray:
    return pcm + 1e-3 * np.random.default_rng(0).standard_normal(len(pcm)).astype("f4")


class Original:
    """The recording itself, changed as nobody hears: how much a measure makes of nothing."""

    rates: tuple[float, ...] = (SAMPLE_RATE * 16 / 1000,)
    word_rates = rates
    CHANGES = {"2 ms later": later, "noise of -60 dBFS": with_noise}

    def __init__(self, change: str) -> None:
        self.name, self.identity, self.change = f"original, {change}", "1", self.CHANGES[change]

    def code(self, pcm: np.ndarray, kbps: float) -> tuple[np.ndarray, int]:
        return self.change(pcm), 16 * len(pcm)
