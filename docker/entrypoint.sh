#!/usr/bin/env bash
# Run a command where ROS, the environment and our packages are found.
set -e
# shellcheck disable=SC1090
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /equigrasp/ros2_ws/venv/bin/activate
# shellcheck disable=SC1091
source /equigrasp/ros2_ws/install/setup.bash
exec "$@"
