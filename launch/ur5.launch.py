"""Learn to grasp on a UR5: `ros2 launch equigrasp ur5.launch.py robot_ip:=192.168.1.102`."""

from equigrasp.ros.bringup.launch_file import launch_description


def generate_launch_description():
    """Return the graph of `equigrasp up ur5`; it moves when a goal comes, or with `attempts:=N`."""
    return launch_description("ur5")
