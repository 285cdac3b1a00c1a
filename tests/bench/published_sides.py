#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The sides of published.py, each in a process of its own.

    published_sides.py ravel|torch|onnx CODEC FOLDER

FOLDER has the checkpoint, the model that Ravel made of it, and the sound. A line of the input is a
round: what it took comes out as a line of JSON, and what was decoded lies in FOLDER under the name
of the side. Times are of the processor. ONNX Runtime gets what PyTorch exports for this length of
sound, encoder and decoder each a graph; where that fails, or it is not installed, the line has no
figures but says why.
"""
import json
import logging
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))
from published import CODECS, blocks, mimi, snac  # noqa: E402

WAYS = ("encode", "decode")
STEPS = 60
MAX_STEP_DELAY_S = 1.0  # a codec with more is not stepped


def timed(function, *arguments):
    begin = time.process_time()
    result = function(*arguments)
    return time.process_time() - begin, result


def peak_memory():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def median_ms(seconds):
    """Without the first quarter, which brings the weights in."""
    return 1e3 * statistics.median(seconds[len(seconds) // 4 :])


class Torch:
    ways, reasons = WAYS, []

    def __init__(self, name, folder):
        kind, module, config = CODECS[name]
        torch.set_num_threads(1)
        with torch.device("meta"):
            self.codec = module.Codec(config)
        self.codec = self.codec.eval().to_empty(device="cpu")
        self.codec.load_state_dict(blocks.read(folder / "model.safetensors"))
        self.steps = module is mimi or name == "EnCodec 24 kHz"
        self.keeps_state = module is mimi
        if module is snac:
            none = [torch.zeros(1)] * len(config["decoder_rates"])
            decode = self.codec.decode
            self.codec.decode = lambda codes: decode(codes, none)

    def encode(self, pcm):
        return self.codec.encode(torch.from_numpy(pcm.T.copy())[None])

    def decode(self, codes):
        return self.codec.decode(codes)[0].T.numpy()

    def step_times(self, pcm):
        times = {way: [] for way in WAYS}
        if not self.steps:
            return times
        if self.keeps_state:
            self.codec.stream()
        hop = self.codec.hop
        for first in range(0, min(len(pcm), STEPS * hop) - hop + 1, hop):
            seconds, codes = timed(self.encode, pcm[first : first + hop])
            times["encode"].append(seconds)
            times["decode"].append(timed(self.decode, codes)[0])
        if self.keeps_state:
            self.codec.stream(False)
        return times


class Ravel:
    ways, reasons = WAYS, []

    def __init__(self, name, folder):
        import ravel
        self.codec = ravel.load(folder / "model")

    def encode(self, pcm):
        return self.codec.encode(pcm, self.codec.sample_rate)

    def decode(self, codes):
        return self.codec.decode(codes).reshape(-1, self.codec.channels)

    def step_times(self, pcm):
        """Of frames that make one frame each: past the start, where a stream waits."""
        times = {way: [] for way in WAYS}
        codec, hop = self.codec, self.codec.hop_length
        if codec.delay > MAX_STEP_DELAY_S * codec.sample_rate:
            return times
        encoder, decoder = codec.encoder(), codec.decoder()
        for first in range(0, len(pcm) - hop + 1, hop):
            seconds, codes = timed(encoder.push, pcm[first : first + hop])
            if len(codes) == 1:
                times["encode"].append(seconds)
                times["decode"].append(timed(decoder.push, codes)[0])
            else:
                decoder.push(codes)
            if len(times["encode"]) == STEPS:
                break
        return times


def flat(codes):
    if isinstance(codes, torch.Tensor):
        return [codes]
    return [tensor for part in codes for tensor in flat(part)]


def rebuilt(tensors, like):
    if isinstance(like, torch.Tensor):
        return next(tensors)
    return type(like)(rebuilt(tensors, part) for part in like)


class Way(torch.nn.Module):
    """One way of a codec, of tensors; `like` is what they are parts of."""

    def __init__(self, codec, way, like):
        super().__init__()
        self.codec, self.way, self.like = codec, way, like

    def forward(self, *tensors):
        return getattr(self.codec, self.way)(rebuilt(iter(tensors), self.like))


class Onnx:
    def __init__(self, name, folder):
        codec = Torch(name, folder).codec
        pcm = torch.from_numpy(numpy.load(folder / "pcm.npy").T.copy())[None]
        self.given = {"encode": pcm, "decode": codec.encode(pcm)}
        self.sessions, self.reasons = {}, []
        for way, given in self.given.items():
            try:
                self.sessions[way] = export(codec, way, given, folder / f"{way}.onnx")
            except Exception as error:  # whatever the exporter's many parts raise
                self.reasons.append(f"{way}: {type(error).__name__}")
        self.ways = tuple(self.sessions)

    def run(self, way):
        session, tensors = self.sessions[way], flat(self.given[way])
        names = (each.name for each in session.get_inputs())
        return session.run(None, {name: tensor.numpy() for name, tensor in zip(names, tensors)})

    def encode(self, _):
        return self.run("encode")

    def decode(self, _):
        return self.run("decode")[0][0].T

    def step_times(self, _):
        return {way: [] for way in WAYS}


def export(codec, way, given, path):
    import onnxruntime
    logging.disable(logging.WARNING)  # of what the exporter could do with torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Way(codec, way, given), tuple(flat(given)), path, dynamo=True,
                          verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


# --- Rounds ---------------------------------------------------------------------------------------


def play(contestant, pcm):
    """Figures of a round, and what was decoded, where it can be."""
    figures, codes, out = {"reasons": contestant.reasons}, None, None
    if "encode" in contestant.ways:
        figures["encode"], codes = timed(contestant.encode, pcm)
    if "decode" in contestant.ways:
        figures["decode"], out = timed(contestant.decode, codes)
    figures["memory"] = peak_memory()
    steps = contestant.step_times(pcm)
    figures["steps"] = {way: median_ms(steps[way]) for way in WAYS if steps[way]}
    return figures, out


def main(side, name, folder):
    contestant = {"ravel": Ravel, "torch": Torch, "onnx": Onnx}[side](name, folder)
    pcm = numpy.load(folder / "pcm.npy")
    for _ in sys.stdin:
        figures, out = play(contestant, pcm)
        if out is not None:
            numpy.save(folder / side, out)
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    with torch.inference_mode():
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
