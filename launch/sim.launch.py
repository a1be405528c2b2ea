"""Learn to grasp in simulation: `ros2 launch equigrasp sim.launch.py`."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from equigrasp.nodes.launch_parts import ARGUMENTS, describe
from launch import LaunchDescription


def _nodes(context, *_):
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    return [
        Node(
            package="equigrasp",
            executable=description.name,
            parameters=[description.parameters],
            output="screen",
            respawn=True,
            respawn_delay=1.0,
        )
        for description in describe("sim", values)
    ]


def generate_launch_description():
    """Return the graph of `equigrasp up sim`, without its progress bar."""
    arguments = [
        DeclareLaunchArgument(
            a.name,
            default_value=a.default,
            description=a.description,
            **({"choices": list(a.choices)} if a.choices else {}),
        )
        for a in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_nodes)])
