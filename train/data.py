# SPDX-License-Identifier: BSD-3-Clause
"""Training audio: decode once into one flat int16 file, track its pitch, then sample crops by speaker.

    python3 -m train.data --corpus ../shared/corpus --out data
"""
from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import parselmouth
import soundfile as sf
from scipy.signal import resample_poly

SAMPLE_RATE = 24000
PITCH_HOP = 240  # samples
EXCLUDED_CORPORA = {"kyutai"}  # licence of the audio not stated
NARROW_FOLDER, NARROW_SHARE = "train16", 0.2  # bandwidth 8 kHz: so much of the draws
SPEAKER_CAP_S = 300.0
HELD_OUT_SECONDS = 15 * 60  # whole English speakers, kept for word error rates


def read_mono(path: Path) -> np.ndarray:
    """float32 [n] at 24 kHz."""
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    audio = audio.mean(axis=1)
    return audio if rate == SAMPLE_RATE else resample_poly(audio, SAMPLE_RATE, rate).astype("f4")


def held_out_speakers(rows: list[dict[str, str]]) -> list[str]:
    """LibriSpeech speakers of train16, in the order of their names, until 15 minutes are full."""
    seconds: dict[str, float] = defaultdict(float)
    for row in rows:
        if row["file"].startswith("train16/") and row["corpus"] == "librispeech":
            seconds[row["speaker"]] += float(row["seconds"])
    chosen, total = [], 0.0
    for speaker in sorted(seconds):
        if total >= HELD_OUT_SECONDS:
            break
        chosen.append(speaker)
        total += seconds[speaker]
    return chosen


