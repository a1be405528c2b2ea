"""The one list of nodes that `equigrasp up` and the launch files start."""

from dataclasses import dataclass, field, replace
from typing import Any

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import FRONT, OVERHEAD, CellConfig
from equigrasp.diagnosis.network import NETWORKS, THIS_MACHINE
from equigrasp.errors import ConfigError
from equigrasp.learning.method_config import num_random_attempts
from equigrasp.learning.method_names import DEFAULT_METHOD, DEFAULT_SIZE, full_name
from equigrasp.ros import names
from equigrasp.ros.bringup.graph_options import Argument, GraphOptions
from equigrasp.ros.executor.planners import PLANNERS, check_planner
from equigrasp.simulation.object_sets.registry import check_object_set

Parameters = dict[str, str | int | float | bool]

# The robot first, the learner last.
STOP_ORDER = (
    names.COLLECTOR, names.EXECUTOR, names.POLICY, names.ARM, names.GRIPPER, names.CAMERA,
    names.SIM_BRIDGE, names.ROBOT_STATE, names.VISUALIZER, names.LEARNER,
)  # fmt: skip
_FOLDERS = {  # of equigrasp/ros/, by node
    names.SIM_BRIDGE: "drivers", names.ARM: "drivers", names.GRIPPER: "drivers",
    names.CAMERA: "drivers", names.EXECUTOR: "executor", names.POLICY: "training",
    names.COLLECTOR: "training", names.LEARNER: "training",
    names.ROBOT_STATE: "display", names.VISUALIZER: "display",
}  # fmt: skip
_RANGES: dict[str, tuple[type, float, float]] = {  # as the nodes that take them have them
    "seed": (int, 0, 2**62),
    "real_time_factor": (float, 0.0, 10.0),
    "descent_speed": (float, 0.001, 10.0),
}
_CAMERA_RATE = 15.0  # [Hz] no faster than the camera: the choice of a grasp waits for a new image
_ACTION_PARTS = ("send_goal", "cancel_goal", "get_result", "feedback", "status")


@dataclass(frozen=True)
class Mode:
    """One way to start the graph.

    Args:
        description: What it starts.
        arguments: What can be set.
        is_real: Whether a real robot moves.
    """

    description: str
    arguments: tuple[Argument, ...]
    is_real: bool = True


_CELL = Argument("cell", "ur5", "Robot cell: a name below config/cells, or a YAML file.")
_PLANNER = Argument(
    "planner", "ompl", "Motion planner: ompl, or moveit where ROS has MoveIt.", tuple(PLANNERS)
)
_OUT = Argument("out", "results/sim", "Folder of log, weights, metrics and report.")
_LEARNING = (
    Argument("method", DEFAULT_METHOD, "Method, such as asr or asr/no_fcb, or a YAML file."),
    Argument(
        "size",
        "",
        f"Size of the method's networks: compact, paper or tiny; empty: {DEFAULT_SIZE}. A YAML file has its own.",
    ),
    Argument("seed", "0", "Seed of everything random."),
    Argument(
        "weights",
        "",
        "Weights to begin with: a name below models, or a safetensors file; empty: as the method says; "
        "none: knows nothing.",
    ),
)
_SIMULATION = (
    Argument(
        "objects",
        "household",
        "Object set: household, random_urdfs, a folder of meshes, or several joined by +.",
    ),
    Argument("split", "train", "Part of the object set.", ("train", "test", "all")),
    Argument("real_time_factor", "1.0", "Simulated seconds per second; 0: as fast as it can."),
)
_DESCENT_SPEED = Argument(
    "descent_speed",
    "0.1",
    "Fastest descent onto a grasp [m/s]: the force of a contact grows with it (docs/safety.md).",
)
_DEVICES = (
    Argument("gripper_driver", "", "Name below config/gripper_drivers; empty: the cell's."),
    Argument("gripper_host", "", "Address of the gripper's URCap; empty: the robot's."),
    Argument(
        "gripper_device", "", "Serial port of the gripper; empty: as its driver's file says."
    ),
    Argument(
        "camera_source",
        "",
        "device, bag:<file> or tcp://<host>:<port>; empty: as the driver's file says.",
    ),
    Argument("camera_serial", "", "Serial number of the camera; empty: the only one there."),
)
NETWORK = Argument(
    "network",
    THIS_MACHINE,
    "Who reaches the ROS graph: this_machine alone, or any that a network leads to (docs/safety.md).",
    NETWORKS,
)
MODES = {
    "sim": Mode(
        "PyBullet stands in for the robot",
        (_CELL, _PLANNER, *_LEARNING, *_SIMULATION, _OUT),
        is_real=False,
    ),
    "ur5": Mode(
        "a UR5 with 2F-85 and RealSense, or their virtual counterparts",
        (
            _CELL,
            Argument(
                "robot_ip", "", "The controller's address; empty: as the driver's file says."
            ),
            *_DEVICES,
            _PLANNER,
            _DESCENT_SPEED,
            *_LEARNING,
            replace(_OUT, default="results/ur5"),
        ),
    ),
    "kuka": Mode(
        "an LBR iiwa behind its vendor's ROS driver, with 2F-85 and RealSense",
        (
            replace(_CELL, default="kuka"),
            Argument(
                "arm_action",
                "/lbr/joint_trajectory_controller/follow_joint_trajectory",
                "FollowJointTrajectory action of the arm's driver.",
            ),
            Argument("joint_states", "/lbr/joint_states", "Joint states of the arm's driver."),
            *_DEVICES,
            _PLANNER,
            _DESCENT_SPEED,
            *_LEARNING,
            replace(_OUT, default="results/kuka"),
        ),
    ),
}


