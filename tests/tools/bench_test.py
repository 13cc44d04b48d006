#!/usr/bin/env python3
"""`trecvit bench` and the table of tools/gpu/check.sh, from the outside and without a GPU.

Usage: bench_test.py --program build/trecvit
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cli

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--set", "model.variant=mu", "--set", "data.size=32", "--device", "cpu", "--threads", "1"]


class Process(unittest.TestCase):
    def spins(self, **environment):
        """How often an idle thread of the program looks for work before it sleeps, as the OpenMP library itself says."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        done = subprocess.run([cli.PROGRAM, "--version"], env={**clean, "OMP_DISPLAY_ENV": "VERBOSE", **environment},
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)[-1])

    def test_idle_threads_soon_sleep(self):
        self.assertLessEqual(self.spins(), 1000)

    def test_a_wait_policy_of_the_users_own_stays(self):
        self.assertEqual(self.spins(GOMP_SPINCOUNT="54321"), 54321)
        self.assertEqual(self.spins(OMP_WAIT_POLICY="passive"), 0)


class Bench(cli.Cli):
    def rows(self, *words):
        rows = json.loads(self.ok("bench", *words, *TINY, "--format", "json"))
        for row in rows:
            self.assertTrue(row["value"] > 0 and 0 < row["p50"] <= row["p90"] <= row["p99"], row)
            self.assertTrue(row["device"].startswith("cpu"))
            self.assertTrue(row["commit"] and row["peak_bytes"] > 0)
        return {row["name"]: row for row in rows}

    def test_model(self):
        rows = self.rows("model", "--batch", "2,1", "--frames", "3", "--repeats", "2")
        self.assertEqual(list(rows)[2:], ["clip 2x3", "train 2x3", "clip 1x3", "train 1x3"])
        for name in ("clip 2x3", "train 2x3"):
            self.assertAlmostEqual(rows[name]["value"], 6 / rows[name]["p50"] * 1e3, delta=1e-6 * rows[name]["value"])
            self.assertTrue(0 < rows[name]["mfu"] < 1, rows[name])
            self.assertGreater(rows[name]["bandwidth"], 0)  # so small a model stays in the cache

    def test_stream(self):
        rows = self.rows("stream", "--streams", "1,3", "--frames", "1001")
        for streams in ("stream 1", "stream 3"):
            for what in ("", ", to frame 1000", ", to frame 1001", ", pixels to answer"):
                self.assertIn(streams + what, rows)
        self.assertEqual(rows["stream 1, to frame 1000"]["unit"], "ms")
        told = self.ok("bench", "stream", "--frames", "1001", *TINY)
        self.assertRegex(told, r"stream 1: .* to frame 1001 take [\d.]+ times as long as .* to frame 1000 .* memory [\d.]+ MiB")

    def test_kernels(self):
        rows = self.rows("kernels", "--batch", "2", "--frames", "3", "--scans", "12x4", "--repeats", "2")
        for name in ("patches 2x3", "rms norm backward 30x32", "linear_x|y forward 30x32x128", "gate forward 30x2x32x32",
                     "attention backward 6x2x5x16", "recurrent step, streams 2", "convolution forward 12x4",
                     "scan forward 12x4", "scan backward 12x4", "convert 64 of 427x240, crops 1", "keep 64 of 1280x720, crops 3"):
            self.assertGreater(rows[name]["bandwidth"], 0, name)
        product = rows["mlp down input gradient through gelu 30x128x32"]
        self.assertAlmostEqual(product["mfu"] * rows["ceiling: product of 512^3"]["value"], product["value"],
                               delta=1e-6 * product["value"])
        self.assertIsNone(rows["scan forward 12x4"]["mfu"])
        few = self.rows("kernels", "--kernels", "norm,step", "--repeats", "2", "--batch", "1,2", "--frames", "2")
        self.assertEqual([name for name in few if "ceiling" not in name and "norm" not in name],
                         ["recurrent step, streams 1", "recurrent step, streams 2"])

    def test_table_and_files(self):
        shown = self.ok("bench", "stream", *TINY, "--frames", "5")
        self.assertIn("pixels to answer", shown)
        self.assertRegex(shown.splitlines()[-1], r"^cpu.*, commit \w+")

    def test_wrong_usage(self):
        self.fails(2, "bench", says=["needs a verb"])
        self.fails(2, "bench", "model", "--format", "xml", says=["xml", "table or json"])
        self.fails(2, "bench", "model", "--cases", "sleep", says=["sleep", "clip"])
        self.fails(2, "bench", "kernels", "--kernels", "scan,sleep", says=["sleep", "attention"])
        self.fails(2, "bench", "kernels", "--scans", "12y3", says=["12y3", "ROWSxFRAMES"])
        self.fails(2, "bench", "stream", "--streams", "0", says=["--streams"])
        self.fails(2, "bench", "stream", "--streams", "300", *TINY, says=["300", "256"])


