# SPDX-License-Identifier: BSD-3-Clause
"""Folders of audio: what is in them, what training leaves out, and how a file is read."""
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

SAMPLE_RATE = 24000
SUFFIXES = {".flac", ".wav", ".opus", ".ogg", ".mp3"}
EXCLUDED_CORPORA = {"kyutai"}  # licence of the audio not stated
# LibriSpeech's speakers for word error rates, 15 minutes of train16; LibriTTS has them, too.
HELD_OUT = frozenset(Path(__file__).with_name("held_out.txt").read_text().split())


def read_mono(path: Path) -> np.ndarray:
    """float32 [n] at 24 kHz."""
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    audio = audio.mean(axis=1)
    return audio if rate == SAMPLE_RATE else resample_poly(audio, SAMPLE_RATE, rate).astype("f4")


def is_sound(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def sounds(folder: Path) -> list[Path]:
    """Of a folder, in the order of their names; never none."""
    files = sorted(filter(is_sound, folder.iterdir())) if folder.is_dir() else []
    if not files:
        raise SystemExit(f"{folder}: no audio")
    return files


def manifest(corpus: Path) -> list[dict[str, str]]:
    """Rows of MANIFEST.tsv: file, corpus, speaker."""
    with open(corpus / "MANIFEST.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def is_learned(row: dict[str, str]) -> bool:
    """Whether training may use a file."""
    left_out = row["corpus"] in EXCLUDED_CORPORA or row["speaker"] in HELD_OUT
    return not left_out and not row["file"].startswith("dev/")
