"""Put faults into a copy of the package, one at a time, and see the tests turn red.

    .venv/bin/python campaigns/mutations.py

A fault that the tests do not notice ends the program with exit code 1; so does a line that has
changed since the fault was written down.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NOT_COPIED = (".git", ".venv", "results", "build", "install", "log", "__pycache__", ".*_cache")
_FAILED, _PASSED = 1, 0  # exit codes of pytest; others mean that it could not run


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Args:
        name: What goes wrong.
        file: Where, below the repository's root.
        right: A line that is there once.
        wrong: What it becomes.
        tests: What should notice, of `make test-fast`.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "a cancel that does not stop",
        "equigrasp/primitives/motion.py",
        "        self.cell.arm.stop()\n        self.cell.gripper.stop()\n",
        "        return\n",
        ("test/primitives/test_pick.py", "test/primitives/test_pick_stops.py"),
    ),
    Mutation(
        "a limit that is not held",
        "equigrasp/devices/limits.py",
        "        excess = speeds.max(axis=0) / np.asarray(self.velocities)\n",
        "        excess = 0.0 * speeds.max(axis=0) / np.asarray(self.velocities)\n",
        ("test/contract/test_devices.py", "test/devices"),
    ),
    Mutation(
        "a lost log record",
        "equigrasp/replay/experience_log.py",
        "            while written < len(record):\n",
        "            while written < len(record) and self._count != 1:\n",
        ("test/replay", "test/learning/test_logged_trainer.py"),
    ),
    Mutation(
        "a wrong sign in the height rule",
        "equigrasp/perception/grasp_height.py",
        "np.maximum(between - finger_depth, _MIN_CLEARANCE)",
        "np.maximum(between + finger_depth, _MIN_CLEARANCE)",
        ("test/perception",),
    ),
    Mutation(
        "a swapped yaw bin",
        "equigrasp/geometry/angles.py",
        "    return rotation_bin * math.pi / num_rotations\n",
        "    return (num_rotations - 1 - rotation_bin) * math.pi / num_rotations\n",
        ("test/geometry",),
    ),
)


def main() -> None:
    """Try every fault and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this; empty: all")
    options = parser.parse_args()
    mutations = [m for m in MUTATIONS if options.only in m.name]
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        rows = [(m.name, m.file, _run(tree, m.tests), _try(tree, m)) for m in mutations]
    sys.stdout.write(
        "| fault | in | tests as they are | tests with the fault |\n|---|---|---|---|\n"
    )
    colours = {_PASSED: "green", _FAILED: "red"}
    for what, file, before, after in rows:
        before, after = (colours.get(code, f"exit code {code}") for code in (before, after))
        sys.stdout.write(f"| {what} | `{file}` | {before} | {after} |\n")
    sys.exit(any(before != _PASSED or after != _FAILED for _, _, before, after in rows))


def _try(tree: Path, mutation: Mutation) -> int:
    """Return the exit code of the tests with a fault, and take it out again."""
    path = tree / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.right) != 1:
        raise SystemExit(f"{mutation.file} does not hold this once:\n{mutation.right}")
    path.write_text(text.replace(mutation.right, mutation.wrong), encoding="utf-8")
    try:
        return _run(tree, mutation.tests)
    finally:
        path.write_text(text, encoding="utf-8")


def _run(tree: Path, tests: tuple[str, ...]) -> int:
    """Return the exit code of some tests of the fast tier, run in a tree."""
    tier = "not ros and not slow and not real_time and not timing and not gpu and not hardware"
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-m", tier, *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    sys.stderr.write(f"{' '.join(tests)}: {done.stdout.strip().splitlines()[-1]}\n")
    return done.returncode


if __name__ == "__main__":
    main()
