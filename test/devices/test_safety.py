"""A cell's limits narrow the data sheets and never widen them."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from equigrasp.config import find_config, load_config, read_yaml
from equigrasp.devices.cell import ArmConfig, CellConfig, GripperConfig
from equigrasp.devices.safety import SafetyLimits
from equigrasp.errors import CommandRejectedError, ConfigError


def _cell_with(folder: Path, **changes: object) -> CellConfig:
    """Return the UR5's cell with a safety file of its own."""
    safety = folder / "safety.yaml"
    safety.write_text(yaml.safe_dump(read_yaml(find_config("safety", "ur5")) | changes))
    cell = folder / "cell.yaml"
    cell.write_text(
        yaml.safe_dump(read_yaml(find_config("cells", "ur5")) | {"safety": str(safety)})
    )
    return load_config(CellConfig, "cells", str(cell))


@pytest.mark.parametrize("name", ["ur5", "kuka"])
def test_the_shipped_cells_are_no_looser_than_their_data_sheets(name: str) -> None:
    cell = load_config(CellConfig, "cells", name)
    arm, gripper = cell.load_arm(), cell.load_gripper()
    sheet = load_config(ArmConfig, "arms", cell.arm).limits
    assert all(a >= b for a, b in zip(arm.limits.lower, sheet.lower, strict=True))
    assert all(a <= b for a, b in zip(arm.limits.upper, sheet.upper, strict=True))
    assert arm.limits.efforts == sheet.efforts
    assert gripper.limits.max_force == cell.safety.grip_force


def test_narrower_values_reach_the_arm_and_the_gripper(tmp_path: Path) -> None:
    cell = _cell_with(
        tmp_path,
        joint_velocities=[1.0] * 6,
        joint_accelerations=[2.0] * 6,
        joint_lower=[-1.0] * 6,
        joint_upper=[0.5] * 6,
        grip_force=60.0,
        finger_speed=0.15,
    )
    limits = cell.load_arm().limits
    assert limits.velocities == (1.0,) * 6 and limits.accelerations == (2.0,) * 6
    assert limits.lower == (-1.0,) * 6 and limits.upper == (0.5,) * 6
    assert cell.load_gripper().limits.max_force == 60.0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("joint_velocities", [3.2] + [3.0] * 5, r"joint_velocities\[0\] = 3.2 .*limit, 3.1416"),
        ("joint_accelerations", [8.0] * 5 + [11.0], r"joint_accelerations\[5\] = 11.0 .*10.0"),
        ("joint_lower", [-7.0] + [-1.0] * 5, r"joint_lower\[0\] = -7.0 .*-6.2832"),
        ("joint_upper", [1.0] * 2 + [4.0] * 4, r"joint_upper\[2\] = 4.0 .*3.1416"),
        ("joint_velocities", [float("nan")] * 6, r".nan. is not a finite number"),
        ("joint_velocities", [1.0] * 5, "joint_velocities needs 6 values, found 5"),
    ],
)
def test_looser_joint_limits_are_refused_naming_both(
    tmp_path: Path, key: str, value: list[float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _cell_with(tmp_path, **{key: value}).load_arm()


@pytest.mark.parametrize(("key", "value"), [("grip_force", 240.0), ("finger_speed", 0.2)])
def test_looser_finger_limits_are_refused(tmp_path: Path, key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{key} = {value} is looser than the gripper's own"):
        _cell_with(tmp_path, **{key: value}).load_gripper()


def test_motion_that_breaks_the_cells_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="grasp_force = 40.0 exceeds the cell's safety limit of 30"
    ):
        _cell_with(tmp_path, grip_force=30.0)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_limits_are_positive_numbers(value: float) -> None:
    limits = load_config(SafetyLimits, "safety", "ur5")
    with pytest.raises(ConfigError, match="tcp_speed must be positive"):
        dataclasses.replace(limits, tcp_speed=value)


def test_the_box_refuses_what_is_outside_or_no_number() -> None:
    box = load_config(SafetyLimits, "safety", "ur5").box
    box.check((0.4, 0.2, 0.1))
    for bad in ((0.4, 0.2, 0.001), (0.4, 0.6, 0.1), (float("nan"), 0.0, 0.1)):
        with pytest.raises(CommandRejectedError, match="outside the safety box"):
            box.check(bad)
    with pytest.raises(ConfigError, match="no inside"):
        dataclasses.replace(box, lower=box.upper)


def test_a_gripper_keeps_its_smallest_force(gripper_config: GripperConfig) -> None:
    limits = load_config(SafetyLimits, "safety", "ur5")
    assert (
        limits.narrow_fingers(gripper_config.limits).min_force == gripper_config.limits.min_force
    )
