"""Nodes that this machine alone reaches find each other, and others of the machine."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402

from equigrasp.diagnosis.environment import examine_environment  # noqa: E402
from equigrasp.diagnosis.network import VARIABLE  # noqa: E402

pytestmark = pytest.mark.ros
_WORDS = ("ROS_", "FASTRTPS", "FASTDDS", VARIABLE)
# Ends once it has seen all, and the others had the time to see it.
_MEETING = """
import os, sys, time, rclpy
from equigrasp.diagnosis.environment import prepare_ros
if sys.argv[1] != "plain":
    prepare_ros()
rclpy.init()
node = rclpy.create_node(sys.argv[1])
while set(node.get_node_names()) < {"one", "other", "plain"}:
    time.sleep(0.02)
print("met", flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(_WORDS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(free_domain()))


def test_processes_of_this_machine_meet() -> None:
    """Two of ours, and one that knows nothing of us, as `ros2 topic echo` would."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _MEETING, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "other", "plain")
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "met\n"
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_doctor_sees_where_a_node_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", VARIABLE, "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # what is set meanwhile is taken back
    closed = examine_environment()[-1]
    assert closed.is_ok and closed.what.endswith("127.0.0.1: this machine alone")
    for name in [n for n in os.environ if n.startswith(_WORDS[1:])]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(VARIABLE, "any")
    opened = examine_environment()[-1]
    assert opened.is_ok and "0.0.0.0" in opened.what and "open to the network" in opened.what
