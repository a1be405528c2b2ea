#!/usr/bin/env bash
# Build this checkout beside apt's ROS 2: the one recipe of docs/install_ros.md, docker/Dockerfile and CI.
# Needs ROS of a distribution below /opt/ros, ros-dev-tools, and rights to apt (root, or sudo).
set -euo pipefail
cd "$(dirname "$0")/.."
: "${ROS_DISTRO:=jazzy}"
VENV=ros2_ws/venv

set +u
# shellcheck disable=SC1090
source "/opt/ros/$ROS_DISTRO/setup.bash"
set -u
export PIP_DISABLE_PIP_VERSION_CHECK=1

# 1. What package.xml asks of apt.
rosdep update --rosdistro "$ROS_DISTRO"
rosdep install --from-paths . ros2_ws/src --ignore-src -y --rosdistro "$ROS_DISTRO"

# 2. What has no apt package, at the pinned versions, in an environment that sees apt's Python packages: Debian's and Ubuntu's own
#    Python takes nothing from pip (PEP 668). COLCON_IGNORE keeps colcon out of it.
python3 -m venv --system-site-packages "$VENV"
touch "$VENV/COLCON_IGNORE"
"$VENV/bin/pip" install -r requirements/base.txt
"$VENV/bin/pip" install --no-deps -r requirements/no-deps.txt

# 3. The packages. The programs ask for `python3`, so they run in the environment that is active.
source "$VENV/bin/activate"
cd ros2_ws
colcon build --base-paths src .. --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE=/usr/bin/python3
echo "Ready. In each terminal:"
echo "  source /opt/ros/$ROS_DISTRO/setup.bash; source $PWD/venv/bin/activate; source $PWD/install/setup.bash"
echo "  ros2 launch equigrasp sim.launch.py"
