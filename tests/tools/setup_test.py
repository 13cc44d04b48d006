"""tools/setup.sh and tools/build.sh in a scratch copy, with a pip, an nvcc and a cmake of our own on PATH, so that nothing is
downloaded or built.
"""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

PIP = """#!/bin/bash
# python3 -m pip install ... --target FOLDER PACKAGE...
echo "$*" >>"$FAKES/pip.log"
while [ $# -gt 0 ] && [ "$1" != --target ]; do shift; done
[ $# -gt 0 ] || exit 0
case $* in
  *torch==*) content=torch/lib/libtorch_cpu.so ;;
  *) content=numpy/__init__.py ;;
esac
mkdir -p "$2/$(dirname "$content")"
echo "${*:3}" >"$2/$content"
[ ! -e "$FAKES/pip_fails" ] || { rm "$2/$content"; exit 1; }
[ ! -e "$FAKES/pip_is_killed" ] || kill -9 $PPID
"""
NVCC = """#!/bin/bash
echo "Cuda compilation tools, release {0}, V{0}.1"
"""
CMAKE = """#!/bin/bash
echo "$*" >>"$FAKES/cmake.log"
[ "$1" = --build ] || { mkdir -p build; touch build/build.ninja; }
[ ! -e "$FAKES/cmake_fails" ] || exit 1
"""


