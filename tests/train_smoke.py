# SPDX-License-Identifier: BSD-3-Clause
"""The training recipe from sounds to a model file, small: half a minute on a processor.

    python3 tests/train_smoke.py BUILD/ravel

Prepares a made-up corpus, trains some steps, once without and once with an interruption, which
must give equal weights to the last bit, exports, and compares the command with PyTorch: equal
codes, samples within 1e-4. Exits with 77 (skipped) where what training needs is not installed.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
try:
    import numpy as np
    import soundfile as sf
    import torch

    from train import data, export, restore
    from train.command import run
    from train.model import HOP, N_CODEBOOKS, SAMPLE_RATE
    from train.refit import draw_latents, refit
    from train.source import STEPS_PER_OCTAVE
    from train.train import Trainer
except ImportError as missing:
    print(f"SKIPPED: {missing} (pip install -r train/requirements.txt)")
    sys.exit(77)

STEPS, BYPASS, STOP, ADVERSARIAL = 12, 8, 6, 10  # the interruption comes before the codebooks
CLEAR = 1e-4  # relative gap of two codewords below which rounding may decide
CLEAR_OCTAVES = 1e-5  # the same between two steps of the pitch
SAMPLES_APART = 1e-4  # of full scale


def voice(pitch_hz, seconds, seed):
    """A gliding buzz through changing formants, with pauses and hiss: float32 [n] at 24 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * pitch_hz * (t + 0.03 * np.sin(2 * np.pi * 1.3 * t + seed))
    formant = 1200 + 900 * np.sin(2 * np.pi * 2.1 * t + seed)
    buzz = sum(np.sin(k * phase) / (1 + ((k * pitch_hz - formant) / 400) ** 2)
               for k in range(1, int(10000 / pitch_hz)))
    loudness = np.clip(np.sin(2 * np.pi * 0.9 * t + seed), 0, 1)
    return (0.1 * loudness * buzz + 0.003 * rng.standard_normal(len(t))).astype("f4")


