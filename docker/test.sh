#!/usr/bin/env bash
# The tests, in what docker/install.sh has built.
set -eo pipefail
cd "$(dirname "$0")/.."
: "${ROS_DISTRO:=jazzy}"
# shellcheck disable=SC1090
source "/opt/ros/$ROS_DISTRO/setup.bash"
source ros2_ws/venv/bin/activate
pip install -r requirements/dev.txt
# shellcheck disable=SC1091
source ros2_ws/install/setup.bash
export PYTHONPATH="$PWD:$PYTHONPATH"
# Jazzy's plugins of launch_testing are of an older pytest than ours, and nothing here needs them.
python3 -m pytest -p no:launch_testing -p no:launch_ros -m "not slow and not real_time and not timing and not gpu and not hardware" "$@"
