# SPDX-License-Identifier: BSD-3-Clause
"""Makes a folder for `ravel import` of a published checkpoint that is not in safetensors.

    python3 -m train.to_safetensors weights.pth -o dac && build/ravel import dac -o dac.safetensors

CHECKPOINT is a file of PyTorch (.th, .pt, .pth, .bin, .ckpt), of NeMo (.nemo), a folder with
pytorch_model.bin, Lyra's folder of three .tflite files, or SQCodec's of five .pt files. The folder
gets model.safetensors and, where the checkpoint or CONFIG (JSON, YAML or TOML) has it, config.json.
Nothing in a file is run: it is loaded with weights_only, and what is neither tensor nor plain data
is left out.
"""
from __future__ import annotations

import argparse
import json
import pickle
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

try:
    import torch
    from torch import Tensor
except ImportError:
    sys.exit("to_safetensors needs PyTorch: pip install torch")

from . import lyra, safetensors
from .safetensors import Entry

TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
         torch.int8: "I8", torch.uint8: "U8", torch.int16: "I16", torch.int32: "I32",
         torch.int64: "I64", torch.bool: "BOOL"}
HIFI_PARTS = ("encoder", "quantizer", "generator")  # HiFi-Codec: three dictionaries
SQCODEC_PARTS = ("encoder", "en_encoder", "quantizer", "en_decoder", "decoder")  # a file each
WRAPPERS = ("state_dict", "best_state", "model", "generator")  # around the tensors


class Refused(Exception):
    pass


# --- What is in a file of PyTorch -----------------------------------------------------------------


def stand_in(name: str) -> type:
    """Takes the place of a class that a checkpoint names, and takes in nothing."""
    def ignore(self: object, *_: object, **__: object) -> None:
        pass

    return type(name, (), {"__init__": ignore, "__setstate__": ignore, "__setitem__": ignore,
                           "append": ignore, "extend": ignore})


def load(path: Path) -> object:
    """With stand-ins for all classes that are not PyTorch's own."""
    try:
        others = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError):
        others = []  # a file from before PyTorch 1.6
    known = [(stand_in(name.split(".")[-1]), name) for name in others]
    try:
        with torch.serialization.safe_globals(known):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error.__context__ or error).split("\n")[0]  # without PyTorch's advice
        raise Refused(f"{path} is not a checkpoint of tensors alone: {reason}") from None


