"""A calibration file: written, read, and taken over by a cell."""

import dataclasses
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from equigrasp.config import from_mapping, load_config, read_yaml
from equigrasp.devices.calibrated_cell import (
    camera_disagreements,
    disagreements,
    load_camera,
    load_cell,
)
from equigrasp.devices.calibration import (
    Calibration,
    CameraCalibration,
    WorkspaceCalibration,
    fingerprint,
    save_calibration,
)
from equigrasp.devices.cell import CameraConfig, CellConfig
from equigrasp.errors import ConfigError
from equigrasp.geometry.transform import Transform
from equigrasp.paths import config_dir
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.simulation.make import make_simulated_cell

POSE = Transform.from_rpy(np.array([0.46, 0.012, 1.31]), np.array([3.12, 0.02, -1.55]))


@pytest.fixture
def cell() -> CellConfig:
    return load_config(CellConfig, "cells", "ur5")


@pytest.fixture
def calibration(cell: CellConfig) -> Calibration:
    camera = CameraCalibration(
        name="overhead", position=tuple(POSE.position.tolist()),
        quat_xyzw=tuple(POSE.quat_xyzw.tolist()), date="2026-01-02T03:04:05+00:00",
        verdict="good", num_poses=25, rms_px=0.2, held_out_px=0.25, held_out_mm=0.3,
        held_out_deg=0.2, position_std_mm=0.4, rotation_std_deg=0.02, board_scale=1.0,
        board="7 x 5", serial="123", dropped=("pose 3 (9.1 px)",),
    )  # fmt: skip
    left = WorkspaceCalibration("left", 0.462, 0.203, 0.006, "2026-01-02", "seen", 0.1, 0.4)
    return Calibration("ur5", fingerprint(cell), camera, (left,))


def calibrated_cell(folder: Path, calibration: Calibration) -> str:
    """Write a calibration, and a cell that names it; return the cell's path."""
    save_calibration(folder / "lab.yaml", calibration)
    text = (config_dir() / "cells" / "ur5.yaml").read_text()
    (folder / "cell.yaml").write_text(text + f"\ncalibration: {folder / 'lab.yaml'}\n")
    return str(folder / "cell.yaml")


def test_a_file_reads_back_as_it_was_written(tmp_path: Path, calibration: Calibration) -> None:
    path = tmp_path / "deep" / "lab.yaml"
    save_calibration(path, calibration)
    assert from_mapping(Calibration, read_yaml(path), str(path)) == calibration
    assert path.read_text().startswith("# Calibration of cell 'ur5'")
    assert [p.name for p in path.parent.iterdir()] == ["lab.yaml"]


