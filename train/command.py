# SPDX-License-Identifier: BSD-3-Clause
"""The `ravel` command as Python calls it; model None is the built-in one."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path


def run(*command: object, data: bytes | None = None) -> bytes:
    """Standard output; standard error is shown where the command fails."""
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def with_model(model: Path | None) -> list[str]:
    """The option of encode, decode and tokens."""
    return ["-m", str(model)] if model else []


def model_info(ravel: Path, model: Path | None) -> dict:
    """What `ravel info` says about the model."""
    return json.loads(run(ravel, "info", "--json", *([model] if model else [])))
