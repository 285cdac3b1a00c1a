# SPDX-License-Identifier: BSD-3-Clause
"""Measures Ravel and the codecs that people use, on the same files, in one table.

    python3 -m train.measure.evaluate                # ../shared/corpus/dev, the built-in model
    python3 -m train.measure.evaluate --only ravel --model runs/new.safetensors --words 0 --every 4
    python3 -m train.measure.evaluate --json docs/quality.json --plot docs/quality.png
    python3 -m train.measure.evaluate --stress       # noise, music, silence, clipping, bands

PESQ-WB at 16 kHz; ESTOI; mean distance of log-mel spectra; SI-SDR; word error rate against the
recogniser's transcript of the original, on the speakers of held_out.txt; the share of codes that
are the same when the decoded sound is encoded again. Means over files, with the 95 % interval of
the bootstrap. What was decoded and measured is kept in the cache, so that only what is new is done.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the jobs are the threads
import numpy as np  # noqa: E402
import soundfile as sf  # noqa: E402

from ..corpus import read_mono, sounds  # noqa: E402
from . import measures, recognise  # noqa: E402
from .codecs import SAMPLE_RATE, Checkpoint, Codec2, Opus, Original, Ravel, lyra  # noqa: E402

MEASURES = ("pesq", "estoi", "mel", "si_sdr_db")
HEADS = ("PESQ-WB", "ESTOI", "mel", "SI-SDR, dB")
DIGITS = (2, 3, 3, 1)
LATE_MS = 2.5  # a median lag beyond this is an error of this program


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


MEASURES_VERSION = digest(Path(measures.__file__).read_bytes())


def kept(path: Path, make: Callable[[], object]) -> object:
    """The JSON of a file, made where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(make()))
        temporary.rename(path)
    return json.loads(path.read_text())


@dataclass
class Clip:
    """One recording through one codec at one rate; codec None: the original."""

    source: Path
    codec: object
    kbps: float
    cache: Path

    def place(self, kind: str, kbps: float | None = None) -> Path:
        name = f"{self.source.stem}-{digest(self.source.read_bytes())}.{kind}"
        if self.codec is None:
            return self.cache / "original" / name
        codec = f"{self.codec.name}-{self.codec.identity}".replace(" ", "-")
        return self.cache / codec / f"{self.kbps if kbps is None else kbps:g}" / name

    def decoded(self) -> np.ndarray:
        """As a player would hear it, in 16 bits."""
        path = self.place("flac")
        kept(self.place("bits.json"), lambda: self._decode(path))
        return sf.read(path, dtype="float32")[0]

    def _decode(self, path: Path) -> int:
        pcm, bits = self.codec.code(read_mono(self.source), self.kbps)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        sf.write(temporary, np.clip(pcm, -1, 1), SAMPLE_RATE, subtype="PCM_16", format="FLAC")
        temporary.rename(path)
        return bits

    def bits(self) -> int:
        if hasattr(self.codec, "sent"):
            return kept(self.place(f"sent-{self.codec.sent_identity}.json"),
                        lambda: self.codec.sent(read_mono(self.source), self.kbps))
        self.decoded()
        return kept(self.place("bits.json"), int)

    def scores(self) -> dict[str, float | None]:
        return kept(self.place(f"scores-{MEASURES_VERSION}.json"),
                    lambda: measures.scores(read_mono(self.source), self.decoded()))

    def words(self) -> list[str]:
        def make() -> list[str]:
            return recognise.transcribe(read_mono(self.source) if self.codec is None
                                        else self.decoded())
        return kept(self.place("words.json"), make)

    def codes(self) -> np.ndarray:
        """Of the original with all codebooks, [frames, codebooks]."""
        return np.array(kept(self.place("codes.json", 0),
                             lambda: self.codec.codes(read_mono(self.source)).tolist()))

    def stability(self) -> list[float]:
        """Share of equal codes, for each codebook, when the decoded sound is encoded again."""
        def make() -> list[float]:
            first, second = self.codes(), self.codec.codes(self.decoded())
            n = self.codec.all_rates.index(self.kbps) + 1
            return (first == second)[:, :n].mean(0).tolist()
        return kept(self.place("stability.json"), make)


