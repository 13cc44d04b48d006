"""The PyTorch peer computes what our engine computes, and can be timed.

usage: peer_test.py PEER_GOLDEN TRECVIT_TORCH.py GOLDEN_FOLDER; exit code 77: PyTorch or NumPy is missing.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy  # noqa: F401
    import torch  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}; tools/setup.sh installs torch into .deps/torch and NumPy into .deps/python")
    sys.exit(77)

# What the shared machine's other work needs more than this test.
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")


def run(peer, *words):
    done = subprocess.run([sys.executable, peer, *map(str, words)], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    writer, peer, golden = sys.argv[1:]
    golden = Path(os.environ.get("TRECVIT_GOLDEN", golden))
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.npz"
        subprocess.run([writer, ours], check=True)
        for file in [ours, *sorted(golden.glob("tiny_*.npz"))]:
            (row,) = run(peer, "--check", file, "--device", "cpu")
            print(f"{file.name}: logits within {row['relative']:.1e}")
    rows = run(peer, "--size", "tiny", "--device", "cpu", "--modes", "eager", "--repeats", "3")
    works = ["train 8x2", "clip 8x2", "clip 1x2", "stream 1", "stream 8", "stream 64"]
    assert [row["work"] for row in rows] == works, rows
    assert all(row["frames_per_s"] > 0 and row["p90"] >= row["ms"] > 0 for row in rows), rows


if __name__ == "__main__":
    main()
