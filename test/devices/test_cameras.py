"""A cell's cameras, by their names in it."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from equigrasp.config import find_config, load_config, read_yaml
from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.simulation.make import make_simulated_cell

SHOULDER = {"config": "shoulder.yaml"}


@pytest.fixture
def cell_file(tmp_path: Path) -> Path:
    """A UR5 cell with a second camera, whose file lies beside the cell's."""
    camera = read_yaml(find_config("cameras", "overhead"))
    camera |= {"name": "shoulder", "width_px": 64, "height_px": 48, "depth_noise": "realsense"}
    (tmp_path / "shoulder.yaml").write_text(yaml.safe_dump(camera))
    return _write(tmp_path, {"overhead": {"config": "overhead"}, "shoulder": SHOULDER})


def _write(folder: Path, cameras: dict) -> Path:
    path = folder / "cell.yaml"
    path.write_text(yaml.safe_dump(read_yaml(find_config("cells", "ur5")) | {"cameras": cameras}))
    return path


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ({}, "cameras must hold 'overhead', found none"),
        ({"shoulder": SHOULDER}, "cameras must hold 'overhead', found shoulder"),
        ({"overhead": SHOULDER, "my cam": SHOULDER}, "letters, digits and '_', found 'my cam'"),
        ({"overhead": "overhead"}, "expected a mapping"),
    ],
)
def test_bad_cameras_are_named(tmp_path: Path, cameras: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(CellConfig, "cells", str(_write(tmp_path, cameras)))


def test_files_of_cameras_are_found_beside_the_cell(cell_file: Path) -> None:
    cell = load_config(CellConfig, "cells", str(cell_file))
    assert load_camera(cell, "shoulder").name == "shoulder"
    assert load_camera(cell).name == "overhead"
    with pytest.raises(ConfigError, match="Unknown camera 'hand'.*: overhead, shoulder"):
        load_camera(cell, "hand")


def test_every_camera_looks_and_the_overhead_one_as_before(cell_file: Path) -> None:
    with make_simulated_cell("ur5", depth_noise="realsense") as alone:
        expected = alone.cell.camera.capture().depth
    with make_simulated_cell(str(cell_file), depth_noise="realsense") as simulation:
        cameras = simulation.cell.cameras
        assert cameras["shoulder"].capture().depth.shape == (48, 64)
        np.testing.assert_array_equal(simulation.cell.camera.capture().depth, expected)
