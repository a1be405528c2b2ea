"""The first episodes of a log as a log of their own."""

import contextlib
import sys
from pathlib import Path

import pytest

from equigrasp.errors import ReplayError
from equigrasp.methods.qt_opt.servo_step import make_spec
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.log_prefix import copy_first

sys.path.append(str(Path(__file__).parents[1] / "methods"))
from servo_steps import WORKSPACE, make_run  # noqa: E402


def _log(path: Path, num_steps: int) -> Path:
    _, config = load_method("qt_opt:tiny")
    with contextlib.closing(ExperienceLog(path, make_spec(config, WORKSPACE))) as log:
        for step in make_run(config, num_steps):
            log.append(step, {})
    return path


def test_whole_episodes_are_copied(tmp_path: Path) -> None:
    log = _log(tmp_path / "a.log", 24)
    for max_steps, expected in ((24, 24), (11, 8), (4, 4)):  # episodes of four steps
        assert copy_first(log, tmp_path / "b.log", max_steps) == expected
        steps = [step for step, _ in ExperienceLog(tmp_path / "b.log", is_writing=False)]
        assert len(steps) == expected and steps[-1].is_last
        assert log.read_bytes().startswith((tmp_path / "b.log").read_bytes())


@pytest.mark.parametrize("max_steps", [3, 25])
def test_what_a_log_does_not_hold_is_said(tmp_path: Path, max_steps: int) -> None:
    log = _log(tmp_path / "a.log", 24)
    with pytest.raises(ReplayError, match=f"{max_steps} steps are to be copied"):
        copy_first(log, tmp_path / "b.log", max_steps)
    assert not (tmp_path / "b.log").exists()
