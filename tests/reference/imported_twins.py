# SPDX-License-Identifier: BSD-3-Clause
"""Compares the library with PyTorch twins of published codecs, small and of random weights: writes
each as a checkpoint, under the names and with the configuration that its publisher gives, and what
it makes of a sound as vectors, and has them compared by build/conformance.

    python3 tests/reference/imported_twins.py CONFORMANCE

Exits with 77 (skipped) where PyTorch is not installed.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import torch

    from published import blocks, encodec, seanet, vocos
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

SEANET = {**encodec.ENCODEC_24, "dimension": 12, "n_filters": 4, "ratios": [3, 2], "bins": 32,
          "n_q": 3, "lstm": 2}
MUSICGEN = {**SEANET, "sample_rate": 32000, "causal": False, "true_skip": True, "ratios": [4, 2],
            "n_residual_layers": 2}
ACADEMICODEC = {**SEANET, "causal": False, "ratios": [2, 2, 4], "dimension": 160, "bins": 40}
VOCOS = {"sample_rate": 24000, "n_filters": 4, "dimension": 20, "bandwidth_id": 1,
         "feature_extractor": {"dowmsamples": [3, 2, 2], "vq_bins": 32, "num_quantizers": 1},
         "backbone": {"input_channels": 20, "dim": 64, "intermediate_dim": 96, "num_layers": 2,
                      "adanorm_num_embeddings": 3},
         "head": {"dim": 64, "n_fft": 60, "hop_length": 12, "padding": "same"}}
LANGUAGECODEC = {**VOCOS, "feature_extractor": {**VOCOS["feature_extractor"],
                                                "num_quantizers": 5}}


def transformers_config(config):
    """As Hugging Face's models of EnCodec have it."""
    return {"model_type": "encodec", "sampling_rate": config["sample_rate"],
            "audio_channels": config["channels"], "use_causal_conv": config["causal"],
            "use_conv_shortcut": not config["true_skip"], "norm_type": config["norm"],
            "pad_mode": "reflect", "trim_right_ratio": 1.0, "dilation_growth_rate": 2,
            "upsampling_ratios": config["ratios"], "normalize": False, "chunk_length_s": None,
            "overlap": None}


def new_norm(tensors):
    """The later spelling of weight norm."""
    old, new = blocks.Stored.NAMES["old"], blocks.Stored.NAMES["new"]
    for name in list(tensors):
        head, _, last = name.rpartition(".")
        if last in old:
            tensors[f"{head}.{new[old.index(last)]}"] = tensors.pop(name)
    return tensors


def hugging_face(tensors):
    return new_norm(encodec.hugging_face(tensors))


def parallel(tensors):
    """As after training on several devices."""
    return {f"module.{name}": value for name, value in tensors.items()}


def trained(tensors):
    """With parts that only training needs."""
    rest = ("multiperioddisc.a", "multiresddisc.b", "dac.c", "dacdiscriminator.d", "melspec_loss.e")
    return {**tensors, **{name: torch.zeros(2) for name in rest}}


# Twin, its sizes, what becomes of the names, the configuration beside them.
CASES = {
    "encodec_24khz_hf": (encodec, SEANET, hugging_face, transformers_config(SEANET)),
    "encodec_32khz": (encodec, MUSICGEN, dict, None),
    "encodec_32khz_hf": (encodec, MUSICGEN, hugging_face, transformers_config(MUSICGEN)),
    "academicodec": (encodec, ACADEMICODEC, parallel, None),
    "languagecodec": (vocos, LANGUAGECODEC, trained, LANGUAGECODEC),
    "wavtokenizer": (vocos, VOCOS, trained, VOCOS),
}


def keep_margins(margins):
    """Notes how much farther the second nearest codeword is than the nearest, search by search."""
    search = seanet.Codebook.search

    def noting(self, x):
        first, second = torch.cdist(x, self.embed).square().sort(-1).values[:, :2].T
        margins.append((second - first) / second)
        return search(self, x)

    seanet.Codebook.search = noting


def write_vectors(folder, codec, pcm, prefix, margins):
    margins.clear()
    latent, codes = codec.latent(pcm), codec.encode(pcm)
    quantizer = getattr(codec, "quantizer", None) or codec.feature_extractor.encodec.quantizer
    arrays = {"input": pcm[0], "latent": latent[0], "codes": codes.int(),
              "margin": torch.stack(margins), "quantized": quantizer.decode(codes)[0],
              "output": codec.decode(codes)[0]}
    for name, value in arrays.items():
        np.save(folder / f"{prefix}{name}.npy", value.numpy())


def write_case(folder, twin, sizes, rename, config, margins):
    sound = 0.3 * torch.randn(1, 1, 1301)
    codec = blocks.randomise(twin.Codec(sizes), sound)
    blocks.write(folder / "model.safetensors", rename(codec.state_dict()))
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    write_vectors(folder, codec, sound, "", margins)
    write_vectors(folder, codec, sound[..., :5], "short_", margins)


def main():
    margins = []
    keep_margins(margins)
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary) / name for name in CASES]
        for folder, case in zip(folders, CASES.values()):
            folder.mkdir()
            write_case(folder, *case, margins)
        return subprocess.run([sys.argv[1], *folders], check=False).returncode


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.inference_mode():
        sys.exit(main())
