"""Learn to grasp in simulation: `ros2 launch equigrasp sim.launch.py`."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from equigrasp.nodes.launch_parts import ARGUMENTS, describe
from launch import LaunchDescription


def _nodes(context, *_):
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    num_attempts = {"num_attempts": int(LaunchConfiguration("attempts").perform(context))}
    return [
        Node(
            package="equigrasp",
            executable=description.name,
            parameters=[
                description.parameters | (num_attempts if description.name == "collector" else {})
            ],
            output="screen",
            respawn=True,
            respawn_delay=1.0,
            sigterm_timeout="30.0",  # SIGINT saves everything first
        )
        for description in describe("sim", values)
    ]


def generate_launch_description():
    """Return the graph of `equigrasp up sim`, without its progress bar; it learns by itself."""
    arguments = [
        DeclareLaunchArgument(
            a.name,
            default_value=a.default,
            description=a.description,
            **({"choices": list(a.choices)} if a.choices else {}),
        )
        for a in ARGUMENTS
    ]
    arguments.append(
        DeclareLaunchArgument(
            "attempts",
            default_value="500",
            description="Attempts in the run, those of before included; 0: wait for goals.",
        )
    )
    return LaunchDescription([*arguments, OpaqueFunction(function=_nodes)])
