# SPDX-License-Identifier: BSD-3-Clause
"""Compares the PyTorch twins of the published codecs with the vectors that their own code made.

    python3 tests/reference/published_vectors.py SHARED

RAVEL_SHARED of the environment goes before SHARED. Exits with 77 (skipped) where PyTorch is not
installed or there are no vectors.
"""
import json
import os
import sys
from pathlib import Path

try:
    import numpy as np
    import torch

    from published import blocks, dac, encodec, hificodec, mimi, snac, vocos
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

TOLERANCE = 1e-4  # of the standard deviation
SETS = {"encodec24-a": encodec, "encodec48-a": encodec, "dac-a": dac, "snac-a": snac,
        "snac-attn-a": snac, "mimi-a": mimi, "hificodec-a": hificodec, "wavtokenizer-a": vocos}


class Vectors:
    """The arrays of a folder whose names begin with a prefix."""

    def __init__(self, folder, prefix):
        self.folder, self.prefix = folder, prefix

    def __call__(self, name):
        return torch.from_numpy(np.load(self.folder / f"{self.prefix}{name}.npy"))

    def count(self, name):
        return len(list(self.folder.glob(f"{self.prefix}{name}[0-9].npy")))

    def check(self, name, found):
        """Codes must be equal; samples may have been cut to the length of the input."""
        wanted = self(name).squeeze()
        found = found.squeeze()
        if not found.is_floating_point():
            assert torch.equal(found, wanted.long()), f"{self.folder.name} {self.prefix}{name}"
            return
        error = (found[..., : wanted.shape[-1]] - wanted).abs().max() / wanted.std()
        print(f"{self.folder.name:16}{self.prefix + name:20}{error:.1e}")
        assert error < TOLERANCE, f"{self.folder.name} {self.prefix}{name}"


def check(codec, vectors):
    pcm = vectors("input").reshape(1, codec.channels, -1)
    codes = codec.encode(pcm)
    if isinstance(codec, snac.Codec):
        for i, found in enumerate(codes):
            vectors.check(f"codes_{i}", found)
        noise = [vectors(f"noise_{i}") for i in range(vectors.count("noise_"))]
        vectors.check("output", codec.decode(codes, noise))
        vectors.check("output_nonoise", codec.decode(codes, [torch.zeros(1)] * len(noise)))
        return
    if isinstance(codes, list):
        for i, (found, scale) in enumerate(codes):
            vectors.check(f"codes_seg{i}", found)
            assert torch.allclose(scale, vectors(f"scale_seg{i}"))
    else:
        vectors.check("codes", codes)
        vectors.check("latent", codec.latent(pcm))
    vectors.check("output", codec.decode(codes))


def check_steps(codec, vectors):
    """One frame a call."""
    pcm, codes = vectors("input").reshape(1, 1, -1), vectors("codes").long()
    codec.stream()
    latents = [codec.latent(frame) for frame in pcm.split(codec.hop, -1)]
    vectors.check("stream_latent", torch.cat(latents, -1))
    decoded = [codec.decode(frame) for frame in codes.split(1, -1)]
    vectors.check("stream_output_from_codes", torch.cat(decoded, -1))
    codec.stream(False)


def main():
    folder = Path(os.environ.get("RAVEL_SHARED", sys.argv[1])) / "vectors"
    if not folder.is_dir():
        print(f"SKIPPED: no {folder}")
        return 77
    for name, module in SETS.items():
        codec = module.Codec(json.loads((folder / name / "config.json").read_text())).eval()
        codec.load_state_dict(blocks.read(folder / name / "model.safetensors"))
        for prefix in ("", "short_"):
            vectors = Vectors(folder / name, prefix)
            check(codec, vectors)
            if module is mimi:
                check_steps(codec, vectors)
    return 0


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())
