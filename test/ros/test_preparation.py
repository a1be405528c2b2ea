"""Processes stay small: they do not import what others need."""

import subprocess
import sys

import pytest

pytest.importorskip("rclpy")

from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError
from equigrasp.methods.registry import load_method
from equigrasp.ros.bringup.launch_parts import describe, resolve
from equigrasp.ros.bringup.preparation import prepare

pytestmark = pytest.mark.ros
_CODE = """
import sys
from equigrasp.ros.bringup.launch_parts import resolve
from equigrasp.ros.bringup.preparation import prepare
import equigrasp.ros.bringup.supervisor
prepare("sim", resolve("sim", {"method": "asr:tiny"}))
print("torch" in sys.modules)
"""
_ROBOT_CODE = """
import sys
import equigrasp.ros.display.robot_state_node
import equigrasp.ros.drivers.sim_bridge_node
import equigrasp.ros.executor.executor_node
import equigrasp.ros.training.collector_node
print("torch" in sys.modules)
"""


def test_the_child_finds_out_what_the_launch_file_does() -> None:
    values = resolve("sim", {"method": "asr:tiny", "seed": "3"})
    found = prepare("sim", values)
    assert found.nodes == describe("sim", values)
    assert found.method == to_mapping(load_method("asr:tiny")[1])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"cell": "nowhere"}, "nowhere"),
        ({"seed": "x"}, "seed"),
        ({"weights": "nothing"}, "nothing"),
    ],
)
def test_what_is_wrong_is_said_as_ever(arguments: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        prepare("sim", resolve("sim", {"method": "asr:tiny"} | arguments))


@pytest.mark.parametrize("code", [_CODE, _ROBOT_CODE], ids=["supervisor", "robot"])
def test_supervisor_and_robot_do_without_pytorch(code: str) -> None:
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.stdout.splitlines()[-1:] == ["False"], child.stderr


@pytest.mark.parametrize(
    ("code", "without"),
    [
        ("import equigrasp.ros.executor.executor_node", {"torch"}),
        (
            "from equigrasp.cli.main import main\ntry: main(['up', 'sim', '--help'])\nexcept SystemExit: pass",
            {"torch", "cv2", "pinocchio", "ompl", "matplotlib", "scipy.interpolate"},
        ),
    ],
)
def test_what_a_process_does_without(code: str, without: set[str]) -> None:
    code += "\nimport sys; sys.stderr.write(' '.join(sys.modules))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(found.stderr.split())
    assert "equigrasp" in imported and not without & imported
