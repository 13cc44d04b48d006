"""NumPy and safetensors read the files we write, and we read theirs, bit for bit.

usage: python_interop.py FORMATS_CONVERT; exit code 77: a Python package is missing.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

try:
    import numpy as np
    from safetensors import deserialize, safe_open
    from safetensors.numpy import save_file
except ImportError as missing:
    print(f"skipped: {missing}; tools/setup.sh installs it into .deps/python")
    sys.exit(77)

PLAIN = ["?", "u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"]
SAFE = {"bool": "BOOL", "float16": "F16", "float32": "F32", "float64": "F64", "void16": "BF16",
        **{f"{kind}int{bits}": f"{kind.upper() or 'I'}{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)}}


def random_bits(rng, dtype, shape):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=int))
    raw = rng.integers(0, 2 if dtype.kind == "b" else 256, count * dtype.itemsize, dtype=np.uint8)
    return raw.view(dtype).reshape(shape)


def sample(rng):
    arrays = {f"every/{np.dtype(d).name}": random_bits(rng, d, (3, 4, 5)) for d in PLAIN}
    arrays["scalar"] = random_bits(rng, "<f4", ())
    arrays["empty"] = np.zeros((0, 3), "<f4")
    arrays["a/odd"] = random_bits(rng, "u1", (3,))
    return arrays


def canonical(array):
    """C order, this machine's byte order."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)


def check(got, wanted, what):
    assert sorted(got) == sorted(wanted), f"{what}: names differ: {sorted(set(got) ^ set(wanted))}"
    for name, array in wanted.items():
        array = canonical(array)
        found = got[name]
        assert found.dtype == array.dtype, f"{what}: {name} has dtype {found.dtype}, not {array.dtype}"
        assert found.shape == array.shape, f"{what}: {name} has shape {found.shape}, not {array.shape}"
        assert found.tobytes() == array.tobytes(), f"{what}: values of {name} differ"


def load_npz(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def check_safetensors(path, wanted, what):
    """Through deserialize(), which also serves bfloat16, a dtype that NumPy does not have."""
    got = dict(deserialize(path.read_bytes()))
    assert sorted(got) == sorted(wanted), f"{what}: names differ"
    for name, array in wanted.items():
        array = canonical(array)
        assert got[name]["dtype"] == SAFE[array.dtype.name], f"{what}: {name} has dtype {got[name]['dtype']}"
        assert tuple(got[name]["shape"]) == array.shape, f"{what}: {name} has shape {got[name]['shape']}"
        assert bytes(got[name]["data"]) == array.tobytes(), f"{what}: values of {name} differ"


def main():
    program = sys.argv[1]
    rng = np.random.default_rng(0)
    arrays = sample(rng)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def convert(source, target):
            subprocess.run([program, folder / source, folder / target], check=True)
            return folder / target

        # NumPy also writes what safetensors cannot: Fortran order, big-endian, bfloat16 as two opaque bytes.
        more = dict(arrays)
        more["fortran"] = np.asfortranarray(random_bits(rng, "<f4", (3, 4, 5)))
        more["big"] = random_bits(rng, ">i4", (6,))
        more["bf16"] = random_bits(rng, "V2", (3, 2))
        for save in (np.savez, np.savez_compressed):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                save(folder / "theirs.npz", **more)
            check(load_npz(convert("theirs.npz", "ours.npz")), more, f"npz written after {save.__name__}")
            check_safetensors(convert("theirs.npz", "ours.safetensors"), more, f"safetensors after {save.__name__}")

        save_file(arrays, folder / "theirs.safetensors", metadata={"labels": "a\nb é"})
        check(load_npz(convert("theirs.safetensors", "from.npz")), arrays, "npz written from their safetensors")
        again = convert("theirs.safetensors", "again.safetensors")
        check_safetensors(again, arrays, "safetensors written from their safetensors")
        with safe_open(again, "np") as reader:
            assert reader.metadata() == {"labels": "a\nb é"}, f"metadata is {reader.metadata()}"
            check({name: reader.get_tensor(name) for name in reader.keys()}, arrays, "safe_open")

        for version in [(1, 0), (2, 0), (3, 0)]:
            with open(folder / "theirs.npy", "wb") as file:
                np.lib.format.write_array(file, arrays["every/float32"], version=version)
            ours = np.load(convert("theirs.npy", "ours.npy"))
            check({"a": ours}, {"a": arrays["every/float32"]}, f"npy {version}")
    print(f"{len(more)} arrays agree in both directions")


if __name__ == "__main__":
    main()
