"""ROS's own linters, where they are installed; ruff in `make lint` holds more (pyproject.toml)."""

import subprocess
import sys

import pytest
from repository import ROOT

pytestmark = pytest.mark.slow
PATHS = [str(ROOT / name) for name in ("equigrasp", "launch", "setup.py", "ros2_ws/src")]
# Google's convention, as the style guide has it. As ament's own: no docstring is asked for that a base class has.
PEP257 = ["--convention", "google", "--add-ignore", "D102", "D105", "D107", "--"]


RUN = "import sys; from ament_flake8.main import main; sys.exit(main(sys.argv[1:]))"


def test_ament_flake8_finds_nothing() -> None:
    """In a process of its own: it forks, which may hang where other threads are at work."""
    pytest.importorskip("ament_flake8.main", exc_type=ImportError)
    command = [sys.executable, "-c", RUN, "--config", str(ROOT / "setup.cfg"), *PATHS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_ament_pep257_finds_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    linter = pytest.importorskip("ament_pep257.main", exc_type=ImportError)
    assert linter.main(argv=[*PEP257, *PATHS]) == 0, capfd.readouterr().err[-2000:]
