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

    from published import (blocks, dualcodec, encodec, focalcodec, mimi, nemo, seanet, sqcodec,
                           vocos)
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

SEANET = {**encodec.ENCODEC_24, "dimension": 12, "n_filters": 4, "ratios": [3, 2], "bins": 32,
          "n_q": 3, "lstm": 2}
MUSICGEN = {**SEANET, "sample_rate": 32000, "causal": False, "true_skip": True, "ratios": [4, 2],
            "n_residual_layers": 2}
STEREO = {**SEANET, "name": "encodec_48khz", "sample_rate": 48000, "channels": 2,
          "norm": "time_group_norm", "causal": False, "normalize": True, "segment": 0.005,
          "overlap": 0.05}
ACADEMICODEC = {**SEANET, "causal": False, "ratios": [2, 2, 4], "dimension": 160, "bins": 40}
VOCOS = {"sample_rate": 24000, "n_filters": 4, "dimension": 20, "bandwidth_id": 1,
         "feature_extractor": {"dowmsamples": [3, 2, 2], "vq_bins": 32, "num_quantizers": 1},
         "backbone": {"input_channels": 20, "dim": 64, "intermediate_dim": 96, "num_layers": 2,
                      "adanorm_num_embeddings": 3},
         "head": {"dim": 64, "n_fft": 60, "hop_length": 12, "padding": "same"}}
LANGUAGECODEC = {**VOCOS, "feature_extractor": {**VOCOS["feature_extractor"],
                                                "num_quantizers": 5}}
MIMI = {"sample_rate": 24000, "frame_size": 12,
        "seanet": {**mimi.MIMI["seanet"], "dimension": 24, "n_filters": 4, "ratios": [3, 2]},
        "quantizer": {"dimension": 6, "n_q": 4, "bins": 32, "input_dimension": 24,
                      "output_dimension": 24},
        "transformer": {"d_model": 24, "num_heads": 3, "num_layers": 2, "context": 9,
                        "max_period": 1000, "dim_feedforward": 40}}
NEMO = {"sample_rate": 22050, "samples_per_frame": 24,
        "audio_encoder": {**nemo.LFSC_22["audio_encoder"], "down_sample_rates": [2, 3, 4],
                          "encoded_dim": 8, "base_channels": 4},
        "audio_decoder": {**nemo.LFSC_22["audio_decoder"], "up_sample_rates": [4, 3, 2],
                          "input_dim": 8, "base_channels": 16,
                          "resblock_dilation_sizes": [1, 3, 4]},
        "vector_quantizer": {"num_groups": 2, "num_levels_per_group": [8, 7, 6, 6]}}
DUALCODEC = {**dualcodec.DUALCODEC_12, "encoder_dim": 3, "encoder_rates": [2, 5],
             "decoder_dim": 16, "decoder_rates": [5, 2], "latent_dim": 12, "n_codebooks": 3,
             "codebook_size": 20, "semantic_codebook_size": 50, "codebook_dim": 4,
             "convnext_dim": 10, "convnext_hidden": 16, "convnext_layers": 2}

FOCALCODEC = {"quantizer_config": {"codebook_size": 512},
              "decompressor_config": {**focalcodec.FOCALCODEC_50["decompressor_config"],
                                      "input_dim": 9, "output_dim": 12, "hidden_dims": [10, 8, 6],
                                      "upscale_factors": [1, 2, 3], "focal_window": 6},
              "decoder_config": {"input_dim": 12, "num_layers": 2, "dim": 10, "ffn_dim": 16,
                                 "kernel_size": 7, "n_fft": 60, "hop_length": 20}}
FOCALCODEC_AFTER = {**FOCALCODEC,
                    "decompressor_config": {**FOCALCODEC["decompressor_config"],
                                            "use_post_norm": True, "use_layerscale": True,
                                            "normalize_modulator": True}}