def measure_clip(clip: Clip) -> dict:
    result = {**clip.scores(), "bits": clip.bits(), "seconds": sf.info(clip.source).duration}
    if hasattr(clip.codec, "codes"):
        result["stability"] = clip.stability()
    return result


def count_words(clip: Clip) -> tuple[int, int]:
    """Errors, and words of the original."""
    original = Clip(clip.source, None, 0, clip.cache).words()
    return measures.word_errors(original, clip.words()), len(original)


def summary(codec: object, kbps: float, results: list[dict]) -> dict:
    seconds = [result["seconds"] for result in results]
    row: dict = {"codec": codec.name, "asked_kbps": kbps, "files": len(results)}
    row["kbps"] = measures.interval([result["bits"] / result["seconds"] / 1000
                                     for result in results], seconds)
    for measure in MEASURES:
        values = [result[measure] for result in results if result[measure] is not None]
        row[measure] = measures.interval(values) if values else None
    row["lag_ms"] = float(np.median([result["lag_ms"] for result in results]))
    if abs(row["lag_ms"]) > LATE_MS:
        print(f"{codec.name} at {kbps:g} kb/s is late by {row['lag_ms']:.1f} ms", file=sys.stderr)
    if "stability" in results[0]:
        shares = np.array([result["stability"] for result in results])
        row["stability"] = np.average(shares, axis=0, weights=seconds).tolist()
    return row


def word_summary(counts: list[tuple[int, int]]) -> dict[str, float]:
    """Word error rate in percent, over all words."""
    return measures.interval([100 * wrong / max(1, n) for wrong, n in counts],
                             [n for _, n in counts])


def codebook_use(codec: object, clips: list[Clip]) -> dict[str, list[float]]:
    """Perplexity, and the share of codewords that no frame took, of each codebook."""
    counts = [np.zeros(size) for size in codec.codebook_sizes]
    for clip in clips:
        codes = clip.codes()
        for i, count in enumerate(counts):
            count += np.bincount(codes[:, i], minlength=len(count))
    return {"perplexity": [float(measures.perplexity(count[None])[0]) for count in counts],
            "dead": [float((count == 0).mean()) for count in counts]}


def cell(value: dict[str, float] | None, digits: int) -> str:
    if value is None:
        return ""
    return (f"{value['mean']:.{digits}f} ({value['low']:.{digits}f} ... "
            f"{value['high']:.{digits}f})")


def table_head() -> str:
    heads = ["codec", "kb/s", "sent", *HEADS, "word errors, %", "stable, %"]
    return "| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|"


def table_row(row: dict) -> str:
    stable = f"{100 * np.mean(row['stability']):.0f}" if "stability" in row else ""
    cells = [row["codec"], f"{row['asked_kbps']:g}", f"{row['kbps']['mean']:.2f}",
             *[cell(row[m], d) for m, d in zip(MEASURES, DIGITS)],
             cell(row.get("word_errors"), 1), stable]
    return "| " + " | ".join(cells) + " |"


def codebook_table(codec: object, use: dict[str, list[float]], stability: list[float]) -> str:
    def line(name: str, values: Sequence[float], form: str) -> str:
        return f"| {name} | " + " | ".join(format(value, form) for value in values) + " |"

    n = len(use["perplexity"])
    return "\n".join([
        f"\n{codec.name}, all codebooks:\n",
        line("codebook", range(1, n + 1), "d"), "|---" * (n + 1) + "|",
        line(f"perplexity, of {codec.codebook_sizes[0]}", use["perplexity"], ".0f"),
        line("dead, %", [100 * share for share in use["dead"]], ".1f"),
        line("stable, %", [100 * share for share in stability], ".0f")])


