# SPDX-License-Identifier: BSD-3-Clause
"""Training audio: decoded once into one flat int16 file, its pitch tracked; then crops by speaker.

    python3 -m train.data --corpus ../shared/corpus --out runs/data
    python3 -m train.data --speech LibriTTS --speaker '^train-[^/]+/([^/]+)/' --noise noises
    python3 -m train.data --speech VCTK/wav48_silence_trimmed --speaker '^([^/]+)/.*_mic1'
    python3 -m train.data --speech cv/en/clips --table cv/en/validated.tsv        # Common Voice
"""
from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import parselmouth
from scipy.fft import irfft, rfft, rfftfreq

from .corpus import HELD_OUT, SAMPLE_RATE, is_learned, is_sound, manifest, read_mono
from .opus import Opus

PITCH_HOP = 240  # samples
NARROW_FOLDER, NARROW_SHARE = "train16", 0.2  # bandwidth 8 kHz: so much of the draws
SPEAKER_CAP_S = 300.0
DAMAGED_EVERY = 12  # of so many recordings one is there a second time, as Opus leaves it
DAMAGE_KBPS = (6, 8, 10, 12, 16)
SILENT, STRANGE = 0.01, 0.08  # shares of the crops
MIXED, CLIPPED, NARROWED, SOFT, NOISY = 0.04, 0.03, 0.1, 0.1, 0.2
LEVEL_DB, SOFT_DB = (-35, -12), (-60, -35)
TELEPHONE_HZ = (300, 3400)
EDGE_HZ = 200  # width of a filter's edge


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


@dataclass
class Recording:
    path: Path
    kind: str  # "speech" or "noise"
    speaker: str


def manifest_recordings(corpus: Path) -> Iterator[Recording]:
    """Of a corpus with a MANIFEST.tsv, without what is for tests."""
    for row in filter(is_learned, manifest(corpus)):
        folder = row["file"].split("/")[0]
        yield Recording(corpus / row["file"], "noise" if folder == "noise" else "speech",
                        f"{folder}/{row['corpus']}/{row['speaker']}")


def folder_recordings(folder: Path, pattern: str, kind: str = "speech") -> Iterator[Recording]:
    """Files whose path below the folder the pattern finds; its first group is the speaker.

    Those of held_out.txt are left out.
    """
    for path in sorted(folder.rglob("*")):
        found = re.search(pattern, path.relative_to(folder).as_posix())
        if is_sound(path) and found and found[1] not in HELD_OUT:
            yield Recording(path, kind, f"{folder.name}/{found[1]}")


