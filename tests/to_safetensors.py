# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints of every form to safetensors, by train/to_safetensors.py.

    python3 tests/to_safetensors.py SHARED

Exits with 77 (skipped) where PyTorch is not installed. Lyra's models are compared with the tensors
in SHARED (RAVEL_SHARED of the environment goes before it), where they are.
"""
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests/reference")]
try:
    import torch
    from published import blocks
    from train import to_safetensors
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)

KWARGS = {"encoder_dim": 8, "encoder_rates": [2, 4], "sample_rate": 16000}


class Foreign:
    """A class that the reader does not have."""

    def __init__(self):
        self.fields = {"a": 1}

    def __reduce__(self):
        return Foreign, (), {"fields": self.fields}


class Hostile:
    def __reduce__(self):
        return os.system, ("touch /tmp/hostile-checkpoint",)


def tensors():
    torch.manual_seed(1)
    square = torch.randn(4, 4)
    return {"a.weight": square.T, "a.half": square.half(), "a.brain": square.bfloat16(),
            "a.count": torch.tensor(7), "a.tied": square, "a.tied_too": square[:2]}


def read(folder):
    config = folder / "config.json"
    return (blocks.read(folder / "model.safetensors"),
            json.loads(config.read_text()) if config.exists() else None)


def check(folder, name, stored, wanted, config=None, config_path=None):
    path, out = folder / name, folder / f"{name}.out"
    if stored is not None:
        torch.save(stored, path)
    to_safetensors.convert(path, config_path, out)
    found, found_config = read(out)
    assert found_config == config, (name, found_config)
    assert found.keys() == wanted.keys(), (name, found.keys())
    for key, value in wanted.items():
        assert found[key].dtype == value.dtype and torch.equal(found[key], value), (name, key)


def check_torch(folder):
    wanted = tensors()
    check(folder, "bare.th", wanted, wanted)
    check(folder, "dac.pth", {"state_dict": wanted, "metadata": {"kwargs": KWARGS}}, wanted, KWARGS)
    check(folder, "cards.pt", {"model": {f"module.{k}": v for k, v in wanted.items()}}, wanted)
    check(folder, "lightning.ckpt",
          {"state_dict": wanted, "hyper_parameters": {"dim": 3}, "callbacks": {"x": Foreign()},
           "optimizer_states": [{"state": wanted}]}, wanted, {"dim": 3})
    parts = {part: wanted for part in ("encoder", "quantizer", "generator")}
    flat = {f"{part}.{key}": value for part in parts for key, value in wanted.items()}
    check(folder, "hifi", {**parts, "mpd": {"w": torch.ones(1)}}, flat)
    old = folder / "old.th"
    torch.save(wanted, old, _use_new_zipfile_serialization=False)
    check(folder, "old.th", None, wanted)


def check_configs(folder):
    wanted = tensors()
    (folder / "c.json").write_text('{"a": 1}')
    check(folder, "with_json.pt", wanted, wanted, {"a": 1}, folder / "c.json")
    hugging_face = folder / "hf"
    hugging_face.mkdir()
    torch.save(wanted, hugging_face / "pytorch_model.bin")
    (hugging_face / "config.json").write_text(json.dumps(KWARGS))
    check(folder, "hf", None, wanted, KWARGS)
    try:
        import yaml
    except ImportError:
        print("skipped: YAML (pip install pyyaml)")
        return
    lightning = {"seed": 1, "model": {"class_path": "a.B", "init_args": {
        "sample_rate": 24000, "head": {"class_path": "c.D", "init_args": {"n_fft": 1280}}}}}
    (folder / "c.yaml").write_text(yaml.safe_dump(lightning))
    check(folder, "with_yaml.pt", wanted, wanted, {"sample_rate": 24000, "head": {"n_fft": 1280}},
          folder / "c.yaml")
    check_nemo(folder, yaml.safe_dump(KWARGS).encode())


def check_sqcodec(folder):
    """A file a part, one of them with a tensor of nothing, and TOML."""
    wanted, parts = {}, folder / "1kbps.v1"
    parts.mkdir()
    for part in ("encoder", "en_encoder", "quantizer", "en_decoder", "decoder"):
        torch.save({**tensors(), "cache_token": torch.zeros(1, 0, 4)}, parts / f"{part}.pt")
        wanted |= {f"{part}.{key}": value for key, value in tensors().items()}
    (folder / "1kbps.toml").write_text("sample_rate = 16000\n[network_config]\nrates = [6, 5]\n")
    config = {"sample_rate": 16000, "network_config": {"rates": [6, 5]}}
    check(folder, "1kbps.v1", None, wanted, config, folder / "1kbps.toml")


def check_nemo(folder, config):
    weights = io.BytesIO()
    torch.save(tensors(), weights)
    members = {"model_config.yaml": config, "model_weights.ckpt": weights.getvalue()}
    with tarfile.open(folder / "a.nemo", "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    check(folder, "a.nemo", None, tensors(), KWARGS)


def check_refusals(folder):
    """What is no dictionary of tensors; nothing in a file is run."""
    mark = Path("/tmp/hostile-checkpoint")
    mark.unlink(missing_ok=True)
    torch.save({"state_dict": tensors(), "x": Hostile()}, folder / "hostile.pt")
    (folder / "hostile.pkl").write_bytes(pickle.dumps(Hostile()))
    torch.save(Foreign(), folder / "object.pt")
    torch.save({"epoch": 3}, folder / "empty.pt")
    (folder / "text.pt").write_text("not a checkpoint")
    (folder / "nothing").mkdir()
    with tarfile.open(folder / "empty.nemo", "w"):
        pass
    reasons = {"hostile.pt": "posix.system", "hostile.pkl": "tensors alone",
               "object.pt": "a Foreign is stored", "empty.pt": "no tensors",
               "text.pt": "tensors alone", "nothing": "neither",
               "empty.nemo": "model_weights.ckpt", "missing.pt": "missing.pt"}
    for name, reason in reasons.items():
        try:
            to_safetensors.convert(folder / name, None, folder / "refused")
            raise AssertionError(f"{name} is taken")
        except (to_safetensors.Refused, OSError) as error:
            assert reason in str(error), (name, error)
        assert not (folder / "refused").exists(), name
    assert not mark.exists(), "a checkpoint ran a command"


def check_command(folder):
    torch.save({"epoch": 3}, folder / "empty.pt")
    done = subprocess.run([sys.executable, "-m", "train.to_safetensors", folder / "empty.pt", "-o",
                           folder / "refused"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "to_safetensors: no tensors are stored\n"


def check_lyra(folder, source):
    if not source.is_dir():
        print(f"skipped: no {source}")
        return
    out = folder / "lyra"
    to_safetensors.convert(source, None, out)
    found, config = read(out)
    wanted = blocks.read(source / "lyra_v2.safetensors")
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    graph = json.loads((source / "lyra_v2_graph.json").read_text())
    for part in ("encoder", "decoder"):
        for ours, theirs in zip(config[part], graph[part], strict=True):
            assert {**theirs, "dilation": theirs.get("dilation", 1), **ours} == {
                **theirs, "dilation": theirs.get("dilation", 1)}, ours["name"]


def main():
    shared = Path(os.environ.get("RAVEL_SHARED", sys.argv[1]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_torch(folder)
        check_configs(folder)
        check_sqcodec(folder)
        check_refusals(folder)
        check_command(folder)
        check_lyra(folder, shared / "vectors/lyra")


if __name__ == "__main__":
    main()
