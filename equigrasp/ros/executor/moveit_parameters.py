"""The parameters of the MoveIt node inside the executor, from `config/moveit/`."""

from typing import Any

from equigrasp.config import read_yaml
from equigrasp.devices.cell import RobotCell
from equigrasp.errors import ConfigError
from equigrasp.paths import config_dir
from equigrasp.planning.cell_description import robot_description
from equigrasp.ros import names

_CONTROLLER, _ACTION = names.FOLLOW_JOINT_TRAJECTORY.split("/")


def moveit_parameters(cell: RobotCell) -> dict[str, Any]:
    """Return `config_dict` of `moveit.planning.MoveItPy` for a cell.

    Raises:
        ConfigError: if there is no semantic description of the cell; says how to write one.
    """
    common, own = config_dir() / "moveit", config_dir() / "moveit" / cell.config.name
    semantic = own / f"{cell.config.name}.srdf"
    if not semantic.is_file():
        raise ConfigError(
            f"MoveIt needs a semantic description of cell '{cell.config.name}': no file {semantic}. "
            "Write one with equigrasp.planning.moveit_description.write_moveit_files."
        )
    parameters = read_yaml(common / "planning.yaml") | read_yaml(common / "kinematics.yaml")
    limits = read_yaml(own / "joint_limits.yaml")["robot_description_planning"]
    return parameters | {
        "robot_description": robot_description(cell.arm_config, cell.gripper_config),
        "robot_description_semantic": semantic.read_text(encoding="utf-8"),
        "robot_description_planning": parameters["robot_description_planning"] | limits,
        "moveit_simple_controller_manager": {
            "controller_names": [_CONTROLLER],
            _CONTROLLER: {
                "type": "FollowJointTrajectory",
                "action_ns": _ACTION,
                "default": True,
                "joints": list(cell.arm_config.joint_names),
            },
        },
    }
