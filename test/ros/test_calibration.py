"""Calibration over DDS: the command's devices against the bridge's drivers."""

from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from equigrasp.calibration.table_command import run_table  # noqa: E402
from equigrasp.devices.cell import ArmConfig  # noqa: E402
from equigrasp.nodes import names  # noqa: E402
from equigrasp.nodes.launch_parts import describe  # noqa: E402
from equigrasp.nodes.remote_calibration import remote_setup  # noqa: E402
from equigrasp.nodes.supervisor import ManagedProcess  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]


def test_the_table_is_measured_over_ros(
    tmp_path: Path, arm_config: ArmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation's driver nodes in a process of their own; the command's devices here."""
    monkeypatch.setenv("ROS_DOMAIN_ID", "64")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr("equigrasp.nodes.remote_calibration._FIRST_STATE_TIMEOUT", 60.0)
    monkeypatch.setattr("equigrasp.nodes.remote_camera._FRAME_TIMEOUT", 20.0)
    bridge = next(d for d in describe("sim", {}) if d.name == names.SIM_BRIDGE)
    bridge.parameters["num_objects"] = 0
    process = ManagedProcess(bridge, tmp_path)
    lines: list[str] = []
    try:
        with remote_setup("ur5", "table", tmp_path / "ur5.yaml", "", use_sim_time=True) as setup:
            result = run_table(setup, apply="floor", say=lines.append)
            assert setup.cell.arm.joint_names == arm_config.joint_names
    finally:
        process.interrupt()
        process.wait()
    assert result.verdict == "good"
    assert result.tilt_deg < 0.1
    assert abs(result.offset_mm) < 1.0
    assert (tmp_path / "ur5.yaml").is_file()
