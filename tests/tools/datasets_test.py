#!/usr/bin/env python3
"""dataset synth, check, list, stats; bench data. Usage: datasets_test.py --program build/trecvit"""
import json
import os
import re
import shutil
import stat
import struct
from pathlib import Path

import cli


class Datasets(cli.Cli):
    def test_synth_check_list(self):
        for layout, codec in (("ssv2", ".webm"), ("kinetics", ".mp4")):
            root = self.folder / layout
            made = json.loads(self.ok("dataset", "synth", "--out", root, "--format", layout, *cli.SYNTH, "--json"))
            self.assertEqual((made["written"], made["kept"]), (24, 0))
            self.assertEqual(json.loads(self.ok("dataset", "synth", "--out", root, "--format", layout, *cli.SYNTH, "--json"))["kept"], 24)
            report = json.loads(self.ok("dataset", "check", "--data", root, "--full", "--json"))
            self.assertEqual([s["usable"] for s in report["splits"]], [12, 12])
            self.assertEqual({s["format"] for s in report["splits"]}, {layout})
            lines = [json.loads(line) for line in self.ok("dataset", "list", "--data", root, "--split", "train", "--json").splitlines()]
            self.assertEqual(len({line["id"] for line in lines}), 12)
            self.assertTrue(all(line["path"].endswith(codec) and Path(line["path"]).exists() for line in lines))
            self.assertEqual(self.ok("dataset", "list", "--data", root, "--limit", "3").count("\n"), 4)

    def test_synth_codecs_and_difficulties(self):
        root = self.folder / "mpeg4"
        words = ("dataset", "synth", "--out", root, "--codec", "mpeg4", "--difficulty", "medium", *cli.SYNTH, "--json")
        made = json.loads(self.ok(*words))
        self.assertEqual((made["written"], made["codec"], made["difficulty"]), (24, "mpeg4", "medium"))
        videos = list(root.rglob("*.mp4"))
        self.assertEqual(len(videos), 24)
        self.assertEqual(json.loads(self.ok("inspect", "video", videos[0], "--json"))["codec"], "mpeg4")
        report = json.loads(self.ok("dataset", "check", "--data", root, "--full", "--json"))
        self.assertEqual([s["usable"] for s in report["splits"]], [12, 12])
        self.fails(1, "dataset", "synth", "--out", root, "--difficulty", "medium", *cli.SYNTH, says=["codec", "mpeg4"])
        self.fails(2, "dataset", "synth", "--out", self.folder / "x", "--codec", "av1", says=["av1", "vp9, h264 or mpeg4"])
        self.fails(2, "dataset", "synth", "--out", self.folder / "x", "--difficulty", "brutal", says=["easy, medium or hard"])

    def test_no_such_folder(self):
        self.fails(1, "dataset", "check", "--data", self.folder / "nowhere", says=["nowhere", "does not exist"])
        self.fails(2, "dataset", "check", says=["data.root"])

    def test_empty_folder(self):
        (self.folder / "void").mkdir()
        self.fails(1, "dataset", "list", "--data", self.folder / "void", says=["void", "empty"])

    def test_json_that_is_not(self):
        root = self.synth("not_json")
        broken = next(root.rglob("*train*.json"))
        broken.write_text("[{\n\"id\": oops\n")
        self.fails(1, "dataset", "check", "--data", root, says=[broken.name])

    def test_label_that_the_list_lacks(self):
        root = self.synth("labels")
        annotations = next(root.rglob("*train*.json"))
        entries = json.loads(annotations.read_text())
        entries[0]["template"] = "Juggling [something] blindfolded"
        annotations.write_text(json.dumps(entries))
        self.fails(1, "dataset", "list", "--data", root, "--split", "train", says=["Juggling", str(entries[0]["id"])])

    def test_bad_videos(self):
        root = self.synth("bad")
        videos = sorted(root.rglob("*.webm"))
        videos[0].write_bytes(b"")
        videos[1].write_text("these are words, not a film\n" * 20)
        videos[2].write_bytes(videos[2].read_bytes()[:200])
        videos[3].unlink()
        done = cli.trecvit("dataset", "check", "--data", root, "--full", "--json")
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        kinds = {p["id"]: p["kind"] for split in report["splits"] for p in split["problems"]}
        self.assertEqual(kinds[videos[0].stem], "empty")
        self.assertEqual(kinds[videos[1].stem], "unreadable")
        self.assertIn(kinds[videos[2].stem], ("unreadable", "damaged"))
        self.assertEqual(kinds[videos[3].stem], "missing")
        self.assertEqual(len(kinds), 4)
        self.assertEqual(len(done.stderr.decode().strip().splitlines()), 1)


    def test_bad_list_and_min_frames(self):
        root, listing = self.synth("listed"), self.folder / "bad.tsv"
        videos = sorted(root.rglob("*.webm"))
        videos[0].unlink()
        shutil.copy(videos[1], videos[2])
        done = cli.trecvit("dataset", "check", "--data", root, "--full", "--bad-list", listing)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"2 problems in 24 videos", done.stderr)
        lines = [line.split("\t") for line in listing.read_text().splitlines()]
        self.assertEqual(sorted(line[2] for line in lines), sorted(["missing", lines[-1][2]]))
        self.assertIn(lines[-1][2], ("duplicate", "shared"))
        self.assertTrue(all(len(line) == 5 for line in lines))
        done = cli.trecvit("dataset", "check", "--data", root, "--full", "--min-frames", "1000")
        self.assertIn(b"fewer than 1000", done.stdout)

    def test_bad_list_reads_back_any_name(self):
        root, listing = self.folder / "odd", self.folder / "odd.tsv"
        name = "a\tb\nc\\td.mp4"
        (root / "train" / "run").mkdir(parents=True)
        (root / "train" / "run" / name).write_bytes(b"")
        done = cli.trecvit("dataset", "check", "--data", root, "--split", "train", "--bad-list", listing)
        self.assertEqual(done.returncode, 1)
        lines = listing.read_text().splitlines()
        self.assertEqual(len(lines), 1)
        fields = [re.sub(r"\\(.)", lambda m: {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[m[1]], f) for f in lines[0].split("\t")]
        self.assertEqual(fields[:4], ["train", f"run/{name}", "empty", str(root / "train" / "run" / name)])

    def test_bad_list_into_a_device_or_a_pipe(self):
        root = self.synth("piped")
        next(root.rglob("*.webm")).unlink()
        # A null device of our own: what goes wrong here must not take the machine's away.
        device = self.folder / "null"
        try:
            os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            device.write_text("")
        except OSError:
            device = None  # devices are for root
        if device:
            done = cli.trecvit("dataset", "check", "--data", root, "--bad-list", device)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(device.is_char_device())
        done = cli.trecvit("dataset", "check", "--data", root, "--bad-list", "/dev/stdout", "--json")
        line, rest = done.stdout.decode().split("\n", 1)
        self.assertEqual(line.split("\t")[2], "missing")
        json.loads(rest)

    def test_stats(self):
        root, out = self.synth("measured"), self.folder / "pictures"
        told = json.loads(self.ok("dataset", "stats", "--data", root, "--out", out, "--json"))
        train = told["splits"][0]
        self.assertEqual((train["split"], train["videos"], train["readable"], train["codecs"]), ("train", 12, 12, {"vp9": 12}))
        self.assertEqual(train["sizes"], {"48x32": 12})
        self.assertEqual((train["smallest_class"], train["largest_class"], train["balance"]), (1, 1, 1))
        self.assertEqual(train["fps"]["median"], 12)
        self.assertGreaterEqual(train["frames"]["min"], 6)
        self.assertEqual(train["frames"]["sum"], json.loads(self.ok("dataset", "check", "--data", root, "--full", "--json"))["splits"][0]["frames"])
        for name in ("durations", "frames", "rates", "sizes", "classes"):
            picture = (out / f"train_{name}.png").read_bytes()
            self.assertEqual(struct.unpack(">II", picture[16:24]), (720, 400))
        self.assertIn("short side", self.ok("dataset", "stats", "--data", root))

    def test_bench_data(self):
        root = self.synth("timed")
        words = ("bench", "data", "--data", root, "--batch", "4", "--batches", "3", "--set", "data.size=32", "--set", "data.frames=4")
        told = json.loads(self.ok(*words, "--format", "json", "--step-ms", "300"))
        rows = {row["name"]: row["value"] for row in told}
        self.assertEqual(set(rows), {"frames_per_s_per_core", "stage_open", "stage_decode", "stage_convert", "stage_augment",
                                     "decoded_per_kept", "frames_per_s", "wait", "loader_memory"})
        self.assertGreater(rows["frames_per_s_per_core"], 0)
        self.assertGreater(rows["stage_decode"], 0)
        self.assertIn(" % of the time", next(row["verdict"] for row in told if row["name"] == "wait"))
        self.assertTrue(all({"unit", "p50", "p90", "p99", "peak_bytes", "device", "commit"} <= set(row) for row in told))
        self.assertIn("frames/s", self.ok(*words))
        self.fails(2, *words, "--format", "xml", says=["xml", "table or json"])


if __name__ == "__main__":
    cli.main()