def track_pitch(pcm: np.ndarray) -> np.ndarray:
    """float32 [n // 240]: pitch in Hz at the end of each 10 ms, 0 where unvoiced (Boersma 1993)."""
    track = np.zeros(len(pcm) // PITCH_HOP, "f4")
    if len(pcm) < 0.06 * SAMPLE_RATE:
        return track
    sound = parselmouth.Sound(pcm.astype("f8") / 32768, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=60, pitch_ceiling=800)
    hz, times = pitch.selected_array["frequency"], pitch.xs()
    at = (np.arange(1, len(track) + 1) * PITCH_HOP / SAMPLE_RATE - times[0]) / 0.01
    left = np.clip(np.floor(at).astype(int), 0, len(hz) - 1)
    right, part = np.minimum(left + 1, len(hz) - 1), at - left
    nearer = np.where(part < 0.5, hz[left], hz[right])
    between = hz[left] * (1 - part) + hz[right] * part
    track[:] = np.where((hz[left] > 0) & (hz[right] > 0), between, nearer)
    track[(at < -0.6) | (at > len(hz) - 0.4)] = 0
    return track


def write_pitch(out: Path, clips: list[list[int]]) -> None:
    """Writes pitch.f4, the tracks of the speech clips one after the other."""
    audio = np.memmap(out / "audio.i16", dtype="<i2", mode="r")
    with Pool() as pool, open(out / "pitch.f4", "wb") as file:
        for track in pool.imap(track_pitch, (audio[a:a + n] for a, n in clips), chunksize=16):
            file.write(track.tobytes())


def prepare(corpus: Path, out: Path) -> None:
    """Writes audio.i16, pitch.f4, held_out.txt and index.json {set: {speaker: [[start, length], ...]}}."""
    out.mkdir(parents=True, exist_ok=True)
    with open(corpus / "MANIFEST.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    held_out = held_out_speakers(rows)
    index: dict[str, dict[str, list[list[int]]]] = {"speech": {}, "noise": {}}
    position = 0
    with open(out / "audio.i16", "wb") as audio:
        for row in rows:
            folder = row["file"].split("/")[0]
            if folder == "dev" or row["corpus"] in EXCLUDED_CORPORA or row["speaker"] in held_out:
                continue
            pcm = np.clip(read_mono(corpus / row["file"]) * 32767, -32768, 32767).astype("<i2")
            kind = "noise" if folder == "noise" else "speech"
            speaker = f"{folder}/{row['corpus']}/{row['speaker']}"
            index[kind].setdefault(speaker, []).append([position, len(pcm)])
            audio.write(pcm.tobytes())
            position += len(pcm)
    write_pitch(out, [clip for clips in index["speech"].values() for clip in clips])
    (out / "index.json").write_text(json.dumps(index, indent=1))
    (out / "held_out.txt").write_text("\n".join(held_out) + "\n")
    print(f"{position / SAMPLE_RATE / 3600:.2f} hours, {len(index['speech'])} speakers, "
          f"{len(held_out)} speakers held out")


class Sampler:
    """Random crops; a speaker's weight is the square root of the seconds, at most 5 minutes.

    The many short speakers of train16 together get a fixed share. What a step draws depends on the
    seed and the step alone.
    """

    def __init__(self, folder: Path, crop: int, seed: int) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.audio = np.memmap(folder / "audio.i16", dtype="<i2", mode="r")
        self.pitch = np.memmap(folder / "pitch.f4", dtype="<f4", mode="r")
        self.crop, self.seed = crop, seed
        self.speech = [np.array(clips) for clips in index["speech"].values()]
        self.noise = [np.array(clips) for clips in index["noise"].values()]
        starts, lengths = np.concatenate(self.speech).T
        tracks = lengths // PITCH_HOP
        self.track_of = dict(zip(starts, np.cumsum(tracks) - tracks))
        seconds = np.array([clips[:, 1].sum() for clips in self.speech]) / SAMPLE_RATE
        weight = np.sqrt(np.minimum(seconds, SPEAKER_CAP_S))
        narrow = np.array([name.startswith(f"{NARROW_FOLDER}/") for name in index["speech"]])
        weight[narrow] *= NARROW_SHARE / weight[narrow].sum()
        weight[~narrow] *= (1 - NARROW_SHARE) / weight[~narrow].sum()
        self.weight = weight

    def _crop(self, rng: np.random.Generator, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Samples [crop] and their pitch [crop // 240]; what is no speech has pitch 0."""
        lengths = clips[:, 1].astype(float)
        start, length = clips[rng.choice(len(clips), p=lengths / lengths.sum())]
        offset = rng.integers(0, max(1, length - self.crop + 1)) // PITCH_HOP * PITCH_HOP
        n = min(length - offset, self.crop)
        pcm = self.audio[start + offset:start + offset + n].astype("f4") / 32768
        pitch = np.zeros(self.crop // PITCH_HOP, "f4")
        if start in self.track_of:
            first = self.track_of[start] + offset // PITCH_HOP
            pitch[:n // PITCH_HOP] = self.pitch[first:first + n // PITCH_HOP]
        return np.pad(pcm, (0, self.crop - n)), pitch

    def _augment(self, rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
        """Level -35 ... -12 dBFS; one crop in five gets noise at 5 ... 30 dB, a few are silent."""
        draw = rng.random()
        if draw < 0.01:
            return np.zeros_like(x)
        level = np.sqrt(np.mean(x * x)) + 1e-5
        x = x * (10 ** (rng.uniform(-35, -12) / 20) / level)
        if draw > 0.8:
            noise, _ = self._crop(rng, self.noise[rng.integers(len(self.noise))])
            snr = 10 ** (-rng.uniform(5, 30) / 20)
            power = np.sqrt(np.mean(x * x)) / (np.sqrt(np.mean(noise * noise)) + 1e-5)
            x = x + noise * power * snr
        peak = np.abs(x).max()
        return x if peak <= 1 else x / peak

    def batch(self, step: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n, crop] and the pitch in Hz [n, crop // 240]."""
        rng = np.random.default_rng((self.seed, step))
        speakers = rng.choice(len(self.speech), size=n, p=self.weight)
        crops = [self._crop(rng, self.speech[s]) for s in speakers]
        pcm = np.stack([self._augment(rng, pcm) for pcm, _ in crops]).astype("f4")
        return pcm, np.stack([pitch for _, pitch in crops])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--out", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    prepare(arguments.corpus, arguments.out)
