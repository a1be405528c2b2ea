"""What a graph consists of and learns by, worked out in a process of its own.

PyTorch, which looks whether the weights fit, ends with that process: whoever only watches over the graph does
without its 200 MB.
"""

import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError, EquigraspError
from equigrasp.ros.bringup.graph_options import GraphOptions
from equigrasp.ros.bringup.launch_parts import NodeDescription, describe


@dataclass(frozen=True)
class Preparation:
    """What is started.

    Args:
        nodes: Processes of the graph.
        method: The method's configuration, as YAML holds it.
    """

    nodes: list[NodeDescription]
    method: dict[str, Any]


def prepare(
    mode: str, arguments: dict[str, str], options: GraphOptions | None = None
) -> Preparation:
    """Return the processes of a mode and the configuration of its method; see `describe`.

    Raises:
        ConfigError: if an argument is wrong, or weights do not fit.
    """
    child = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps([mode, arguments, dataclasses.asdict(options or GraphOptions())]),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ConfigError(
            f"The arguments could not be checked: a process ended with code {child.returncode}."
        ) from error
    if "error" in answer:
        raise ConfigError(answer["error"])
    return Preparation([NodeDescription(**node) for node in answer["nodes"]], answer["method"])


def main() -> None:
    """Read mode and arguments from standard input, and answer on standard output."""
    from equigrasp.methods.registry import load_method

    mode, arguments, options = json.load(sys.stdin)
    try:
        described = describe(mode, arguments, GraphOptions(**options))
        nodes = [dataclasses.asdict(node) for node in described]
        answer = {"nodes": nodes, "method": to_mapping(load_method(arguments["method"])[1])}
    except EquigraspError as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
