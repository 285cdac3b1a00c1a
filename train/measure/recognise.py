# SPDX-License-Identifier: BSD-3-Clause
"""What a recogniser understands: PocketSphinx with the English model of its package.

Word errors are counted against its own transcript of the original, so that its mistakes do not
count, and over whole English speakers that training never heard.
"""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder

from ..corpus import HELD_OUT, manifest
from .measures import wide_band

CORPUS, FOLDER = "librispeech", "train16"


@lru_cache(maxsize=1)
def recogniser() -> Decoder:
    return Decoder(samprate=16000, loglevel="FATAL")


def transcribe(pcm: np.ndarray) -> list[str]:
    """Words of float [n] at 24 kHz; what one sound says does not depend on the one before."""
    decoder = recogniser()
    decoder.reinit_feat()
    decoder.start_utt()
    samples = np.clip(wide_band(pcm) * 32767, -32768, 32767).astype("<i2")
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr.split() if hypothesis else []


def held_out_clips(corpus: Path) -> list[Path]:
    """The recordings of the speakers of held_out.txt."""
    return [corpus / row["file"] for row in manifest(corpus)
            if row["file"].startswith(f"{FOLDER}/") and row["corpus"] == CORPUS
            and row["speaker"] in HELD_OUT]
