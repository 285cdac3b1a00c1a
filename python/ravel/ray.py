# SPDX-License-Identifier: BSD-3-Clause
"""
Tokens of a corpus on a Ray cluster: a manifest in, Parquet out.

    ray.data.read_json("manifest.jsonl")
        .repartition(target_num_rows_per_block=500)
        .map_batches(ravel.ray.tokenize, batch_format="pyarrow", batch_size=None)
        .write_parquet("tokens")

and ``python -m ravel.ray manifest.jsonl tokens`` is that, with the bad files told at the end. Each
block of 500 is a task without state and a file in the end: what a lost node had under way, Ray does
elsewhere, into a file of the same name; and because codes do not depend on the machine, nobody can
tell. Sounds, manifest and output are to be where all nodes see them.
"""

import argparse
import functools
import itertools
import sys
from typing import Any, List, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset

import ravel

# A process takes the tasks of many batches, and opens the model once.
_codec = functools.lru_cache(maxsize=2)(ravel.load)


def _tokens(
    codec: ravel.Codec, codebooks: Optional[int], path: str, offset: Any, duration: Any
) -> Tuple[Any, Optional[str]]:
    """One sound's codes, or why there are none."""
    try:
        return codec.tokens(path, codebooks, offset or 0.0, duration or None), None
    except ravel.OutOfMemoryError:  # of this node: Ray tries elsewhere
        raise
    except ravel.Error as error:
        return np.empty((0, codebooks or codec.codebooks), np.uint16), str(error)


def tokenize(
    batch: pa.Table, codebooks: Optional[int] = None, model: Optional[str] = None
) -> pa.Table:
    """
    A batch of a manifest with its codes, for ``Dataset.map_batches``.

    ``audio_filepath`` names the sound; ``offset`` and ``duration``, in seconds, may name a part of
    it, as in NeMo's manifests. All columns stay, and these come after them:

    ========== ================= ================================================================
    codes      list of uint16    row by row; ``numpy.reshape(codes, (frames, -1))``
    frames     int64
    tokenizer  string            identity of what made the codes, ``Codec.tokenizer_identity``
    error      string            why there are none; null where all is well
    ========== ================= ================================================================
    """
    codec = _codec(model)
    nothing = [None] * len(batch)
    parts = [
        batch.column(name).to_pylist() if name in batch.column_names else nothing
        for name in ("audio_filepath", "offset", "duration")
    ]
    done = [_tokens(codec, codebooks, *row) for row in zip(*parts)]
    ends = list(itertools.accumulate((codes.size for codes, _ in done), initial=0))
    flat = np.concatenate([codes.reshape(-1) for codes, _ in done] or [np.empty(0, np.uint16)])
    made = {
        "codes": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flat, pa.uint16())),
        "frames": pa.array([len(codes) for codes, _ in done], pa.int64()),
        "tokenizer": pa.array([codec.tokenizer_identity] * len(done), pa.string()),
        "error": pa.array([error for _, error in done], pa.string()),
    }
    for name, column in made.items():
        batch = batch.append_column(name, column)
    return batch


def tokenize_manifest(
    manifest: str,
    out: str,
    codebooks: Optional[int] = None,
    model: Optional[str] = None,
    rows: int = 500,
) -> List[Tuple[str, str]]:
    """
    Writes a manifest's tokens into the folder ``out``, as Parquet of ``rows`` sounds a file.

    Returns (file, reason) of the sounds that failed.
    """
    import ray.data

    data = ray.data.read_json(manifest, file_extensions=None)
    data = data.repartition(target_num_rows_per_block=rows)
    data = data.map_batches(
        tokenize,
        batch_format="pyarrow",
        batch_size=None,
        fn_kwargs={"codebooks": codebooks, "model": model},
    )
    data.write_parquet(out)
    written = pa.dataset.dataset(out, format="parquet")
    bad = written.to_table(
        columns=["audio_filepath", "error"], filter=pa.dataset.field("error").is_valid()
    )
    return list(zip(bad["audio_filepath"].to_pylist(), bad["error"].to_pylist()))


def main() -> int:
    """The command line; as the ``ravel`` command, 4 where some files failed."""
    parser = argparse.ArgumentParser(
        prog="python -m ravel.ray", description="Tokens of a manifest, on a Ray cluster."
    )
    parser.add_argument("manifest", help="JSON lines: audio_filepath, maybe offset, duration")
    parser.add_argument("out", help="folder for Parquet files")
    parser.add_argument("-k", "--codebooks", type=int, help="so many; all without")
    parser.add_argument("-m", "--model", help="a model file, instead of the built-in model")
    parser.add_argument("--rows", type=int, default=500, help="sounds a file, and a task; 500")
    arguments = parser.parse_args()
    bad = tokenize_manifest(**vars(arguments))
    for _, reason in bad:
        print(f"ravel: {reason}", file=sys.stderr)
    return 4 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
