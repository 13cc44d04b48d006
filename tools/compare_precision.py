#!/usr/bin/env python3
"""Does training in bf16 follow fp32? Trains a small model both ways, and a third time in fp32 with a learning rate a
millionth larger: what that changes is what rounding alone does to a run, the floor under every comparison of two.

Every line holds the mean loss of a window of steps, or by how much another run's differs from it; then what the run took.

  compare_precision.py --data DIR [--program build/trecvit] [--lrs 3e-3,3e-4] [--seeds 1] [--json FILE]
"""
import argparse
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"fp32": ("fp32", 1), "fp32, lr + 1e-6": ("fp32", 1 + 1e-6), "bf16": ("bf16", 1)}


def train(given, folder, lr, seed, kind):
    """The losses of all steps, and what the program reports of the run."""
    precision, factor = KINDS[kind]
    run = folder / f"{lr}-{seed}-{precision}-{factor}"
    words = [given.program, "train", "-c", given.config, "--data", given.data, "--run-dir", run, "--seed", seed,
             "--device", given.device, "--precision", precision, "--max-steps", given.steps, "--workers", given.workers,
             "--set", f"train.lr={float(lr) * factor:.9g}", "--set", "log.every_steps=1", "--set", "eval.every_epochs=0",
             "--set", f"checkpoint.every_steps={given.steps}", "--json", "--quiet"]
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, check=True)
    lines = (run / "train.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines], json.loads(done.stdout)


def windows(losses, size):
    return [sum(losses[i:i + size]) / size for i in range(0, len(losses) - size + 1, size)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build" / "trecvit")
    parser.add_argument("--data", required=True, help="a data set, such as `trecvit dataset synth` makes")
    parser.add_argument("--config", default=ROOT / "configs" / "demo.yaml")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--lrs", default="3e-3,3e-4", help="peak learning rates: %(default)s")
    parser.add_argument("--seeds", default="1", help="of weights and order: %(default)s")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--window", type=int, default=50, help="steps to a mean: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="threads of each run that decode: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, which then share the machine: %(default)s")
    parser.add_argument("--json", help="where the numbers go as well")
    given = parser.parse_args()
    cases = [(lr, seed) for lr in given.lrs.split(",") for seed in given.seeds.split(",")]
    results = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        running = {(lr, seed, kind): pool.submit(train, given, Path(folder), lr, seed, kind)
                   for lr, seed in cases for kind in KINDS}
        for lr, seed in cases:
            runs = {kind: running[lr, seed, kind].result() for kind in KINDS}
            means = {kind: windows(losses, given.window) for kind, (losses, _) in runs.items()}
            result = {"lr": float(lr), "seed": int(seed), "window": given.window, "loss": means["fp32"]}
            print(f"lr {lr}, seed {seed}, means of {given.window} steps")
            print(f"  {'fp32, loss':<18}" + " ".join(f"{loss:8.4f}" for loss in means["fp32"]))
            for kind in list(KINDS)[1:]:
                result[kind] = [100 * (loss / base - 1) for loss, base in zip(means[kind], means["fp32"])]
                print(f"  {kind + ', %':<18}" + " ".join(f"{percent:8.2f}" for percent in result[kind]), flush=True)
            for kind, (_, report) in runs.items():
                busy = "not known" if report["gpu_busy"] is None else f"{100 * report['gpu_busy']:.0f} %"
                print(f"  {kind}: {1e3 * report['seconds_per_step']:.1f} ms a step, {100 * report['data_wait']:.1f} % of it "
                      f"waiting for data; GPU busy {busy}", flush=True)
            results.append(result)
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
