"""Compares our file readers with NumPy's and the official safetensors package on a checkpoint of the released shape.

Makes (once) an .npz and a .safetensors file of random fp32 arrays with the names and shapes of trecvit_B_k400.npz, lets each
side read all of it in turn, and prints the median seconds and the ratios ours / theirs. Then lets each side read what the
other wrote and compares every bit. Exit code 1: something differs, or .npz reading takes over 1.5 times NumPy's.

  PYTHONPATH=.deps/python python3 tools/bench/compare_formats.py --build build [--folder FOLDER] [--rounds 5]

Needs the programs bench_read_formats and formats_convert in the build folder.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

WIDTH, LAYERS, MLP, HEADS, RECURRENT, TOKENS, CLASSES, HIDDEN = 768, 12, 3072, 12, 1536, 197, 400, 3072
LIMIT = 1.5


def released_shapes():
    """Name -> shape of every array of the B model with 400 classes at 224 x 224: 136,778,128 numbers."""
    c, m, h, r = WIDTH, MLP, HEADS, RECURRENT
    shapes = {
        "tokenizer/embedding/kernel": (1, 16, 16, 3, c),
        "tokenizer/embedding/bias": (c,),
        "tokenizer/pos_embedding": (1, TOKENS - 1, c),
        "tokenizer/cls": (1, 1, c),
    }

    def dense(name, kernel, bias):
        shapes[name + "/kernel"] = kernel
        shapes[name + "/bias"] = bias

    def norm(name):
        shapes[name + "/scale"] = (c,)
        shapes[name + "/bias"] = (c,)

    for layer in range(LAYERS):
        block = f"encoder/residualblock_{layer:02d}"
        shapes[block + "/temporal_pre_norm/scale"] = (c,)
        mixer = block + "/recurrent_block"
        dense(mixer + "/linear_x", (c, r), (r,))
        dense(mixer + "/linear_y", (c, r), (r,))
        dense(mixer + "/linear_out", (r, c), (c,))
        shapes[mixer + "/conv_1d/w"] = (4, r)
        shapes[mixer + "/conv_1d/b"] = (r,)
        shapes[mixer + "/rg_lru/a_param"] = (r,)
        for gate in ("input_gate", "a_gate"):
            shapes[f"{mixer}/rg_lru/{gate}/w"] = (h, r // h, r // h)
            shapes[f"{mixer}/rg_lru/{gate}/b"] = (h, r // h)
        block = f"encoder/encoderblock_{layer}"
        norm(block + "/LayerNorm_0")
        norm(block + "/LayerNorm_1")
        attention = block + "/MultiHeadDotProductAttention_0"
        for part in ("query", "key", "value"):
            dense(f"{attention}/{part}", (c, h, c // h), (h, c // h))
        dense(attention + "/out", (h, c // h, c), (c,))
        dense(block + "/MlpBlock_0/Dense_0", (c, m), (m,))
        dense(block + "/MlpBlock_0/Dense_1", (m, c), (c,))
    norm("encoder/encoder_norm")
    dense("decoder/pre_logits", (c, HIDDEN), (HIDDEN,))
    dense("decoder/cls_head", (HIDDEN, CLASSES), (CLASSES,))
    return shapes


def numpy_npz(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def safetensors_mapped(path):
    with safe_open(path, "np") as reader:
        return {name: reader.get_tensor(name) for name in reader.keys()}


def seconds_of(read, path):
    start = time.perf_counter()
    arrays = read(path)
    seconds = time.perf_counter() - start
    assert len(arrays) > 0
    return seconds


def seconds_of_ours(program, path, touch):
    command = [program, path] + (["--touch"] if touch else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]


def same(got, wanted, what):
    problems = [f"{what}: names differ"] if sorted(got) != sorted(wanted) else []
    for name in sorted(set(got) & set(wanted)):
        a, b = got[name], wanted[name]
        if a.dtype != b.dtype or a.shape != b.shape or not np.array_equal(a.view(np.uint32), b.view(np.uint32)):
            problems.append(f"{what}: {name} differs")
    print(f"{what}: {'bit-identical' if not problems else 'DIFFERS'}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/trecvit-compare-formats"), help="for 2.2 GB of files")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    read_formats = options.build / "bench_read_formats"
    convert = options.build / "formats_convert"
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)

    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in released_shapes().items()}
    print(f"{len(arrays)} arrays, {sum(a.size for a in arrays.values()):,} numbers")
    npz, safe = folder / "theirs.npz", folder / "theirs.safetensors"
    if not npz.exists():
        np.savez(npz, **arrays)
    if not safe.exists():
        save_file(arrays, safe)

    readers = {
        "numpy.load, all arrays": lambda: seconds_of(numpy_npz, npz),
        "ours, npz": lambda: seconds_of_ours(read_formats, npz, False),
        "ours, npz, every byte summed": lambda: seconds_of_ours(read_formats, npz, True),
        "safetensors load_file": lambda: seconds_of(load_file, safe),
        "safetensors safe_open": lambda: seconds_of(safetensors_mapped, safe),
        "ours, safetensors": lambda: seconds_of_ours(read_formats, safe, False),
        "ours, safetensors, every byte summed": lambda: seconds_of_ours(read_formats, safe, True),
    }
    times = {name: [] for name in readers}
    for turn in range(options.rounds + 1):
        for name, read in readers.items():
            seconds = read()
            if turn > 0:  # the first turn brings the files into memory
                times[name].append(seconds)
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:40s} median {median[name]:.4f} s   {' '.join(f'{v:.3f}' for v in values)}")
    npz_ratio = median["ours, npz"] / median["numpy.load, all arrays"]
    touched = median["ours, npz, every byte summed"] / median["numpy.load, all arrays"]
    fastest = min(median["safetensors load_file"], median["safetensors safe_open"])
    print(f"npz: ours / numpy = {npz_ratio:.2f} ({touched:.2f} with every byte summed by us)")
    print(f"safetensors: ours / theirs = {median['ours, safetensors'] / fastest:.4f} "
          f"({median['ours, safetensors, every byte summed'] / fastest:.2f} with every byte summed by us)")

    problems = []
    for source, target, read in [
        (npz, "ours.npz", numpy_npz),
        (npz, "ours.safetensors", load_file),
        (safe, "ours.npz", numpy_npz),
        (safe, "ours.safetensors", load_file),
    ]:
        subprocess.run([convert, source, folder / target], check=True)
        problems += same(read(folder / target), arrays, f"{source.name} -> {target} -> Python")
        (folder / target).unlink()
    if npz_ratio > LIMIT:
        problems.append(f"reading .npz takes {npz_ratio:.2f} times NumPy's time; at most {LIMIT} is wanted")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
