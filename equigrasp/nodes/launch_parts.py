"""The one list of nodes that `equigrasp up` and the launch files start."""

from dataclasses import dataclass, field

from equigrasp.errors import ConfigError
from equigrasp.methods.registry import load_method
from equigrasp.nodes import names

MODES = {
    "sim": "PyBullet stands in for the robot; the learner trains",
}


@dataclass(frozen=True)
class Argument:
    """An option of `equigrasp up` and argument of the launch files."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


ARGUMENTS = (
    Argument("cell", "ur5", "Robot cell: a name below config/cells, or a YAML file."),
    Argument("method", "asr_compact", "Method: a name below config/methods, or a YAML file."),
    Argument(
        "objects", "household", "Object set: household, random_urdfs, or a folder of meshes."
    ),
    Argument("split", "train", "Part of the object set.", ("train", "test", "all")),
    Argument("seed", "0", "Seed of everything random."),
    Argument("weights", "", "safetensors file to begin with; empty: knows nothing."),
    Argument("real_time_factor", "1.0", "Simulated seconds per second; 0: as fast as it can."),
    Argument("out", "results/sim", "Folder of log, weights, metrics and report."),
)


@dataclass(frozen=True)
class NodeDescription:
    """One process of the graph.

    Args:
        name: Executable, and name in logs.
        module: Python module to run.
        parameters: ROS parameters.
    """

    name: str
    module: str
    parameters: dict[str, str | int | float | bool] = field(default_factory=dict)


def describe(mode: str, arguments: dict[str, str]) -> list[NodeDescription]:
    """Return the processes of a mode.

    Args:
        mode: One of `MODES`.
        arguments: Values by name; missing ones take their default.

    Raises:
        ConfigError: if the mode or an argument is unknown, or a value is not a choice or number.
    """
    if mode not in MODES:
        raise ConfigError(f"Unknown mode '{mode}'. Known modes: {', '.join(MODES)}.")
    values = resolve(arguments)
    cell = {"cell": values["cell"]}
    seed = {"seed": _number(values, "seed", int)}
    sim_time = {"use_sim_time": True}
    method = {"method": values["method"], "weights": values["weights"]}
    acting = load_method(values["method"])[1].acting
    # Weights that know something need no random attempts.
    num_random = {"num_random_attempts": 0 if values["weights"] else acting.num_random_attempts}
    return [
        _node(
            names.SIM_BRIDGE,
            cell
            | seed
            | {
                "objects": values["objects"],
                "split": values["split"],
                "real_time_factor": _number(values, "real_time_factor", float),
            },
        ),
        _node(
            names.POLICY,
            cell | seed | sim_time | method,
        ),
        _node(names.EXECUTOR, cell | sim_time),
        _node(names.COLLECTOR, cell | seed | sim_time | num_random),
        _node(names.LEARNER, seed | sim_time | method | {"out": values["out"]}),
    ]


def resolve(arguments: dict[str, str]) -> dict[str, str]:
    """Return all arguments with defaults filled in; raise `ConfigError` for a bad one."""
    known = {a.name: a for a in ARGUMENTS}
    for name, value in arguments.items():
        if name not in known:
            raise ConfigError(f"Unknown argument '{name}'. Known: {', '.join(known)}.")
        choices = known[name].choices
        if choices and value not in choices:
            raise ConfigError(f"{name} '{value}' is not one of {', '.join(choices)}.")
    return {name: arguments.get(name, a.default) for name, a in known.items()}


def _node(name: str, parameters: dict[str, str | int | float | bool]) -> NodeDescription:
    return NodeDescription(name, f"equigrasp.nodes.{name}_node", parameters)


def _number(values: dict[str, str], name: str, kind: type) -> int | float:
    try:
        return kind(values[name])  # type: ignore[no-any-return]
    except ValueError as error:
        raise ConfigError(f"{name} must be a number, found '{values[name]}'.") from error
