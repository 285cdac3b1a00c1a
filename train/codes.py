# SPDX-License-Identifier: BSD-3-Clause
"""The codes of a corpus, through the `ravel` command, kept by the identity of the tokeniser.

    python3 -m train.codes --ravel build/ravel --corpus ../shared/corpus --out codes

Codes of each file are OUT/IDENTITY/FOLDER/NAME.npy, uint16 [frames, codebooks]; FOLDER is train,
train16 or dev, and train@SPEED for sound that was played at another speed. What is there already
is not made again; another tokeniser has another folder.
"""
from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf

from .data import EXCLUDED_CORPORA, held_out_speakers

FOLDERS = ("train", "train16", "dev")
FILES_AT_ONCE = 50  # arguments of one command
PACKED = 0  # kind of payload
BLOCK_HEADER = 7
STREAM_MAGIC = b"RavelRVL"
IDENTITY_BYTES = 8  # of the tokeniser's, as streams carry them
CONTINUED, LAST = 1, 255


def pages(data: bytes) -> list[tuple[int, list[bytes]]]:
    """(serial number, packets) of each Ogg page of a whole file of Ravel's own making."""
    found, at = [], 0
    while at < len(data):
        assert data[at:at + 4] == b"OggS", "not an Ogg file"
        serial = int.from_bytes(data[at + 14:at + 18], "little")
        lacing = data[at + 27:at + 27 + data[at + 26]]
        body = at + 27 + len(lacing)
        packets, packet = [], b""
        for length in lacing:
            packet += data[body:body + length]
            body += length
            if length < LAST:
                packets.append(packet)
                packet = b""
        found.append((serial, packets))
        at = body
    return found


def code_bits(size: int) -> int:
    return (size - 1).bit_length()


def unpack(block: bytes, sizes: list[int]) -> np.ndarray:
    """Packed codes of a block, uint16 [frames, codebooks]."""
    n_codebooks, n_frames = block[1], int.from_bytes(block[4:6], "little")
    assert block[0] == PACKED, "the codes of the stream are not plain"
    bits = [code_bits(size) for size in sizes[:n_codebooks]]
    flat = np.unpackbits(np.frombuffer(block, np.uint8, offset=BLOCK_HEADER))
    frames = flat[:n_frames * sum(bits)].reshape(n_frames, sum(bits))
    codes, at = np.zeros((n_frames, n_codebooks), np.uint16), 0
    for k, n in enumerate(bits):
        codes[:, k] = frames[:, at:at + n] @ (1 << np.arange(n - 1, -1, -1))
        at += n
    return codes


def read_stream(path: Path) -> tuple[bytes, np.ndarray]:
    """Identity of the tokeniser (its first bytes) and codes of a .rvl file of one channel."""
    (_, [header]), _tags, *rest = pages(path.read_bytes())
    assert header.startswith(STREAM_MAGIC), f"{path}: not a stream"
    n, name = header[10], header[11]
    sizes = [int.from_bytes(header[40 + name + 4 * i:42 + name + 4 * i], "little") + 1
             for i in range(n)]
    blocks = [unpack(packets[0], sizes) for _, packets in rest if packets]
    codes = np.concatenate(blocks) if blocks else np.zeros((0, n), np.uint16)
    return header[24:24 + IDENTITY_BYTES], codes


def model_info(ravel: Path, model: Path | None) -> dict:
    """What `ravel info` says about the model file, or the built-in model."""
    command = [str(ravel), "info", "--json", *([str(model)] if model else [])]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def encode(ravel: Path, model: Path | None, files: list[Path], out: Path) -> None:
    """Codes of the files, all codebooks, to OUT/NAME.npy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(ravel), "encode", "--quiet", "--entropy", "none", "-d", folder]
        command += ["-m", str(model)] if model else []
        subprocess.run([*command, *map(str, files)], check=True)
        for stream in Path(folder).glob("*.rvl"):
            np.save(out / f"{stream.stem}.npy", read_stream(stream)[1])


def encode_at(ravel: Path, model: Path | None, speed: float, files: list[Path], out: Path) -> None:
    """The same of sound that is played faster or slower, with its pitch: other speakers."""
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            sound, rate = sf.read(path, dtype="float32", always_2d=True)
            copy = Path(folder) / f"{path.stem}.wav"
            sf.write(copy, sound, round(rate * speed), subtype="FLOAT")
        encode(ravel, model, sorted(Path(folder).glob("*.wav")), out)


def wanted_files(corpus: Path) -> dict[str, list[Path]]:
    """Files of each folder, without the corpora and speakers that training leaves out."""
    with open(corpus / "MANIFEST.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    held_out = held_out_speakers(rows)
    files: dict[str, list[Path]] = {folder: [] for folder in FOLDERS}
    for row in rows:
        folder = row["file"].split("/")[0]
        if (folder in files and row["corpus"] not in EXCLUDED_CORPORA
                and row["speaker"] not in held_out):
            files[folder].append(corpus / row["file"])
    return files


def extract(ravel: Path, model: Path | None, corpus: Path, out: Path,
            speeds: tuple[float, ...] = (), jobs: int = 1) -> Path:
    """Makes what is missing, `jobs` commands at once; returns OUT/IDENTITY."""
    home = out / model_info(ravel, model)["tokenizer_identity"][:2 * IDENTITY_BYTES]
    with ThreadPoolExecutor(jobs) as pool:
        tasks = []
        for folder, files in wanted_files(corpus).items():
            for speed in (1.0, *(speeds if folder != "dev" else ())):
                to = home / (folder if speed == 1 else f"{folder}@{speed:g}")
                to.mkdir(parents=True, exist_ok=True)
                missing = [f for f in files if not (to / f"{f.stem}.npy").exists()]
                for i in range(0, len(missing), FILES_AT_ONCE):
                    some = missing[i:i + FILES_AT_ONCE]
                    tasks.append(pool.submit(encode, ravel, model, some, to) if speed == 1 else
                                 pool.submit(encode_at, ravel, model, speed, some, to))
        for task in tasks:
            task.result()
    return home


def load(home: Path, folder: str) -> list[np.ndarray]:
    """Codes of all files of a folder, in the order of their names."""
    return [np.load(path) for path in sorted((home / folder).glob("*.npy"))]


def speakers(home: Path, folder: str) -> list[str]:
    """The speaker of each of these files: CORPUS_SPEAKER_NUMBER is what the corpus calls them."""
    names = [path.stem.rsplit("_", 1)[0] for path in sorted((home / folder).glob("*.npy"))]
    return [f"{folder}/{name}" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"))
    parser.add_argument("--model", type=Path, help="the built-in model where left out")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--out", type=Path, default=Path("codes"))
    parser.add_argument("--speeds", type=float, nargs="*", default=[], help="in addition to 1")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    print(extract(arguments.ravel, arguments.model, arguments.corpus, arguments.out,
                  tuple(arguments.speeds), arguments.jobs))


if __name__ == "__main__":
    main()