@dataclass(frozen=True)
class NodeDescription:
    """One process of the graph.

    Args:
        name: Of the node, and in logs.
        module: Python module to run.
        parameters: ROS parameters.
        remappings: New ROS names by the node's own.
    """

    name: str
    module: str
    parameters: Parameters = field(default_factory=dict)
    remappings: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which of the nodes it is, as `camera`; two may be of one kind."""
        return self.module.rpartition(".")[2].removesuffix("_node")


def describe(
    mode: str, arguments: dict[str, str], options: GraphOptions | None = None
) -> list[NodeDescription]:
    """Return the processes of a mode.

    Args:
        mode: One of `MODES`.
        arguments: Values by name; missing ones take their default.
        options: How they are started; None: by default.

    Raises:
        ConfigError: if the mode or an argument is unknown, or a value is not a choice or number,
            or names no cell or object set, or what the planner needs is missing.
        WeightsError: if the weights do not fit method and cell.
    """
    values = resolve(mode, arguments)
    options = options or GraphOptions()
    check_planner(values["planner"])
    load_cell(values["cell"])
    if "objects" in values:
        check_object_set(values["objects"])
    time: Parameters = {"use_sim_time": not MODES[mode].is_real}
    cell: Parameters = {"cell": values["cell"]}
    seed: Parameters = {"seed": _number(values, "seed", int)}
    config, weights = _method(values)
    method = {"method": values["method"], "weights": weights}
    # Weights that know something need no random attempts.
    num_random = {"num_random_attempts": 0 if weights else num_random_attempts(config)}
    joint_states, arm = _vendor_names(values)
    planning: Parameters = {"planner": values["planner"]}
    if MODES[mode].is_real:
        planning["descent_speed"] = _number(values, "descent_speed", float)
    pushes: Parameters = {"has_freeing_pushes": not MODES[mode].is_real}
    nodes = [
        *_robot(mode, values, joint_states),
        *_display(cell | time, joint_states, options),
        _node(names.POLICY, cell | seed | time | method | {"out": values["out"]} | pushes),
        _node(names.EXECUTOR, cell | time | planning, joint_states | arm),
        _node(names.COLLECTOR, cell | seed | time | num_random),
        _node(names.LEARNER, cell | seed | time | method | {"out": values["out"]}),
    ]
    # Each simulation has a time of its own.
    clock = {} if MODES[mode].is_real else options.clock_remapping()
    return [replace(node, remappings=node.remappings | clock) for node in nodes]


def resolve(mode: str, arguments: dict[str, str]) -> dict[str, str]:
    """Return all arguments of a mode with defaults filled in.

    Raises:
        ConfigError: if the mode or an argument is unknown, or a value is not a choice or out of its
            range, or names no cell with two trays.
    """
    if mode not in MODES:
        raise ConfigError(f"Unknown mode '{mode}'. Known modes: {', '.join(MODES)}.")
    known = {a.name: a for a in MODES[mode].arguments}
    for name, value in arguments.items():
        if name not in known:
            raise ConfigError(f"Unknown argument '{name}'. Known: {', '.join(known)}.")
        choices = known[name].choices
        if choices and value not in choices:
            raise ConfigError(f"{name} '{value}' is not one of {', '.join(choices)}.")
    values = {name: arguments.get(name, a.default) for name, a in known.items()}
    for name, (kind, low, high) in _RANGES.items():
        if name in values and not low <= _number(values, name, kind) <= high:  # NaN is not, either
            raise ConfigError(f"{name} must be in [{low}, {high}], found {values[name]}.")
    _check_trays(values["cell"])
    values["method"] = full_name(values["method"], values["size"])
    return values | {
        "size": values["method"].rpartition(":")[2] if ":" in values["method"] else ""
    }


def _check_trays(cell: str) -> None:
    names = [w.name for w in load_cell(cell).workspaces]
    if len(names) < 2:
        raise ConfigError(
            f"Cell '{cell}' has {len(names)} workspace(s); learning goes from one tray to another and "
            "back, and needs two."
        )


def _method(values: dict[str, str]) -> tuple[Any, str]:
    """Return the method's configuration, and the path of weights that the nodes will accept."""
    # Not above: they bring PyTorch, which whoever only wants names of modes and arguments does without.
    from equigrasp.learning.trained_weights import check_trained_weights, first_weights
    from equigrasp.methods.registry import load_method

    method, config = load_method(values["method"])
    path = first_weights(values["weights"], config)
    if path is None:
        return config, ""
    cell = load_cell(values["cell"])
    check_trained_weights(path, method.make_networks, config, cell.workspaces, cell.gripper)
    return config, str(path.resolve())


