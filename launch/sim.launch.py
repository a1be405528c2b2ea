"""Learn to grasp in simulation: `ros2 launch equigrasp sim.launch.py`."""

from equigrasp.ros.bringup.launch_file import launch_description


def generate_launch_description():
    """Return the graph of `equigrasp up sim`; it learns by itself."""
    return launch_description("sim")
