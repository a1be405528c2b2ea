"""What a record of motion finds, on motions worked by hand."""

import numpy as np
import pytest

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.motion import JointState
from equigrasp.virtual.cell.motion_record import MotionRecord, RecordRow

STEP = 0.008  # [s]
CELL = load_config(CellConfig, "cells", "ur5")
HOME = np.array(CELL.load_arm().home_positions)


def record(
    positions: np.ndarray, commanded: np.ndarray | None = None, joint: int = 5
) -> dict[str, RecordRow]:
    """Record a joint's positions [rad] and commanded speeds [rad/s], all others at home."""
    made, still = MotionRecord(CELL), np.zeros(6)
    velocities = np.gradient(positions, STEP)
    for i, (position, velocity) in enumerate(zip(positions, velocities, strict=True)):
        q, qd, wanted = HOME.copy(), still.copy(), still.copy()
        q[joint], qd[joint] = position, velocity
        wanted[joint] = velocity if commanded is None else commanded[i]
        made.add(i * STEP, JointState(100.0 + i * STEP, q, qd, still), wanted)
    return {row.quantity.split(" [")[0]: row for row in made.rows()}


def test_an_arm_at_home_keeps_every_limit() -> None:
    rows = record(np.full(600, HOME[5]))
    assert len(rows) == 11
    assert {row.num_beyond for row in rows.values()} == {0}
    means = [rows.pop(name).num_samples for name in list(rows) if "over 50 ms" in name]
    assert {row.num_samples for row in rows.values()} == {599}  # the first is only compared with
    assert set(means) == {600 - 6 - 2 * 5}  # none across the ends of the three chunks
    assert rows["joint speed"].extreme == 0.0
    assert rows["joint speed"].limit == pytest.approx(3.1416)


def test_speed_and_acceleration_are_the_ones_of_the_motion() -> None:
    t = np.arange(300) * STEP
    rows = record(HOME[5] + 0.5 * 4.0 * t**2 * (t < 0.4) + (1.6 * t - 0.32) * (t >= 0.4))
    assert rows["joint speed"].extreme == pytest.approx(1.6, abs=0.02)
    assert rows["joint speed"].where == "wrist_3_joint"
    assert rows["joint acceleration in one cycle, speeding up"].extreme == pytest.approx(
        4.0, rel=0.01
    )
    assert rows["joint acceleration in one cycle, slowing down"].extreme == pytest.approx(
        0.0, abs=1e-6
    )


@pytest.mark.parametrize(("acceleration", "num_beyond"), [(10.05, 0), (10.5, 40)])
def test_too_hard_a_start_is_counted_and_a_stop_may_be_harder(
    acceleration: float, num_beyond: int
) -> None:
    speeds = np.concatenate([np.arange(41), np.full(20, 40), np.arange(40, -1, -1)])
    rows = record(np.full(102, HOME[5]), speeds * STEP * acceleration)
    assert rows["joint acceleration in one cycle, speeding up"].num_beyond == num_beyond
    assert rows["joint acceleration in one cycle, speeding up"].limit == 10.0
    slowing = rows["joint acceleration in one cycle, slowing down"]
    assert slowing.extreme == pytest.approx(acceleration) and slowing.num_beyond == 0
    assert slowing.limit == 20.0


@pytest.mark.parametrize(
    ("before", "after", "up"),
    [(-0.49, 0.02, 0.02 / (6 * STEP - 0.49 / 20)), (-0.49, 0.48, 0.48 / (6 * STEP - 0.49 / 20))],
)
def test_a_joint_that_turns_back_slows_down_and_then_speeds_up(
    before: float, after: float, up: float
) -> None:
    speeds = np.concatenate(
        [np.full(40, before), np.linspace(before, after, 7)[1:-1], [after] * 40]
    )
    rows = record(np.full(len(speeds), HOME[5]), speeds)
    row = rows["joint acceleration over 50 ms, speeding up"]
    assert row.extreme == pytest.approx(up, rel=0.01)
    assert (row.num_beyond > 0) == (up > 10.1)


def test_a_turn_of_the_foot_leaves_the_box_and_moves_the_tcp() -> None:
    angles = HOME[0] + np.linspace(0.0, 1.5, 400)
    rows = record(angles, joint=0)
    assert 0 < rows["TCP and fingertips, lower"].num_beyond < 399
    assert rows["TCP and fingertips, lower"].where.endswith("x")
    check = MotionRecord(CELL)._check
    tcp = check.places(np.array([HOME]))[0][0, 0]
    speed = np.hypot(*tcp[:2]) * 1.5 / 399 / STEP  # radius times speed of turning
    assert rows["TCP speed"].extreme == pytest.approx(speed, rel=1e-3)
    assert rows["joint position, upper"].num_beyond == 0


def test_an_arm_that_sinks_is_seen() -> None:
    rows = record(HOME[1] + np.linspace(0.0, 1.2, 300), joint=1)
    assert rows["height of elbow, wrists, flange"].num_beyond > 0
    assert rows["height of elbow, wrists, flange"].limit == 0.10


def test_a_jerk_of_one_cycle_is_told_from_a_hard_start() -> None:
    speeds = np.zeros(100)
    speeds[50] = 0.2  # 25 rad/s² for one cycle, and back
    rows = record(np.full(100, HOME[5]), speeds)
    assert rows["joint acceleration in one cycle, speeding up"].num_beyond == 1
    assert rows["joint acceleration in one cycle, slowing down"].num_beyond == 1
    mean = rows["joint acceleration over 50 ms, speeding up"]
    assert mean.extreme == pytest.approx(0.2 / (6 * STEP)) and mean.num_beyond == 0