class Table(unittest.TestCase):
    def told(self, **files):
        """The cells of every line that the table has for these files, by the first."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder) / name.replace("__", ".")
                path.write_text(content if isinstance(content, str) else json.dumps(content))
            told = subprocess.run([sys.executable, ROOT / "tools" / "gpu" / "table.py", folder], capture_output=True, text=True,
                                  check=True).stdout
        cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines())
        return {row[0]: row[1:] for row in cells}

    def test_goals(self):
        """What is measured is judged, what is not says so."""
        about = {"device": "GPU", "commit": "abc", "p50": 0.5, "peak_bytes": 2**30}
        rows = self.told(
            peers__jsonl="".join(
                json.dumps({"work": work, "mode": mode, "frames_per_s": 1e3 / ms, "ms": ms, "peak_gib": 20}) + "\n"
                for work, mode, ms in (("stream 1", "eager", 0.1), ("stream 1", "compile", 9.0), ("stream 1", "graph", 1.0),
                                       ("train 8x16", "compile", 1.0))),
            train__json=[{"name": "train 8x16", "value": 2100, **about, "peak_bytes": 15 * 2**30}],
            stream__json=[{"name": "stream 1", "value": 2000.0, **about},
                          {"name": "stream 1, to frame 1000", "value": 0.5, **about},
                          {"name": "stream 1, to frame 3000", "value": 0.6, **about, "p50": 0.6}],
            million__json=[{"name": "stream 1, to frame 1000", "value": 0.5, **about},
                           {"name": "stream 1, to frame 1000000", "value": 0.5, **about}],
            kernels__json=[{"name": "scan forward 1576x32", "bandwidth": 0.96, **about},
                           {"name": "scan forward, serial by 2 64x4096", "bandwidth": 0.3, **about, "p50": 0.4},
                           {"name": "scan forward, serial by 8 64x4096", "bandwidth": 0.3, **about, "p50": 0.9},
                           {"name": "scan forward 64x4096", "bandwidth": 0.9, **about, "p50": 0.1},
                           {"name": "attention backward 256x12x197x64", "bandwidth": 0.5, **about, "p50": 0.65}],
            peer_attention__log=" 256 x 12 x 197 x 64  flash  forward    291.0 us  backward   1511.0 us\n"
                                " 256 x 12 x 197 x 64  cuDNN  forward    216.0 us  backward   1301.0 us\n",
            training__json=[{"lr": 3e-4, "seed": 1, "window": 50, "loss": [1.0] * 10,
                             "bf16 against fp32": [0.5, -2.5], "bf16 against rounded": [0.5, -1.5]}])
        self.assertEqual(rows["streaming, 1 stream"], ["1.00 ms (graph)", "0.550 ms", "0.400 ms", "0.500 ms", "2.00", "must"])
        self.assertEqual(rows["its memory"], ["20.0 GiB", "14.0 GiB", "12.0 GiB", "15.0 GiB", "1.33", "no"])
        self.assertEqual(rows["B, 1 stream(s), frame 3,000 / frame 1,000: time"][-1], "no")
        self.assertEqual(rows["1 layer, 1 stream(s), frame 1,000,000 / frame 1,000: time"][-1], "must")
        self.assertEqual(rows["1 layer, 1 stream(s), frame 1,000,000 / frame 1,000: memory"][3:], ["1.00", "", "must"])
        self.assertEqual(rows["scan forward, 8 x 197 rows, T 32"][3:], ["96.0 % of copy", "", "aim"])
        self.assertEqual(rows["scan forward, 64 rows, T 4096: serial / chosen"][3:], ["4.00", "", "must"])
        self.assertEqual(rows["attention backward, 256 x 12 x 197 x 64"],
                         ["1,301 us (cuDNN)", "700 us", "450 us", "650 us", "2.00", "must"])
        training = "500 steps, lr 0.0003, seed 1, worst 50: bf16 against fp32"
        self.assertEqual(rows[training][3:], ["2.50 %", "", "no"])
        self.assertEqual(rows[training + " from weights rounded to bf16"][3:], ["1.50 %", "", "must"])
        self.assertEqual(rows["clip forward, 8 x 32"][3:], ["not measured", "", ""])
        self.assertIn("GPU, commit abc", rows)


if __name__ == "__main__":
    cli.main()
