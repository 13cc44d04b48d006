"""The PyTorch baseline computes what our engine computes, and can be timed.

usage: baseline_test.py BASELINE_GOLDEN TRECVIT_TORCH.py GOLDEN_FOLDER; exit code 77: PyTorch or NumPy is missing.
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

# One thread: other work on a shared machine comes first.
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")


def run(baseline, *words):
    done = subprocess.run([sys.executable, baseline, *map(str, words)], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    writer, baseline, golden = sys.argv[1:]
    golden = Path(os.environ.get("TRECVIT_GOLDEN", golden))
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.npz"
        subprocess.run([writer, ours], check=True)
        for file in [ours, *sorted(golden.glob("tiny_*.npz"))]:
            (row,) = run(baseline, "--check", file, "--device", "cpu")
            print(f"{file.name}: logits within {row['relative']:.1e}")
    rows = run(baseline, "--size", "tiny", "--device", "cpu", "--modes", "eager", "--repeats", "3")
    cases = ["train 8x2", "clip 8x2", "clip 1x2", "stream 1", "stream 8", "stream 64"]
    assert [row["work"] for row in rows] == cases, rows
    assert all(row["frames_per_s"] > 0 and row["p90"] >= row["ms"] > 0 for row in rows), rows


if __name__ == "__main__":
    main()
