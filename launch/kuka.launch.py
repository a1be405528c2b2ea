"""Learn to grasp on an LBR iiwa, beside its vendor's driver: `ros2 launch equigrasp kuka.launch.py`."""

from equigrasp.ros.bringup.launch_file import launch_description


def generate_launch_description():
    """Return the graph of `equigrasp up kuka`; it moves when a goal comes, or with `attempts:=N`."""
    return launch_description("kuka")
