"""What the tests of the command line share: the trecvit program run as a user would, looked at by exit code, standard output
and the one sentence of an error.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = None
SYNTH = ["--train", "12", "--validation", "12", "--width", "48", "--height", "32",
         "--min-frames", "6", "--max-frames", "9", "--quiet"]


def trecvit(*words, stdin=None, cwd=None):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, input=stdin, cwd=cwd, timeout=240)


class Cli(unittest.TestCase):
    folder = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="trecvit_cli_"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def ok(self, *words, **how):
        done = trecvit(*words, **how)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def fails(self, code, *words, says=(), **how):
        """Ends with `code`, nothing on standard output, and one line of error that holds every text of `says`."""
        done = trecvit(*words, **how)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, code, error)
        self.assertEqual(done.stdout, b"")
        lines = [line for line in error.splitlines() if line]
        self.assertEqual(len(lines), 1, error)
        self.assertTrue(lines[0].startswith("trecvit: error: "), error)
        for text in says:
            self.assertIn(text, lines[0])

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def synth(self, name, layout="ssv2"):
        root = self.folder / name
        self.ok("dataset", "synth", "--out", root, "--format", layout, *SYNTH)
        return root


def main():
    """Runs the tests of the calling file: FILE --program build/trecvit [unittest options]."""
    global PROGRAM
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    given, others = parser.parse_known_args()
    PROGRAM = os.path.abspath(given.program)
    unittest.main(module="__main__", argv=[sys.argv[0], *others])
