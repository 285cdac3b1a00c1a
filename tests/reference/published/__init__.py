# SPDX-License-Identifier: BSD-3-Clause
"""The published codecs in PyTorch: the layers, sizes and tensor names of their checkpoints. A codec
of any size is `module.Codec(config)` with

    latent(pcm), encode(pcm)    pcm [1][channel][time]
    decode(codes)               to samples, as many as whole frames have
    config, sample_rate, channels, hop

and its `state_dict()` is a checkpoint. Convolutions compute with the weight norm folded.
"""
from . import dac, encodec, hificodec, mimi, nemo, snac, sqcodec, vocos

# At full size: kind for `ravel import`, module, configuration.
CODECS = {
    "EnCodec 24 kHz": ("encodec", encodec, encodec.ENCODEC_24),
    "EnCodec 32 kHz": ("encodec", encodec, encodec.ENCODEC_32),
    "EnCodec 48 kHz": ("encodec", encodec, encodec.ENCODEC_48),
    "DAC 16 kHz": ("dac", dac, dac.DAC_16),
    "DAC 24 kHz": ("dac", dac, dac.DAC_24),
    "DAC 44 kHz": ("dac", dac, dac.DAC_44),
    "SNAC 24 kHz": ("snac", snac, snac.SNAC_24),
    "SNAC 32 kHz": ("snac", snac, snac.SNAC_32),
    "SNAC 44 kHz": ("snac", snac, snac.SNAC_44),
    "Mimi": ("mimi", mimi, mimi.MIMI),
    "HiFi-Codec": ("hificodec", hificodec, hificodec.HIFICODEC_24),
    "WavTokenizer 40": ("wavtokenizer", vocos, vocos.WAVTOKENIZER_40),
    "WavTokenizer 75": ("wavtokenizer", vocos, vocos.WAVTOKENIZER_75),
    "Language-Codec": ("languagecodec", vocos, vocos.LANGUAGECODEC),
    "NeMo LFSC": ("nemo", nemo, nemo.LFSC_22),
    "L3AC 1 kb/s": ("sqcodec", sqcodec, sqcodec.L3AC_1),
}