def _robot(
    mode: str, values: dict[str, str], joint_states: dict[str, str]
) -> list[NodeDescription]:
    """Return the nodes that are the robot to the rest of the graph."""
    cell: Parameters = {"cell": values["cell"]}
    if mode == "sim":
        simulation = {
            "seed": _number(values, "seed", int),
            "objects": values["objects"],
            "split": values["split"],
            "real_time_factor": _number(values, "real_time_factor", float),
        }
        return [_node(names.SIM_BRIDGE, cell | simulation)]
    robot_ip = values.get("robot_ip", "")
    gripper: Parameters = {
        "driver": values["gripper_driver"],
        "host": values["gripper_host"] or robot_ip,  # the URCap runs on the controller
        "device": values["gripper_device"],
    }
    camera: Parameters = {
        "source": values["camera_source"],
        "serial": values["camera_serial"],
        "rate": _CAMERA_RATE,
    }
    arm = [_node(names.ARM, cell | {"host": robot_ip})] if mode == "ur5" else []
    return [
        *arm,
        _node(names.GRIPPER, cell | gripper, joint_states),
        _node(names.CAMERA, cell | camera),
        *(_camera(name, cell) for name in _other_cameras(load_cell(values["cell"]))),
    ]


def _other_cameras(cell: CellConfig) -> list[str]:
    """Return the cameras with a node of their own; a front camera without a driver is not there."""
    has_front = FRONT in cell.cameras and bool(cell.cameras[FRONT].driver)
    return [n for n in cell.cameras if n != OVERHEAD and (n != FRONT or has_front)]


def _camera(name: str, cell: Parameters) -> NodeDescription:
    """Return the node of a camera that is not the overhead one, set as its driver's file says."""
    node = names.camera_node(name)
    return replace(
        _node(names.CAMERA, cell | {"name": name, "rate": _CAMERA_RATE}),
        name=node,
        remappings={"__node": node},
    )


def _display(
    common: Parameters, joint_states: dict[str, str], options: GraphOptions
) -> list[NodeDescription]:
    """Return the nodes that show the cell."""
    wanted = {
        names.ROBOT_STATE: options.description == "own",
        names.VISUALIZER: options.rviz == "true",
    }
    return [_node(name, common, joint_states) for name, is_on in wanted.items() if is_on]


def _vendor_names(values: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return remappings to the joint states and to the action of a driver that is not ours."""
    if "arm_action" not in values:
        return {}, {}
    # ROS 2 remaps an action's five topics and services, not its name.
    action = {
        f"{names.FOLLOW_JOINT_TRAJECTORY}/_action/{part}": f"{values['arm_action']}/_action/{part}"
        for part in _ACTION_PARTS
    }
    return {names.JOINT_STATES: values["joint_states"]}, action


def _node(
    name: str, parameters: Parameters, remappings: dict[str, str] | None = None
) -> NodeDescription:
    module = f"equigrasp.ros.{_FOLDERS[name]}.{name}_node"
    return NodeDescription(name, module, parameters, remappings or {})


def whole_number(name: str, text: str) -> int:
    """Return a number that is not negative; raise `ConfigError` for anything else."""
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{name} must be a whole number from 0, found '{text}'.")
    return int(text)


def _number(values: dict[str, str], name: str, kind: type) -> int | float:
    try:
        return kind(values[name])  # type: ignore[no-any-return]
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name} must be {what}, found '{values[name]}'.") from error