class Setup(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="trecvit_setup_"))
        self.addCleanup(shutil.rmtree, self.root)
        self.fakes = self.root / "fakes"
        (self.root / "tools").mkdir()
        for script in ("setup.sh", "build.sh"):
            shutil.copy(SOURCE / "tools" / script, self.root / "tools")
        self.program("python3", PIP)
        self.program("cmake", CMAKE)
        self.program("dpkg-query", "#!/bin/bash\nprintf '%s installed\\n' \"${@:3}\"\n")

    def program(self, name, text, folder="fakes"):
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def nvcc(self, release, folder="fakes"):
        return self.program("nvcc", NVCC.format(release), folder)

    def script(self, name, *words, code=0, **environment):
        """Runs tools/NAME; returns what it says."""
        done = subprocess.run(
            ["bash", f"tools/{name}", *words], cwd=self.root, capture_output=True, text=True, timeout=30,
            env={"PATH": f"{self.fakes}:/usr/bin:/bin", "HOME": str(self.root), "FAKES": str(self.fakes),
                 "CUDA_HOME": str(self.root / "cuda"), **environment})
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def setup(self, *words, **how):
        return self.script("setup.sh", *words, **how)

    def torch(self):
        """What pip was asked to install where the working LibTorch lies."""
        return (self.root / ".deps/torch/torch/lib/libtorch_cpu.so").read_text()

    def asked(self, program):
        log = self.fakes / f"{program}.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def test_the_first_run_follows_nvcc_and_says_which(self):
        self.assertIn("no nvcc", self.setup())
        self.assertIn("--no-deps torch==", self.asked("pip")[-1])
        shutil.rmtree(self.root / ".deps")
        nvcc = self.nvcc("13.0")
        self.assertIn(f"nvcc 13.0 ({nvcc})", self.setup())
        self.assertNotIn("--no-deps", self.asked("pip")[-1])

    def test_a_second_run_asks_pip_for_nothing(self):
        self.setup()
        self.asked("pip")
        self.assertIn("(cpu) is in place", self.setup())
        self.assertEqual(self.asked("pip"), [])

    def test_an_nvcc_that_comes_or_goes_leaves_the_flavour(self):
        self.setup()
        self.asked("pip")
        self.nvcc("13.0")
        said = self.setup()
        self.assertIn("LibTorch 2.11.0 (cpu) is in place", said)
        self.assertIn("tools/setup.sh --cuda", said)
        self.assertEqual(self.asked("pip"), [])
        self.setup("--cuda")
        self.assertEqual(len(self.asked("pip")), 1)
        (self.fakes / "nvcc").unlink()
        self.assertIn("(cuda) is in place", self.setup())
        self.assertEqual(self.asked("pip"), [])
        self.setup("--cpu")
        self.assertIn("--no-deps", self.asked("pip")[0])

    def test_an_nvcc_of_another_cuda_is_not_used(self):
        nvcc = self.nvcc("12.4")
        said = self.setup()
        self.assertIn(f"nvcc 12.4 ({nvcc}) is not used", said)
        self.assertIn("CUDA 13", said)
        self.assertIn("--no-deps", self.asked("pip")[-1])
        self.assertIn("--cuda wants an nvcc of CUDA 13", self.setup("--cuda", code=1))

    def test_a_fitting_nvcc_behind_another_on_path_is_found(self):
        self.nvcc("12.4")
        fitting = self.nvcc("13.2", "cuda/bin")
        self.assertIn(f"nvcc 13.2 ({fitting})", self.setup())
        self.assertNotIn("--no-deps", self.asked("pip")[-1])

    def test_cudacxx_comes_before_path(self):
        self.nvcc("13.0")
        mine = self.nvcc("13.1", "mine")
        self.assertIn(f"nvcc 13.1 ({mine})", self.setup(CUDACXX=str(mine)))

    def test_an_installation_that_fails_or_is_killed_leaves_the_working_one(self):
        self.nvcc("13.0")
        self.setup("--cpu")
        before = self.torch()
        (self.fakes / "pip_fails").touch()
        said = self.setup("--cuda", code=1)
        self.assertIn("what was in place stays", said)
        self.assertEqual(self.torch(), before)
        (self.fakes / "pip_fails").unlink()
        (self.fakes / "pip_is_killed").touch()
        self.setup("--cuda", code=-9)
        self.assertEqual(self.torch(), before)
        (self.fakes / "pip_is_killed").unlink()
        self.assertIn("(cpu) is in place", self.setup())
        self.setup("--cuda")
        self.assertNotEqual(self.torch(), before)
        self.assertEqual(sorted(p.name for p in (self.root / ".deps").iterdir()), ["python", "toolchain", "torch"])

    def test_a_kill_between_the_two_renames_is_mended_by_the_next_run(self):
        self.setup()
        (self.root / ".deps/torch").rename(self.root / ".deps/torch.old")
        self.asked("pip")
        self.assertIn("(cpu) is in place", self.setup())
        self.assertEqual(self.asked("pip"), [])

    def test_a_newer_version_keeps_the_flavour(self):
        self.nvcc("13.0")
        self.setup()
        (self.root / ".deps/torch/.installed").write_text("torch 2.10.0 cuda\n")
        (self.fakes / "nvcc").unlink()
        self.setup()
        self.assertNotIn("--no-deps", self.asked("pip")[-1])

    def test_a_libtorch_of_ones_own_is_used_and_an_nvcc_of_its_cuda_with_it(self):
        own = self.own_torch("version.py", "cuda: Optional[str] = '12.6'\n")
        nvcc = self.nvcc("12.4")
        said = self.setup(CMAKE_PREFIX_PATH=str(self.root / "own"))
        self.assertIn(f"using the LibTorch in {own}", said)
        self.assertIn(f"nvcc 12.4 ({nvcc})", said)
        self.assertFalse((self.root / ".deps/torch").exists())

    def own_torch(self, file, said):
        own = self.root / "own/torch"
        (own / "lib").mkdir(parents=True, exist_ok=True)
        (own / "lib/libtorch_cpu.so").touch()
        for other in ("version.py", "build-version"):
            (own / other).unlink(missing_ok=True)
        (own / file).write_text(said)
        return own

    def chosen_by_cmake(self, **environment):
        script = self.root / "choose.cmake"
        script.write_text(f"include({SOURCE}/cmake/TorchRoot.cmake)\ninclude({SOURCE}/cmake/Nvcc.cmake)\n")
        done = subprocess.run([shutil.which("cmake"), "-P", script], capture_output=True, text=True, timeout=30,
                              env={"PATH": f"{self.fakes}:/usr/bin:/bin", "CUDA_HOME": str(self.root / "cuda"),
                                   "CMAKE_PREFIX_PATH": str(self.root / "own"), **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_cmake_chooses_the_same_nvcc(self):
        self.own_torch("version.py", "__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\ngit_version = '70'\n")
        self.assertIn("no nvcc of CUDA 13 found", self.chosen_by_cmake())
        other = self.nvcc("12.4")
        self.assertIn(f"{other} is release 12.4, LibTorch is made with CUDA 13", self.chosen_by_cmake())
        fitting = self.nvcc("13.2", "cuda/bin")
        self.assertIn(f"nvcc: {fitting}, release 13.2", self.chosen_by_cmake())
        mine = self.nvcc("13.1", "mine")
        self.assertIn(f"nvcc: {mine}, release 13.1", self.chosen_by_cmake(CUDACXX=str(mine)))
        self.own_torch("build-version", "2.11.0+cu126\n")
        self.assertIn(f"nvcc: {other}, release 12.4", self.chosen_by_cmake())

    def test_an_unknown_option_is_refused(self):
        self.assertIn("--cpu or --cuda", self.setup("--gpu", code=2))
        self.assertEqual(self.asked("pip"), [])

    def configured(self, *words, **how):
        """Runs tools/build.sh; returns the cmake calls that configure."""
        self.said = self.script("build.sh", *words, **how)
        return [line for line in self.asked("cmake") if not line.startswith("--build")]

    def test_build_configures_when_the_toolchain_changed_and_only_then(self):
        self.assertEqual(len(self.configured()), 1)
        self.assertEqual(self.configured(), [])
        self.nvcc("13.0")
        again = self.configured()
        self.assertEqual(len(again), 1)
        # The cache remembers whether there was a compiler, and where.
        self.assertIn("-U CMAKE_CUDA_*", again[0])
        self.assertEqual(self.configured(), [])
        self.setup("--cuda")
        self.assertEqual(len(self.configured()), 1)
        self.assertEqual(self.configured(), [])
        self.nvcc("13.1")
        self.assertEqual(len(self.configured()), 1)
        self.assertEqual(len(self.configured("-DTRECVIT_TESTS=OFF")), 1)

    def test_build_configures_again_after_a_configuration_that_failed(self):
        self.configured()
        self.nvcc("13.0")
        (self.fakes / "cmake_fails").touch()
        self.configured(code=1)
        (self.fakes / "cmake_fails").unlink()
        self.assertEqual(len(self.configured()), 1)


if __name__ == "__main__":
    unittest.main()
