"""What every file in `launch/` consists of; needs ROS's `launch`, which only they have."""

from typing import Any

from equigrasp.ros import names
from equigrasp.ros.bringup.launch_parts import MODES, Argument, Parameters, describe


def launch_description(mode: str) -> Any:
    """Return the graph of `equigrasp up MODE`, without its progress bar.

    A simulated robot begins to learn by itself; a real one waits for a goal, or for `attempts:=N`.
    """
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchDescription

    attempts = Argument(
        "attempts",
        "0" if MODES[mode].is_real else "500",
        "Attempts in the run, those of before included; 0: wait for goals.",
    )
    arguments = (*MODES[mode].arguments, attempts)
    declared = [
        DeclareLaunchArgument(
            a.name,
            default_value=a.default,
            description=a.description,
            **({"choices": list(a.choices)} if a.choices else {}),
        )
        for a in arguments
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_make_nodes, args=[mode])])


def _make_nodes(context: Any, mode: str) -> list[Any]:
    from launch.substitutions import LaunchConfiguration
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue

    def value(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    def as_it_is(parameters: Parameters) -> dict[str, Any]:
        # A serial number must not become an integer on its way.
        return {
            k: ParameterValue(v, value_type=str) if isinstance(v, str) else v
            for k, v in parameters.items()
        }

    num_attempts: Parameters = {"num_attempts": int(value("attempts"))}
    return [
        Node(
            package="equigrasp",
            executable=node.name,
            parameters=[
                as_it_is(node.parameters | (num_attempts if node.name == names.COLLECTOR else {}))
            ],
            remappings=list(node.remappings.items()),
            output="screen",
            respawn=True,
            respawn_delay=1.0,
            sigterm_timeout="30.0",  # SIGINT saves everything first
        )
        for node in describe(mode, {a.name: value(a.name) for a in MODES[mode].arguments})
    ]
