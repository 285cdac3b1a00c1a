# SPDX-License-Identifier: BSD-3-Clause
"""Compares every layer of nn/ with its twin in PyTorch.

    python3 tests/reference/layers.py BUILD/run_layer

Each case is a node of docs/format.md with seeded weights and the PyTorch module of the same
weights. The C side streams the input in pieces, the twin sees it whole. Exits with 77 (skipped)
where PyTorch is not installed.
"""
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

TOLERANCE = 1e-5  # of the largest value
SAMPLE_RATE = 24000  # that run_layer gives the layers, Hz


def safetensors(tensors, graph):
    """A safetensors file with the graph in its metadata."""
    header, data = {"__metadata__": {"ravel": json.dumps(graph)}}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().numpy().astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def run(program, folder, node, tensors, x):
    """x [channel, time] through the C layers, [channels out, time]."""
    named = {f"x.{key}": value for key, value in tensors.items()}
    (folder / "graph").write_bytes(safetensors(named, node))
    np.save(folder / "in.npy", np.ascontiguousarray(x.T.numpy()))
    files = [folder / "graph", folder / "in.npy", folder / "out"]
    subprocess.run([program, *files], check=True)
    return torch.from_numpy(np.fromfile(folder / "out", "<f4").copy())


def encodec_pad(x, left, right):
    """Reflection that also takes streams shorter than the padding, as EnCodec defines it."""
    extra = max(0, max(left, right) + 1 - x.shape[-1])
    padded = F.pad(F.pad(x, (0, extra)), (left, right), "reflect")
    return padded[..., : padded.shape[-1] - extra]


def pad(x, left, right, mode):
    if mode == "zero":
        return F.pad(x, (left, right))
    if mode == "replicate":
        return F.pad(x, (left, right), "replicate")
    return encodec_pad(x, left, right)


