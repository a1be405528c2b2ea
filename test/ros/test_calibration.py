"""Calibration over DDS: the command's devices against the bridge's drivers."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402

from equigrasp.calibration.simulated.displaced_cell import displace  # noqa: E402
from equigrasp.calibration.table_command import run_table  # noqa: E402
from equigrasp.cli.main import main  # noqa: E402
from equigrasp.config import from_mapping, load_config, read_yaml  # noqa: E402
from equigrasp.devices.calibration import Calibration  # noqa: E402
from equigrasp.devices.cell import ArmConfig, CameraConfig  # noqa: E402
from equigrasp.ros import names  # noqa: E402
from equigrasp.ros.bringup.launch_parts import describe  # noqa: E402
from equigrasp.ros.bringup.supervisor import ManagedProcess  # noqa: E402
from equigrasp.ros.remote.remote_calibration import remote_setup  # noqa: E402

pytestmark = pytest.mark.ros


@contextlib.contextmanager
def bridge(
    folder: Path, domain_id: int, monkeypatch: pytest.MonkeyPatch, **parameters: float
) -> Iterator[None]:
    """Run the simulation's driver nodes in a process of their own; the command's devices are here."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setattr("equigrasp.ros.remote.remote_calibration._FIRST_STATE_TIMEOUT", 60.0)
    monkeypatch.setattr("equigrasp.ros.remote.remote_camera._FRAME_TIMEOUT", 60.0)
    node = next(d for d in describe("sim", {}) if d.name == names.SIM_BRIDGE)
    node.parameters.update(num_objects=0, **parameters)
    process = ManagedProcess(node, folder)
    try:
        yield
    finally:
        process.interrupt()
        assert process.wait() == 0, (folder / "sim_bridge.log").read_text()


def test_the_table_is_measured_over_ros(
    tmp_path: Path, arm_config: ArmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lines = tmp_path / "ur5.yaml", list[str]()
    with (
        bridge(tmp_path, free_domain(), monkeypatch),
        remote_setup("ur5", "table", path, "", use_sim_time=True) as setup,
    ):
        result = run_table(setup, apply="floor", say=lines.append)
        assert setup.cell.arm.joint_names == arm_config.joint_names
    assert result.verdict == "good"
    assert result.tilt_deg < 0.1
    assert abs(result.offset_mm) < 1.0
    assert path.is_file()


def test_the_camera_is_found_over_ros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command itself: the arm shows the board in ten poses to a camera that is a little off."""
    path, seed = tmp_path / "ur5.yaml", 1
    options = ["--cell", "ur5", "--poses", "10", "--yes", "--use-sim-time", "--out", str(path)]
    with bridge(
        tmp_path,
        free_domain(),
        monkeypatch,
        holds_board=True,
        seed=seed,
        real_time_factor=1.0,
        rate=2.0,
    ):
        assert main(["calibrate", "hand-eye", *options]) == 0, capsys.readouterr()
    found = from_mapping(Calibration, read_yaml(path), str(path)).camera
    assert found is not None and found.verdict == "good"
    true, pose = displace("ur5", seed)[1].pose, found.t_base_camera
    configured = load_config(CameraConfig, "cameras", "overhead").pose
    assert np.linalg.norm(configured.position - true.position) > 0.01
    error_mm = 1000.0 * np.linalg.norm(pose.position - true.position)
    error_deg = np.rad2deg((true.rotation.inv() * pose.rotation).magnitude())
    logging.getLogger(__name__).info("error: %.2f mm, %.3f deg", error_mm, error_deg)
    assert error_mm < 1.0
    assert error_deg < 0.2