def evaluate(arguments: argparse.Namespace, codecs: list, files: list[Path],
             spoken: list[Path]) -> dict:
    """Prints the table while it grows; returns the figures."""
    rows, books = [], {}
    print(f"{len(files)} files, {sum(sf.info(f).duration for f in files) / 60:.1f} minutes; "
          f"words: {len(spoken)} files\n\n{table_head()}", flush=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for codec in codecs:
            for kbps in codec.rates:
                clips = [Clip(f, codec, kbps, arguments.cache) for f in files]
                row = summary(codec, kbps, list(pool.map(measure_clip, clips)))
                if kbps in codec.word_rates and spoken:
                    said = [Clip(f, codec, kbps, arguments.cache) for f in spoken]
                    row["word_errors"] = word_summary(list(pool.map(count_words, said)))
                rows.append(row)
                print(table_row(row), flush=True)
            if hasattr(codec, "codes"):
                books[codec.name] = codebook_use(codec, clips)
    for codec in codecs:
        if codec.name in books:
            last = [row for row in rows if row["codec"] == codec.name][-1]
            books[codec.name]["stability"] = last["stability"]
            print(codebook_table(codec, books[codec.name], last["stability"]))
    return {"files": len(files), "rows": rows, "codebooks": books}


def own(arguments: argparse.Namespace) -> Ravel | Checkpoint:
    if arguments.checkpoint:
        return Checkpoint(arguments.checkpoint)
    return Ravel(arguments.ravel, arguments.model)


def wanted(arguments: argparse.Namespace) -> list:
    """The codecs, in the order of the table; one that cannot run is left out aloud."""
    def originals() -> list:
        return [Original(change) for change in Original.CHANGES]

    makers = {"ravel": lambda: [own(arguments)], "opus": lambda: [Opus()],
              "codec2": lambda: [Codec2()],
              "lyra": lambda: [lyra(arguments.ravel, arguments.lyra, arguments.cache)],
              "original": originals}
    codecs = []
    for name in arguments.only or makers:
        try:
            codecs += makers[name]()
        except (RuntimeError, OSError) as problem:
            print(f"left out: {name}: {problem}", file=sys.stderr)
    return codecs


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path("../shared")
    parser.add_argument("--files", type=Path, default=shared / "corpus/dev", help="folder of audio")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th file only")
    parser.add_argument("--words", type=int, default=1, metavar="N",
                        help="each n-th of the held-out recordings for word errors; 0: none")
    parser.add_argument("--corpus", type=Path, default=shared / "corpus",
                        help="with the held-out speakers, noise and music")
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"), help="the command")
    parser.add_argument("--model", type=Path, help="instead of the built-in model")
    parser.add_argument("--checkpoint", type=Path, help="of a training, in PyTorch, instead")
    parser.add_argument("--lyra", type=Path, default=shared / "vectors/lyra",
                        help="folder with lyra_v2.safetensors and its graph")
    parser.add_argument("--only", nargs="+",
                        choices=["ravel", "opus", "codec2", "lyra", "original"])
    parser.add_argument("--cache", type=Path, default=Path("build/evaluate"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--plot", type=Path, help="PNG: quality over bits")
    parser.add_argument("--stress", action="store_true", help="only sounds that are hard")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    files = sounds(arguments.files)[::arguments.every]
    if arguments.stress:
        from .stress import stress
        return stress(own(arguments), files, arguments.corpus)
    spoken: list[Path] = []
    if arguments.words and (arguments.corpus / "MANIFEST.tsv").exists():
        spoken = recognise.held_out_clips(arguments.corpus)[::arguments.words]
    elif arguments.words:
        print(f"no word errors: no MANIFEST.tsv in {arguments.corpus}", file=sys.stderr)
    figures = evaluate(arguments, wanted(arguments), files, spoken)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.plot:
        from .plot import plot
        plot([row for row in figures["rows"] if not row["codec"].startswith("original")],
             arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
