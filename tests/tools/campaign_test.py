"""tools/campaign: that it would notice what it looks for, and a small run of it. FILE --build FOLDER [unittest options]"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tools/campaign"))
import kills
import report
import sanitizers

BUILD = None

WRITES = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: open(os.path.dirname(os.getcwd()) + "/told", "w").close())
os.mkdir("inner")
file = os.open("inner/a.part", os.O_WRONLY | os.O_CREAT)
os.write(file, b"x" * 100)
os.fsync(file)
os.rename("inner/a.part", "inner/a")
os.symlink("a", "inner/link")
os.unlink("inner/link")
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="trecvit_campaign_"))
        self.addCleanup(shutil.rmtree, self.root)


class KillPoint(Folder):
    def ended(self, points):
        """Runs WRITES in a fresh folder with KILL_POINT_AT; its exit code, and the folder."""
        folder = self.root / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.log = self.root / "log"
        self.log.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-I", "-S", "-c", WRITES], cwd=folder, timeout=30,
                              env={"LD_PRELOAD": str(BUILD / "libkill_point.so"), "KILL_POINT_FOLDER": str(folder),
                                   "KILL_POINT_AT": points, "KILL_POINT_LOG": str(self.log)})
        return done.returncode, folder / "inner"

    def test_it_counts_every_call_that_changes_the_folder(self):
        code, _ = self.ended("")
        self.assertEqual(code, 0)
        self.assertEqual([call for _, call, _ in kills.read_calls(self.log)],
                         ["mkdir", "open", "write", "fsync", "rename", "symlink", "unlink"])

    def test_it_kills_before_in_the_middle_and_after(self):
        code, folder = self.ended("3:before")
        self.assertEqual((code, (folder / "a.part").stat().st_size), (-9, 0))
        code, folder = self.ended("3:half")
        self.assertEqual((code, (folder / "a.part").stat().st_size), (-9, 50))
        code, folder = self.ended("3:after")
        self.assertEqual((code, (folder / "a.part").stat().st_size), (-9, 100))
        code, folder = self.ended("5:before")
        self.assertEqual((code, [path.name for path in folder.iterdir()]), (-9, ["a.part"]))
        code, folder = self.ended("5:after")
        self.assertEqual((code, [path.name for path in folder.iterdir()]), (-9, ["a"]))

    def test_sigterm_lets_the_program_go_on_to_a_later_kill(self):
        code, folder = self.ended("2:term,6:after")
        self.assertEqual(code, -9)
        self.assertTrue((self.root / "told").exists())
        self.assertTrue((folder / "link").is_symlink())


class Compare(Folder):
    def run_folder(self, name):
        folder = self.root / name
        step = folder / "checkpoints/step_00000004"
        step.mkdir(parents=True)
        for file in ("model.safetensors", "optimizer.safetensors"):
            (step / file).write_bytes(b"weights")
        (step / "state.json").write_text(json.dumps({"step": 4, "seconds": len(name)}))
        (folder / "checkpoints/last").symlink_to(step.name)
        (folder / "train.jsonl").write_text(json.dumps({"step": 4, "loss": 0.5, "clips_per_s": len(name)}) + "\n")
        (folder / "config.resolved.yaml").write_text("seed: 1\n")
        (folder / "labels.json").write_text("[]")
        return folder

    def test_timings_may_differ_and_nothing_else(self):
        expected, got = self.run_folder("expected"), self.run_folder("got")
        self.assertEqual(kills.compare(expected, got), [])
        (got / "checkpoints/step_00000004/model.safetensors").write_bytes(b"weightS")
        self.assertIn("has other bits", kills.compare(expected, got)[0])
        shutil.rmtree(got)
        self.run_folder("got")
        with (got / "train.jsonl").open("a") as log:
            log.write('{"step": 5}\n')
        self.assertIn("train.jsonl differs", kills.compare(expected, got)[0])
        (got / "train.jsonl").write_text("")
        (got / "checkpoints/last").unlink()
        self.assertIn("checkpoints/last is missing", kills.compare(expected, got)[1])

    def test_a_link_that_leads_nowhere_is_a_loss(self):
        folder = self.run_folder("run")
        campaign = kills.Campaign(BUILD, self.root)
        self.assertIsNone(campaign.look(folder, 4))
        self.assertIn("step 6 had been saved", campaign.look(folder, 6)[1])
        (folder / "checkpoints/best").symlink_to("step_00000002")
        self.assertIn("checkpoints/best", campaign.look(folder, 4)[1])


class Report(Folder):
    def test_a_failed_test_counts_as_crashed_and_a_late_one_as_hung(self):
        (self.root / "r.xml").write_text(
            '<testsuite><testcase name="a" status="run"/><testcase name="b" status="fail"><failure message="Failed"/><system-out>'
            'SUMMARY: AddressSanitizer: heap-use-after-free x.cpp:3\n</system-out></testcase>'
            '<testcase name="c" status="fail"><failure message="Timeout"/></testcase>'
            '<testcase name="d" status="notrun"/></testsuite>')
        row = report.Row("suite")
        sanitizers.read(self.root / "r.xml", row)
        self.assertEqual((row.tried, row.crashed, row.hung), (3, 1, 1))
        self.assertIn("heap-use-after-free x.cpp:3", row.findings[0])
        self.assertFalse(row.clean)
        self.assertIn("| suite | 3 | 1 | 1 | 0 |", report.table([row], SOURCE))


class SmallRun(Folder):
    def test_a_few_kills_and_mutations_leave_nothing_to_report(self):
        done = subprocess.run([sys.executable, SOURCE / "tools/campaign/run.py", "--build", BUILD, "--out", self.root / "out", "--parts",
                               "kills,mutations", "--kills", "2", "--mutations", "400", "--targets", "npz,config,dataset,stream"],
                              capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("| kills in training | 2 | 0 | 0 | 0 |", done.stdout)
        self.assertIn("| mutated config | 60 | 0 | 0 | 0 |", done.stdout)
        self.assertEqual((self.root / "out/table.md").read_text(), done.stdout)


def main():
    global BUILD
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    given, others = parser.parse_known_args()
    BUILD = given.build.resolve()
    unittest.main(argv=[sys.argv[0], *others])


if __name__ == "__main__":
    main()