def table_recordings(folder: Path, table: Path) -> Iterator[Recording]:
    """Those of a TSV with columns `path`, below the folder, and `client_id`, as of Common Voice."""
    with open(table, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Recording(folder / row["path"], "speech", f"{folder.name}/{row['client_id']}")


def damage() -> Opus | None:
    try:
        return Opus()
    except (OSError, RuntimeError) as missing:
        print(f"no recordings damaged by a codec: {missing}", file=sys.stderr)
        return None


def versions(recordings: list[Recording]) -> Iterator[tuple[Recording, np.ndarray]]:
    """int16 [n] of each recording, and of some again as a codec leaves it."""
    opus = damage()
    for i, recording in enumerate(recordings):
        pcm = read_mono(recording.path)
        sounds = [pcm]
        if opus and recording.kind == "speech" and i % DAMAGED_EVERY == 0:
            kbps = DAMAGE_KBPS[i // DAMAGED_EVERY % len(DAMAGE_KBPS)]
            sounds.append(opus.code(pcm, kbps)[0])
        for sound in sounds:
            yield recording, np.clip(sound * 32767, -32768, 32767).astype("<i2")


def write(recordings: list[Recording], out: Path) -> None:
    """Writes audio.i16, pitch.f4 and index.json {kind: {speaker: [[start, length], ...]}}."""
    out.mkdir(parents=True, exist_ok=True)
    index: dict[str, dict[str, list[list[int]]]] = {"speech": {}, "noise": {}}
    position = 0
    with open(out / "audio.i16", "wb") as audio:
        for recording, pcm in versions(recordings):
            index[recording.kind].setdefault(recording.speaker, []).append([position, len(pcm)])
            audio.write(pcm.tobytes())
            position += len(pcm)
    write_pitch(out, [clip for clips in index["speech"].values() for clip in clips])
    (out / "index.json").write_text(json.dumps(index, indent=1))
    print(f"{position / SAMPLE_RATE / 3600:.2f} hours, {len(index['speech'])} speakers")


def limit_band(pcm: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Without delay; the edges are lines."""
    hz = rfftfreq(len(pcm), 1 / SAMPLE_RATE)
    gain = np.clip(np.minimum(hz - low_hz, high_hz - hz) / EDGE_HZ + 0.5, 0, 1).astype("f4")
    return irfft(rfft(pcm) * gain, len(pcm))


def level(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x * x))) + 1e-5


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
        if narrow.any() and not narrow.all():
            weight[narrow] *= NARROW_SHARE / weight[narrow].sum()
            weight[~narrow] *= (1 - NARROW_SHARE) / weight[~narrow].sum()
        weight /= weight.sum()
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

    def _speech(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return self._crop(rng, self.speech[rng.choice(len(self.speech), p=self.weight)])

    def _add(self, rng: np.random.Generator, x: np.ndarray, other: np.ndarray, low_db: float,
             high_db: float) -> np.ndarray:
        """Another sound, softer by so much."""
        gain = 10 ** (-rng.uniform(low_db, high_db) / 20)
        return x + other * (level(x) / level(other) * gain)

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        return self._crop(rng, self.noise[rng.integers(len(self.noise))])[0]

    def _tones(self, rng: np.random.Generator) -> np.ndarray:
        """One to three sines, 100 to 6000 Hz, half the time all of them gliding as whistles do."""
        hz = np.exp(rng.uniform(np.log(100), np.log(6000), rng.integers(1, 4)))
        reach, swings = rng.uniform(0, 0.7, len(hz)) * rng.integers(2), rng.uniform(0.5, 8, len(hz))
        seconds = np.arange(self.crop) / SAMPLE_RATE
        glide = np.exp(reach[:, None] * np.sin(2 * np.pi * swings[:, None] * seconds))
        turns = np.cumsum(hz[:, None] * glide, 1) / SAMPLE_RATE + rng.random((len(hz), 1))
        return np.sin(2 * np.pi * turns).sum(0)

    def _strange(self, rng: np.random.Generator) -> np.ndarray:
        """What is no speech: a recorded noise, white noise, or tones."""
        kind = rng.integers(4)
        if kind == 0:
            return self._tones(rng)
        if kind == 1 or not self.noise:
            return rng.standard_normal(self.crop)
        return self._noise(rng)

    def _narrow(self, rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
        if rng.random() < 0.5:
            return limit_band(x, *TELEPHONE_HZ)
        return limit_band(x, -EDGE_HZ, rng.uniform(3000, 9000))

    def _augment(self, rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
        """Levels of -35 ... -12 dBFS, of some crops lower ones; a few have a second voice, are
        clipped, of a narrow band, or with noise."""
        mixed, clipped, narrowed, soft, noisy = (
            rng.random(5) < (MIXED, CLIPPED, NARROWED, SOFT, NOISY))
        if mixed:
            x = self._add(rng, x, self._speech(rng)[0], 3, 15)
        if clipped:
            limit = rng.uniform(0.7, 3) * level(x)
            x = np.clip(x, -limit, limit)
        if narrowed:
            x = self._narrow(rng, x)
        x = x * (10 ** (rng.uniform(*(SOFT_DB if soft else LEVEL_DB)) / 20) / level(x))
        if noisy and self.noise:
            x = self._add(rng, x, self._noise(rng), 5, 30)
        peak = np.abs(x).max()
        return x if peak <= 1 else x / peak

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Speech, or in a few crops what is none, or nothing; and the pitch of speech."""
        pcm, pitch = self._speech(rng)
        silent, strange = rng.random(2) < (SILENT, STRANGE)
        if silent:
            return np.zeros_like(pcm), np.zeros_like(pitch)
        if strange:
            pcm, pitch = self._strange(rng), np.zeros_like(pitch)
        return self._augment(rng, pcm), pitch

    def batch(self, step: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n, crop] and the pitch in Hz [n, crop // 240]."""
        rng = np.random.default_rng((self.seed, step))
        pcm, pitch = zip(*(self._draw(rng) for _ in range(n)))
        return np.stack(pcm).astype("f4"), np.stack(pitch)


def chosen(arguments: argparse.Namespace) -> Iterator[Recording]:
    if arguments.speech is None:
        return manifest_recordings(arguments.corpus)
    speech = (table_recordings(arguments.speech, arguments.table) if arguments.table
              else folder_recordings(arguments.speech, arguments.speaker))
    noise = folder_recordings(arguments.noise, "()", "noise") if arguments.noise else ()
    return chain(speech, noise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"),
                        help="folder with a MANIFEST.tsv")
    parser.add_argument("--speech", type=Path, help="any folder of speech instead")
    parser.add_argument("--speaker", default="^([^/]+)/", metavar="REGEX",
                        help="the speaker in a path below it; what it does not find is left out")
    parser.add_argument("--table", type=Path, help="TSV with columns path and client_id instead")
    parser.add_argument("--noise", type=Path, help="folder of noises beside --speech")
    parser.add_argument("--out", type=Path, default=Path("runs/data"))
    arguments = parser.parse_args()
    recordings = list(chosen(arguments))
    if not any(recording.kind == "speech" for recording in recordings):
        raise SystemExit(f"{arguments.speech or arguments.corpus}: no speech with a speaker")
    write(recordings, arguments.out)


if __name__ == "__main__":
    main()
