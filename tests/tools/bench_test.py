#!/usr/bin/env python3
"""`trecvit bench` and the table of tools/gpu_check.sh, from the outside and without a GPU.

Usage: bench_test.py --program build/trecvit
"""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cli

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--set", "model.variant=mu", "--set", "data.size=32", "--device", "cpu", "--threads", "1"]


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

    def test_table_and_files(self):
        shown = self.ok("bench", "stream", *TINY, "--frames", "5")
        self.assertIn("pixels to answer", shown)
        self.assertRegex(shown.splitlines()[-1], r"^cpu.*, commit \w+")

    def test_wrong_usage(self):
        self.fails(2, "bench", says=["needs a verb"])
        self.fails(2, "bench", "model", "--format", "xml", says=["xml", "table or json"])
        self.fails(2, "bench", "model", "--works", "sleep", says=["sleep", "clip"])
        self.fails(2, "bench", "stream", "--streams", "0", says=["--streams"])
        self.fails(2, "bench", "stream", "--streams", "300", *TINY, says=["300", "256"])


class Table(unittest.TestCase):
    def test_goals(self):
        """What is measured is judged, what is not says so."""
        about = {"device": "GPU", "commit": "abc", "p50": 0.5, "peak_bytes": 2**30}
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder)
            (results / "peers.jsonl").write_text("".join(
                json.dumps({"work": "stream 1", "mode": mode, "frames_per_s": 1e3 / ms, "ms": ms, "peak_gib": 1}) + "\n"
                for mode, ms in (("eager", 9.0), ("graph", 1.0))))
            (results / "stream.json").write_text(json.dumps([
                {"name": "stream 1", "value": 2000.0, **about},
                {"name": "stream 1, to frame 1000", "value": 0.5, **about},
                {"name": "stream 1, to frame 3000", "value": 0.6, **about, "p50": 0.6}]))
            (results / "bench_kernels.log").write_text(
                "lru forward      1576     32  * 4 channels, serial            12.5 us    2700 GB/s   91 % of copy\n"
                "lru forward        64   4096    8 channels, serial            90.0 us     900 GB/s   30 % of copy\n"
                "lru forward        64   4096  * 4 channels, chained           18.0 us     900 GB/s   90 % of copy\n")
            (results / "bench_attention.log").write_text("   256    12   197    64     180.0 us  71 %     650.5 us  60 %\n")
            (results / "peer_attention.log").write_text(
                " 256 x 12 x 197 x 64  flash  forward    291.0 us  backward   1511.0 us\n"
                " 256 x 12 x 197 x 64  cuDNN  forward    216.0 us  backward   1301.0 us\n")
            told = subprocess.run([sys.executable, ROOT / "tools" / "gpu_table.py", results], capture_output=True, text=True, check=True)
        rows = {cells[0]: cells[1:] for cells in ([c.strip() for c in line.strip("|").split("|")] for line in told.stdout.splitlines())}
        self.assertEqual(rows["streaming, 1 stream"], ["1.00 ms (graph)", "0.550 ms", "0.500 ms", "2.00", "met"])
        self.assertEqual(rows["1 stream(s): frame 3000 / frame 1000"][-1], "missed")
        self.assertEqual(rows["scan forward, 1576 rows, T 32"][2:], ["91.0 % of copy", "", "met"])
        self.assertEqual(rows["scan, 64 rows, T 4096: serial / chosen"][2:], ["5.00", "", "met"])
        self.assertEqual(rows["attention 256 x 12 x 197 x 64, backward"], ["1,301 us (cuDNN)", "700 us", "650 us", "2.00", "met"])
        self.assertEqual(rows["training step, 8 clips x 16 frames"][2:], ["not measured", "", ""])


if __name__ == "__main__":
    cli.main()
