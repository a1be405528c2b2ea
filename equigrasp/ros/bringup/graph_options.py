"""Options of every graph: namespace, your own parameters, RViz, log level."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from equigrasp.errors import ConfigError
from equigrasp.paths import rviz_config
from equigrasp.ros import names

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
_NAMESPACE = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*")
_PARAMETERS = "ros__parameters"


@dataclass(frozen=True)
class Argument:
    """An option of `equigrasp up` and argument of the launch files."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


GRAPH_ARGUMENTS = (
    Argument("namespace", "", "ROS namespace of all nodes, such as left_cell; empty: none."),
    Argument(
        "params_file",
        "",
        "YAML file with parameters of nodes, which override all others; empty: none.",
    ),
    Argument("rviz", "false", "Show grasps, cell and motion in RViz.", ("true", "false")),
    Argument(
        "description",
        "own",
        "Sender of the links' poses: own, or none where the vendor's robot_state_publisher "
        "sends them.",
        ("own", "none"),
    ),
    Argument("log_level", "info", "Log level of all nodes.", LOG_LEVELS),
)


@dataclass(frozen=True)
class GraphOptions:
    """Values of `GRAPH_ARGUMENTS`.

    Raises:
        ConfigError: if a value is not one of its choices, the namespace is no ROS name, or the file of
            parameters cannot be read or holds none.
    """

    namespace: str = ""
    params_file: str = ""
    rviz: str = "false"
    description: str = "own"
    log_level: str = "info"

    def __post_init__(self) -> None:
        for argument in GRAPH_ARGUMENTS:
            value = getattr(self, argument.name)
            if argument.choices and value not in argument.choices:
                raise ConfigError(
                    f"{argument.name} '{value}' is not one of {', '.join(argument.choices)}."
                )
        name = self.namespace
        if name not in ("", "/") and (not _NAMESPACE.fullmatch(name) or "__" in name):
            raise ConfigError(
                f"namespace '{name}' is no ROS name: words of letters, digits and single "
                "underscores that begin with a letter, joined by /."
            )
        if self.params_file:
            _check_parameters(Path(self.params_file))

    @property
    def full_namespace(self) -> str:
        """The namespace with a slash before it; `/` where there is none."""
        return "/" + self.namespace.strip("/")

    def ros_arguments(self) -> list[str]:
        """Return what follows `--ros-args` in the command line of each node."""
        words = ["--log-level", self.log_level]
        if self.full_namespace != "/":
            words += ["-r", f"__ns:={self.full_namespace}"]
        if self.params_file:
            words += ["--params-file", self.params_file]
        return words

    def rviz_remappings(self, is_simulated: bool) -> dict[str, str]:
        """Return new names by RViz's own: it asks for tf and time by absolute ones."""
        found = {f"/{name}": name for name in (names.TF, names.TF_STATIC)}
        return found | (self.clock_remapping() if is_simulated else {})

    def clock_remapping(self) -> dict[str, str]:
        """Return the name of a simulation's own time by `/clock`; empty outside a namespace."""
        if self.full_namespace == "/":
            return {}
        return {names.CLOCK: self.full_namespace + names.CLOCK}

    def rviz_command(self, is_simulated: bool) -> str:
        """Return the command that shows the graph in RViz, where there is one."""
        words = ["rviz2", "-d", str(rviz_config()), "--ros-args"]
        words += ["-p", f"use_sim_time:={str(is_simulated).lower()}"]
        if self.full_namespace != "/":
            words += ["-r", f"__ns:={self.full_namespace}"]
            for old, new in self.rviz_remappings(is_simulated).items():
                words += ["-r", f"{old}:={new}"]
        return " ".join(words)


def options_of(values: Any) -> GraphOptions:
    """Return the options from an object or mapping that has them among others."""
    found = values if isinstance(values, dict) else vars(values)
    return GraphOptions(
        **{f.name: str(found[f.name]) for f in fields(GraphOptions) if f.name in found}
    )


def _check_parameters(path: Path) -> None:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(f"params_file '{path}' cannot be read: {error}") from error
    if not _holds_parameters(content):
        raise ConfigError(
            f"params_file '{path}' holds no ROS parameters: each node's name, or /**, leads to a "
            f"mapping '{_PARAMETERS}'."
        )


def _holds_parameters(content: Any) -> bool:
    """Tell whether each name leads, over namespaces, to a mapping of parameters."""
    if not isinstance(content, dict) or not content:
        return False
    return all(
        isinstance(value, dict)
        if name == _PARAMETERS
        else isinstance(name, str) and _holds_parameters(value)
        for name, value in content.items()
    )