def make_corpus(folder):
    """Six voices and a noise, as the corpus of train.data has them."""
    rows = ["file\tcorpus\tspeaker\tseconds"]
    for i in range(7):
        kind = ("train", "train", "train16", "noise")[min(i // 2, 3)]
        name = f"{kind}/made_{i}.wav"
        sound = voice(90 + 30 * i, 4, i)
        if kind == "noise":
            sound = 0.05 * np.random.default_rng(i).standard_normal(len(sound))
        (folder / kind).mkdir(exist_ok=True)
        sf.write(folder / name, sound, SAMPLE_RATE)
        rows.append(f"{name}\tmade\t{i}\t4")
    (folder / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")


def check_corpora(folder):
    """Other corpora: the speaker in the path or in a table, no noise; a step has its own draw."""
    by_path = list(data.folder_recordings(folder, r"^train/made_(\d)"))
    assert [r.speaker for r in by_path] == [f"{folder.name}/{i}" for i in range(4)], by_path
    table = folder / "validated.tsv"
    table.write_text("client_id\tpath\nanna\ttrain/made_0.wav\nbert\ttrain16/made_4.wav\n")
    data.write(list(data.table_recordings(folder, table)), folder / "other")
    sampler = data.Sampler(folder / "other", SAMPLE_RATE, 1)
    first, again, next_step = (sampler.batch(step, 40) for step in (5, 5, 6))
    assert first[0].shape == (40, SAMPLE_RATE) and first[1].shape == (40, 100)
    assert (first[0] == again[0]).all() and (first[0] != next_step[0]).any()
    assert np.isfinite(first[0]).all() and np.abs(first[0]).max() <= 1 and first[1].max() > 80


class Stopped(Exception):
    pass


class Interrupted(Trainer):
    """Ends as soon as it has written a checkpoint."""

    def save(self):
        super().save()
        raise Stopped


def options(folder, run):
    return argparse.Namespace(
        data=folder / "data", run=folder / run, steps=STEPS, batch=2, frames=60, rate=1e-3, seed=1,
        report=STOP, bf16=False, compile=False, bypass=BYPASS, start=None, decoder_only=False,
        adversarial_from=ADVERSARIAL, smoke=False)


def weights(folder, run):
    state = torch.load(folder / run / "last.pt", weights_only=True)
    assert state["step"] == STEPS
    return {f"{part} {key}": value for part in ("codec", "average", "adversary")
            for key, value in state[part].items()}


def check_resume(folder):
    """STEPS at once, and with an end and a new start between: equal weights."""
    Trainer(options(folder, "whole")).train()
    try:
        Interrupted(options(folder, "parts")).train()
        sys.exit("the interrupted training went on")
    except Stopped:
        Trainer(options(folder, "parts")).train()
    whole, parts = weights(folder, "whole"), weights(folder, "parts")
    different = [key for key in whole if not torch.equal(whole[key], parts[key])]
    assert whole.keys() == parts.keys() and not different, f"differ after resuming: {different}"
    print(f"resumed after {STOP} of {STEPS} steps: {len(whole)} tensors equal")


def clear_codes(codec, latent):
    """Whether no codeword of a latent hangs on rounding; a young codebook has some twice."""
    residual = latent
    for stage in codec.quantizer.stages:
        e = stage.in_proj(residual)
        distance = (e[..., None, :] - stage.codebook).square().sum(-1) + stage.price
        least = distance.min(-1, keepdim=True).values
        others = distance.masked_fill(distance == least, torch.inf).min(-1, keepdim=True).values
        if ((others - least) / others).min() < CLEAR:
            return False
        residual = residual - stage.out_proj(stage.codebook[stage.search(e)])
    return True


def clear_pitch(codec, codes):
    """The same for the steps of the decoder's pitch."""
    octaves = codec.decoder.network(codec.quantizer.decode(codes))[..., 0]
    place = octaves * STEPS_PER_OCTAVE
    return bool(((place - place.floor() - 0.5).abs() > CLEAR_OCTAVES * STEPS_PER_OCTAVE).all())


@torch.no_grad()
def clear_sound(codec):
    """A sound in which PyTorch decides nothing narrowly, and all that it makes of it."""
    for seed in range(40):
        pcm = torch.from_numpy(voice(100 + 7 * seed, 1, seed))
        padded = torch.nn.functional.pad(pcm, (0, 2 * HOP - len(pcm) % HOP))
        latent = codec.encoder(padded[None])
        decoded, codes = codec.reconstruct(pcm, N_CODEBOOKS)
        if clear_codes(codec, latent) and clear_pitch(codec, codes[None]):
            return pcm, codes, decoded
    sys.exit("every sound has a decision that hangs on rounding")


def priced_codec(folder):
    """The trained codec, its last two codebooks fitted anew and with prices."""
    codec, _ = export.load_average(folder / "whole" / "last.pt")
    refit(codec, draw_latents(codec, folder / "data", 2, 3), N_CODEBOOKS - 2, 0.1)
    assert codec.quantizer.stages[-1].price.max() > 0
    return export.rounded(codec)


def check_restored(codec, model):
    state = restore.read_model(model).state_dict()
    for name, value in codec.state_dict().items():
        if not name.endswith((".usage", ".total")):
            torch.testing.assert_close(state[name], value, msg=f"{name} is not what was written")


def check_command(ravel, folder):
    codec = priced_codec(folder)
    model = folder / "model.safetensors"
    export.export(codec, model, "smoke", "none")
    check_restored(codec, model)
    info = json.loads(run(ravel, "info", "--json", model))
    assert (info["name"], info["codebooks"], info["sha256"]) == ("smoke", N_CODEBOOKS, "ok"), info

    pcm, codes, decoded = clear_sound(codec)
    sound, tokens = folder / "in.wav", folder / "codes.npy"
    stream, out = folder / "coded.rvl", folder / "out.wav"
    sf.write(sound, pcm.numpy(), SAMPLE_RATE, subtype="FLOAT")
    run(ravel, "tokens", "-q", "-m", model, sound, tokens)
    run(ravel, "encode", "-q", "-m", model, sound, stream)
    run(ravel, "decode", "-q", "-m", model, "--bits", "f32", stream, out)
    ours = torch.from_numpy(np.load(tokens).astype("i8"))
    assert ours.shape == codes.shape, f"{ours.shape} codes instead of {codes.shape}"
    for i, stage in enumerate(codec.quantizer.stages):  # the same word, where it is there twice
        torch.testing.assert_close(stage.codebook[ours[:, i]], stage.codebook[codes[:, i]])
    apart = (torch.from_numpy(sf.read(out, dtype="float32")[0]) - decoded).abs().max()
    assert decoded.abs().max() > 1e-3, "the trained codec is silent"
    assert apart <= SAMPLES_APART, f"samples differ by {apart:.2g}"
    print(f"{codes.numel()} codes equal, samples within {apart:.1g}")


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        make_corpus(folder / "corpus")
        check_corpora(folder / "corpus")
        data.write(list(data.manifest_recordings(folder / "corpus")), folder / "data")
        check_resume(folder)
        check_command(sys.argv[1], folder)


if __name__ == "__main__":
    main()
