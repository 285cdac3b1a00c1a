# SPDX-License-Identifier: BSD-3-Clause
"""What the twins share: layers that are stored as checkpoints have them, and random weights."""
import json

import torch
from torch import nn
from torch.nn import functional

SAFETENSORS = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
               torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}


class Stored(nn.Module):
    """A layer that computes with its weight and stores it with the norm apart: "old" as
    `weight_g`, `weight_v`, "new" as a parametrisation; None: as it is."""

    NAMES = {"old": ("weight_g", "weight_v"),
             "new": ("parametrizations.weight.original0", "parametrizations.weight.original1")}
    norm = None

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.norm:
            weight = destination.pop(prefix + "weight")
            g, v = (prefix + name for name in self.NAMES[self.norm])
            destination[g] = self.lengths(weight)
            destination[v] = 2 * weight  # of another length than g, as in trained checkpoints

    def _load_from_state_dict(self, state, prefix, *rest):
        if self.norm:
            g, v = (state.pop(prefix + name) for name in self.NAMES[self.norm])
            state[prefix + "weight"] = v * (g / self.lengths(v))
        super()._load_from_state_dict(state, prefix, *rest)

    @staticmethod
    def lengths(weight):
        return weight.norm(dim=tuple(range(1, weight.dim())), keepdim=True)


class Conv(Stored, nn.Conv1d):
    def __init__(self, *sizes, norm=None, **options):
        super().__init__(*sizes, **options)
        self.norm = norm


class ConvTranspose(Stored, nn.ConvTranspose1d):
    def __init__(self, *sizes, norm=None, **options):
        super().__init__(*sizes, **options)
        self.norm = norm


class Snake(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, n, 1))

    def forward(self, x):
        return x + torch.sin(self.alpha * x).square() / (self.alpha + 1e-9)


class Residual(nn.Module):
    """x + block(x), the modules numbered "block.N"."""

    def __init__(self, *modules):
        super().__init__()
        self.block = nn.Sequential(*modules)

    def forward(self, x):
        return x + self.block(x)


class Block(nn.Module):
    """The modules numbered "block.N"."""

    def __init__(self, *modules):
        super().__init__()
        self.block = nn.Sequential(*modules)

    def forward(self, x):
        return self.block(x)


def nearest(x, codewords):
    """Indices of the nearest codewords; x [time][dim]."""
    norms = codewords.square().sum(-1)
    return torch.addmm(norms, x, codewords.T, alpha=-2).argmin(-1)


class FactorisedStage(nn.Module):
    """Cosine search in few dimensions between two projections (DAC, SNAC)."""

    def __init__(self, n, size, dim, norm):
        super().__init__()
        self.in_proj = Conv(n, dim, 1, norm=norm)
        self.out_proj = Conv(dim, n, 1, norm=norm)
        self.codebook = nn.Embedding(size, dim)

    def search(self, x):
        found = functional.normalize(self.in_proj(x)[0].T)
        return nearest(found, functional.normalize(self.codebook.weight))

    def forward(self, codes):
        return self.out_proj(self.codebook(codes).T[None])


# --- Random weights -------------------------------------------------------------------------------


def _level(module, _, output):
    """Gives the output of a layer a variance of 1, from its first call on."""
    with torch.no_grad():
        gain = 1 / output.std().clamp_min(1e-3)
        module.weight *= gain
        if module.bias is not None:
            module.bias *= gain
    return output * gain


def randomise(codec, pcm, seed=1):
    """Weights under which every layer has outputs of about 1 for such sound; `pcm` as the codec
    takes it. Codewords are as large as leaves the residual smaller than it was."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in codec.parameters():
            if parameter.dim() > 1 and parameter[0].numel() > 1:
                parameter.normal_(0, parameter[0].numel() ** -0.5)
            else:
                parameter += 0.1 * torch.randn_like(parameter)
        layers = (nn.Conv1d, nn.ConvTranspose1d, nn.Linear)
        hooks = [module.register_forward_hook(_level) for module in codec.modules()
                 if isinstance(module, layers)]
        codebooks = [module for module in codec.modules() if hasattr(module, "drawing")]
        for codebook in codebooks:
            codebook.drawing = True
        codec.decode(codec.encode(pcm))
        for codebook in codebooks:
            codebook.drawing = False
        for hook in hooks:
            hook.remove()
    return codec.eval()


# --- Files ----------------------------------------------------------------------------------------


def write(path, tensors):
    header, offset = {}, 0
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    for name, value in tensors.items():
        size = value.numel() * value.element_size()
        header[name] = {"dtype": SAFETENSORS[value.dtype], "shape": list(value.shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for value in tensors.values():
            file.write(value.flatten().view(torch.uint8).numpy().tobytes())


def read(path):
    raw = bytearray(path.read_bytes())
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    types = {name: dtype for dtype, name in SAFETENSORS.items()}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = types[entry["dtype"]]
        count = (end - begin) // dtype.itemsize
        values = torch.frombuffer(raw, dtype=dtype, count=count, offset=8 + size + begin)
        tensors[name] = values.reshape(entry["shape"])
    return tensors
