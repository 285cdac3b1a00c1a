#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
    babble.py [--ravel COMMAND] [--seconds S] [FOLDER] OUT.wav

The least language model of speech: counts which token follows which in the sounds of FOLDER, then
writes new tokens by the same odds, and has them spoken. Without FOLDER, espeak-ng reads samples/text.txt
in several voices. Only Python's standard library is needed.

The tokens are "flat": frame after frame, and in a frame from coarse to fine, every codebook with numbers of
its own. So any model of one sequence will do, and this one, an n-gram that falls back to shorter contexts
where a longer one is not known well, could be replaced by a transformer without a change to the rest.
"""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import tempfile

CODEBOOKS = 3  # a frame, the coarse ones: 1.5 kb/s of the built-in model
ORDER = 2 * CODEBOOKS + 1  # tokens that the next one may depend on: a bit more than two frames
CHOICES = 2  # a context counts if so many different tokens followed it


def make_speech(folder):
    text = (pathlib.Path(__file__).parent / "text.txt").read_text()
    for voice in ("en-gb", "en-us", "en-gb-scotland"):
        for pitch in (35, 50, 65):
            for speed in (140, 170):
                wav = folder / f"{voice}-{pitch}-{speed}.wav"
                options = ["-v", voice, "-p", str(pitch), "-s", str(speed), "-w", str(wav)]
                subprocess.run(["espeak-ng", *options, text], check=True)


def read_tokens(folder):
    for path in sorted(folder.glob("tokens-*.jsonl")):
        for line in path.open():
            yield json.loads(line)["tokens"]


def count(utterances):
    """For each context of 1 ... ORDER tokens, which tokens followed it, as often as they did."""
    followers = collections.defaultdict(list)
    for tokens in utterances:
        for at in range(1, len(tokens)):
            for length in range(1, min(ORDER, at) + 1):
                followers[tuple(tokens[at - length : at])].append(tokens[at])
    return followers


def next_token(followers, tokens, rng):
    """By the longest context that leaves a choice; the shortest is always known."""
    for length in range(min(ORDER, len(tokens)), 0, -1):
        seen = followers.get(tuple(tokens[-length:]), ())
        if len(set(seen)) >= CHOICES or (length == 1 and seen):
            return rng.choice(seen)
    return None  # the last token of an utterance, and of no other place


def generate(followers, first_frames, n_tokens, rng):
    tokens = list(rng.choice(first_frames))
    while len(tokens) < n_tokens:
        token = next_token(followers, tokens, rng)
        tokens += rng.choice(first_frames) if token is None else [token]
    return tokens[:n_tokens]


def main():
    parser = argparse.ArgumentParser(description="Trains a tiny language model of speech and lets it talk.")
    parser.add_argument("--ravel", default="ravel", help="the command")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="of sounds to learn from")
    parser.add_argument("out", help="a sound file")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        if arguments.folder is None:
            arguments.folder = work / "speech"
            arguments.folder.mkdir()
            make_speech(arguments.folder)

        # Sounds to tokens. ravel.json tells what they are, and later how to undo them.
        options = ["-f", "jsonl", "-l", "flat", "-k", str(CODEBOOKS), "-d", str(work / "tokens")]
        subprocess.run([arguments.ravel, "tokens", *options, str(arguments.folder)], check=True)
        meta = json.loads((work / "tokens" / "ravel.json").read_text())
        utterances = list(read_tokens(work / "tokens"))

        # The model.
        followers = count(utterances)
        first_frames = [tokens[:CODEBOOKS] for tokens in utterances]
        n_frames = round(arguments.seconds * meta["sample_rate_hz"] / meta["hop_samples"])
        tokens = generate(followers, first_frames, n_frames * CODEBOOKS, rng)
        print(f"{sum(map(len, utterances))} tokens read, {len(followers)} contexts, {len(tokens)} tokens written")

        # Tokens to sound.
        line = {"name": "babble", "ravel": meta, "tokens": tokens}
        (work / "babble.jsonl").write_text(json.dumps(line) + "\n")
        subprocess.run([arguments.ravel, "detokens", str(work / "babble.jsonl"), arguments.out], check=True)


if __name__ == "__main__":
    main()
