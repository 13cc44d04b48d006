#!/usr/bin/env python3
"""Verbs, options, help and configuration. Usage: usage_test.py --program build/trecvit"""
import json
import os
import subprocess
import unittest

import cli


class Usage(cli.Cli):
    def test_version_and_help(self):
        self.assertRegex(self.ok("--version"), r"^trecvit \d+\.\d+\.\d+ \(.+\)\n$")
        shown = self.ok("--help")
        for verb in ("train", "pretrain", "eval", "predict", "stream", "dataset", "inspect", "config", "doctor"):
            self.assertIn(verb, shown)
        self.assertIn("INT=2400", self.ok("dataset", "synth", "-h"))

    def test_unknown_verb(self):
        self.fails(2, "datasett", says=["'datasett'", "did you mean 'dataset'"])
        self.fails(2, "inspect", "vidoe", "x", says=["did you mean 'video'"])
        self.fails(2, says=["needs a verb"])
        self.fails(2, "config", says=["needs a verb"])

    def test_unknown_option(self):
        self.fails(2, "dataset", "synth", "--out", "x", "--trian", "3", says=["--trian", "did you mean --train"])
        self.fails(2, "dataset", "synth", "--oot=x", says=["--oot", "did you mean --out"])

    def test_missing_and_mistyped_values(self):
        self.fails(2, "dataset", "synth", says=["--out"])
        self.fails(2, "dataset", "synth", "--out", "x", "--train", "many", says=["--train", "many"])
        self.fails(2, "dataset", "synth", "--out", self.folder / "odd", "--width", "47", says=["width", "47"])

    def test_double_dash_ends_options(self):
        self.fails(1, "inspect", "video", "--", "--json", says=["--json", "does not exist"])

    def test_closed_pipe_is_quiet(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([cli.PROGRAM, "config", "show"], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([cli.PROGRAM, "config", "show"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_golden_that_is_none(self):
        self.fails(1, "doctor", "--golden", self.folder / "none.npz", "--device", "cpu", says=["none.npz"])
        self.fails(1, "doctor", "--golden", self.write("words.npz", "words"), "--device", "cpu", says=["words.npz"])

    def test_doctor(self):
        report = json.loads(self.ok("doctor", "--json"))
        self.assertTrue(all(test["passed"] for test in report["self_tests"]))
        self.assertEqual({t["op"] for t in report["self_tests"]}, {"rg_lru", "causal_conv1d"})
        self.assertTrue(report["codecs"]["vp9"]["decoder"] and report["codecs"]["h264"]["decoder"])


class Config(cli.Cli):
    def test_show_is_yaml_that_validates(self):
        shown = self.write("shown.yaml", self.ok("config", "show", "--set", "train.lr=0.002"))
        self.assertIn("[--set]", shown.read_text())
        self.assertEqual(self.ok("config", "validate", shown), f"{shown}: valid\n")
        again = json.loads(self.ok("config", "show", "-c", shown, "--json"))
        self.assertEqual(again["config"]["train"]["lr"], 0.002)
        self.assertTrue(again["origins"]["train.lr"].startswith("shown.yaml:"))

    def test_precedence(self):
        a = self.write("a.yaml", "seed: 1\ntrain: {lr: 0.1, epochs: 3}\n")
        b = self.write("b.yaml", "train: {lr: 0.2}\n")
        shown = json.loads(self.ok("config", "show", "-c", a, "-c", b, "--set", "train.epochs=5", "--seed", "7", "--json"))
        self.assertEqual((shown["config"]["seed"], shown["config"]["train"]["lr"], shown["config"]["train"]["epochs"]),
                         (7, 0.2, 5))
        self.assertEqual([shown["origins"][key] for key in ("seed", "train.lr", "train.epochs", "data.size")],
                         ["--seed", "b.yaml:1", "--set", "default"])

    def test_unknown_key(self):
        self.fails(2, "config", "show", "--set", "train.lrr=1", says=["train.lrr", "did you mean 'train.lr'"])
        bad = self.write("bad.yaml", "seed: 1\ntrian:\n  lr: 1\n")
        self.fails(2, "config", "validate", bad, says=["bad.yaml:3", "'trian.lr'", "did you mean 'train.lr'"])

    def test_wrong_type(self):
        self.fails(2, "config", "show", "--set", "train.lr=fast", says=["train.lr", "a number", "fast"])
        self.fails(2, "config", "show", "--set", "train.epochs=1.5", says=["train.epochs", "a whole number"])
        self.fails(2, "config", "show", "--seed", "x", says=["seed", "a whole number"])

    def test_values_that_do_not_fit(self):
        self.fails(2, "config", "show", "--set", "data.size=100", says=["100", "model.patch"])
        self.fails(2, "config", "show", "--set", "train.lr=-1", says=["train.lr", "-1"])
        self.fails(2, "config", "show", "--set", "train.lr", says=["key=value"])

    def test_files_that_are_none(self):
        self.fails(1, "config", "show", "-c", self.folder / "none.yaml", says=["none.yaml"])
        self.fails(2, "config", "validate", self.write("broken.yaml", "train: {lr: 1\n"), says=["broken.yaml"])

    def test_diff(self):
        a, b = self.write("one.yaml", "seed: 1\n"), self.write("two.yaml", "seed: 2\n")
        self.assertEqual(json.loads(self.ok("config", "diff", a, b, "--json")), {"seed": ["1", "2"]})
        self.assertIn("the same", self.ok("config", "diff", a, a))


if __name__ == "__main__":
    cli.main()
