#!/usr/bin/env python3
"""Holds the order of the layers (docs/architecture.md): for every pair of layers, compiles one include of the one with the
very command that builds the other, and expects it to fail where the include goes up.

Usage: layers_test.py SOURCE_DIR BUILD_DIR
"""
import json
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD = map(Path, sys.argv[1:3])

FOLDERS = {name: SOURCE / "src" / name for name in ("core", "config", "formats", "ops", "nn", "model", "io", "runtime", "report", "infer", "train")}
FOLDERS |= {name: SOURCE / name for name in ("kernels", "data")}
DECLARED = {"core": [], "config": ["core"], "kernels": ["core"], "formats": ["core"], "ops": ["core", "kernels"], "nn": ["ops", "config"], "model": ["nn", "config"],
            "io": ["model", "formats"], "data": ["core", "formats", "config", "kernels"], "runtime": ["core", "data", "ops"], "report": ["core", "data"],
            "infer": ["io", "data", "runtime", "report"], "train": ["infer"]}


def sees(layer):
    seen = {layer}
    for below in DECLARED[layer]:
        seen |= sees(below)
    return seen


def preprocess(command, text):
    """The exit code and messages of that compile command, stopped after preprocessing, on `text`."""
    words = shlex.split(command["command"])
    while Path(words[0]).name == "ccache":
        words = words[1:]
    words = words[:words.index("-o")]
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([*words, "-E", file.name, "-o", "/dev/null"], cwd=command["directory"], capture_output=True, text=True)
    return done.returncode, done.stderr


class Layers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        commands = json.loads((BUILD / "compile_commands.json").read_text())
        cls.command, cls.header = {}, {}
        for layer, folder in FOLDERS.items():
            of_layer = [c for c in commands if Path(c["file"]).is_relative_to(folder) and c["file"].endswith(".cpp")
                        and f"trecvit_{layer}.dir" in c["command"]]
            cls.command[layer] = of_layer[0]
            # One that includes nothing of torch, so that only the path decides.
            cls.header[layer] = min(folder.rglob("*.h"), key=lambda h: (h.read_text().count("#include"), str(h)))

    def test_an_include_that_goes_up_does_not_compile(self):
        for layer in FOLDERS:
            for other in FOLDERS:
                include = f"{other}/{self.header[other].relative_to(FOLDERS[other])}"
                code, messages = preprocess(self.command[layer], f'#include "{include}"\n')
                with self.subTest(layer=layer, include=include):
                    if other in sees(layer):
                        self.assertEqual(code, 0, messages)
                    else:
                        self.assertNotEqual(code, 0, "this include goes up and compiles")
                        self.assertIn(f"{include}: No such file", messages)

    def test_no_include_climbs_by_dots(self):
        for folder in (*FOLDERS.values(), SOURCE / "tools", SOURCE / "tests"):
            for file in folder.rglob("*"):
                if file.suffix in (".h", ".cpp", ".cu", ".cuh"):
                    self.assertIsNone(re.search(r'#include\s+["<][^">]*\.\./', file.read_text()), f"{file}: include from the root of a layer")

    def test_kernels_and_data_know_no_torch(self):
        for folder in (FOLDERS["kernels"], FOLDERS["data"], FOLDERS["core"], FOLDERS["formats"], FOLDERS["report"]):
            for file in folder.rglob("*"):
                if file.suffix in (".h", ".cpp", ".cu", ".cuh"):
                    self.assertIsNone(re.search(r"#include\s+[<\"](torch|ATen|c10)/", file.read_text()), str(file))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
