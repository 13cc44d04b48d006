#!/usr/bin/env python3
"""Does training in bf16 follow fp32? Trains a small model in both, and twice more in fp32, to see what else moves a run as far:

  nudged    with a learning rate a millionth larger: what rounding alone does, the floor under every comparison
  rounded   from initial weights rounded to bf16, once: what bf16's products see of the weights at the start

Every line holds the mean loss of a window of steps, or by how much another run's differs from it in per cent; then what the
run took. The floor decides whether a comparison says anything: with a high learning rate rounding alone moves runs apart.

  compare_precision.py --data DIR [--program build/trecvit] [--lrs 3e-4] [--seeds 1] [--json FILE]
"""
import argparse
import array
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# kind -> precision, factor of the learning rate, whether the initial weights are rounded
KINDS = {"fp32": ("fp32", 1, False), "nudged": ("fp32", 1 + 1e-6, False), "rounded": ("fp32", 1, True), "bf16": ("bf16", 1, False)}
COMPARED = [("nudged", "fp32"), ("rounded", "fp32"), ("bf16", "fp32"), ("bf16", "rounded")]


def call(given, run, seed, precision, lr, steps, *more):
    """What `trecvit train` reports of a run."""
    words = [given.program, "train", "-c", given.config, "--data", given.data, "--run-dir", run, "--seed", seed,
             "--device", given.device, "--precision", precision, "--max-steps", steps, "--workers", given.workers,
             "--set", f"train.lr={lr:.9g}", "--set", "log.every_steps=1", "--set", "eval.every_epochs=0",
             "--set", f"checkpoint.every_steps={steps}", "--json", "--quiet", *more]
    return json.loads(subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, check=True).stdout)


def round_to_bf16(path):
    """Rounds every number of a .safetensors file of fp32 arrays in place, to nearest, halves to even."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    bits = array.array("I", content[start:])
    for i, b in enumerate(bits):
        bits[i] = (b + 0x7FFF + (b >> 16 & 1)) & 0xFFFF0000
    path.write_bytes(content[:start] + bits.tobytes())


def rounded_weights(given, folder, seed):
    """A model file of the seed's initial weights: those after a step that is too small to show, rounded."""
    run = folder / f"start-{seed}"
    call(given, run, seed, "fp32", 1e-30, 1, "--set", "train.weight_decay=0", "--set", "train.min_lr=0")
    model = next(run.glob("checkpoints/step_*/model.safetensors"))
    round_to_bf16(model)
    return model


def train(given, folder, lr, seed, kind, start):
    """The losses of all steps, and the report."""
    precision, factor, rounds = KINDS[kind]
    run = folder / f"{lr}-{seed}-{kind}"
    report = call(given, run, seed, precision, float(lr) * factor, given.steps, *(["--init", start.result()] if rounds else []))
    return [json.loads(line)["loss"] for line in (run / "train.jsonl").read_text().splitlines()], report


def windows(losses, size):
    return [sum(losses[i:i + size]) / size for i in range(0, len(losses) - size + 1, size)]


def show(lr, seed, runs, window):
    """Prints a case and returns its numbers."""
    means = {kind: windows(losses, window) for kind, (losses, _) in runs.items()}
    result = {"lr": float(lr), "seed": int(seed), "window": window, "loss": means["fp32"]}
    print(f"lr {lr}, seed {seed}, means of {window} steps")
    print(f"  {'fp32, loss':<22}" + " ".join(f"{loss:7.4f}" for loss in means["fp32"]))
    for kind, base in COMPARED:
        name = f"{kind} against {base}"
        result[name] = [100 * (a / b - 1) for a, b in zip(means[kind], means[base])]
        print(f"  {name:<22}" + " ".join(f"{percent:7.2f}" for percent in result[name]))
    for kind, (_, report) in runs.items():
        busy = "not known" if report["gpu_busy"] is None else f"{100 * report['gpu_busy']:.0f} %"
        print(f"  {kind}: {1e3 * report['seconds_per_step']:.1f} ms a step, {100 * report['data_wait']:.1f} % of it waiting for "
              f"data; GPU busy {busy}", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build" / "trecvit")
    parser.add_argument("--data", required=True, help="a data set, such as `trecvit dataset synth` makes")
    parser.add_argument("--config", default=ROOT / "configs" / "demo.yaml")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--lrs", default="3e-4", help="peak learning rates: %(default)s")
    parser.add_argument("--seeds", default="1", help="of weights and order: %(default)s")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--window", type=int, default=50, help="steps to a mean: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="threads of each run that decode: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, which then share the machine: %(default)s")
    parser.add_argument("--json", help="where the numbers go as well")
    given = parser.parse_args()
    cases = [(lr, seed) for lr in given.lrs.split(",") for seed in given.seeds.split(",")]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(given.jobs) as pool:
        folder = Path(name)
        starts = {seed: pool.submit(rounded_weights, given, folder, seed) for seed in given.seeds.split(",")}
        running = {(lr, seed, kind): pool.submit(train, given, folder, lr, seed, kind, starts[seed])
                   for lr, seed in cases for kind in KINDS}
        results = [show(lr, seed, {kind: running[lr, seed, kind].result() for kind in KINDS}, given.window) for lr, seed in cases]
    if given.json:
        Path(given.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
