"""Install the ROS package `equigrasp` (ament_python)."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.develop import develop

NAME = "equigrasp"
PYTHON = "/usr/bin/env python3"  # as setup.cfg has it: that of an active environment
SHARED = ("launch", "config", "urdf", "models")
NODES = {  # executable: folder of equigrasp/ros/ that holds its <name>_node.py
    "sim_bridge": "drivers",
    "arm": "drivers",
    "gripper": "drivers",
    "camera": "drivers",
    "executor": "executor",
    "policy": "training",
    "collector": "training",
    "learner": "training",
    "robot_state": "display",
    "visualizer": "display",
}


def data_files() -> list[tuple[str, list[str]]]:
    """List what goes to share/equigrasp, folder by folder."""
    files = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ]
    for top in SHARED:
        for folder in [Path(top), *(p for p in sorted(Path(top).rglob("*")) if p.is_dir())]:
            names = [str(p) for p in sorted(folder.iterdir()) if p.is_file()]
            if names:
                files.append((f"share/{NAME}/{folder}", names))
    return files


class Develop(develop):
    """What `colcon build --symlink-install` calls; it knows nothing of `[build_scripts]`."""

    def install_wrapper_scripts(self, dist: object) -> None:
        """Write the programs without the interpreter that colcon happens to run in."""
        from setuptools.command.easy_install import ScriptWriter

        writer = ScriptWriter.best()
        for script in writer.get_args(dist, writer.get_header("", PYTHON)):
            self.write_script(*script)


setup(
    name=NAME,
    version="0.1.0",
    description="A robot learns to grasp, on itself, in about an hour.",
    license="MIT",
    author="equigrasp developers",
    author_email="equigrasp@example.com",
    maintainer="equigrasp developers",
    maintainer_email="equigrasp@example.com",
    packages=find_packages(include=["equigrasp", "equigrasp.*"]),
    python_requires=">=3.11",
    data_files=data_files(),
    zip_safe=False,
    cmdclass={"develop": Develop},
    entry_points={
        "console_scripts": [
            "equigrasp = equigrasp.cli.main:main",
            *(
                f"{node} = equigrasp.ros.{folder}.{node}_node:main"
                for node, folder in NODES.items()
            ),
        ]
    },
)
