"""A cell whose files lie outside the repository: docs/hardware/add_a_robot.md."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from equigrasp.config import find_config, read_yaml
from equigrasp.devices.robot_description import _mesh_path, find_description
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv
from equigrasp.environments.oracle import Oracle
from equigrasp.errors import ConfigError
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.make import make_simulated_cell

_UR10 = {
    "name": "ur10",
    "urdf": "example-robot-data:ur_description/urdf/ur10_robot.urdf",
    "joint_names": ["my_a", "my_b", "my_c", "my_d", "my_e", "my_f"],
    "urdf_joint_names": [
        "shoulder_pan_joint",
        "shoulder_lift_joint",
        "elbow_joint",
        "wrist_1_joint",
        "wrist_2_joint",
        "wrist_3_joint",
    ],
    "base_frame": "base_link",
    "flange_frame": "tool0",
    "home_positions": [0.0, -2.2, 2.2, -1.5708, -1.5708, 0.0],
    "limits": {
        "lower": [-6.2832, -6.2832, -3.1416, -6.2832, -6.2832, -6.2832],
        "upper": [6.2832, 6.2832, 3.1416, 6.2832, 6.2832, 6.2832],
        "velocities": [2.0944, 2.0944, 3.1416, 3.1416, 3.1416, 3.1416],
        "accelerations": [6.0, 6.0, 8.0, 10.0, 10.0, 10.0],
        "stop_accelerations": [15.0, 15.0, 20.0, 20.0, 20.0, 20.0],
        "efforts": [330.0, 330.0, 150.0, 54.0, 54.0, 54.0],
    },
}


_SAFETY = {
    "box": {"lower": [0.10, -0.50, 0.004], "upper": [0.85, 0.50, 0.75]},
    "link_height": 0.10,
    "joint_lower": [-3.1416, -3.1416, -3.1416, -6.2832, -6.2832, -6.2832],
    "joint_upper": [3.1416, 3.1416, 3.1416, 6.2832, 6.2832, 6.2832],
    "joint_velocities": [2.0944, 2.0944, 3.1416, 3.1416, 3.1416, 3.1416],
    "joint_accelerations": [6.0, 6.0, 8.0, 10.0, 10.0, 10.0],
    "tcp_speed": 2.0,
    "contact_force": 40.0,
    "grip_force": 100.0,
    "finger_speed": 0.15,
}


@pytest.fixture
def cell_file(tmp_path: Path) -> Path:
    """A UR10 in place of the iiwa; its description is a file of its own as well."""
    urdf = tmp_path / "ur10.urdf"
    urdf.write_text(find_description(_UR10["urdf"]).read_text(encoding="utf-8"), encoding="utf-8")
    cell = read_yaml(find_config("cells", "kuka"))
    parts = {key: str(tmp_path / f"{key}.yaml") for key in ("arm", "safety")}
    cell |= {"name": "mine", **parts}
    arm = _UR10 | {"urdf": str(urdf)}
    for name, content in (("arm", arm), ("safety", _SAFETY), ("cell", cell)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return tmp_path / "cell.yaml"


def test_a_robot_of_ones_own_grasps_in_simulation(cell_file: Path) -> None:
    with make_simulated_cell(str(cell_file), seed=1) as simulation:
        cell = simulation.cell
        assert cell.arm.joint_names == tuple(_UR10["joint_names"])
        env = OpenLoopGraspEnv(cell, OmplPlanner(cell), np.random.default_rng(0))
        simulation.world.spawn_objects(["box_0"], env.trays.pick)
        outcome = env.step(Oracle(world=simulation.world).choose(env.observe()))
        simulation.physics.sleep(0.5)
        assert outcome.is_success
        assert simulation.world.object_names_in(env.trays.place) == ["box_0"]


def test_meshes_are_found_in_ros_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "share" / "my_description"
    share.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    found = _mesh_path("package://my_description/meshes/a.stl", Path("/elsewhere"))
    assert found == share / "meshes" / "a.stl"
    with pytest.raises(ConfigError, match="no ROS package 'other' below AMENT_PREFIX_PATH"):
        _mesh_path("package://other/a.stl", Path("/elsewhere"))
