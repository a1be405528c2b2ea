"""A cell whose files lie outside the repository: docs/hardware/add_a_robot.md."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from equigrasp.config import read_yaml
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.robot_description import _mesh_path, find_description
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv
from equigrasp.environments.oracle import Oracle
from equigrasp.errors import ConfigError
from equigrasp.hardware.registry import make_camera, make_gripper
from equigrasp.paths import share_dir
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.ros.bringup.launch_parts import describe
from equigrasp.simulation.make import make_simulated_cell

_PAGE = share_dir() / "docs" / "hardware" / "add_a_robot.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one's own with the files that the page shows."""
    name = ""
    for i, part in enumerate(_PAGE.read_text(encoding="utf-8").split("```")):
        if i % 2 == 0:  # text; the file is named in the paragraph before it
            name = ([name, *re.findall(r"`(\w+\.yaml)`", part.strip().split("\n\n")[-1])])[-1]
        elif part.startswith("yaml\n"):
            (tmp_path / name).write_text(part.removeprefix("yaml\n"), encoding="utf-8")
    return tmp_path


def _change(path: Path, **values: object) -> None:
    path.write_text(yaml.safe_dump(read_yaml(path) | values), encoding="utf-8")


def test_the_pages_robot_grasps_in_simulation(folder: Path) -> None:
    """With joint names of its driver's own, and a description that is a file of its own."""
    arm = read_yaml(folder / "ur10.yaml")
    description = folder / "ur10.urdf"
    description.write_text(find_description(arm["urdf"]).read_text(encoding="utf-8"))
    own_names = [f"my_{joint}" for joint in arm["joint_names"]]
    _change(
        folder / "ur10.yaml",
        urdf=str(description),
        joint_names=own_names,
        urdf_joint_names=arm["joint_names"],
    )
    with make_simulated_cell(str(folder / "cell.yaml"), seed=1) as simulation:
        cell = simulation.cell
        assert cell.arm.joint_names == tuple(own_names)
        env = OpenLoopGraspEnv(cell, OmplPlanner(cell), np.random.default_rng(0))
        simulation.world.spawn_objects(["box_0"], env.trays.pick)
        outcome = env.step(Oracle(world=simulation.world).choose(env.observe())).outcome
        simulation.physics.sleep(0.5)
        assert outcome.is_success
        assert simulation.world.object_names_in(env.trays.place) == ["box_0"]


def test_the_pages_check_finds_both_trays_in_view(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (script,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(script, {})
    shown = capsys.readouterr().out
    assert "left in view: True" in shown and "right in view: True" in shown


def test_the_pages_cell_has_drivers_and_its_safety_file_narrows_the_arm(folder: Path) -> None:
    cell = load_cell(str(folder / "cell.yaml"))
    assert make_gripper(cell, {}).joint_names and make_camera(cell, {}).model.width_px
    assert cell.load_arm().limits.upper[0] == pytest.approx(3.1416)
    executor = next(
        d for d in describe("kuka", {"cell": str(folder / "cell.yaml")}) if d.name == "executor"
    )
    assert load_cell(str(executor.parameters["cell"])) == cell


def test_a_safety_file_looser_than_the_arm_is_refused(folder: Path) -> None:
    _change(folder / "safety.yaml", joint_velocities=[9.0] * 6)
    with pytest.raises(ConfigError, match=r"9\.0"):
        load_cell(str(folder / "cell.yaml")).load_arm()


def test_meshes_are_found_in_ros_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "share" / "my_description"
    share.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    found = _mesh_path("package://my_description/meshes/a.stl", Path("/elsewhere"))
    assert found == share / "meshes" / "a.stl"
    with pytest.raises(ConfigError, match="no ROS package 'other' below AMENT_PREFIX_PATH"):
        _mesh_path("package://other/a.stl", Path("/elsewhere"))
