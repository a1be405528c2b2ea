"""Scripts of the closed loop, on observations made by hand."""

import math
from collections import Counter

import numpy as np
import pytest

from equigrasp.environments.servo_script import (
    AimedScript,
    Noise,
    NoisyScript,
    UniformScript,
    within_bounds,
)
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import GRIPPER, HEIGHTMAP, Observation
from equigrasp.perception.servo_observation import BOUNDS, TCP, GripperStatus, pack_bounds

_TRAY = Workspace("left", 0.45, 0.21, 0.002)
_TASK = ServoTask()


def _seen(
    *,
    height: float = 0.16,
    is_closed: bool = False,
    lowest_dz: float = -0.06,
    yaw: float = 0.4,
    heights: np.ndarray | None = None,
    steps_left: float = 1.0,
) -> Observation:
    largest = _TASK.largest
    lowest = -largest
    lowest[2] = lowest_dz
    arrays = {
        HEIGHTMAP: np.zeros((128, 128), np.float32) if heights is None else heights,
        GRIPPER: GripperStatus(height, 0.085, is_closed, False, steps_left).array,
        BOUNDS: pack_bounds(lowest, largest),
        TCP: np.array([0.45, 0.21, 0.002 + height, yaw]),
    }
    return Observation(arrays, _TRAY)


def _with_box(x: float, y: float) -> np.ndarray:
    """Return heights of a bar, 50 mm high, 100 mm along base y and 37 mm along x."""
    heights = np.zeros((128, 128), np.float32)
    row, col = _TRAY.xy_to_pixel(x, y)
    heights[row - 6 : row + 7, col - 16 : col + 17] = 0.05
    return heights


def test_the_uniform_script_goes_down_closes_and_rises() -> None:
    script, rng = UniformScript(_TASK), np.random.default_rng(0)
    down = script.choose(_seen(), rng)
    assert -0.06 <= down.d_position[2] <= -0.03 and down.gripper == "none"
    assert script.choose(_seen(height=0.01, lowest_dz=0.0), rng).gripper == "close"
    up = script.choose(_seen(height=0.01, is_closed=True), rng)
    assert up.d_position[2] >= 0.03 and not up.is_final
    assert script.choose(_seen(height=0.095, is_closed=True), rng).is_final


def test_the_aimed_script_goes_over_the_object_and_turns_across_it() -> None:
    x, y = 0.42, 0.24
    script, rng = AimedScript(_TASK), np.random.default_rng(0)
    step = script.choose(_seen(heights=_with_box(x, y)), rng)
    ahead = np.array([x - 0.45, y - 0.21])
    way = np.array(step.d_position[:2])
    assert way @ ahead > 0.8 * np.linalg.norm(way) * np.linalg.norm(ahead)
    assert step.gripper == "none"
    turned = 0.4 + step.d_theta  # the bar is narrow along x: the fingers open along it
    assert abs(math.sin(turned)) < 0.5 and abs(step.d_theta) < math.pi / 2


def test_the_aimed_script_keeps_its_target_until_that_moves() -> None:
    script, rng = AimedScript(_TASK), np.random.default_rng(0)
    here, there = _with_box(0.42, 0.24), _with_box(0.48, 0.16)
    first = script.choose(_seen(heights=here), rng)
    again = script.choose(_seen(heights=here, steps_left=0.9), rng)
    assert again.d_position[:2] == pytest.approx(first.d_position[:2])
    after = script.choose(_seen(heights=there, steps_left=0.8), rng)
    assert np.array(after.d_position[:2]) @ [0.03, -0.05] > 0.0


def test_without_anything_to_grasp_the_aimed_script_goes_down() -> None:
    step = AimedScript(_TASK).choose(_seen(), np.random.default_rng(0))
    assert step.d_position[:2] == (0.0, 0.0) and step.d_position[2] < 0.0


def test_a_motion_within_bounds_keeps_its_direction() -> None:
    seen = _seen(lowest_dz=-0.01)
    motion = np.array([0.2, 0.1, -0.05, 1.5])
    held = within_bounds(motion, seen, _TASK)
    assert held[1] / held[0] == pytest.approx(0.5) and 0.04 < np.hypot(*held[:2]) < 0.0708
    assert held[2:] == pytest.approx([-0.01, 0.8])
    small = np.array([0.01, -0.02, -0.005, 0.1])
    assert within_bounds(small, seen, _TASK) == pytest.approx(small)


def test_noise_has_its_shares() -> None:
    script = NoisyScript(UniformScript(_TASK), _TASK, Noise(epsilon=1.0))
    rng, kinds = np.random.default_rng(0), Counter[str]()
    for _ in range(2000):
        step = script.choose(_seen(), rng)
        motion = np.array(step.d_position)
        assert np.hypot(*motion[:2]) <= 0.0708 and abs(motion[2]) <= 0.0601
        kinds["final" if step.is_final else step.gripper] += 1
    assert kinds["none"] / 2000 == pytest.approx(0.75, abs=0.03)
    assert kinds["close"] / 2000 == pytest.approx(0.17, abs=0.03)
    assert kinds["final"] / 2000 == pytest.approx(0.08, abs=0.02)


def test_without_noise_a_script_is_itself() -> None:
    seen = _seen()
    noisy = NoisyScript(UniformScript(_TASK), _TASK, Noise(epsilon=0.0))
    plain = UniformScript(_TASK).choose(seen, np.random.default_rng(5))
    assert noisy.choose(seen, np.random.default_rng(5)) == plain


@pytest.mark.parametrize(
    ("change", "words"),
    [({"epsilon": 1.5}, "epsilon must be in"), ({"gripper_share": 0.5}, "must not exceed 1")],
)
def test_bad_noise_is_named(change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Noise(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frame": "camera"}, "frame 'camera' is not one of gripper, base"),
        ({"termination": "never"}, "is not one of guarded, learned, scripted"),
        ({"largest_step": (0.05, 0.05, 0.0, 0.8)}, r"largest_step\[2\] must be positive"),
        ({"largest_step": (0.05, 0.05)}, "must be four numbers"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"discount": 1.1}, "discount must be in"),
    ],
)
def test_a_bad_task_is_named(change: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ServoTask(**change)
