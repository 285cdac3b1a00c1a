# SPDX-License-Identifier: BSD-3-Clause
"""The codes of a corpus, through the `ravel` command, kept by the identity of the tokeniser.

    python3 -m train.prior.codes --ravel build/ravel --corpus ../shared/corpus --out runs/codes

Codes of each file are OUT/IDENTITY/FOLDER/NAME.npy, uint16 [frames, codebooks]; FOLDER is train,
train16 or dev, and train@SPEED for sound that was played at another speed. What is there already
is not made again; another tokeniser has another folder.
"""
from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

from ..command import model_info, run, with_model
from ..corpus import is_learned, manifest

FOLDERS = ("train", "train16", "dev")
FILES_AT_ONCE = 50  # arguments of one command
IDENTITY_DIGITS = 16  # of the tokeniser's


def code_bits(size: int) -> int:
    return (size - 1).bit_length()


def play_at(speed: float, files: list[Path], folder: Path) -> list[Path]:
    """The sounds faster or slower, with their pitch: other speakers."""
    copies = []
    for path in files:
        sound, rate = sf.read(path, dtype="float32", always_2d=True)
        copies.append(folder / f"{path.stem}.wav")
        sf.write(copies[-1], sound, round(rate * speed), subtype="FLOAT")
    return copies


def tokenise(ravel: Path, model: Path | None, speed: float, files: list[Path], out: Path,
             jobs: int) -> None:
    """Codes of the files, all codebooks, to OUT/NAME.npy."""
    with tempfile.TemporaryDirectory(dir=out.parent.parent) as name:
        folder, made = Path(name), Path(name, "codes")
        sounds = files if speed == 1 else play_at(speed, files, folder)
        run(ravel, "tokens", "-q", "-j", jobs, "-d", made, *with_model(model), *sounds)
        for path in made.glob("*.npy"):
            path.rename(out / path.name)


def wanted_files(corpus: Path) -> dict[str, list[Path]]:
    """Files of each folder, without the corpora and speakers that training leaves out."""
    files: dict[str, list[Path]] = {folder: [] for folder in FOLDERS}
    for row in manifest(corpus):
        folder = row["file"].split("/")[0]
        if folder == "dev" or folder in files and is_learned(row):
            files[folder].append(corpus / row["file"])
    return files


def extract(ravel: Path, model: Path | None, corpus: Path, out: Path,
            speeds: tuple[float, ...] = (), jobs: int = 1) -> dict[str, list[Path]]:
    """Makes what is missing, `jobs` files at once; returns the files of each folder."""
    home = out / model_info(ravel, model)["tokenizer_identity"][:IDENTITY_DIGITS]
    made: dict[str, list[Path]] = {}
    for folder, files in wanted_files(corpus).items():
        for speed in (1.0, *(speeds if folder != "dev" else ())):
            to = home / (folder if speed == 1 else f"{folder}@{speed:g}")
            to.mkdir(parents=True, exist_ok=True)
            made[to.name] = [to / f"{f.stem}.npy" for f in files]
            missing = [f for f, codes in zip(files, made[to.name]) if not codes.exists()]
            for i in range(0, len(missing), FILES_AT_ONCE):
                tokenise(ravel, model, speed, missing[i:i + FILES_AT_ONCE], to, jobs)
    return made


def load(files: list[Path]) -> list[np.ndarray]:
    return [np.load(path) for path in files]


def speakers(files: list[Path]) -> list[str]:
    """The speaker of each of these files: CORPUS_SPEAKER_NUMBER is what the corpus calls them."""
    return [f"{path.parent.name}/{path.stem.rsplit('_', 1)[0]}" for path in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"))
    parser.add_argument("--model", type=Path, help="the built-in model where left out")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--out", type=Path, default=Path("runs/codes"))
    parser.add_argument("--speeds", type=float, nargs="*", default=[], help="in addition to 1")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    made = extract(arguments.ravel, arguments.model, arguments.corpus, arguments.out,
                   tuple(arguments.speeds), arguments.jobs)
    for folder, files in made.items():
        print(f"{folder}: {len(files)} files")


if __name__ == "__main__":
    main()