FOCALCODEC_STREAM = {**focalcodec.FOCALCODEC_STREAM, "quantizer_config": {"codebook_size": 512},
                     "decompressor_config": {
                         **focalcodec.FOCALCODEC_STREAM["decompressor_config"], "input_dim": 9,
                         "output_dim": 12, "hidden_dims": [10, 8, 6], "focal_window": 4,
                         "window_size": 12, "last_window_size": 9, "use_layerscale": True},
                     "decoder_config": {
                         **focalcodec.FOCALCODEC_STREAM["decoder_config"], "input_dim": 12,
                         "num_layers": 2, "dim": 10, "ffn_dim": 16, "hop_length": 20}}

L3AC = {"model_name": "small", "sample_rate": 16000, "network_config": {
    **sqcodec.L3AC_1["network_config"], "feature_dim": 16, "compress_rates": [3, 4],
    "encoder_dims": [12, 16, 20], "encoder_depths": [1, 2, 1], "decode_rates": [4, 3],
    "decoder_dims": [20, 16, 12], "decoder_depths": [2, 1, 1], "en_coder_depth": 3,
    "en_coder_window_size": 5, "en_coder_compress_rate": 2}}
SQCODEC = {**L3AC, "network_config": {
    **L3AC["network_config"], "compress_rates": [5, 2], "decode_rates": [2, 5],
    "vq_config": {"name": "taae_fsq", "codebook_dim": [9, 7, 5], "codebook_num": 1},
    "en_coder_compress_rate": 1, "en_coder_window_size": 7}}


def transformers_config(config):
    """As Hugging Face's models of EnCodec have it."""
    return {"model_type": "encodec", "sampling_rate": config["sample_rate"],
            "audio_channels": config["channels"], "use_causal_conv": config["causal"],
            "use_conv_shortcut": not config["true_skip"], "norm_type": config["norm"],
            "pad_mode": "reflect", "trim_right_ratio": 1.0, "dilation_growth_rate": 2,
            "upsampling_ratios": config["ratios"], "normalize": config["normalize"],
            "chunk_length_s": config["segment"],
            "overlap": config["overlap"] if config["segment"] else None}


def transformers_config_of_mimi(config):
    sizes = config["transformer"]
    return {"model_type": "mimi", "sampling_rate": config["sample_rate"], "pad_mode": "constant",
            "use_causal_conv": True, "num_attention_heads": sizes["num_heads"],
            "sliding_window": sizes["context"], "rope_theta": float(sizes["max_period"])}


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


def hugging_face_of_mimi(tensors):
    return mimi.hugging_face(tensors, MIMI["transformer"]["num_heads"])


def parallel(tensors):
    """As after training on several devices."""
    return {f"module.{name}": value for name, value in tensors.items()}


def trained(tensors):
    """With parts that only training needs."""
    rest = ("multiperioddisc.a", "multiresddisc.b", "dac.c", "dacdiscriminator.d", "melspec_loss.e")
    return {**tensors, **{name: torch.zeros(2) for name in rest}}


def trained_nemo(tensors):
    rest = ("discriminator.discriminators.0.a", "mel_loss_fn.b")
    return {**tensors, **{name: torch.zeros(2) for name in rest}}


