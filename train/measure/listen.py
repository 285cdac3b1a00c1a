# SPDX-License-Identifier: BSD-3-Clause
"""A page to listen to a folder of audio: originals, what the `ravel` command makes of them, and
their spectrograms.

    python3 -m train.measure.listen --files ../shared/corpus/dev --every 6 --out listen
    xdg-open listen/index.html

Beside each sound: ESTOI, and the figures of artefacts.py, which say where to look closer.
"""
from __future__ import annotations

import argparse
import html
import json
import sys
from pathlib import Path
from urllib.parse import quote

from ..command import model_info, run, with_model
from ..corpus import read_mono, sounds
from .artefacts import SAMPLE_RATE, artefacts

KBPS = (1.5, 3, 6)
STYLE = """
body { font: 16px/1.5 sans-serif; color: #333; max-width: 72rem; margin: 2rem auto }
h2 { margin: 3rem 0 .5rem; font-size: 1.1rem }
table { border-spacing: 0 }
td { padding: .1rem 1rem .1rem 0 }
td:first-child { white-space: nowrap }
audio { width: 22rem; vertical-align: middle }
img { width: 100%; margin-top: .7rem }
"""


def ravel(arguments: argparse.Namespace, verb: str, *options: object) -> str:
    model = with_model(arguments.model) if verb != "compare" else []
    return run(arguments.ravel, verb, "-q", *model, *options).decode()


def figures(original: Path, decoded: Path) -> str:
    """What artefacts.py measures at 24 kHz."""
    pair = [read_mono(path) for path in (original, decoded)]
    n = min(map(len, pair))
    if n < 2 * SAMPLE_RATE:
        return "too short for more"
    return ", ".join(name.replace(",", f" {value:.1f}", 1)
                     for name, value in artefacts(*(x[:n] for x in pair)).items())


def clip(arguments: argparse.Namespace, source: Path) -> list[tuple[str, Path, str]]:
    """Makes the sounds and the picture of one file; (what, sound, figures) of each sound."""
    home = arguments.out / source.stem
    home.mkdir(parents=True, exist_ok=True)
    original = home / f"original{source.suffix}"
    original.write_bytes(source.read_bytes())
    decoded = []
    for kbps in KBPS:
        stream, sound = home / f"{kbps:g}.rvl", home / f"{kbps:g}.flac"
        ravel(arguments, "encode", "-b", kbps, source, stream)
        ravel(arguments, "decode", stream, sound)
        decoded.append((kbps, sound, stream.stat().st_size))
    measured = json.loads(ravel(arguments, "compare", "--json", "--png", home / "picture.png",
                                source, *[sound for _, sound, _ in decoded]))
    rows = [("original", original, "")]
    for (kbps, sound, size), result in zip(decoded, measured["results"]):
        sent = 8e-3 * size / measured["duration_s"]
        rows.append((f"{kbps:g} kb/s", sound,
                     f"ESTOI {result['estoi']:.2f}, file {sent:.2f} kb/s, "
                     + figures(source, sound)))
    return rows


def section(arguments: argparse.Namespace, source: Path) -> str:
    lines = [f"<h2>{html.escape(source.stem)}</h2>", "<table>"]
    for what, sound, figures in clip(arguments, source):
        address = quote(str(sound.relative_to(arguments.out)))
        lines.append(f'<tr><td>{what}<td><audio controls preload="none" src="{address}"></audio>'
                     f"<td>{figures}")
    picture = quote(f"{source.stem}/picture.png")
    image = f'<img loading="lazy" alt="spectrograms" src="{picture}">'
    return "\n".join([*lines, "</table>", image])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, default=Path("../shared/corpus/dev"))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th file only")
    parser.add_argument("--out", type=Path, default=Path("build/listen"))
    parser.add_argument("--ravel", type=Path, default=Path("build/ravel"), help="the command")
    parser.add_argument("--model", type=Path, help="instead of the built-in model")
    arguments = parser.parse_args()
    files = sounds(arguments.files)[::arguments.every]
    name = model_info(arguments.ravel, arguments.model)["name"]
    sections = []
    for i, source in enumerate(files, 1):
        print(f"{i} of {len(files)}: {source.name}", file=sys.stderr)
        sections.append(section(arguments, source))
    page = arguments.out / "index.html"
    page.write_text("<!doctype html>\n<meta charset=utf-8>\n<title>Ravel</title>\n"
                    f"<style>{STYLE}</style>\n<h1>{html.escape(name)}</h1>\n"
                    + "\n".join(sections) + "\n")
    print(page)


if __name__ == "__main__":
    main()
