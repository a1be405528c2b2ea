"""ROS's own linters, where they are installed; ruff in `make lint` holds more (pyproject.toml)."""

import pytest
from repository import ROOT

pytestmark = pytest.mark.slow
PATHS = [str(ROOT / name) for name in ("equigrasp", "launch", "setup.py", "ros2_ws/src")]
# Google's convention, as the style guide has it. As ament's own: no docstring is asked for that a base class has.
PEP257 = ["--convention", "google", "--add-ignore", "D102", "D105", "D107", "--"]


def test_ament_flake8_finds_nothing() -> None:
    linter = pytest.importorskip("ament_flake8.main", exc_type=ImportError)
    code, errors = linter.main_with_errors(argv=["--config", str(ROOT / "setup.cfg"), *PATHS])
    assert code == 0, "\n".join(errors)


def test_ament_pep257_finds_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    linter = pytest.importorskip("ament_pep257.main", exc_type=ImportError)
    assert linter.main(argv=[*PEP257, *PATHS]) == 0, capfd.readouterr().err[-2000:]