# Twin, its sizes, what becomes of the names, the configuration beside them.
CASES = {
    "encodec_24khz_hf": (encodec, SEANET, hugging_face, transformers_config(SEANET)),
    "encodec_32khz": (encodec, MUSICGEN, dict, None),
    "encodec_32khz_hf": (encodec, MUSICGEN, hugging_face, transformers_config(MUSICGEN)),
    "encodec_48khz": (encodec, STEREO, dict, STEREO),
    "encodec_48khz_hf": (encodec, STEREO, hugging_face, transformers_config(STEREO)),
    "academicodec": (encodec, ACADEMICODEC, parallel, None),
    "languagecodec": (vocos, LANGUAGECODEC, trained, LANGUAGECODEC),
    "mimi": (mimi, MIMI, dict, MIMI),
    "mimi_hf": (mimi, MIMI, hugging_face_of_mimi, transformers_config_of_mimi(MIMI)),
    "nemo": (nemo, NEMO, trained_nemo, NEMO),
    "wavtokenizer": (vocos, VOCOS, trained, VOCOS),
    "dualcodec": (dualcodec, DUALCODEC, dict, None),
    "dualcodec_around": (dualcodec, {**DUALCODEC, "is_causal": False}, new_norm,
                         {"is_causal": False}),
    "focalcodec": (focalcodec, FOCALCODEC, dict, FOCALCODEC),
    "focalcodec_stream": (focalcodec, FOCALCODEC_STREAM, dict, FOCALCODEC_STREAM),
    "focalcodec_after": (focalcodec, FOCALCODEC_AFTER, dict, FOCALCODEC_AFTER),
    "l3ac": (sqcodec, L3AC, dict, L3AC),
    "sqcodec": (sqcodec, SQCODEC, dict, SQCODEC),
}


def keep_margins(margins):
    """Notes how much farther the second nearest codeword is than the nearest, search by search."""
    search = seanet.Codebook.search

    def note(x, codewords):
        first, second = torch.cdist(x, codewords).square().sort(-1).values[:, :2].T
        margins.append((second - first) / second)

    def noting(self, x):
        note(x, self.embed)
        return search(self, x)

    def nearest(x, codewords):
        note(x, codewords)
        return blocks.nearest(x, codewords)

    seanet.Codebook.search = noting
    mimi.nearest = nearest


def quantizer_of(codec):
    for name in ("quantizer", "vector_quantizer"):
        if hasattr(codec, name):
            return getattr(codec, name)
    return codec.feature_extractor.encodec.quantizer


def save(folder, prefix, arrays, suffix=""):
    for name, value in arrays.items():
        np.save(folder / f"{prefix}{name}{suffix}.npy", value.numpy())


def write_segments(folder, codec, pcm, prefix, margins):
    """The same of each segment, and what all of them make together."""
    segments = []
    for i, first in enumerate(range(0, pcm.shape[-1], codec.stride)):
        margins.clear()
        piece = pcm[..., first : first + codec.length]
        codes, scale = codec.encode_segment(piece)
        segments.append((codes, scale))
        quantized = codec.quantizer.decode(codes)
        save(folder, prefix, {
            "latent": codec.latent(piece / scale)[0], "codes": codes.int(), "scale": scale[None],
            "quantized": quantized[0], "decoded": codec.decoder(quantized)[0] * scale,
            "margin": torch.stack(margins)}, f"_seg{i}")
    save(folder, prefix, {"input": pcm[0], "output": codec.decode(segments)[0]})


def write_vectors(folder, codec, pcm, prefix, margins):
    margins.clear()
    codes = codec.encode(pcm)
    arrays = {"codes": codes.int(), "quantized": quantizer_of(codec).decode(codes)[0],
              "output": codec.decode(codes)[0]}
    if hasattr(codec, "latent"):  # it encodes
        arrays.update({"input": pcm[0], "latent": codec.latent(pcm)[0]})
    if margins:
        arrays["margin"] = torch.stack(margins)
    save(folder, prefix, arrays)


def write_case(folder, twin, sizes, rename, config, margins):
    segments = sizes.get("segment")
    n = 4 * 228 + 7 if segments else 1301  # the last segment has 7 samples
    sound = 0.3 * torch.randn(1, sizes.get("channels", 1), n)
    codec = blocks.randomise(twin.Codec(sizes), sound)
    write = write_segments if segments else write_vectors
    blocks.write(folder / "model.safetensors", rename(codec.state_dict()))
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    write(folder, codec, sound, "", margins)
    short = 141 if twin is nemo else 5  # PyTorch reflects no more rows than there are
    write(folder, codec, sound[..., :short], "short_", margins)


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