def test_the_old_file_stays_whole_when_writing_fails(
    tmp_path: Path, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.yaml"
    save_calibration(path, calibration)
    before = path.read_bytes()

    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_calibration(path, dataclasses.replace(calibration, workspaces=()))
    assert path.read_bytes() == before


def test_a_cell_takes_over_trays_and_camera(tmp_path: Path, calibration: Calibration) -> None:
    name = calibrated_cell(tmp_path, calibration)
    cell = load_cell(name)
    left, right = cell.workspaces
    assert (left.center_x, left.center_y, left.floor_z) == (0.462, 0.203, 0.006)
    assert left.ceiling_z == pytest.approx(0.254)  # as high above the floor as before
    assert right == load_config(CellConfig, "cells", "ur5").workspaces[1]
    camera = load_camera(cell)
    pose = Transform.from_rpy(np.array(camera.position), np.array(camera.rpy))
    assert np.allclose(pose.matrix(), POSE.matrix(), atol=1e-9)
    assert camera.width_px == load_config(CameraConfig, "cameras", "overhead").width_px


def test_a_simulation_of_the_cell_stands_where_it_was_calibrated(
    tmp_path: Path, calibration: Calibration
) -> None:
    with make_simulated_cell(calibrated_cell(tmp_path, calibration)) as simulation:
        cell = simulation.cell
        assert np.allclose(cell.camera.T_base_camera.matrix(), POSE.matrix(), atol=1e-9)
        frame = cell.camera.capture()
        left = cell.config.workspaces[0]
        heights = heightmap_from_depth(
            frame.depth, cell.camera.model, cell.camera.T_base_camera, left
        )
    middle = slice(32, 96)
    assert np.abs(heights[middle, middle]).max() < 0.002  # the tray's floor lies at height 0


def test_a_calibrated_camera_sees_the_floor_at_zero_where_the_configured_one_does_not(
    tmp_path: Path, calibration: Calibration, cell: CellConfig
) -> None:
    """Depth of a camera at the calibrated pose, projected with either pose."""
    no_trays = dataclasses.replace(calibration, workspaces=())
    with make_simulated_cell(calibrated_cell(tmp_path, no_trays)) as simulation:
        camera = simulation.cell.camera
        depth, model = camera.capture().depth, camera.model
    configured = load_camera(cell)
    middle = slice(32, 96)
    for pose, is_right in (
        (camera.T_base_camera, True),
        (Transform.from_rpy(configured.position, configured.rpy), False),  # type: ignore[arg-type]
    ):
        heights = heightmap_from_depth(depth, model, pose, cell.workspaces[1])[middle, middle]
        lowered = dataclasses.replace(cell.workspaces[1], floor_z=-0.05)
        shown = heightmap_from_depth(depth, model, pose, lowered)[middle, middle] - 0.052
        assert (np.abs(shown).max() < 0.002) == is_right
        assert heights.shape == (64, 64)


def test_nothing_changes_without_a_calibration(cell: CellConfig) -> None:
    assert load_cell("ur5") == cell
    assert load_camera(cell) == load_config(CameraConfig, "cameras", "overhead")


def test_a_calibration_of_an_unknown_tray_is_refused(
    tmp_path: Path, calibration: Calibration
) -> None:
    stray = dataclasses.replace(calibration.workspaces[0], name="middle")
    name = calibrated_cell(tmp_path, calibration.with_workspace(stray))
    with pytest.raises(ConfigError, match="Unknown workspace 'middle'"):
        load_cell(name)


def test_a_missing_calibration_is_named(tmp_path: Path) -> None:
    text = (config_dir() / "cells" / "ur5.yaml").read_text()
    (tmp_path / "cell.yaml").write_text(text + "\ncalibration: nowhere\n")
    with pytest.raises(ConfigError, match="Unknown calibration 'nowhere'"):
        load_cell(str(tmp_path / "cell.yaml"))


def test_a_pose_that_is_none_is_refused(tmp_path: Path, calibration: Calibration) -> None:
    path = tmp_path / "lab.yaml"
    save_calibration(path, calibration)
    values = yaml.safe_load(path.read_text())
    values["camera"]["quat_xyzw"] = [0.0, 0.0, 0.0, 0.5]
    with pytest.raises(ConfigError, match=r"of length 0\.5000"):
        from_mapping(Calibration, values, "lab.yaml")


def test_a_cell_that_changed_since_is_warned_of(
    tmp_path: Path, calibration: Calibration, caplog: pytest.LogCaptureFixture
) -> None:
    name = calibrated_cell(tmp_path, calibration)
    with caplog.at_level(logging.WARNING):
        load_cell(name)
    assert caplog.messages == []
    cell = Path(name)
    cell.write_text(
        cell.read_text().replace(
            "center_x: 0.45, center_y: 0.21", "center_x: 0.47, center_y: 0.21"
        )
    )
    with caplog.at_level(logging.WARNING):
        load_cell(name)
    assert "has changed since its calibration" in caplog.messages[0]


def test_another_camera_is_warned_of(
    tmp_path: Path, calibration: Calibration, cell: CellConfig
) -> None:
    name = calibrated_cell(tmp_path, calibration)
    assert camera_disagreements(name, "123") == []
    assert camera_disagreements(name, "") == []  # not known: nothing to hold it against
    assert "serial number 123; 999 is connected" in camera_disagreements(name, "999")[0]
    assert camera_disagreements("ur5", "999") == []
    other = dataclasses.replace(calibration, cell="kuka")
    assert "of cell 'kuka', not of 'ur5'" in disagreements(other, cell)[0]


def test_the_package_loads_no_cell_or_camera_past_its_calibration() -> None:
    """Whoever loads one himself works with poses that nobody measured."""
    package = config_dir().parent / "equigrasp"
    allowed = {
        "devices/calibrated_cell.py",  # the way to do it
        "calibration/simulated/displaced_cell.py",  # draws where all truly is, to try a calibration on
        "calibration/simulated/simulated_calibration.py",  # these two measure
        "ros/remote/remote_calibration.py",
    }
    direct = re.compile(r"load_config\((CellConfig|CameraConfig)\b")
    found = {
        str(p.relative_to(package))
        for p in package.rglob("*.py")
        if direct.search(p.read_text(encoding="utf-8"))
    }
    assert found == allowed