def flatten(value: object, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of nested dictionaries, their keys joined by dots."""
    if isinstance(value, Tensor):
        return {prefix: value}
    if not isinstance(value, dict):
        return {}
    found = {}
    for key, child in value.items():
        found.update(flatten(child, f"{prefix}.{key}" if prefix else str(key)))
    return found


def select(value: object) -> dict[str, Tensor]:
    """The tensors of the network under its own names."""
    if not isinstance(value, dict):
        raise Refused(f"a {type(value).__name__} is stored, not tensors by name: load it where its "
                      "code is, and store its state_dict()")
    if all(isinstance(value.get(part), dict) for part in HIFI_PARTS):
        return flatten({part: value[part] for part in HIFI_PARTS})
    for key in WRAPPERS:
        if isinstance(value.get(key), dict):
            return select(value[key])
    tensors = {name: tensor for name, tensor in flatten(value).items() if tensor.numel()}
    if not tensors:
        raise Refused("no tensors are stored")
    if all(name.startswith("module.") for name in tensors):  # several cards
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(child) for key, child in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def own_config(value: object) -> dict | None:
    """DAC's arguments, Lightning's hyper-parameters."""
    if not isinstance(value, dict):
        return None
    metadata = value.get("metadata")
    found = metadata.get("kwargs") if isinstance(metadata, dict) else value.get("hyper_parameters")
    return found if isinstance(found, dict) and found and plain(found) else None


# --- Configurations -------------------------------------------------------------------------------


def unwrap(value: object) -> object:
    """Arguments in the place of {class_path, init_args}, as Lightning writes them."""
    if isinstance(value, list):
        return [unwrap(child) for child in value]
    if not isinstance(value, dict):
        return value
    if "init_args" in value:
        return unwrap(value["init_args"])
    return {key: unwrap(child) for key, child in value.items()}


def read_config(path: Path) -> dict:
    """JSON, YAML or TOML; of what Lightning writes the model's part."""
    text = path.read_text()
    if path.suffix == ".json":
        config = json.loads(text)
    elif path.suffix == ".toml":
        try:
            import tomllib
        except ImportError:
            raise Refused(f"to read {path}: Python 3.11") from None
        config = tomllib.loads(text)
    else:
        try:
            import yaml
        except ImportError:
            raise Refused(f"to read {path}: pip install pyyaml") from None
        config = yaml.safe_load(text)
    if not isinstance(config, dict):
        raise Refused(f"{path} is not a configuration")
    lightning = isinstance(config.get("model"), dict) and "init_args" in config["model"]
    return unwrap(config["model"] if lightning else config)


# --- Sources --------------------------------------------------------------------------------------


def from_torch(path: Path) -> tuple[dict[str, Tensor], dict | None]:
    value = load(path)
    return select(value), own_config(value)


def from_nemo(path: Path) -> tuple[dict[str, Tensor], dict | None]:
    """An archive; its members are read by name, wherever it says that they lie."""
    found: dict[str, Path] = {}
    with tempfile.TemporaryDirectory() as name, tarfile.open(path) as archive:
        for member in archive:
            base = Path(member.name).name
            if member.isfile() and base in ("model_weights.ckpt", "model_config.yaml"):
                found[base] = Path(name) / base
                with open(found[base], "wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)
        if len(found) != 2:
            raise Refused(f"{path} has no model_weights.ckpt and model_config.yaml")
        tensors, _ = from_torch(found["model_weights.ckpt"])
        return tensors, read_config(found["model_config.yaml"])


def from_folder(path: Path) -> tuple[dict[str, Tensor], dict | None]:
    if all((path / f"{name}.tflite").is_file() for name in lyra.FILES):
        tensors, config = lyra.read(path)
        return {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}, config
    if all((path / f"{part}.pt").is_file() for part in SQCODEC_PARTS):
        return flatten({part: select(load(path / f"{part}.pt")) for part in SQCODEC_PARTS}), None
    weights, config_path = path / "pytorch_model.bin", path / "config.json"
    if not weights.is_file():
        raise Refused(f"{path} has neither pytorch_model.bin nor the files of Lyra or SQCodec")
    tensors, config = from_torch(weights)
    return tensors, read_config(config_path) if config_path.is_file() else config


def read(path: Path) -> tuple[dict[str, Tensor], dict | None]:
    if path.is_dir():
        return from_folder(path)
    return from_nemo(path) if path.suffix == ".nemo" else from_torch(path)


def write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Wider types first, so that every tensor is aligned."""
    ordered = sorted(tensors.items(), key=lambda item: -item[1].element_size())
    safetensors.write(path, {name: Entry(TYPES[value.dtype], value.shape, bytes_of(value))
                             for name, value in ordered})


def bytes_of(tensor: Tensor) -> memoryview:
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data


def convert(checkpoint: Path, config_path: Path | None, out: Path) -> tuple[int, bool]:
    """How many tensors there are, and whether there is a configuration."""
    tensors, config = read(checkpoint)
    unknown = [name for name, tensor in tensors.items() if tensor.dtype not in TYPES]
    if unknown:
        raise Refused(f"tensor '{unknown[0]}' is of type {tensors[unknown[0]].dtype}")
    if config_path:
        config = read_config(config_path)
    out.mkdir(parents=True, exist_ok=True)
    write(out / "model.safetensors", tensors)
    if config:
        (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    return len(tensors), bool(config)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("config", type=Path, nargs="?", help="in the place of the checkpoint's own")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder")
    arguments = parser.parse_args()
    try:
        n_tensors, has_config = convert(arguments.checkpoint, arguments.config, arguments.out)
    except (Refused, OSError, ValueError, tarfile.TarError) as error:
        sys.exit(f"to_safetensors: {error}")
    print(f"{arguments.out}/model.safetensors: {n_tensors} tensors"
          + (f"; {arguments.out}/config.json" if has_config else ""))


if __name__ == "__main__":
    main()
