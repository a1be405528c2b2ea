"""`config/nodes/parameters.yaml` says what the nodes do by default."""

import dataclasses

import pytest

pytest.importorskip("rclpy")

from equigrasp.config import read_yaml  # noqa: E402
from equigrasp.paths import config_dir  # noqa: E402
from equigrasp.ros.bringup.graph_options import GraphOptions  # noqa: E402
from equigrasp.ros.bringup.launch_parts import MODES, describe  # noqa: E402
from equigrasp.ros.display.robot_state_node import RobotStateNodeConfig  # noqa: E402
from equigrasp.ros.display.visualizer_node import VisualizerNodeConfig  # noqa: E402
from equigrasp.ros.drivers.camera_node import CameraNodeConfig  # noqa: E402
from equigrasp.ros.drivers.gripper_node import GripperNodeConfig  # noqa: E402
from equigrasp.ros.drivers.sim_bridge_node import SimBridgeConfig  # noqa: E402
from equigrasp.ros.drivers.trajectory_server import ArmNodeConfig  # noqa: E402
from equigrasp.ros.executor.executor_node import ExecutorNodeConfig  # noqa: E402
from equigrasp.ros.training.collection import CollectorNodeConfig  # noqa: E402
from equigrasp.ros.training.learner_node import LearnerNodeConfig  # noqa: E402
from equigrasp.ros.training.policy_node import PolicyNodeConfig  # noqa: E402

pytestmark = pytest.mark.ros
FILE = config_dir() / "nodes" / "parameters.yaml"
CONFIGS = {
    "sim_bridge": SimBridgeConfig,
    "arm": ArmNodeConfig,
    "gripper": GripperNodeConfig,
    "camera": CameraNodeConfig,
    "robot_state": RobotStateNodeConfig,
    "visualizer": VisualizerNodeConfig,
    "policy": PolicyNodeConfig,
    "executor": ExecutorNodeConfig,
    "collector": CollectorNodeConfig,
    "learner": LearnerNodeConfig,
}
BY_LAUNCH = {"num_attempts", "size"}  # of the launch files alone; part of the method's name


def test_the_file_holds_what_no_argument_sets_at_its_default() -> None:
    given: dict[str, set[str]] = {name: set(BY_LAUNCH) for name in CONFIGS}
    for mode in MODES:
        for node in describe(mode, {"method": "asr:tiny"}, GraphOptions(rviz="true")):
            given[node.name] |= set(node.parameters)
    expected = {
        f"/**/{name}": {"ros__parameters": free}
        for name, config in CONFIGS.items()
        if (
            free := {
                f.name: f.default for f in dataclasses.fields(config) if f.name not in given[name]
            }
        )
    }
    assert read_yaml(FILE) == expected


def test_the_file_is_one_that_nodes_take() -> None:
    GraphOptions(params_file=str(FILE))