def conv(c_in, c_out, kernel, n, mode="zero", stride=1, dilation=1, groups=1, left=0, right=0,
         complete=False):
    module = torch.nn.Conv1d(c_in, c_out, kernel, stride, 0, dilation, groups)
    span = (kernel - 1) * dilation + 1
    extra = 0
    if complete:
        windows = -(-(n + left + right - span) // stride) + 1
        extra = (windows - 1) * stride + span - (n + left + right)
    node = {"type": "conv", "name": "x", "stride": stride, "dilation": dilation, "groups": groups,
            "pad": [left, right], "mode": mode, "complete_last": complete}
    return (node, dict(module.named_parameters()), torch.randn(1, c_in, n),
            lambda x: module(pad(x, left, right + extra, mode)))


def conv_transpose(c_in, c_out, kernel, stride, n, trim=(0, 0), groups=1, output_padding=0):
    module = torch.nn.ConvTranspose1d(c_in, c_out, kernel, stride, 0, output_padding, groups)
    node = {"type": "conv_transpose", "name": "x", "stride": stride, "groups": groups,
            "trim": list(trim), "output_padding": output_padding}

    def twin(x):
        y = module(x)
        return y[..., trim[0]: y.shape[-1] - trim[1]]

    return node, dict(module.named_parameters()), torch.randn(1, c_in, n), twin


def rowwise(node, function, tensors=None, channels=24):
    return node, tensors or {}, 3 * torch.randn(1, channels, 17), function


def snake(channels=24):
    alpha = torch.rand(channels) + 0.1
    a = alpha.view(1, -1, 1)
    return rowwise({"type": "snake", "name": "x"},
                   lambda x: x + (a * x).sin().pow(2) / (a + 1e-9), {"alpha": alpha})


def layer_norm(channels=24):
    module = torch.nn.LayerNorm(channels)
    torch.nn.init.normal_(module.weight)
    torch.nn.init.normal_(module.bias)
    return rowwise({"type": "layer_norm", "name": "x"}, lambda x: module(x.mT).mT,
                   dict(module.named_parameters()))


def scale(channels=24):
    gain = torch.randn(channels)
    return rowwise({"type": "scale", "name": "x"}, lambda x: x * gain.view(1, -1, 1),
                   {"gain": gain})


def compress(bins=9, eps=1e-3):
    def twin(x):
        re, im = x[:, :bins], x[:, bins:]
        gain = (re * re + im * im + eps) ** -0.25
        return torch.cat([re * gain, im * gain], 1)

    return rowwise({"type": "compress", "eps": eps}, twin, channels=2 * bins)


def lstm(c_in, hidden, n):
    module = torch.nn.LSTM(c_in, hidden, batch_first=True)
    tensors = {name[:-3]: value for name, value in module.named_parameters()}
    return ({"type": "lstm", "name": "x"}, tensors, torch.randn(1, c_in, n),
            lambda x: module(x.mT)[0].mT)


def rotate(x, rope, base):
    """x [heads, time, d]"""
    d = x.shape[-1]
    angle = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * base ** (
        -2 * torch.arange(d // 2, dtype=torch.float64) / d)
    cos, sin = angle.cos().float(), angle.sin().float()
    if rope == "half":
        a, b = x[..., : d // 2], x[..., d // 2:]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def local_attention(channels, heads, d, window, n):
    """Windows that see themselves and the one before; scores are biased by the distance."""
    qkv, out = torch.randn(3 * heads * d, channels), torch.randn(channels, heads * d)
    bias = torch.randn(heads, 2 * window)

    def twin(x):
        q, k, v = (qkv @ x[0]).T.view(-1, 3, heads, d).permute(1, 2, 0, 3)
        at = torch.arange(n)
        age = at[:, None] - at[None, :]
        seen = (age >= 0) & (at[:, None] // window - at[None, :] // window <= 1)
        scores = bias[:, age.clamp(0, 2 * window - 1)].masked_fill(~seen, -torch.inf)
        y = F.scaled_dot_product_attention(q, k, v, scores)
        return (out @ y.permute(1, 0, 2).reshape(n, -1).T)[None]

    node = {"type": "attention", "name": "x", "heads": heads, "context": 2 * window,
            "together": window}
    tensors = {"in_proj.weight": qkv, "out_proj.weight": out, "distance_bias": bias}
    return node, tensors, torch.randn(1, channels, n), twin


def max_pool(channels, rows, left, right, n):
    def twin(x):
        return F.max_pool1d(F.pad(x, (left, right), value=-torch.inf), rows, 1)

    node = {"type": "max_pool", "rows": rows, "pad": [left, right]}
    return node, {}, torch.randn(1, channels, n), twin


def attention(heads, d, context, n, rope, together=1):
    """Without a context every row sees all rows, of the pieces that the stream is cut to."""
    channels = heads * d
    module = torch.nn.MultiheadAttention(channels, heads)
    torch.nn.init.normal_(module.in_proj_bias)

    def twin(x):
        rows = F.linear(x[0].T, module.in_proj_weight, module.in_proj_bias)
        n = len(rows)
        q, k, v = rows.view(n, 3, heads, d).permute(1, 2, 0, 3)
        if rope != "none":
            q, k = rotate(q, rope, 10000.0), rotate(k, rope, 10000.0)
        age = torch.arange(n)[:, None] - torch.arange(n)[None, :]
        ring_end = (torch.arange(n) // together + 1)[:, None] * together
        in_ring = torch.arange(n)[None, :] >= ring_end - (context or 0)
        mask = (age >= 0) & in_ring if context else None
        y = F.scaled_dot_product_attention(q, k, v, mask)
        return module.out_proj(y.permute(1, 0, 2).reshape(n, channels)).T[None]

    node = {"type": "attention", "name": "x", "heads": heads, "rope": rope}
    node |= {"context": context, "together": together} if context else {"causal": False}
    tensors = {"in_proj.weight": module.in_proj_weight, "in_proj.bias": module.in_proj_bias,
               "out_proj.weight": module.out_proj.weight, "out_proj.bias": module.out_proj.bias}
    return node, tensors, torch.randn(1, channels, n), twin


def group_norm(groups, channels, n):
    module = torch.nn.GroupNorm(groups, channels, eps=1e-6)
    torch.nn.init.normal_(module.weight)
    torch.nn.init.normal_(module.bias)
    node = {"type": "group_norm", "name": "x", "groups": groups, "eps": 1e-6}
    return node, dict(module.named_parameters()), 3 * torch.randn(1, channels, n) + 1, module


def whole(rows, case):
    """A layer on pieces of the stream, each alone."""
    node, tensors, x, twin = case
    return ({"type": "whole", "rows": rows, "inner": node}, tensors, x,
            lambda x: torch.cat([twin(piece) for piece in x.split(rows, -1)], -1))


def stft(n_fft, hop, left, n):
    def twin(x):
        y = torch.stft(F.pad(x[:, 0], (left, 0)), n_fft, hop, window=torch.hann_window(n_fft),
                       center=False, return_complex=True)
        return torch.cat([y.real, y.imag], 1)

    node = {"type": "stft", "n_fft": n_fft, "hop": hop, "pad": [left, 0]}
    return node, {}, torch.randn(1, 1, n), twin


def pulse_phases(f0, hop):
    """Phase in turns of each sample, [segment, hop]; f0 in Hz at the ends of the segments.

    Sums as the C library rounds them, because the rounding moves the pulses.
    """
    before = np.concatenate([f0[:1], f0[:-1]])
    turns = (before + f0) * np.float32(0.5 * hop / SAMPLE_RATE)
    steps = (np.modf(turns)[0].astype(np.float64) * 2.0**32).astype(np.uint64)
    start = ((np.cumsum(steps) - steps) % 2**32 >> 8).astype(np.float32) / np.float32(2**24)
    i = np.arange(1, hop + 1, dtype=np.float32)
    slope = (f0 - before) / np.float32(2 * hop * SAMPLE_RATE)
    steady = (before / np.float32(SAMPLE_RATE))[:, None] * i
    return steady + slope[:, None] * (i * i) + start[:, None]


def pulse_train(octaves, hop):
    """Cosines one by one, [segment, hop]."""
    steps = np.floor(np.clip(octaves, 0, 4.25) * np.float32(256) + np.float32(0.5))
    f0 = np.float32(50) * np.exp2(steps.astype(np.float64) / 256).astype(np.float32)
    phases = pulse_phases(f0, hop).astype(np.float64)
    highest = np.maximum(f0, np.concatenate([f0[:1], f0[:-1]]))
    y = np.zeros_like(phases)
    for k in range(1, SAMPLE_RATE // 100 + 1):
        audible = (k * highest.astype(np.float64) <= SAMPLE_RATE / 2)[:, None]
        y += audible * np.cos(2 * np.pi * k * phases)
    return y * np.sqrt(4 * f0.astype(np.float64) / SAMPLE_RATE)[:, None]


def hashed_noise(n):
    x = np.arange(n, dtype=np.uint32)
    x = (x ^ (x >> 16)) * np.uint32(0x7feb352d)
    x = (x ^ (x >> 15)) * np.uint32(0x846ca68b)
    return (x ^ (x >> 16)).view(np.int32).astype(np.float64) * (3**0.5 / 2**31)


def frame_spectra(segments):
    """[frame, bin] of each segment behind the one before it."""
    before = np.concatenate([np.zeros_like(segments[:1]), segments[:-1]])
    return torch.from_numpy(np.fft.rfft(np.concatenate([before, segments], 1)).T)


def harmonic_noise(n_fft, n, bound=3.0):
    bins, hop = n_fft // 2 + 1, n_fft // 2
    x = torch.cat([5 * torch.rand(1, 1, n) - 0.3, torch.randn(1, 3 * bins, n)], 1)

    def twin(x):
        _, magnitude, phase, level = x[0].double().split([1, bins, bins, bins])
        train = frame_spectra(pulse_train(x[0, 0].numpy(), hop))
        hiss = frame_spectra(hashed_noise(n * hop).reshape(n, hop))
        hiss = n_fft**0.5 * hiss / (hiss.abs() + 1e-3)
        y = magnitude.exp().clip(max=bound) * torch.exp(1j * phase) * train
        y = y + level.exp().clip(max=bound) * hiss
        return torch.cat([y.real, y.imag]).float()[None]

    node = {"type": "harmonic_noise", "n_fft": n_fft, "hop": hop, "max_magnitude": bound}
    return node, {}, x, twin


def normal_numbers(seed, n):
    """By splitmix64 and Box and Muller."""
    x = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed << 40)
    x *= np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    u = ((x >> np.uint64(40)) + np.uint64(1)) / 2.0**24
    v = (x >> np.uint64(16) & np.uint64(0xFFFFFF)) / 2.0**24
    return torch.from_numpy(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).float()


def noise(seed, n, given=None):
    tensors = {} if given is None else {"values": torch.randn(given)}
    numbers = normal_numbers(seed, n) if given is None else F.pad(tensors["values"], (0, n - given))
    return ({"type": "noise", "name": "x", "seed": seed}, tensors, torch.randn(1, 5, n),
            lambda x: x * numbers)


def istft(n_fft, hop, n, bound=2.0, spectrum="polar"):
    """Vocos' head with padding "same": both ends trimmed, divided by the squared windows."""
    trim = (n_fft - hop) // 2

    def twin(x):
        bins = n_fft // 2 + 1
        first, second = x[:, :bins], x[:, bins:]
        if spectrum == "complex":
            spectrum_of_x = torch.complex(first, second)
        else:
            spectrum_of_x = first.exp().clip(max=bound) * torch.exp(1j * second)
        window = torch.hann_window(n_fft)
        frames = torch.fft.irfft(spectrum_of_x, n_fft, 1) * window[None, :, None]
        length = (n - 1) * hop + n_fft
        squares = window.square().expand(1, n, -1).mT
        y, envelope = (F.fold(f, (1, length), (1, n_fft), stride=(1, hop))[:, 0]
                       for f in (frames, squares))
        return (y / envelope)[..., trim: length - trim]

    node = {"type": "istft", "n_fft": n_fft, "hop": hop, "trim": [trim, trim], "normalize": True,
            "max_magnitude": bound, "spectrum": spectrum}
    return node, {}, torch.randn(1, n_fft + 2, n), twin


def residual(channels, n):
    module = torch.nn.Conv1d(channels, channels, 7, padding=9, dilation=3)
    node = {"type": "residual",
            "branch": [{"type": "elu"},
                       {"type": "conv", "name": "x", "dilation": 3, "pad": [9, 9]}]}
    return (node, dict(module.named_parameters()), torch.randn(1, channels, n),
            lambda x: x + module(F.elu(x)))


def mean(channels, n):
    return ({"type": "mean"}, {}, torch.randn(1, channels, n),
            lambda x: x.mean(-1, keepdim=True).expand_as(x))


def slice_of(channels, first, count, n):
    node = {"type": "slice", "first": first, "channels": count}
    return node, {}, torch.randn(1, channels, n), lambda x: x[:, first : first + count]


def product(channels, n):
    """A gate, for all channels of a row, that sees the rows around it."""
    module = torch.nn.Conv1d(1, channels, 7, padding=3)
    node = {"type": "product",
            "branch": [{"type": "slice", "first": 0, "channels": channels}, {"type": "tanh"}],
            "shortcut": [{"type": "slice", "first": channels, "channels": 1},
                         {"type": "conv", "name": "x", "pad": [3, 3]}]}
    return (node, dict(module.named_parameters()), torch.randn(1, channels + 1, n),
            lambda x: x[:, :channels].tanh() * module(x[:, channels:]))


def fold(channels, rows, n):
    def twin(x):
        return x[..., : n // rows * rows].mT.reshape(1, -1, rows * channels).mT

    return {"type": "fold", "rows": rows}, {}, torch.randn(1, channels, n), twin


def unfold(channels, rows, n):
    return ({"type": "unfold", "rows": rows}, {}, torch.randn(1, rows * channels, n),
            lambda x: x.mT.reshape(1, -1, channels).mT)


def segment(channels, length, hop, n, normalize):
    """EnCodec's frames: each segment at its own level, folded, with its steps and its level."""
    module, steps = torch.nn.Conv1d(channels, 3, 8, 4), -(-length // 4)

    def row(x):
        level = 1e-8 + x.mean(1).pow(2).mean().sqrt() if normalize else torch.ones(())
        y = module(encodec_pad(x / level, 4, -x.shape[-1] % 4))
        folded = F.pad(y, (0, steps - y.shape[-1])).mT.reshape(-1)
        return torch.cat([folded, torch.tensor([float(y.shape[-1])]), level[None]])

    def twin(x):
        return torch.stack([row(x[..., at: at + length]) for at in range(0, n, hop)]).T[None]

    inner = {"type": "conv", "name": "x", "stride": 4, "pad": [4, 0], "mode": "reflect",
             "complete_last": True}
    node = {"type": "segment", "length": length, "hop": hop, "normalize": normalize,
            "inner": inner}
    return node, dict(module.named_parameters()), torch.randn(1, channels, n), twin


def overlap_add(steps, hop, used):
    """EnCodec's fading of segments of `used` steps into each other."""
    module = torch.nn.ConvTranspose1d(3, 2, 8, 4)
    rows = torch.randn(len(used), 3 * steps)
    levels = torch.rand(len(used)) + 0.5
    x = torch.cat([rows, torch.tensor(used).float()[:, None], levels[:, None]], 1).T[None]

    def twin(_):
        total = hop * len(used)
        sums, weights = torch.zeros(2, total + 4 * steps), torch.zeros(total + 4 * steps)
        t = torch.linspace(0, 1, 4 * used[0] + 2, dtype=torch.float64)[1:-1]
        weight = (0.5 - (t - 0.5).abs()).float()
        for i, n in enumerate(used):
            latents = rows[i].view(steps, 3)[:n].T[None]
            here = slice(i * hop, i * hop + 4 * n)
            sums[:, here] += weight[: 4 * n] * module(latents)[0, :, 2:-2] * levels[i]
            weights[here] += weight[: 4 * n]
        return torch.where(weights > 0, sums / weights, 0)[None, :, :total]

    inner = {"type": "conv_transpose", "name": "x", "stride": 4, "trim": [2, 2]}
    node = {"type": "overlap_add", "steps": steps, "hop": hop, "inner": inner}
    return node, dict(module.named_parameters()), x, twin


def two_rates(n):
    """Both sides of a residual lower the rate, one by way of a lower band."""
    fir, wide, low = torch.nn.Conv1d(1, 1, 16, 4), torch.randn(5, 34), torch.randn(5, 18)

    def spectrum(x, n_fft, hop):
        frames = F.pad(x[:, 0], (n_fft - hop, 0)).unfold(1, n_fft, hop)
        y = torch.fft.rfft(frames * torch.hann_window(n_fft)).mT
        return torch.cat([y.real, y.imag], 1)

    def twin(x):
        return low @ spectrum(fir(F.pad(x, (12, 0))), 16, 6) + wide @ spectrum(x, 32, 24)

    node = {"type": "residual",
            "branch": [{"type": "conv", "name": "x.fir", "stride": 4, "pad": [12, 0]},
                       {"type": "stft", "n_fft": 16, "hop": 6, "pad": [10, 0]},
                       {"type": "conv", "name": "x.low"}],
            "shortcut": [{"type": "stft", "n_fft": 32, "hop": 24, "pad": [8, 0]},
                         {"type": "conv", "name": "x.wide"}]}
    return (node, {"fir.weight": fir.weight, "fir.bias": fir.bias, "low.weight": low,
                   "wide.weight": wide}, torch.randn(1, 1, n), twin)


def cases():
    for mode in ("zero", "reflect", "replicate"):
        yield conv(3, 40, 7, 50, mode, left=6)
        yield conv(8, 5, 7, 50, mode, dilation=3, left=9, right=9)
        yield conv(6, 4, 8, 61, mode, stride=4, left=4, complete=True)
        yield conv(4, 4, 7, 3, mode, left=6, complete=True)
    yield conv(12, 12, 7, 40, groups=12, left=6)
    yield conv(12, 8, 5, 40, groups=4, left=4)
    yield conv_transpose(6, 5, 16, 8, 9, (0, 8))
    yield conv_transpose(6, 5, 10, 5, 9, (3, 3))
    yield conv_transpose(6, 4, 7, 3, 9, (2, 2), groups=2, output_padding=1)
    yield conv_transpose(8, 8, 4, 2, 9, (0, 2), groups=8)
    yield rowwise({"type": "elu"}, F.elu)
    yield rowwise({"type": "leaky_relu", "slope": 0.1}, lambda x: F.leaky_relu(x, 0.1))
    yield rowwise({"type": "leaky_relu", "slope": -1}, torch.abs)
    yield rowwise({"type": "gelu"}, F.gelu)
    yield rowwise({"type": "silu"}, F.silu)
    yield rowwise({"type": "tanh"}, torch.tanh)
    yield rowwise({"type": "clamp", "limit": 0.7}, lambda x: x.clamp(-0.7, 0.7))
    yield snake()
    yield layer_norm()
    yield scale()
    yield compress()
    yield lstm(5, 33, 40)
    for rope in ("none", "interleaved", "half"):
        yield attention(3, 8, 11, 40, rope)
        yield attention(2, 8, 10, 41, rope, together=4)
        yield whole(19, attention(3, 8, None, 50, rope))
    yield whole(70, attention(1, 40, None, 100, "none"))
    yield local_attention(10, 3, 6, 8, 50)
    yield max_pool(3, 9, 4, 4, 40)
    yield max_pool(20, 4, 3, 0, 2)
    yield whole(16, group_norm(3, 24, 41))
    yield whole(12, conv(6, 4, 8, 48, stride=4, left=2, right=2))
    yield stft(480, 240, 240, 2000)
    yield istft(64, 16, 12)
    yield istft(64, 16, 12, spectrum="complex")
    yield harmonic_noise(480, 40)
    yield harmonic_noise(64, 12)
    yield noise(0, 70)
    yield noise(2**24 - 1, 70)
    yield noise(3, 70, given=50)
    yield residual(6, 70)
    yield product(6, 70)
    yield slice_of(9, 0, 9, 20)
    yield slice_of(9, 4, 3, 20)
    yield whole(16, mean(5, 41))
    yield fold(3, 4, 30)
    yield unfold(3, 4, 7)
    yield two_rates(24 * 9)
    yield segment(2, 20, 16, 67, True)
    yield segment(2, 24, 9, 50, True)
    yield segment(1, 13, 13, 27, False)
    yield overlap_add(6, 20, [6, 6, 6, 1])
    yield overlap_add(6, 20, [6])
    yield overlap_add(7, 10, [7, 7, 7, 7, 2])
    yield overlap_add(5, 19, [4, 1])


def main(program):
    torch.manual_seed(1)
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for node, tensors, x, twin in cases():
            wanted = twin(x)[0].T.contiguous()
            got = run(program, Path(folder), [node], tensors, x[0])
            if got.numel() != wanted.numel():
                sys.exit(f"{node}: {got.numel()} values, not {wanted.numel()}")
            error = ((got.view_as(wanted) - wanted).abs().max() / wanted.abs().max()).item()
            if not error <= TOLERANCE:
                sys.exit(f"{node}: error {error:.2e}")
            worst = max(worst, error)
    print(f"all layers equal their twins; largest error {worst:.1e}")


if __name__ == "__main__":
    main(sys.argv[1])
