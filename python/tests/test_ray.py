# SPDX-License-Identifier: BSD-3-Clause
"""A Ray cluster of three nodes, of which one dies in the middle."""

import json
import os
import threading
import time

import numpy as np
import pytest
from conftest import voice

import ravel

ray = pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
import pyarrow.dataset  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

import ravel.ray  # noqa: E402

SOUNDS, ROWS = 60, 3


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Parts of four files, and a file that is none in their middle."""
    folder = tmp_path_factory.mktemp("corpus")
    for n in range(4):
        ravel.write(folder / f"{n}.flac", voice(60.0, 16000, n), 16000)
    (folder / "bad.flac").write_text("no sound")
    lines = [
        {
            "audio_filepath": str(folder / f"{n % 4}.flac"),
            "offset": 0.5 * (n // 4),
            "duration": 30.0,
            "utterance": n,
        }
        for n in range(SOUNDS)
    ]
    lines[SOUNDS // 2]["audio_filepath"] = str(folder / "bad.flac")
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def files_in(folder):
    return len(list(folder.glob("*.parquet")))


def test_a_node_dies_and_every_utterance_is_there_once(codec, cluster, manifest, tmp_path):
    out, bad = tmp_path / "tokens", []
    job = threading.Thread(
        target=lambda: bad.extend(
            ravel.ray.tokenize_manifest(str(manifest), str(out), codebooks=4, rows=ROWS)
        )
    )
    job.start()
    while files_in(out) < 3 and job.is_alive():
        time.sleep(0.05)
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    assert job.is_alive() and files_in(out) < SOUNDS // ROWS - 3  # it was in the middle
    job.join()
    assert sum(node["Alive"] for node in ray.nodes()) == 2

    rows = sorted(
        pyarrow.dataset.dataset(out).to_table().to_pylist(), key=lambda row: row["utterance"]
    )
    assert [row["utterance"] for row in rows] == list(range(SOUNDS))
    assert [os.path.basename(name) for name, _ in bad] == ["bad.flac"]
    for row in rows:
        assert row["tokenizer"] == codec.tokenizer_identity
        assert (
            (row["error"] is None) == (row["frames"] == 1501) == (row["utterance"] != SOUNDS // 2)
        )
    for row in rows[:5]:
        expected = codec.tokens(row["audio_filepath"], 4, row["offset"], row["duration"])
        assert np.array_equal(np.reshape(row["codes"], (row["frames"], -1)), expected)
    assert "bad.flac" in rows[SOUNDS // 2]["error"]
