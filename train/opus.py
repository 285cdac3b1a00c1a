# SPDX-License-Identifier: BSD-3-Clause
"""libopus through ctypes: a codec to compare with, and damage that a codec should bear."""
from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np

SAMPLE_RATE = 24000


def fit(pcm: np.ndarray, n: int) -> np.ndarray:
    """The first n samples, zeros where there are fewer."""
    return np.pad(pcm[:n], (0, max(0, n - len(pcm)))).astype("f4")


class Opus:
    """libopus as a call uses it: 20 ms, mono, VoIP, variable bitrate, default complexity."""

    name = "Opus"
    rates: tuple[float, ...] = (6, 9, 12, 16, 24)
    word_rates = rates
    APPLICATION_VOIP, SET_BITRATE, GET_LOOKAHEAD = 2048, 4002, 4027
    FRAME, MAX_PACKET = SAMPLE_RATE // 50, 1275

    def __init__(self) -> None:
        self.identity = self.library().opus_get_version_string().decode().replace(" ", "-")

    @staticmethod
    def library() -> ctypes.CDLL:
        path = ctypes.util.find_library("opus")
        if path is None:
            raise RuntimeError("libopus is not installed (Debian: libopus0)")
        opus = ctypes.CDLL(path)
        opus.opus_get_version_string.restype = ctypes.c_char_p
        opus.opus_encoder_create.restype = opus.opus_decoder_create.restype = ctypes.c_void_p
        return opus

    def code(self, pcm: np.ndarray, kbps: float) -> tuple[np.ndarray, int]:
        opus, status, late = self.library(), ctypes.c_int(), ctypes.c_int32()
        encoder = ctypes.c_void_p(opus.opus_encoder_create(
            SAMPLE_RATE, 1, self.APPLICATION_VOIP, ctypes.byref(status)))
        decoder = ctypes.c_void_p(opus.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(status)))
        opus.opus_encoder_ctl(encoder, self.SET_BITRATE, ctypes.c_int32(round(1000 * kbps)))
        opus.opus_encoder_ctl(encoder, self.GET_LOOKAHEAD, ctypes.byref(late))
        n_frames = -(-(len(pcm) + late.value) // self.FRAME)
        frames = fit(pcm, n_frames * self.FRAME).reshape(n_frames, self.FRAME)
        decoded, packet, n_bytes = np.empty_like(frames), (ctypes.c_ubyte * self.MAX_PACKET)(), 0
        for i in range(n_frames):
            n = opus.opus_encode_float(encoder, ctypes.c_void_p(frames[i].ctypes.data), self.FRAME,
                                       packet, self.MAX_PACKET)
            opus.opus_decode_float(decoder, packet, n, ctypes.c_void_p(decoded[i].ctypes.data),
                                   self.FRAME, 0)
            n_bytes += n
        opus.opus_encoder_destroy(encoder)
        opus.opus_decoder_destroy(decoder)
        return fit(decoded.reshape(-1)[late.value:], len(pcm)), 8 * n_bytes
