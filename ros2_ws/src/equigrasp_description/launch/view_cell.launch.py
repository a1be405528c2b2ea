"""Look at a cell: `ros2 launch equigrasp_description view_cell.launch.py cell:=kuka`."""

from equigrasp.ros.bringup.launch_file import view_description


def generate_launch_description():
    """Return the cell's description, sliders in the place of a robot, and RViz."""
    return view_description()
